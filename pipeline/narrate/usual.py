"""Whether a value is normal: "is 85 % memory normal for nas?", answered from what was learnt of that hour of the week."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.brief import Brief, Finding
from pipeline.narrate import sections
from pipeline.signals import Unit
from pipeline.verification.quantities import Quantity, read_quantities
from pipeline.wording import cite, plain, quantity, subject, usually

MOST_TOLD = 4
ASKED = re.compile(
    r"\b(?:(?:ab|un)?normal(?:ly)?|(?:un)?usual(?:ly)?|(?:un|extra)?ordinary|(?:un|a)?typical(?:ly)?|(?:un)?expected|too (?:high|low|much|many|little))\b",
    re.IGNORECASE,
)
_DIMENSIONS: dict[Unit, str] = {
    "ratio": "ratio",
    "bytes": "bytes",
    "bytes_per_second": "bytes/s",
    "celsius": "celsius",
    "per_second": "count/s",
}
"""Counts and seconds are left out: numbers of a question in these are more often times and amounts of something else."""


def is_it_usual(brief: Brief) -> str:
    """The verdict, first on the value that the question names, then on the present one. Empty when it asks for none, or nothing was learnt."""
    if not ASKED.search(brief.question.text):
        return ""
    return sections.bullets(line for finding in _asked(brief)[:MOST_TOLD] for line in _verdicts(brief, finding))


def _asked(brief: Brief) -> list[Finding]:
    """What of the subjects was learnt and carries evidence: the main signals of what is asked, else whatever there is."""
    question = brief.question
    own = [f for f in brief.findings if f.entity in question.subjects and f.usual is not None and f.evidence_id]
    measured = {f.signal.name for f in own}
    main = {next((name for name in family.signals if name in measured), None) for family in question.families}
    return [f for f in own if f.signal.name in main] or own


def _verdicts(brief: Brief, finding: Finding) -> Iterator[str]:
    named = f"{plain(subject(finding))}'s {finding.signal.phrase}"
    said = stated(brief.question.text, finding)
    if said is not None:
        # As the question writes it, and without a citation: the number stands in no item.
        written = plain(brief.question.text[said.start : said.end])
        yield f"{written} would be **{_verdict(finding, said.value)}** for {named} at this hour."
    present = f"{quantity(finding.signal, finding.value)}, **{_verdict(finding, finding.value)}**"
    all_the_same = ", and beyond its threshold all the same" if finding.breached and not finding.abnormal else ""
    yield f"{named} is {present}{all_the_same}: {usually(finding)}{cite(finding)}."


def _verdict(finding: Finding, value: float) -> str:
    """What is less than a notable step outside of the usual is said to be so."""
    beyond = finding.beyond_usual(value)
    if not beyond:
        return "normal"
    little = "a little " if abs(beyond) < finding.signal.notable else ""
    return f"{little}{'above' if beyond > 0 else 'below'} what is normal"


def stated(text: str, finding: Finding) -> Quantity | None:
    """The value that a question names; None when it names none of the signal's kind."""
    dimension = _DIMENSIONS.get(finding.signal.unit)
    return next((q for q in read_quantities(text) if q.written and q.dimension == dimension), None)
