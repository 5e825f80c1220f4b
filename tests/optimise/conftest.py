"""A data directory with an empty MLflow database: MLflow takes seconds to make one, a copy is made at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from optimise.mlflow_client import DIRECTORY
from optimise.tracking import Tracking


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("mlflow-template")
    Tracking(None, directory).client.search_experiments()
    return directory / DIRECTORY / "mlflow.db"


@pytest.fixture
def mlflow_dir(empty_database, tmp_path) -> Path:
    """The data directory; the database in it is a real one of MLflow."""
    (tmp_path / DIRECTORY).mkdir()
    shutil.copyfile(empty_database, tmp_path / DIRECTORY / "mlflow.db")
    return tmp_path
