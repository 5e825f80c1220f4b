"""Why something happened must rest on an observation of something out of the ordinary, or on a change that may have brought it about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.english import WORD, content_words, stem
from pipeline.verification.english import words as words_
from pipeline.verification.ground import RANKED, Ground, ranked
from pipeline.verification.reading import Reading
from pipeline.verification.topics import topic_of, topics_shown
from pipeline.verification.trends import is_ordinary

_CAUSE = re.compile(
    r"\b(?:caus(?:ed|es|ing)(?: by)?|because|root cause|due to|(?:most )?likely cause|probable cause|as a result of|results? from|led to|leads to|"
    r"triggered|responsible for|culprit|to blame|stems? from|(?:the|a) reason|owing to|brought (?:about|on) by|explains (?:why|the)|"
    r"thanks to|driven by|the cause (?:is|was)|originat\w+ (?:in|from)|(?:come|comes|came|coming) from|most likely|presumably|blames?|behind (?:this|the (?:alert|outage|rise|growth|slowdown)))\b"
)
_IN_GENERAL = frozenset({"causes", "causing", "leads to", "results from"})
"""What a page may say of what a step does."""
_CONDITION = re.compile(r"\b(?:if|should|in case|unless|when)\b[^.;]{0,60}$")
_NO_CAUSE = re.compile(
    r"\b(?:no (?:confident |clear |single |obvious |known |likely )?(?:root )?cause|cause (?:is|remains|was) (?:not|un)\w*|unclear|unknown|cannot be told|not (?:yet )?known|"
    r"find (?:out )?(?:the|its|what)|whether|(?:cannot|can not|can't|could not) (?:tell|say|explain)|nothing (?:\w+ ){0,5}explains|not (?:been )?caused|which (?:of|one)|"
    r"to (?:be )?f(?:ind|ound)|identify|look for|rule out)\b|\?\s*$"
)
_HARDLY = re.compile(
    r"\b(?:hardly|unlikely|not|nothing|little|no|rather than|neither|nor|less likely|ruled? out|may|might|could|possibly|perhaps|cannot)\b|n['’]t\b"
)
_FORWARDS = re.compile(
    r"caus(?:es|ing|ed)$|led to|leads to|triggered$|responsible|culprit|to blame|brought|explains|behind"
)
""" "X led to Y": what stands before is the reason."""
_BLAMED = re.compile(
    r"\b(?P<one>[\w-]+) (?:is (?:most likely |likely |probably )?(?:responsible|to blame|the (?:culprit|(?:likely |root |most likely )?cause))|causes|caused)\b"
    r"|\b(?:due to|because of|caused by|blames?|driven by|com(?:es|ing) from|came from|stems? from) (?:the |a )?(?P<other>[\w-]+)"
)
_OF_ANY = frozenset({"problem", "issue", "fault", "likely", "probably", "itself", "single", "main", "reason"})
RIVALS = 0.5
"""A change whose score is below this share of the best one's is no likely cause."""


def cause_without_ground(reading: Reading, ground: Ground, everything: Ground, known: frozenset[str]) -> Iterator[str]:
    """A cause that cites no observation, or only what explains nothing. A page may give a reason of its own in its own words."""
    text = reading.lower
    found = _CAUSE.search(text)
    if found is None or _NO_CAUSE.search(text) or _CONDITION.search(text[: found.start()]):
        return
    observed = [item for item in ground.items if item.id[0] in "EC"]
    in_general = ground.items and (found[0] in _IN_GENERAL or any(ground.says(code) for code in reading.codes))
    if not observed and not in_general and not ground.says(found[0]):
        yield f"“{found[0]}” cites no evidence and no change"
    if _HARDLY.search(text):
        return
    changes = [item for item in observed if item.id.startswith("C")]
    best = max((item.score for item in everything.items), default=0.0)
    if changes and 0 < max(item.score for item in changes) < RIVALS * best:
        yield f"another change explains more than {ground.listed}"
    elif observed and not changes and (blamed := _blamed_lesser(reading, ground)):
        yield f"{blamed} is not the first in {ground.listed}"
    elif (
        observed
        and not changes
        and (topic := topic_of(_reason(text, found)) - topics_shown(ground))
        and topics_shown(ground)
    ):
        yield f"{ground.listed} {'are' if len(ground.items) > 1 else 'is'} not about {min(topic)}"
    elif observed and not changes and (foreign := _foreign(_reason(text, found), ground, known)):
        yield f"{ground.listed} {'say' if len(ground.items) > 1 else 'says'} nothing of “{foreign}”"
    elif observed and not changes and all(is_ordinary(item) for item in observed):
        yield f"{ground.listed} {'show' if len(observed) > 1 else 'shows'} nothing out of the ordinary"


def _foreign(reason: str, ground: Ground, known: frozenset[str]) -> str:
    """The first word of a reason of which no cited item has a word: "due to a corrupt library", of a log that knows none."""
    words = [
        word
        for word in WORD.findall(reason)
        if word not in known and word not in words_("stop") and word not in _OF_ANY
    ]
    held = content_words(" ".join(item.text for item in ground.items))
    return words[0] if len(words) > 1 and not {stem(word) for word in words} & held else ""


def _reason(text: str, found: re.Match[str]) -> str:
    """The words that say why: behind "because", before "caused"."""
    forwards = _FORWARDS.search(found[0])
    return re.split(r"[;:]\s|, (?:so|which)\b", text[: found.start()] if forwards else text[found.end() :])[
        -1 if forwards else 0
    ]


def _blamed_lesser(reading: Reading, ground: Ground) -> str:
    """Whom the claim blames, when an item ranks somebody else before it."""
    blamed = _BLAMED.search(reading.lower)
    name = (blamed["one"] or blamed["other"]) if blamed else ""
    for item in ground.items if name else ():
        values = {figure.owner: figure.quantity.value for figure in reversed(ranked(item))}
        if len(values) >= RANKED and name in values and values[name] < max(values.values()):
            return name
    return ""


def carries_cause(text: str) -> bool:
    """Whether a sentence says why."""
    lower = text.lower()
    return bool(_CAUSE.search(lower)) and not _NO_CAUSE.search(lower)
