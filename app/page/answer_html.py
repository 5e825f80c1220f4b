"""An answer as the page shows it: its text with links to what it cites, and behind it every item, gap and figure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from zoneinfo import ZoneInfo

from app.page.safe_html import link, markdown, when, with_utc
from app.progress_lines import line_of
from app.transcript import Said
from core.vocabulary import Answer, AnsweredChange, Evidence, Passage
from pipeline.progress import Progress, Token

MODES = {"llm": "written by a language model, checked by code", "deterministic": "written by code", "cached": "an earlier answer of the language model, as far as it still stands"}  # fmt: skip


def question_html(said: Said) -> str:
    return f'<div class="asked" dir="auto">{escape(said.question)}</div>'


def problem_html(said: Said) -> str:
    """Why there is no answer, with the way to ask again."""
    why = said.problem or "The answer was interrupted before it was complete: the server stopped, or somebody did."
    again = f'<button data-action="ask" data-question="{escape(said.question)}">Ask again</button>'
    return f'<div class="problem" role="alert"><p>{escape(why)}</p>{again}</div>'


def text_html(said: Said, answer: Answer, hosts: Mapping[str, str], zone: ZoneInfo) -> str:
    """The words; [E1] and the like lead to the item."""
    words = with_utc(markdown(answer.answer, hosts, cites=f"a{said.id}"), said.at, zone)
    return f'<article class="answer" dir="auto">{words}</article>'


def behind_html(said: Said, answer: Answer, hosts: Mapping[str, str], zone: ZoneInfo) -> str:
    """What the answer stands on, what could not be seen, what it cost, and what the reader thinks of it."""
    parts = [
        _section("Evidence", [_evidence(said, item, hosts, zone) for item in answer.evidence]),
        _section("Changes", [_change(said, change, zone) for change in answer.changes]),
        _section("Runbook passages", [_passage(said, passage, hosts) for passage in answer.passages]),
        _gaps(answer),
        f'<p class="cost">{escape(cost_line(answer))}</p>',
        _feedback(said),
    ]
    return f'<section class="behind" aria-label="What this answer stands on">{"".join(parts)}</section>'


def cost_line(answer: Answer) -> str:
    """Mode, program, tokens, money and where the time went."""
    usage, latency = answer.usage, answer.usage.latency_s
    told = [MODES[answer.mode], answer.intent.replace("_", " "), f"program {answer.program.version}"]
    if usage.llm_calls:
        tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        told.append(f"{usage.llm_calls} model calls, {tokens:,} tokens in, {usage.output_tokens:,} out")
        told.append(f"{usage.cost_usd:.4f} US dollars")
    split = f"{latency.tools:.2f} s sources, {latency.retrieval:.2f} s search, {latency.llm:.2f} s model"
    return " · ".join([*told, f"{usage.tool_calls} source requests", f"{latency.total:.2f} s ({split})"])


def progress_html(events: list[Progress], hosts: Mapping[str, str]) -> str:
    """What the work on a question has told so far; a draft is shown as one."""
    lines: list[str] = []
    draft, words = 0, ""
    for event in events:
        if isinstance(event, Token):
            words = event.text if event.draft != draft else words + event.text
            draft = event.draft
        elif line := line_of(event):
            lines.append(f"<li>{escape(line)}</li>")
    written = (
        f'<div class="draft" dir="auto"><b>Draft, being checked</b>{markdown(words, hosts)}</div>' if words else ""
    )
    return f'<div class="working" role="status"><ol class="progress">{"".join(lines)}</ol>{written}</div>'


def _section(title: str, items: list[str]) -> str:
    return f"<h4>{title}</h4>{''.join(items)}" if items else ""


def _evidence(said: Said, item: Evidence, hosts: Mapping[str, str], zone: ZoneInfo) -> str:
    told = [("Query", f"<code>{escape(item.query)}</code>")] if item.query else []
    if item.window:
        told.append(("Window", f"{when(item.window.start, zone)} to {when(item.window.end, zone)}"))
    if item.available:
        told.append(("Shown", f"{item.returned} of {item.available}"))
    if opened := link(item.link, hosts):
        told.append(("Link", opened))
    summary = f"<p>{escape(item.summary).replace(chr(10), '<br>')}</p>"
    return _details(said, item.id, f"{item.source} · {item.title}", summary + _list(told))


def _passage(said: Said, passage: Passage, hosts: Mapping[str, str]) -> str:
    place = f"{passage.document}{f', line {passage.line}' if passage.line else ''}"
    told = [("Document", escape(place)), ("Match", f"{passage.score:.0%}")]
    if passage.freshness:
        told.append(("Age", escape(passage.freshness)))
    body = _list(told) + f'<div class="page" dir="auto">{markdown(passage.text, hosts)}</div>'
    return _details(said, passage.id, f"{passage.document} › {passage.heading}", body)


def _change(said: Said, change: AnsweredChange, zone: ZoneInfo) -> str:
    told = [("When", when(change.at, zone))]
    if change.effective_at:
        told.append(("In effect", when(change.effective_at, zone)))
    told.append(("Source", escape(change.source)))
    if change.reasons:
        told.append(("Why it may matter", escape("; ".join(change.reasons))))
    body = _list(told) + (f"<p>{escape(change.detail)}</p>" if change.detail else "")
    body += f"<pre>{escape(change.diff)}</pre>" if change.diff else ""
    title = f"{change.kind.replace('_', ' ')}: {change.title}{f' on {change.entity}' if change.entity else ''}"
    return _details(said, change.id, title, body)


def _details(said: Said, number: str, title: str, body: str) -> str:
    return (
        f'<details id="a{said.id}-{escape(number)}"><summary><b>{escape(number)}</b> {escape(title)}</summary>'
        f"<div>{body}</div></details>"
    )


def _list(told: list[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{html}</dd>' for name, html in told)}</dl>"


def _gaps(answer: Answer) -> str:
    if not answer.gaps:
        return ""
    lines = "".join(f"<li>{escape(gap)}</li>" for gap in answer.gaps)
    return f'<div class="gaps"><h4>Not seen</h4><ul>{lines}</ul></div>'


def _feedback(said: Said) -> str:
    def thumb(verdict: str, sign: str, told: str) -> str:
        pressed = "true" if said.verdict == verdict else "false"
        return f'<button data-action="judge" data-verdict="{verdict}" data-row="{said.id}" aria-pressed="{pressed}" aria-label="{told}">{sign}</button>'

    field = f'<input type="text" maxlength="2000" aria-label="Comment" placeholder="What was right or wrong?" value="{escape(said.comment)}">'
    send = f'<button data-action="judge" data-row="{said.id}">Send comment</button>'
    hidden = "" if said.verdict else " hidden"
    thumbs = thumb("up", "👍 Helped", "This answer helped") + thumb("down", "👎 Did not", "This answer did not help")
    return f'<div class="feedback">{thumbs}<span class="comment"{hidden}>{field}{send}</span></div>'
