"""`sre bench`: how good a part is on your own data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.screen import counting, say
from core.errors import InvalidInput

if TYPE_CHECKING:
    from optimise.retrieval import Figures, Outcome, Pair

PAGES_NAMED = 5
SENTENCES = Path(__file__).resolve().parents[2] / "evalsets" / "verification"
bench = typer.Typer(no_args_is_help=True, add_completion=False)


@bench.callback()
def benchmarks() -> None:
    """Without it, typer would run the only command by the group's name alone."""


@bench.command()
def retrieval(
    *,
    corpus: Annotated[
        list[Path], typer.Option(help="Directory of documents, or a single file; repeatable.", show_default=False)
    ],
    pairs: Annotated[
        Path,
        typer.Option(help='JSON: [{"question", "expected": path or null, "also_accept": []}].', show_default=False),
    ],
    index: Annotated[Path | None, typer.Option(help="Keep the index here.", show_default="a temporary one")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    show_misses: Annotated[
        bool, typer.Option("--misses", help="List the questions that went wrong (not with --json).")
    ] = False,
) -> None:
    """How often search finds the right page of a corpus, beside plain BM25."""
    from app.knowledge import build_index
    from core.settings import load_settings
    from optimise.retrieval import ask_all, figures, load_pairs, misses, without_their_page

    asked = load_pairs(pairs)
    if index is not None:
        _refuse_index_of_others(index, corpus)
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="sre-bench-") as temporary:
        knowledge = build_index(index or Path(temporary), settings.data_dir)
        with counting("indexing") as progress:
            report = knowledge.ingest(corpus, progress)
        say(
            f"{report.documents} documents, {report.passages} passages, {len(report.skipped)} skipped, {report.seconds:.1f} s"
        )
        missing = without_their_page(asked, knowledge.documents())
        if missing:
            say(_about(missing, len(asked)))
        knowledge.search("warm up")
        measured: dict[str, list[Outcome]] = {}
        with counting("asking") as progress:
            measured["hybrid"] = ask_all(asked, lambda q, k: [p.document for p in knowledge.search(q, k)], progress)
        measured["ranking alone"] = ask_all(asked, lambda q, k: [p.document for p in knowledge.nearest(q, k)])
        measured["plain BM25"] = ask_all(asked, knowledge.by_words)
        knowledge.close()
    results = {name: figures(outcomes, page_missing=len(missing)) for name, outcomes in measured.items()}
    if as_json:
        print(json.dumps({name: one.model_dump() for name, one in results.items()}, indent=2))
    else:
        _print_table(results)
    if show_misses and not as_json:
        for outcome in misses(measured["hybrid"]):
            _print_miss(outcome)


@bench.command()
def verification(
    *,
    split: Annotated[str, typer.Option(help="dev (to improve it with) or frozen (only to report).")] = "dev",
    cases: Annotated[Path, typer.Option(help="Directory of judged sentences.", show_default=False)] = SENTENCES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How well the check of a model's answers tells false sentences from true ones."""
    from optimise.verification import load_cases, measure
    from pipeline.verify import verify

    if split not in {"dev", "frozen"}:
        raise InvalidInput(f"--split: {split[:40]!r} is neither dev nor frozen")
    half: Literal["dev", "frozen"] = "frozen" if split == "frozen" else "dev"
    found = measure(load_cases(cases, half), lambda sentence, facts: bool(verify(sentence, facts).problems))
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    for kind in found.kinds:
        print(f"{'true' if kind.true else 'false'}  {kind.kind:18} {kind.flagged:3} of {kind.cases} objected to")
    print(f"false claims found: {found.recall:.3f} of {found.false_cases}")
    print(f"false alarms: {found.false_alarms:.3f} of {found.true_cases} true sentences")


def _refuse_index_of_others(index: Path, corpus: Sequence[Path]) -> None:
    """The index that answers questions, say: an ingest would put this corpus in the place of what it holds."""
    from tools.knowledge.damage import DamagedIndex
    from tools.knowledge.generation import read_manifest

    try:
        manifest = read_manifest(index)
    except DamagedIndex as error:
        raise InvalidInput(
            f"--index: {index} holds an index of unknown sources ({error}); name another directory"
        ) from None
    if manifest is not None and set(manifest.sources) != {str(one.resolve()) for one in corpus}:
        raise InvalidInput(
            f"--index: {index} holds an index of {', '.join(manifest.sources)}; name another directory, or leave --index out"
        )


def _about(missing: Sequence[Pair], pairs: int) -> str:
    """Which pages the corpus lacks."""
    pages = list(dict.fromkeys(str(pair.expected) for pair in missing))
    more = f" and {len(pages) - PAGES_NAMED} more" if len(pages) > PAGES_NAMED else ""
    return (
        f"warning: the corpus holds no right page for {len(missing)} of {pairs} pairs, which count as misses: "
        f"{', '.join(pages[:PAGES_NAMED])}{more}"
    )


def _print_table(results: dict[str, Figures]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "hit@1", "hit@3", "MRR", "abstained", "false abstentions", "ms median", "ms p95")
    for name, one in results.items():
        table.add_row(
            name,
            f"{one.hit_at_1:.3f}",
            f"{one.hit_at_3:.3f}",
            f"{one.mrr:.3f}",
            f"{one.abstained} of {one.without_page}",
            f"{one.false_abstentions} of {one.questions - one.without_page}",
            f"{one.query_ms_median:.1f}",
            f"{one.query_ms_p95:.1f}",
        )
    Console(width=120).print(table)


def _print_miss(outcome: Outcome) -> None:
    place = f"place {outcome.rank}" if outcome.rank else "not found"
    wanted = f"{outcome.pair.expected} ({place})" if outcome.pair.expected else "no page"
    print(f"\n{outcome.pair.question}\n  wanted: {wanted}\n  found:  {', '.join(outcome.found) or 'nothing'}")
