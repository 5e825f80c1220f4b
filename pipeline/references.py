"""Which words of a question point at what was said before: "its", "the same machine", "before that", "and yesterday?"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pipeline.accused_change import A_CHANGE
from pipeline.time_lengths import AMOUNT, length

What = Literal["anything", "one", "machine", "node", "service"]
"""What the words can point at: whatever was talked about, exactly one thing, the machine, the hypervisor, the service."""
When = Literal["before", "after", "around"]

READ = 1_000
"""Characters of a question that are looked at: what refers to something said before is short."""

_MACHINE = r"(?:machine|host|vm|server|box|guest|lxc)"
_NODE = r"(?:node|hypervisor)"
_SERVICE = r"(?:service|container|app|application)"
_TROUBLE = r"(?:alert|alarm|problem|issue|error|outage|incident|crash|restart|fault|failure|one|thing|stuff)"
_NOT_A_TIME = r"(?!\s+(?:weeks?|months?|years?|mornings?|afternoons?|evenings?|nights?|days?|hours?|weekends?|time|minutes?|far)\b)"
_NOT_EVERYTHING = r"(?!\s+(?:homelab|lab|network|house|place|setup|system|assistant|tool)\b)"
_GOES_ON = r"(?=\s*(?:$|[?.!,;]|(?:and|or|is|was|has|had|did|does|still|now|again|doing|started|began|fires?|fired|firing|happened|went|came)\b))"

_BEFORE_THAT = (
    r"(?:is|was|are|were|does|did|do|has|had|will|can|could|would|fix|fixes|explain|explains|caused?|causes|behind|against|about|with|"
    r"for|of|like|before|after|since|to|from|on|by|than)"
)
_POINTS_AT: tuple[tuple[What, str], ...] = (
    ("machine", rf"\b(?:same|that|this|its|their)\s+{_MACHINE}\b|\bthe\s+{_MACHINE}\b{_GOES_ON}"),
    ("node", rf"\b(?:same|that|this|its|their)\s+{_NODE}\b|\bthe\s+{_NODE}\b{_GOES_ON}"),
    ("service", rf"\b(?:same|that|this)\s+{_SERVICE}\b|\bthe\s+{_SERVICE}\b{_GOES_ON}"),
    ("one", r"\bits\b"),
    ("anything", r"\b(?:it|it's|they|them|their|theirs)\b"),
    ("anything", rf"\b(?:(?:that|this|these|those|same)\s+{_TROUBLE}s?|the\s+{_TROUBLE})\b{_GOES_ON}"),
    ("anything", rf"\b{_BEFORE_THAT}\s+(?:that|this|these|those)\b{_NOT_A_TIME}{_NOT_EVERYTHING}"),
    ("anything", r"\b(?:in|on|from|over|running|runs|installed|happen\w*|chang\w*|logs?|up|wrong)\s+there\b"),
    ("anything", r"(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bout )\bthere\W*$"),
)
_FILLER = r"(?:(?:ok|okay|hm+|so|right|alright|thanks|cool|good|great|fine|yes|no|aha)\W+)*"
_BARE = re.compile(
    rf"^\W*{_FILLER}(?:(?:and|but|then)\W+)*(?:why(?:\s+(?:so|not|though|exactly|now|then))?|how\s+come|since\s+when|(?:for|since)?\s*how\s+long|"
    r"when|when\s+exactly|until\s+when|how\s+bad|how\s+so|what\s+(?:now|else|then|next)|really|still|more|more\s+details?|details|"
    r"(?:which|what|any|is\s+there\s+an?|show\s+me\s+the)\s+(?:page|runbook|docs?|playbook|notes|steps)(?:\s+(?:helps?|fits?|applies|then|now|is\s+it|"
    r"do\s+i\s+(?:need|read|want|take)))?|go\s+on|tell\s+me\s+more|explain|what\s+(?:was|is)\s+the\s+(?:cause|reason))\W*$",
    re.IGNORECASE,
)
_WHY = re.compile(r"\b(?:why|how\s+come|how\s+so|explain|cause|reason)\b", re.IGNORECASE)
_FRAGMENT = re.compile(
    rf"^\W*{_FILLER}(?:and|what\s+about|how\s+about|also|or|but|then|same\s+(?:for|on|with))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_ACCUSES = re.compile(
    rf"^\W*{_FILLER}(?:(?:and|but|so|or)\W+)*(?:not|nor|maybe|perhaps|what\s+about|how\s+about|due\s+to|because\s+of|"
    r"(?:was|is|isn't|wasn't|could)(?:\s+not)?\s+(?:it|that|this)|it(?:'s|\s+was|\s+is)(?:\s+not)?)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|am|do|does|did|has|have|had|can|could|should|would|will|why|how|when|where|which|who|show|list|give|tell|"
    r"explain|draft|write|find|check|restart|summari[sz]e)\b",
    re.IGNORECASE,
)
_ALL = re.compile(r"\b(?:all|every\w*|each|others?|any\w*|the\s+rest|elsewhere|overall|in\s+total)\b", re.IGNORECASE)
_PRESENT = re.compile(r"\b(?:still|now|currently|right\s+now|at\s+the\s+moment|again|yet|today)\b", re.IGNORECASE)

_THAT_MOMENT = (
    r"(?:(?:that|this|it|then)\b(?:\s+(?:all|happen\w*|start\w*|began|begin\w*|broke|fail\w*|crash\w*|went|fire[ds]?|occurred|came|stop\w*))?"
    rf"|(?:the|this|that)\s+{_TROUBLE}\b)"
)
_MOMENT = re.compile(
    rf"(?:(?P<amount>{AMOUNT})\s+)?(?:\b(?:right|just|shortly|immediately|directly)\s+)?"
    rf"(?:\b(?P<relation>before|prior\s+to|leading\s+up\s+to|after|since|following)\s+{_THAT_MOMENT}|\bsince\s+then\b"
    r"|\b(?:at|around|about)\s+(?:that|the\s+same)\s+(?:time|moment)\b|\bback\s+then\b|\baround\s+then\b)"
    rf"{_NOT_A_TIME}",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Moment:
    """A stretch of time told by its place beside what happened; `length` where the words say how long."""

    when: When
    length: timedelta | None = None


def points_at(text: str) -> What | None:
    """What the pronouns or nouns of a question point at; None when nothing in it points back."""
    return next((what for what, pattern in _POINTS_AT if re.search(pattern, text[:READ], re.IGNORECASE)), None)


def is_bare(text: str) -> bool:
    """ "why?", "since when?": a question that says nothing by itself."""
    return bool(_BARE.match(text[:READ]))


def is_bare_why(text: str) -> bool:
    return is_bare(text) and bool(_WHY.search(text[:READ]))


def is_fragment(text: str) -> bool:
    """ "and yesterday?", "what about jellyfin?": no sentence, so that what it leaves out was said before."""
    match = _FRAGMENT.match(text[:READ])
    return match is not None and not _VERB.search(match["rest"])


def accuses(text: str) -> bool:
    """ "and not the go2rtc update?", "was it the upgrade?": names what may have brought about what was talked of."""
    return bool(_ACCUSES.match(text[:READ]) and A_CHANGE.search(text[:READ]))


def means_all(text: str) -> bool:
    """ "and on all the others?": not only what was talked about."""
    return bool(_ALL.search(text[:READ]))


def means_now(text: str) -> bool:
    return bool(_PRESENT.search(text[:READ]))


def moment_in(text: str) -> Moment | None:
    """ "an hour before that", "since it happened", "at that time"."""
    match = _MOMENT.search(text[:READ])
    if match is None:
        return None
    amount = length(match["amount"]) if match["amount"] else None
    said = match.group().lower()
    if re.search(r"\b(?:before|prior|leading)\b", said):
        return Moment("before", amount)
    return Moment("after" if re.search(r"\b(?:after|since|following)\b", said) else "around", amount)
