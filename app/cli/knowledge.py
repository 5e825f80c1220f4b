"""`sre ingest` and `sre search`: the index of runbooks and other documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.screen import Batch, counting, read_lines, say
from core.errors import InvalidInput


def ingest(
    *,
    source: Annotated[
        list[Path] | None, typer.Option(help="Directory of documents; repeatable.", show_default=False)
    ] = None,
    index: Annotated[Path | None, typer.Option(help="Where the index lives.", show_default=False)] = None,
) -> None:
    """Index the documents (default: the directories of SRE_RUNBOOKS)."""
    from app.wiring import build_index, index_directory
    from core.settings import load_settings

    settings = load_settings()
    directories = source or list(settings.runbooks)
    for directory in directories:
        if not directory.is_dir():
            raise InvalidInput(f"--source: {directory} is not a directory")
    say(f"reading {', '.join(str(directory) for directory in directories)}")
    with counting("indexing") as progress:
        report = build_index(index or index_directory(settings), settings.data_dir).ingest(directories, progress)
    for line in report.skipped:
        say(f"skipped: {line}")
    for line in report.warnings:
        say(f"warning: {line}")
    print(
        f"{report.documents} documents, {report.passages} passages, {len(report.skipped)} skipped, in {report.seconds:.1f} s"
    )


def search(
    query: Annotated[str | None, typer.Argument(help="What to look for.", show_default=False)] = None,
    *,
    index: Annotated[Path | None, typer.Option(help="Where the index lives.", show_default=False)] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many documents.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    batch: Annotated[str | None, typer.Option(help='File of {"query": …} lines ("-": standard input).')] = None,
) -> None:
    """Find the page that helps."""
    if batch is None and not (query or "").strip():
        raise InvalidInput("query: it is empty; search for something like: sre search 'restart the DNS stack'")
    from app.wiring import LazyKnowledge, index_directory
    from core.settings import load_settings

    settings = load_settings()
    knowledge = LazyKnowledge(index or index_directory(settings), settings.data_dir)
    if batch is not None:
        done = Batch()
        for number, line in read_lines(batch):
            with done.line():
                print(json.dumps(_results(knowledge, _query_of(line, number), k)), flush=True)
        if done.exit_code:
            raise typer.Exit(done.exit_code)
        return
    results = _results(knowledge, query or "", k)
    if as_json:
        print(json.dumps(results, indent=2))
        return
    for result in results:
        print(f"{result['score']:.2f}  {result['document']}  ›  {result['heading']}")
    if not results:
        print("nothing found")


def _results(knowledge: Any, query: str, k: int) -> list[dict[str, Any]]:
    return [
        {"document": p.document, "heading": p.heading, "score": round(p.score, 4), "text": p.text}
        for p in knowledge.search(query, k)
    ]


def _query_of(line: str, number: int) -> str:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"--batch: line {number}: not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str) or not body["query"].strip():
        raise InvalidInput(f'--batch: line {number}: query: write {{"query": "…"}}')
    return str(body["query"])
