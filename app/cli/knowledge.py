"""`sre ingest` and `sre search`: the index of runbooks and other documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.screen import Batch, counting, read_lines, say
from core.errors import InvalidInput

if TYPE_CHECKING:
    from app.knowledge import LazyKnowledge
    from core.settings import Settings
    from core.vocabulary import Passage


def ingest(
    *,
    source: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of documents, or a single file; repeatable.", show_default=False),
    ] = None,
    index: Annotated[Path | None, typer.Option(help="Where the index lives.", show_default=False)] = None,
) -> None:
    """Index the documents (default: the directories of SRE_RUNBOOKS and SRE_ANSIBLE). What did not change is not read again."""
    from app.knowledge import build_index, index_directory
    from core.settings import load_settings

    settings = load_settings()
    sources = source or list(settings.documents)
    for one in sources:
        if not one.exists():
            named_by = "--source" if source else _setting_of(one, settings)
            raise InvalidInput(f"{named_by}: {one} is not there; name a directory of documents, or a single file")
    say(f"reading {', '.join(map(str, sources))}")
    with counting("indexing") as progress:
        report = build_index(index or index_directory(settings), settings.data_dir).ingest(sources, progress)
    for line in report.skipped:
        say(f"skipped: {line}")
    for line in report.warnings:
        say(f"warning: {line}")
    changed = "built anew" if report.rebuilt else f"{report.changed} read, {report.removed} removed"
    print(
        f"{report.documents} documents, {report.passages} passages ({changed}), {len(report.skipped)} skipped, "
        f"in {report.seconds:.1f} s"
    )


def _setting_of(source: Path, settings: Settings) -> str:
    return "SRE_RUNBOOKS" if source in settings.runbooks else "SRE_ANSIBLE"


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
    from app.knowledge import build_knowledge, index_directory
    from core.settings import load_settings

    settings = load_settings()
    knowledge = build_knowledge(index or index_directory(settings), settings.data_dir)
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
        print(_line(result))
    if not results:
        print("no page answers this; the nearest ones are:")
        for passage in knowledge.nearest(query or "", k):
            print(_line(_result(passage)))


def _line(result: dict[str, Any]) -> str:
    return f"{result['score']:.2f}  {result['document']}:{result['line']}  ›  {result['heading']}"


def _results(knowledge: LazyKnowledge, query: str, k: int) -> list[dict[str, Any]]:
    return [_result(passage) for passage in knowledge.search(query, k)]


def _result(passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.document,
        "heading": passage.heading,
        "score": round(passage.score, 4),
        "text": passage.text,
        "id": passage.key,
        "line": passage.line,
        "changed_at": passage.changed_at.isoformat() if passage.changed_at else None,
    }


def _query_of(line: str, number: int) -> str:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"--batch: line {number}: not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str) or not body["query"].strip():
        raise InvalidInput(f'--batch: line {number}: query: write {{"query": "…"}}')
    return str(body["query"])
