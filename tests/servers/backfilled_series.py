"""A real Prometheus that scrapes nothing and knows the series that a test gives it."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Series = tuple[str, Mapping[str, str], Iterable[tuple[float, float]]]
"""Metric, labels, and (unix seconds, value) pairs."""


def openmetrics(series: Iterable[Series]) -> str:
    families: dict[str, list[str]] = {}
    for metric, labels, samples in series:
        written = ",".join(f'{name}="{value}"' for name, value in labels.items())
        family = families.setdefault(metric, [f"# TYPE {metric} unknown"])
        family += [f"{metric}{{{written}}} {value} {at}" for at, value in samples]
    return "\n".join(line for family in families.values() for line in family) + "\n# EOF\n"


@contextmanager
def prometheus_of(directory: Path, series: Iterable[Series]) -> Iterator[str]:
    """Yields its URL."""
    (directory / "series.om").write_text(openmetrics(series), encoding="utf-8")
    backfill = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "--max-block-duration=192h",
        "openmetrics",
        "series.om",
        "data",
    ]
    subprocess.run(backfill, cwd=directory, check=True, capture_output=True)
    (directory / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=90d"]
    with (directory / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["prometheus", *flags, f"--web.listen-address={address}"], cwd=directory, stdout=log, stderr=log
        )
    try:
        _wait_until_ready(f"http://{address}/-/ready", process, directory / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not come up: {log.read_text(encoding='utf-8')[-500:]}")
