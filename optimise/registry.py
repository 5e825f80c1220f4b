"""Versions of the program, in MLflow's model registry: JSON states, never pickles. The alias `champion` is what serves."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigurationError, InvalidInput
from core.vocabulary import Frozen, UtcDatetime
from optimise.mlflow_client import DIRECTORY, SETTING, plain_errors
from optimise.tracking import MAX_PROGRAM_BYTES, PROGRAM, Tracking, read_state, sha256_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MODEL = "homelab-sre"
CHAMPION = "champion"
LISTED = 1000
"""Versions that are told of, the newest."""
ABSENT = "RESOURCE_DOES_NOT_EXIST"
MADE_BY = ("git_revision", "data_hash")


class Version(Frozen):
    """A registered program. `sha256` is of its JSON, `run_id` the run that holds it; both empty for one registered by other means."""

    version: str
    aliases: tuple[str, ...] = ()
    sha256: str = ""
    run_id: str = ""
    registered_at: UtcDatetime


class Registry:
    """`uri` is MLFLOW_TRACKING_URI, None for the file in the data directory. ConfigurationError, which names it, when MLflow fails."""

    def __init__(self, uri: str | None, data_dir: Path) -> None:
        self._tracking = Tracking(uri, data_dir)
        self._kept = data_dir / DIRECTORY / "programs"

    def register(self, program_state: Path, *, run_id: str | None = None) -> str:
        """The new version, or the one that has the same state already.

        `run_id` is a finished run that logged this state (`Tracking.log_evaluation`); without one, a run is made for it. Nothing is
        registered before all of the run is stored. Raises InvalidInput when the file is no JSON object or the run is of another program.
        """
        state = read_state(program_state)
        sha256 = sha256_of(state)
        known = next((each for each in self.list() if each.sha256 == sha256), None)
        if known is not None:
            return known.version
        if run_id is None:
            run_id = self._log(state, program_state.name)
        with self._errors():
            self._check_run(run_id, sha256)
            if not self._exists():
                self._tracking.client.create_registered_model(
                    MODEL, description="Programs of the homelab assistant (JSON)."
                )
            made = self._tracking.client.create_model_version(
                MODEL, source=f"runs:/{run_id}/{PROGRAM}", run_id=run_id, tags={"sha256": sha256} | _made_by(state)
            )
        return str(made.version)

    def set_champion(self, version: str) -> None:
        """Raises InvalidInput when there is no such version."""
        found = self.find(version)
        with self._errors():
            self._tracking.client.set_registered_model_alias(MODEL, CHAMPION, found.version)

    def load(self, name: str) -> tuple[Path, str]:
        """A local copy of a version (`3`) or alias (`champion`), and its version.

        Raises InvalidInput for a name that nothing has, ConfigurationError when what is kept is no program or was altered.
        """
        found = self.find(name)
        kept = self._kept / f"{found.sha256}.json"
        if found.sha256 and _is_intact(kept, found.sha256):
            return kept, found.version
        if not found.run_id:
            raise ConfigurationError(
                f"{SETTING}: version {found.version} of {MODEL} was not registered by sre; choose another one"
            )
        return self._fetch(found), found.version

    def champion(self) -> tuple[Path, str] | None:
        """None when nothing was promoted yet."""
        return self.load(CHAMPION) if any(CHAMPION in each.aliases for each in self.list()) else None

    def find(self, name: str) -> Version:
        """The version that has the number (`3`, `v3`) or the alias. Raises InvalidInput, which names those that there are."""
        number = name.removeprefix("v") if name.removeprefix("v").isdigit() else None
        listed = self.list()
        for each in listed:
            if each.version == number or name in each.aliases:
                return each
        there = ", ".join(
            [*(alias for each in listed for alias in each.aliases), *(each.version for each in listed[:10])]
        )
        raise InvalidInput(f"{name[:80]}: no program in MLflow is called so; there are: {there or 'none yet'}")

    def list(self) -> list[Version]:
        """The newest first."""
        with self._errors():
            if not self._exists():
                return []
            client = self._tracking.client
            aliases = client.get_registered_model(MODEL).aliases
            found = client.search_model_versions(
                f"name = '{MODEL}'", max_results=LISTED, order_by=["version_number DESC"]
            )
        return [_version(each, aliases) for each in found]

    def _log(self, state: str, name: str) -> str:
        with self._tracking.run(f"register {name[:100]}", "registration") as run:
            self._tracking.client.log_text(run, state, PROGRAM)
        return run

    def _exists(self) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._tracking.client.get_registered_model(MODEL)
        except MlflowException as error:
            if error.error_code == ABSENT:
                return False
            raise
        return True

    def _check_run(self, run_id: str, sha256: str) -> None:
        run = self._tracking.client.get_run(run_id)
        if run.info.status != "FINISHED":
            raise InvalidInput(f"{run_id}: the run is {run.info.status}, not FINISHED; evaluate anew, then register")
        with tempfile.TemporaryDirectory(prefix="sre-program-") as directory:
            logged = self._tracking.fetch(run_id, PROGRAM, Path(directory), MAX_PROGRAM_BYTES)
            if sha256_of(read_state(logged)) != sha256:
                raise InvalidInput(f"{run_id}: the run holds another program; register the one that was evaluated")

    def _fetch(self, found: Version) -> Path:
        """From the run into the data directory, by the hash of what it is."""
        with self._errors():
            self._kept.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._kept) as directory:
                loaded = self._tracking.fetch(found.run_id, PROGRAM, Path(directory), MAX_PROGRAM_BYTES)
                try:
                    sha256 = sha256_of(read_state(loaded))
                except InvalidInput as error:
                    raise ConfigurationError(f"{SETTING}: version {found.version}: {error}") from None
                if found.sha256 not in ("", sha256):
                    raise ConfigurationError(
                        f"{SETTING}: version {found.version} was altered after it was registered (sha256 {sha256[:12]}, was "
                        f"{found.sha256[:12]}); register it anew"
                    )
                kept = self._kept / f"{sha256}.json"
                os.replace(loaded, kept)  # noqa: PTH105 - atomic
        return kept

    def _errors(self) -> AbstractContextManager[None]:
        return plain_errors(self._tracking.uri, self._tracking.data_dir)


def _version(found: ModelVersion, aliases: dict[str, str]) -> Version:
    own = tuple(sorted(alias for alias, version in aliases.items() if str(version) == str(found.version)))
    ours = found.run_id and found.source == f"runs:/{found.run_id}/{PROGRAM}"
    return Version(
        version=str(found.version),
        aliases=own,
        sha256=found.tags.get("sha256", ""),
        run_id=found.run_id if ours else "",
        registered_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
    )


def _is_intact(kept: Path, sha256: str) -> bool:
    try:
        return kept.is_file() and sha256_of(read_state(kept)) == sha256
    except InvalidInput:  # it is fetched anew
        return False


def _made_by(state: str) -> dict[str, str]:
    """What the state says of its making, to be seen in the list of versions."""
    made_by = json.loads(state).get("made_by")
    known = made_by if isinstance(made_by, dict) else {}
    return {name: str(known[name])[:200] for name in MADE_BY if known.get(name)}
