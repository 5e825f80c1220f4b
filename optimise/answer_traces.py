"""Answers as traces in MLflow, where SRE_MLFLOW_TRACES is on: the question, what was found, what was said, and how long each part took.

They are written behind the answer, by a thread of their own; one that cannot be written is logged and lost.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore

from core.errors import SreError
from core.vocabulary import Answer
from optimise.mlflow_client import artifact_location, backend_uri, connect, plain_errors
from pipeline.classify import check_question

LOG = logging.getLogger(__name__)
EXPERIMENT = "answers"
MOST_WAITING = 200
"""Answers that are not written yet; more are not traced."""


class AnswerTraces:
    """Connects when the first answer is there. Where it is not `on`, it does nothing."""

    def __init__(self, uri: str | None, data_dir: Path, *, on: bool = True) -> None:
        self._on = on
        self._uri = uri
        self._data_dir = data_dir
        self._experiment: str | None = None
        self._pool = ThreadPoolExecutor(1, "answer-traces")
        self._room = BoundedSemaphore(MOST_WAITING)

    def recorded(self, question: str, answer: Answer) -> Answer:
        """The answer, at once; it is written behind it."""
        if not self._on:
            return answer
        if self._room.acquire(blocking=False):
            self._pool.submit(self._write, check_question(question), answer)
        else:
            LOG.warning("traces: %d answers wait to be written; this one is left out", MOST_WAITING)
        return answer

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()
        if self._experiment is not None:
            import mlflow

            mlflow.flush_trace_async_logging(terminate=True)

    def _write(self, question: str, answer: Answer) -> None:
        try:
            with plain_errors(self._uri, self._data_dir):
                self._trace(question, answer)
        except SreError as error:
            LOG.warning("traces: an answer was not written: %s", error)
        finally:
            self._room.release()

    def _trace(self, question: str, answer: Answer) -> None:
        if self._experiment is None:
            self._experiment = self._connected()
        from mlflow.tracing.fluent import start_span_no_context  # three seconds, in this thread

        usage = answer.usage
        span = start_span_no_context(
            "ask",
            inputs={"question": question},
            experiment_id=self._experiment,
            tags={"intent": answer.intent, "mode": answer.mode, "program": answer.program.version},
            attributes={
                "latency_s": usage.latency_s.model_dump_json(),
                "llm_calls": str(usage.llm_calls),
                "cost_usd": str(usage.cost_usd),
                "gaps": "\n".join(answer.gaps),
            },
        )
        found = start_span_no_context("evidence", span_type="RETRIEVER", parent_span=span)
        found.set_outputs({each.id: f"{each.title}: {each.summary}" for each in answer.evidence})
        found.end()
        pages = start_span_no_context("pages", span_type="RETRIEVER", parent_span=span)
        pages.set_outputs({each.id: f"{each.document} › {each.heading}" for each in answer.passages})
        pages.end()
        span.set_outputs({"answer": answer.answer, "cause": answer.cause.statement if answer.cause else None})
        span.end()

    def _connected(self) -> str:
        import mlflow

        client = connect(self._uri, self._data_dir)
        mlflow.set_tracking_uri(backend_uri(self._uri, self._data_dir))  # tracing knows no other way
        known = client.get_experiment_by_name(EXPERIMENT)
        if known is not None:
            return str(known.experiment_id)
        return client.create_experiment(EXPERIMENT, artifact_location=artifact_location(self._uri, self._data_dir))
