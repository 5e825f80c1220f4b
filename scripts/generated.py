"""Writes the generated files, or checks that they are current (`--check`): API schema, schemas of scenarios and eval cases, table of signals."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

import app.environment  # noqa: F401  first, before any library that it quiets
from app.api import build_api
from core.settings import Settings
from optimise.cases import Case
from pipeline.signals import load_domain
from scenarios.schema import Scenario

ROOT = Path(__file__).resolve().parent.parent


def files() -> Iterator[tuple[Path, str]]:
    """Each generated file with the text it should hold."""
    yield ROOT / "docs" / "openapi.json", _json(build_api(Settings(_env_file=None)).openapi())
    yield ROOT / "scenarios" / "scenario.schema.json", _json(Scenario.model_json_schema())
    yield ROOT / "evalsets" / "case.schema.json", _json(TypeAdapter(list[Case]).json_schema())
    yield ROOT / "docs" / "signals.md", _signals()


def _json(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _signals() -> str:
    domain = load_domain()
    rows = [
        "# Signals",
        "",
        "What the assistant measures, made from `pipeline/signals.yaml` by `make generate`.",
        "",
        "| signal | reads as | unit | bad beyond | exporters | stands for |",
        "|---|---|---|---|---|---|",
    ]
    for signal in domain.signals.values():
        limit = "" if signal.threshold is None else f"{'<' if signal.bad == 'down' else '>'} {signal.threshold:g}"
        exporters = ", ".join(signal.queries)
        rows.append(f"| `{signal.name}` | {signal.phrase} | {signal.unit} | {limit} | {exporters} | {signal.cause} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    """Exit code 1 when `--check` finds a stale file."""
    stale = [(path, text) for path, text in files() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path, _ in stale:
            print(f"{path.relative_to(ROOT)} is not current; run: make generate", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale:
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
