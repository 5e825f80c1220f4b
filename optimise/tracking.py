"""Evaluations and comparisons as MLflow runs: parameters, metrics, a table with a row per case, and the report itself."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from core.clock import isoformat, now
from core.errors import ConfigurationError, InvalidInput
from optimise.comparison import Comparison
from optimise.mlflow_client import DATABASE, SETTING, artifact_location, connect, impatient, plain_errors
from optimise.report import Report

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)
EXPERIMENT = "homelab-sre"
PROGRAM, REPORT, CASES = "program.json", "report.json", "cases.json"
KIND = "sre.kind"
MAX_PROGRAM_BYTES = 5_000_000
MAX_REPORT_BYTES = 100_000_000
EVALUATIONS_LISTED = 100


@dataclass(frozen=True)
class EvaluationRun:
    """A logged evaluation: shares 0..1 of its cases, when it began (UTC)."""

    id: str
    at: datetime
    name: str
    passed: float
    confidently_wrong: float
    cases: int
    split: str
    program: str


class Tracking:
    """`uri` is MLFLOW_TRACKING_URI, None for the file in the data directory. Raises ConfigurationError, which names it, throughout."""

    def __init__(self, uri: str | None, data_dir: Path) -> None:
        self.uri = uri
        self.data_dir = data_dir

    @cached_property
    def client(self) -> MlflowClient:
        return connect(self.uri, self.data_dir)

    @cached_property
    def experiment_id(self) -> str:
        """Of the one experiment that holds everything; made when it is missing."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return self.client.create_experiment(EXPERIMENT, artifact_location=artifact_location(self.uri, self.data_dir))

    def check(self) -> None:
        """Write something small, so that a place that is down, slow or read-only is known before work begins."""
        with impatient(), plain_errors(self.uri, self.data_dir):
            self.client.set_experiment_tag(self.experiment_id, "checked_at", isoformat(now()))
            location = urlsplit(self.client.get_experiment(self.experiment_id).artifact_location)
        if location.scheme in ("", "file"):
            _try_directory(Path(unquote(location.path)))

    def log_evaluation(self, report: Report, program_state: Path | None, name: str, parent: str | None = None) -> str:
        """The run's id. `program_state` is the JSON file that answered, `parent` the run that this one belongs to.

        What fails on the way leaves a run marked FAILED, which is never registered or compared.
        """
        state = read_state(program_state) if program_state is not None else None
        with self.run(name, "evaluation", parent=parent) as run:
            self._log(run, _parameters(report) | _sha256(state), _metrics(report))
            self.client.log_table(run, _table(report), CASES)
            self.client.log_text(run, report.model_dump_json(indent=1), REPORT)
            if state is not None:
                self.client.log_text(run, state, PROGRAM)
        return run

    def log_comparison(self, comparison: Comparison, name: str, parent: str | None = None) -> str:
        """The run's id."""
        with self.run(name, "comparison", parent=parent) as run:
            self._log(run, {"before": comparison.before, "after": comparison.after}, comparison.metrics())
            if comparison.turned:
                self.client.log_table(run, comparison.table(), CASES)
            self.client.log_text(run, comparison.model_dump_json(indent=1), "comparison.json")
        return run

    def report(self, run_id: str) -> Report:
        """The report of an evaluation. Raises InvalidInput when the run has none."""
        with plain_errors(self.uri, self.data_dir), tempfile.TemporaryDirectory(prefix="sre-report-") as directory:
            run = self.client.search_runs([self.experiment_id], f"attributes.run_id = '{run_id}'", max_results=1)
            if not run or run[0].data.tags.get(KIND) != "evaluation" or run[0].info.status != "FINISHED":
                raise InvalidInput(f"{run_id}: no finished evaluation in MLflow is called so; sre eval logs one")
            text = self.fetch(run_id, REPORT, Path(directory), MAX_REPORT_BYTES).read_text(encoding="utf-8")
        return read_report(text, run_id)

    def evaluations(self, program_sha256: str) -> list[tuple[str, str]]:
        """(run, hash of its cases) of the finished evaluations of a program, the latest first."""
        wanted = f"params.program_sha256 = '{program_sha256}' and tags.`{KIND}` = 'evaluation' and attributes.status = 'FINISHED'"
        with plain_errors(self.uri, self.data_dir):
            runs = self.client.search_runs(
                [self.experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=EVALUATIONS_LISTED
            )
        return [(run.info.run_id, run.data.params.get("data_hash", "")) for run in runs]

    def latest_evaluations(self, limit: int = 20) -> list[EvaluationRun]:
        """The last finished evaluations, the latest first. Where nothing was ever logged, nothing is made."""
        if self.uri is None and not (self.data_dir / DATABASE).exists():
            return []
        wanted = f"tags.`{KIND}` = 'evaluation' and attributes.status = 'FINISHED'"
        with impatient(), plain_errors(self.uri, self.data_dir):
            experiment = self.client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return []
            ids, order = [str(experiment.experiment_id)], ["attributes.start_time DESC"]
            runs = self.client.search_runs(ids, wanted, order_by=order, max_results=limit)
        return [
            EvaluationRun(
                id=run.info.run_id,
                at=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
                name=run.info.run_name,
                passed=run.data.metrics.get("passed", 0.0),
                confidently_wrong=run.data.metrics.get("confidently_wrong", 0.0),
                cases=int(run.data.params.get("cases", 0)),
                split=run.data.params.get("split", ""),
                program=run.data.params.get("program", ""),
            )
            for run in runs
        ]

    def fetch(self, run_id: str, path: str, directory: Path, limit: int) -> Path:
        """An artefact as a file in `directory`. Raises ConfigurationError when it is missing or has more than `limit` bytes."""
        folder = path.rpartition("/")[0]
        listed = next((each for each in self.client.list_artifacts(run_id, folder or None) if each.path == path), None)
        if listed is None or listed.is_dir:
            raise ConfigurationError(f"{SETTING}: run {run_id} has no file {path[:80]}; register the program anew")
        if (listed.file_size or 0) > limit:
            raise ConfigurationError(
                f"{SETTING}: {path[:80]} of run {run_id} is larger than {limit:,} bytes; it is not ours"
            )
        return Path(self.client.download_artifacts(run_id, path, str(directory)))

    @contextmanager
    def run(self, name: str, kind: str, *, parent: str | None = None) -> Iterator[str]:
        """A run that is FINISHED behind the block, FAILED when the block raises, KILLED when it is interrupted."""
        with plain_errors(self.uri, self.data_dir):
            tags = {KIND: kind} | ({"mlflow.parentRunId": parent} if parent else {})
            run = str(self.client.create_run(self.experiment_id, run_name=name, tags=tags).info.run_id)
            try:
                yield run
            except BaseException as error:
                self._end(run, "FAILED" if isinstance(error, Exception) else "KILLED")
                raise
            self.client.set_terminated(run, "FINISHED")

    def _end(self, run: str, status: str) -> None:
        try:
            with impatient():
                self.client.set_terminated(run, status)
        except Exception as error:  # noqa: BLE001 - the error that ended the run is the one to tell
            LOG.warning("run %s stays unfinished in MLflow: %s", run, type(error).__name__)

    def _log(self, run: str, parameters: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        moment = int(now().timestamp() * 1000)
        self.client.log_batch(
            run,
            metrics=[Metric(name, value, moment, 0) for name, value in metrics.items()],
            params=[Param(name, value) for name, value in parameters.items()],
        )


def read_state(path: Path) -> str:
    """A program's state as it is written. Raises InvalidInput when the file cannot be read, is too large, or is no JSON object."""
    try:
        if path.stat().st_size > MAX_PROGRAM_BYTES:
            raise InvalidInput(f"{path}: larger than {MAX_PROGRAM_BYTES:,} bytes; it is no program")
        text = path.read_bytes().decode("utf-8")
        content = json.loads(text)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InvalidInput(f"{path}: not JSON; a program is a file as sre optimise writes it") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"{path}: not a JSON object; a program is a file as sre optimise writes it")
    return text


def read_report(text: str, origin: str) -> Report:
    """Raises InvalidInput naming the origin."""
    try:
        return Report.model_validate_json(text)
    except ValueError as error:
        problem = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{origin}: not a report as sre eval --output writes it: {problem}") from None


def sha256_of(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _sha256(state: str | None) -> dict[str, str]:
    return {} if state is None else {"program_sha256": sha256_of(state)}


def _parameters(report: Report) -> dict[str, str]:
    return {
        "program": report.program,
        "program_source": report.program_source,
        "data_hash": report.data_hash,
        "git_revision": report.git_revision,
        "split": ",".join(sorted({case.split for case in report.cases})),
        "cases": str(len({case.id for case in report.cases})),
        "seeds": str(len({case.seed for case in report.cases})),
    }


def _metrics(report: Report) -> dict[str, float]:
    """Shares 0..1, seconds, US dollars. MLflow groups names by what stands before the slash."""
    import numpy as np

    turns = report.turns()
    median, p95 = np.percentile([turn.latency_s for turn in turns] or [0.0], [50, 95])
    found = {
        "passed": report.share(),
        "confidently_wrong": report.confidently_wrong,
        "grounded": report.grounded,
        "latency_s/median": float(median),
        "latency_s/p95": float(p95),
        "llm_calls": float(sum(turn.llm_calls for turn in turns)),
        "input_tokens": float(sum(turn.input_tokens for turn in turns)),
        "output_tokens": float(sum(turn.output_tokens for turn in turns)),
        "cost_usd": sum(turn.cost_usd for turn in turns),
        "seconds": report.seconds,
    }
    if report.gap is not None:
        found["easy_minus_adversarial"] = report.gap
    found |= {f"kind/{kind}": passed / total for kind, (passed, total) in report.kinds().items()}
    for split in sorted({case.split for case in report.cases}):
        found[f"split/{split}"] = report.share([case for case in report.cases if case.split == split])
    return found


def _table(report: Report) -> dict[str, list[object]]:
    """Columns of equal length, a row per case and seed; of several turns the last answer, which is what the case leads to."""
    rows = [
        {
            "id": case.id,
            "seed": case.seed,
            "kind": case.kind,
            "split": case.split,
            "scenario": case.scenario or "",
            "passed": case.passed,
            "failed": "; ".join(case.failed_checks),
            "confidently_wrong": any(turn.confidently_wrong for turn in case.turns),
            "grounded": all(turn.grounded for turn in case.turns),
            "llm_calls": sum(turn.llm_calls for turn in case.turns),
            "tokens": sum(turn.input_tokens + turn.output_tokens for turn in case.turns),
            "cost_usd": sum(turn.cost_usd for turn in case.turns),
            "latency_s": sum(turn.latency_s for turn in case.turns),
            "question": case.turns[-1].question,
            "answer": case.turns[-1].answer,
        }
        for case in report.cases
        if case.turns
    ]
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else {"id": ""})}


def _try_directory(directory: Path) -> None:
    """Raises ConfigurationError when the files of runs cannot be written there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"{SETTING}: the files of its runs belong in {directory}, which cannot be written ({error.strerror}); make it writable"
        ) from None
