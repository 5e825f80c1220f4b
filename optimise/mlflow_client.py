"""The way to MLflow: where runs and programs are kept, how long we wait for it, and its errors in one line.

Without MLFLOW_TRACKING_URI that is a SQLite file in the data directory, with the files of runs beside it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigurationError
from core.redact import redact

if TYPE_CHECKING:  # three seconds
    from mlflow import MlflowClient

DIRECTORY = "mlflow"
DATABASE = f"{DIRECTORY}/mlflow.db"
"""In the data directory."""
SETTING = "MLFLOW_TRACKING_URI"
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""In the middle of work; MLflow's own defaults wait for minutes. What is set in the environment stays."""
IMPATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
"""Before work begins: one attempt, seconds."""
WORDS_SHOWN = 200
CAUSES = (
    (r"readonly database|read-only", "it can be read but not written", "make it writable, or name another place"),
    (r"database is locked", "another process is writing to it", "try again when that is done"),
    (r"not a database|malformed", "the file is no SQLite database", "move it away, or name another one"),
    (r"unable to open database", "the database file cannot be opened", "check its directory and permissions"),
    (r"out-of-date database schema|Can't locate revision", "the database is of another version of MLflow", "run: mlflow db upgrade <address>"),
    (r"PERMISSION_DENIED|error code 40[13]|Unauthorized|Forbidden", "it refuses us", "check its permissions, MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN"),
    (r"timed out|timeout", "it does not answer in time", "look at the server, or name another one"),
    (r"Connection ?(refused|reset|aborted)|NewConnectionError|NameResolution|Name or service|could not connect", "nothing answers there", "start the server, or name another one"),
    (r"\b50[0234]\b|TEMPORARILY_UNAVAILABLE", "the server fails", "look at its log"),
    (r"not in a valid JSON|error code 404", "that is no MLflow server", "correct the address"),
)  # fmt: skip
"""Words in an error, what they mean, the next step. The first that fits."""


def backend_uri(uri: str | None, data_dir: Path) -> str:
    """What MLflow is told: the given server or database, else the file in the data directory."""
    if uri is None or not uri.strip():
        return f"sqlite:///{data_dir.absolute() / DATABASE}"
    uri = uri.strip()
    if not re.match(r"[a-z][a-z0-9+.-]+:", uri) or uri.startswith("file:"):
        raise ConfigurationError(
            f"{SETTING}: {redact(uri)[:80]!r} is neither a server (http://host:5000) nor a database (sqlite:////path/mlflow.db)"
        )
    return uri


def artifact_location(uri: str | None, data_dir: Path) -> str | None:
    """Where the files of runs go, as a URI; None where a server decides."""
    if backend_uri(uri, data_dir).startswith("http"):
        return None
    return (data_dir.absolute() / DIRECTORY / "artifacts").as_uri()


def connect(uri: str | None, data_dir: Path) -> MlflowClient:
    """A client; a new SQLite file takes MLflow some seconds. Raises ConfigurationError when a database cannot be used."""
    backend = backend_uri(uri, data_dir)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    with plain_errors(uri, data_dir):
        if not backend.startswith("http"):
            if not uri:
                (data_dir / DIRECTORY).mkdir(parents=True, exist_ok=True)
            _try_database(backend)
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # its errors are raised as well
        return MlflowClient(tracking_uri=backend, registry_uri=backend)


@contextmanager
def impatient() -> Iterator[None]:
    """Within, MLflow asks a server once and waits for seconds. For the whole process: MLflow reads the environment."""
    before = {name: os.environ.get(name) for name in IMPATIENCE}
    os.environ.update(IMPATIENCE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def plain_errors(uri: str | None, data_dir: Path) -> Iterator[None]:
    """Whatever MLflow raises within, as a ConfigurationError of one line that names the setting and the next step."""
    from requests import RequestException  # with sqlalchemy half a second, and only for who uses MLflow
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (RequestException, SQLAlchemyError, OSError) as error:
        raise ConfigurationError(_line(error, uri, data_dir)) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("mlflow", "alembic"):  # known without importing it
            raise
        raise ConfigurationError(_line(error, uri, data_dir)) from error


def _line(error: Exception, uri: str | None, data_dir: Path) -> str:
    place = redact(uri.strip()) if uri and uri.strip() else f"not set, so {data_dir / DIRECTORY} is used"
    told = f"{getattr(error, 'error_code', '')} {error}"
    for pattern, meaning, step in CAUSES:
        if re.search(pattern, told, re.IGNORECASE):
            return f"{SETTING}: {place}: {meaning}; {step}"
    words = redact(" ".join(str(error).split()))[:WORDS_SHOWN]
    return f"{SETTING}: {place}: {words or type(error).__name__}; correct that, or name another place"


def _try_database(backend: str) -> None:
    """One attempt, to write where that is free: MLflow itself tries a database that cannot be opened for 100 s."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    with create_engine(backend, poolclass=NullPool).connect() as connection:
        if backend.startswith("sqlite"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql("ROLLBACK")
