"""The change that a question accuses ("was it the heat pump automation?"): it is told whether that explains the symptom, or why not."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from core.vocabulary import Change
from pipeline.ranking.changes import RankedChange

CLEAR = 1.5
"""How much the words of question and change must have in common, in natural logarithms of how rare they are: one rare word is enough."""
_WORD = re.compile(r"[a-z0-9][a-z0-9.]*[a-z0-9]")
_LITTLE = (
    "the and for with was were did has have that this why what when who how its not are you can may new old all any "
    "from into right before after since broke break broken kill killed killing took take down change changed "
    "changes cause caused fault blame think bet guess confirm everything again isn didn doesn wasn way see now been "
    "bad slow one ones began begin before timeline revert undo need know please list exactly last first"
)
_ASKS_WHICH = re.compile(
    r"\b(?:which|what|any|list|timeline|all|every)\b[^.?!,]{0,20}\b(?:chang|commit|updat|deploy)\w*", re.IGNORECASE
)
"""Who asks which change it was accuses none."""
A_CHANGE = re.compile(
    r"\b(updat|upgrad|releas|version|deploy|restart|reboot|commit|push|merg|automat|config|setting|role|playbook|rule|job|test|install|"
    r"patch|fix|migrat|moved?|switch|rotat|renew|edit|touch|chang|roll|bump|pull|tag)\w*|\d+\.\d+",
    re.IGNORECASE,
)


def accused_change(text: str, subjects: Sequence[str], changes: Sequence[Change]) -> Change | None:
    """The one change that the words mean; None when they mean none, or several alike. `subjects` suffer, and accuse nothing."""
    if not A_CHANGE.search(text) or _ASKS_WHICH.search(text):
        return None
    said = _telling(text)
    words = [_telling(f"{change.title} {change.entity or ''} {' '.join(change.files)}") for change in changes]
    common = Counter(word for each in words for word in each)
    rarity = {word: math.log((len(changes) + 1) / count) for word, count in common.items()}
    own = {_stem(name) for name in subjects}
    scores = [sum(rarity[word] / (2 if word in own else 1) for word in said & each) for each in words]
    best = sorted(range(len(changes)), key=lambda place: -scores[place])[:2]
    if not best or scores[best[0]] < CLEAR or (len(best) > 1 and scores[best[1]] >= 0.9 * scores[best[0]]):
        return None
    return changes[best[0]]


def with_accused(
    ranked: Sequence[RankedChange], accused: Change | None, onset: datetime, *, shown: int
) -> tuple[list[RankedChange], Change | None]:
    """The `shown` most likely, with the accused one among them; it is None where it is the one that explains the symptom."""
    first = list(ranked[:shown])
    if accused is None or (first and first[0].clears_bar and first[0].change.id == accused.id):
        return first, None
    own = next((each for each in ranked if each.change.id == accused.id), None)
    if own is None:
        late = (accused.effective_at or accused.at) > onset
        own = RankedChange(accused, 0.0, clears_bar=False, reasons=("it came after the symptom began",) if late else ())
    others = [each for each in first if each.change.id != accused.id]
    place = 1 if others and others[0].clears_bar else 0
    return [*others[:place], own, *others[place:]][:shown], accused


def _telling(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text.lower())} - _SAYS_LITTLE


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > 4 and word.isalpha() else word


_SAYS_LITTLE = frozenset(_stem(word) for word in _LITTLE.split())
