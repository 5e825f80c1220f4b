"""What the lab's Prometheus and Alertmanager are configured with, and how the alert rules are made to fit the lab's pace.

A scenario runs `factor` times faster than real life. Everything in a rule that is a length of time is divided by that factor: its `for`,
its range windows, and how far predict_linear looks ahead. A window never becomes shorter than four scrapes, so that a rate still
has something to count.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RULES_DIR = Path(__file__).with_name("rules")
SCRAPE_INTERVAL_S = 2
EVALUATION_INTERVAL_S = 1
MIN_WINDOW_SCRAPES = 4

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_WINDOW = re.compile(r"\[((?:\d+(?:ms|[smhdwy]))+)\]")
_HORIZON = re.compile(r"(predict_linear\([^\[]*\[[^\]]*\]\s*,\s*)(\d+)(\s*\))")


@dataclass(frozen=True)
class Ports:
    """Where each part listens, on 127.0.0.1."""

    prometheus: int
    alertmanager: int
    exporter: int


def write_configuration(directory: Path, ports: Ports, jobs: Iterable[str], factor: float) -> None:
    """Write `prometheus.yml`, `alertmanager.yml` and `rules/*.yaml` into `directory`."""
    rules = directory / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    for source in sorted(RULES_DIR.glob("*.yaml")):
        _write(rules / source.name, compress_rules(yaml.safe_load(source.read_text(encoding="utf-8")), factor))
    _write(directory / "prometheus.yml", prometheus_configuration(ports, jobs))
    _write(directory / "alertmanager.yml", ALERTMANAGER_CONFIGURATION)


def prometheus_command(binary: Path, directory: Path, ports: Ports) -> list[str | Path]:
    """Prometheus over `<directory>/prometheus`, as configured in `<directory>/config`."""
    address = f"127.0.0.1:{ports.prometheus}"
    return [
        binary,
        f"--config.file={directory / 'config' / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'prometheus'}",
        "--storage.tsdb.retention.time=30d",
        "--storage.tsdb.retention.size=8GB",
        # Nothing is compacted: merging the blocks of the past would take a core away a minute after the start.
        "--storage.tsdb.min-block-duration=2h",
        "--storage.tsdb.max-block-duration=2h",
        # Discovered targets are otherwise taken up only every five seconds.
        "--scrape.discovery-reload-interval=100ms",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}",
        "--log.level=warn",
    ]


def alertmanager_command(binary: Path, directory: Path, ports: Ports) -> list[str | Path]:
    """Alertmanager, alone: without the cluster port it would open on every interface."""
    address = f"127.0.0.1:{ports.alertmanager}"
    return [
        binary,
        f"--config.file={directory / 'config' / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def prometheus_configuration(ports: Ports, jobs: Iterable[str]) -> dict[str, Any]:
    """Every job finds its targets at the exporter (http_sd) and scrapes them through it (proxy_url)."""
    exporter = f"http://127.0.0.1:{ports.exporter}"
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_INTERVAL_S}s",
            "scrape_timeout": f"{SCRAPE_INTERVAL_S}s",
            "evaluation_interval": f"{EVALUATION_INTERVAL_S}s",
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports.alertmanager}"]}]}],
        },
        "scrape_configs": [
            {
                "job_name": job,
                "proxy_url": exporter,
                "http_sd_configs": [{"url": f"{exporter}/sd/{job}", "refresh_interval": "1m"}],
            }
            for job in jobs
        ],
    }


ALERTMANAGER_CONFIGURATION: dict[str, Any] = {
    "global": {"resolve_timeout": "1m"},
    "route": {
        "receiver": "nobody",
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "4h",
    },
    "receivers": [{"name": "nobody"}],
}
"""Nobody is notified: who is interested asks the API."""


def compress_rules(document: dict[str, Any], factor: float) -> dict[str, Any]:
    """A rule file with every `for`, range window and prediction divided by `factor`."""
    return {
        "groups": [
            {**group, "rules": [_compress_rule(rule, factor) for rule in group["rules"]]}
            for group in document["groups"]
        ]
    }


def compress_expression(expression: str, factor: float) -> str:
    """PromQL with its range windows and the horizon of predict_linear divided by `factor`."""
    shorter = _WINDOW.sub(
        lambda found: f"[{_shorten(found[1], factor, at_least_s=MIN_WINDOW_SCRAPES * SCRAPE_INTERVAL_S)}]", expression
    )
    return _HORIZON.sub(lambda found: f"{found[1]}{math.ceil(int(found[2]) / factor)}{found[3]}", shorter)


def _compress_rule(rule: dict[str, Any], factor: float) -> dict[str, Any]:
    fitted = {**rule, "expr": compress_expression(rule["expr"], factor)}
    if "for" in rule:
        fitted["for"] = _shorten(rule["for"], factor, at_least_s=SCRAPE_INTERVAL_S)
    return fitted


def _shorten(duration: str, factor: float, *, at_least_s: int) -> str:
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))
    return f"{max(at_least_s, math.ceil(seconds / factor))}s"


def _write(path: Path, document: dict[str, Any]) -> None:
    fresh = path.with_suffix(".tmp")
    fresh.write_text(yaml.safe_dump(document, sort_keys=False, width=1000), encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - atomic
