"""Builds the product as evaluations need it: over a staged past, with sources that are down, and with pages beside the usual ones."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from app.knowledge import build_index, build_knowledge, build_router
from app.wiring import build_assistant, build_sources
from core.settings import Settings, load_settings
from core.vocabulary import Program
from optimise.evaluate import AT_ONCE, Circumstances
from optimise.rehearsal import Stage
from optimise.workers import Bench
from pipeline.parameters import Parameters
from scenarios.binaries import provide_binaries

if TYPE_CHECKING:
    from app.knowledge import LazyKnowledge
    from pipeline.assistant import Assistant
    from pipeline.language_model import Models
    from tools.knowledge.index import KnowledgeIndex
    from tools.knowledge.ranking import SearchWeights

NOBODY = "http://127.0.0.1:9"
"""The discard port, on which nothing listens: a source that is down."""
NOT_STAGED: Mapping[str, Any] = {
    "alertmanager_url": None, "grafana_url": None, "loki_url": None, "ara_url": None, "log_files": (), "ansible_logs": (),
    "infra_repos": (), "change_files": (), "prometheus_external_url": None,
}  # fmt: skip
"""The user's own sources have no part in it."""
DOWN: Mapping[str, Mapping[str, Any]] = {
    "prometheus": {"prometheus_url": NOBODY},
    "alerts": {"alertmanager_url": NOBODY},
    "logs": {"loki_url": NOBODY, "log_files": ()},
    "changes": {"ara_url": NOBODY, "change_files": ()},
    "runbooks": {},
}
NO_MODEL: Mapping[str, Any] = {"lm": None}
DEAD_MODEL: Mapping[str, Any] = {
    "lm": "openai/none",
    "lm_base_url": f"{NOBODY}/v1",
    "lm_api_key": "none",
    "lm_small": None,
}


class EvaluationBench:
    """A context manager; everything that it writes but the indexes is gone at its end.

    `program` is a state to evaluate instead of the one in service, `parameters` are numbers that take the place of the program's;
    `with_model` asks the model that the settings name, `models` those; else code answers alone. `indexes` are there already, by the
    documents beside the usual ones.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        program: Path | None = None,
        parameters: Parameters | None = None,
        with_model: bool = False,
        models: Models | None = None,
        indexes: Mapping[tuple[Path, ...], Path] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._program = program
        self.parameters = parameters
        self._with_model = with_model or models is not None
        self.models = models
        self._say = say
        self.zone: ZoneInfo = settings.zone
        self.binaries = provide_binaries(settings.data_dir, progress=say)
        self._indexes: dict[tuple[Path, ...], Path] = dict(indexes or {})
        self._opened: dict[Path, LazyKnowledge] = {}
        self._router = build_router(settings.data_dir)

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="sre-bench-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directory.cleanup()

    def assistant(self, stage: Stage, circumstances: Circumstances) -> Assistant:
        """See `optimise.evaluate.Workbench`."""
        settings = self._staged_settings(stage, circumstances)
        search = self.parameters.search if self.parameters else None
        sources = build_sources(settings, search)
        sources.router = self._router
        if "alerts" in circumstances.down:
            sources.present = timedelta.max  # the staged moment is the present, in which Alertmanager would be asked
        index = (
            Path(self._directory.name) / "nothing"
            if "runbooks" in circumstances.down
            else self._index(circumstances.documents)
        )
        assistant = build_assistant(settings, sources, None if circumstances.model_down else self.models)
        chosen = sources.parameters
        sources.parameters = self.parameters or chosen
        if self.parameters is not None:
            assistant.program = Program(version=f"{Program().version}+{_hash(self.parameters)}")
        sources.knowledge = self._knowledge(index, search or (chosen.search if chosen else None))
        return assistant

    def again(self, circumstances: Iterable[Circumstances]) -> Bench | None:
        """See `optimise.evaluate.Workbench`. Models may hold what no other process can share: a cap, answers that were paid for."""
        if self._with_model:
            return None
        for documents in {each.documents for each in circumstances if "runbooks" not in each.down}:
            self._index(documents)
        return partial(
            EvaluationBench, self._settings, program=self._program, parameters=self.parameters, indexes=self._indexes
        )

    def pages(self) -> KnowledgeIndex:
        """The index of the usual pages, to search with other weights."""
        return build_index(self._index(()), self._settings.data_dir)

    def _staged_settings(self, stage: Stage, circumstances: Circumstances) -> Settings:
        own = {name.removeprefix("SRE_").lower(): value for name, value in stage.env.items()}
        down: dict[str, Any] = {}
        for source in circumstances.down:
            down |= DOWN[source]
        model = DEAD_MODEL if circumstances.model_down else {} if self._with_model else NO_MODEL
        data = Path(tempfile.mkdtemp(dir=self._directory.name))
        champion = self._settings.data_dir / "champion.json"
        program = self._program or self._settings.program or (champion if champion.exists() else None)
        return load_settings(
            **{
                **NOT_STAGED,
                **own,
                **down,
                **model,
                "data_dir": data,
                "question_deadline_s": AT_ONCE * self._settings.question_deadline_s,  # they share the machine
                "program": program,
                "timezone": self._settings.timezone,
            }
        )

    def _knowledge(self, index: Path, weights: SearchWeights | None) -> LazyKnowledge:
        """One for all who search the same: Chroma does not bear that a directory is opened several times at once."""
        if index not in self._opened:
            self._opened[index] = build_knowledge(index, self._settings.data_dir, weights)
        return self._opened[index]

    def _index(self, documents: Sequence[Path]) -> Path:
        """The index of the usual pages and these; kept in the data directory, so that the next evaluation finds it."""
        key = tuple(documents)
        if key not in self._indexes:
            kept = self._settings.data_dir / "evaluation"
            name = hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest()[:12] if key else "usual"
            directory = kept / name
            if key and not directory.exists():  # most of it is there already
                shutil.copytree(self._index(()), directory)
            index = build_index(directory, self._settings.data_dir)
            index.ingest([*self._usual(), *key])
            index.close()
            self._indexes[key] = directory
        return self._indexes[key]

    def _usual(self) -> tuple[Path, ...]:
        """The pages of this repository, whatever the settings name: the cases are about them."""
        shipped = Settings.model_fields
        runbooks, ansible = shipped["runbooks"].default, shipped["ansible"].default
        return (*runbooks, *ansible)


def _hash(parameters: Parameters) -> str:
    return hashlib.sha256(json.dumps(parameters.saved(), sort_keys=True).encode()).hexdigest()[:10]
