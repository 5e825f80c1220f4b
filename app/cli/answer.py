"""How an answer looks in the terminal: Markdown, then what it cost and what could not be seen."""

from __future__ import annotations

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from core.vocabulary import Answer


def show(answer: Answer, console: Console | None = None) -> None:
    """Print the answer; sources' text is data, so no markup of theirs is interpreted beyond Markdown."""
    console = console or Console()
    console.print(Markdown(answer.answer, hyperlinks=console.is_terminal))
    for gap in answer.gaps:
        console.print(Text(f"! not seen: {gap}", style="yellow"))
    latency = answer.usage.latency_s
    console.print(
        Text(
            f"{answer.mode} · {answer.intent} · {len(answer.evidence)} evidence · {answer.usage.tool_calls} source requests · "
            f"{latency.total:.2f} s ({latency.tools:.2f} s sources, {latency.retrieval:.2f} s search)",
            style="dim",
        )
    )
