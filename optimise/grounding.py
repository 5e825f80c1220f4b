"""Whether every claim of an answer stands in what it cites, judged by the answer alone, as its reader could.

`pipeline.verify` reads the claims. What code says of itself in its own answers (which window it looked at, how many of a list it left
out) cites nothing; it is checked here where the answer holds what it can be checked against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import unquote

from core.vocabulary import Answer, Window
from optimise.context import Context
from pipeline.classify import CHANGES_LOOKBACK, DEFAULT_LOOKBACK
from pipeline.general_steps import load_general_steps
from pipeline.verification.claims import CITATION, LINK, read_claims
from pipeline.verification.facts import Facts, Problem
from pipeline.verification.library import Library
from pipeline.verify import verify
from pipeline.when import parse_window

FEWEST = 3
"""Spaces in a sentence that is long enough to be a copy."""
_LABEL = re.compile(r"^(?:logs|extent|its rule): ")
"""What code writes before the words of an item."""
_CITED = re.compile(rf"\s?{CITATION.pattern}")
_BEHIND = timedelta(minutes=2)
"""So far behind the question's time, what was looked at is another moment that the question named."""

_Match = re.Match[str]


def _at_least_shown(found: _Match, answer: Answer) -> bool:
    return int(found["count"]) >= len(answer.changes)


def _links_of_the_items(found: _Match, answer: Answer) -> bool:
    own = {item.link for item in answer.evidence}
    return all(unquote(link) in {unquote(each) for each in own if each} for link in _TARGET.findall(found[0]))


_TARGET = re.compile(r"\]\((https?://[^)\s]+)\)")
_OWN_WORDS: tuple[tuple[re.Pattern[str], Callable[[_Match, Answer], bool]], ...] = (
    (re.compile(r"(?:…|\.\.\.|\b)and (?P<count>\d+) more(?: alerts?| alert names?| events?)?"), lambda _, __: True),
    (re.compile(r", of (?P<count>\d+) changes?(?=:)"), _at_least_shown),
    (re.compile(r"(?P<count>\d+) changes? before it considered"), _at_least_shown),
    (re.compile(r"\bno change is known in the [\d.]+ \w+ before it"), lambda _, answer: not answer.changes),
    (re.compile(r"`(?P<page>[^`\n]+)`"), lambda found, answer: any(found["page"] == p.document for p in answer.passages)),
    (re.compile(r"^\*\*Open in the source\*\*: .*$", re.MULTILINE), _links_of_the_items),
    (re.compile(r"^Nearest, but not about it: .*$", re.MULTILINE), lambda _, answer: not answer.passages),
    (re.compile(r"; did you mean [^?\n]*\?"), lambda _, __: True),
    (re.compile(r"\bI know \d+ hosts and services"), lambda _, answer: answer.intent == "self_status"),
    (re.compile(r"^\*The model does not answer\. This is what it wrote .*\*$", re.MULTILINE), lambda _, answer: answer.mode == "cached"),
)  # fmt: skip
"""What only code says, and what must hold of it. Of the rest of a list, nothing can be held against it."""


def ungrounded(answer: Answer, context: Context) -> tuple[Problem, ...]:
    """The sentences that do not stand, each with why, in order."""
    text = answer.answer if answer.mode == "llm" else _without_own_words(answer)
    facts = facts_of(answer, context)
    found = verify(text, facts, cause=answer.cause).problems
    copied = _copied(text, facts) if found else frozenset()
    return tuple(problem for problem in found if problem.sentence not in copied)


def facts_of(answer: Answer, context: Context) -> Facts:
    """What the answer shows, and what its reader knows without it: the questions, the gaps, the windows that were looked at."""
    at = _looked_at(answer, context)
    steps = [step for family in load_general_steps().values() for step in family]
    windows = list(_windows(answer, context, at))
    bounds = sorted({bound for window in windows for bound in (window.start, window.end)})
    return Facts(
        evidence=answer.evidence,
        passages=answer.passages,
        changes=answer.changes,
        names=context.names,
        alerts=context.alerts,
        question=context.question,
        now=at,
        zone=context.zone,
        background=(
            *context.earlier, *answer.subjects, *answer.gaps, *steps, *context.background,
            *(f"{bound.astimezone(context.zone):%Y-%m-%d %H:%M:%S %Z}" for bound in bounds),
        ),
        window=windows[0],
    )  # fmt: skip


def _looked_at(answer: Answer, context: Context) -> datetime:
    """The question's moment: when it was asked, or when the latest measurement was taken if it asked about an earlier time."""
    ends = [item.window.end for item in answer.evidence if item.window is not None]
    latest = max(ends, default=context.at)
    return latest if context.at - latest >= _BEHIND else context.at


def _windows(answer: Answer, context: Context, at: datetime) -> Iterator[Window]:
    """Named by a question, newest first; then those of the evidence, and what is looked at when none is named."""
    for question in (context.question, *reversed(context.earlier)):
        phrase = parse_window(question, now=context.at, zone=context.zone)
        if phrase is not None:
            yield phrase.window
    yield from (item.window for item in answer.evidence if item.window is not None)
    for end in {at, context.at}:
        yield from (Window(start=end - length, end=end) for length in (CHANGES_LOOKBACK, DEFAULT_LOOKBACK))


def _without_own_words(answer: Answer) -> str:
    text = answer.answer
    for pattern, holds in _OWN_WORDS:
        text = pattern.sub(lambda found, holds=holds: "" if holds(found, answer) else found[0], text)  # type: ignore[misc]
    return text


def _copied(text: str, facts: Facts) -> frozenset[str]:
    """The sentences that stand in an item that they cite word for word: no reading of them can be wrong."""
    library = Library(facts)
    found = set()
    for claim in read_claims(text):
        words = _LABEL.sub("", _words(LINK.sub(lambda link: link["text"], _CITED.sub("", claim.text))))
        whole = re.compile(rf"(?<![\w.]){re.escape(words)}(?!\w)")
        items = (library.item(number) for number in claim.cites if number in library)
        if words.count(" ") >= FEWEST and any(whole.search(_words(f"{item.text}\n{item.raw}")) for item in items):
            found.add(" ".join(claim.text.split())[:400])
    return frozenset(found)


def _words(text: str) -> str:
    """In lower case, with one space between; neither markup nor punctuation at an end tells two copies apart."""
    plain = re.sub(r"\\([^\w\s])", r"\1", text).replace("*", "").replace("`", "")
    return " ".join(plain.lower().split()).strip(" .:;,")
