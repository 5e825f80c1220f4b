"""Full, short of memory, plenty left, expired: words for a level, which the cited numbers must bear out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.ground import Ground, Item
from pipeline.verification.reading import Reading

FULL, NEARLY_FULL, SHORT, PLENTY, HALF, LITTLE = 0.95, 0.8, 0.7, 0.8, 0.5, 0.05
"""Shares: from here on something is full, nearly full or short; up to the fourth there is plenty left; from half on it is most of the time; below the last it is little."""
_NOT = re.compile(
    r"\b(?:not?|none|nothing|nobody|never|neither|nor|without|far from|rather than|instead of|hardly|if|when|until|should|would|could|may|might|will)\b|n['’]t\b"
)
_NEARLY_FULL = r"\b(?:nearly|almost|practically|as good as)\s(?:full|out of (?:space|memory)|exhausted)\b"
_IS_FULL = (
    r"(?<!nearly )(?<!almost )(?<!not )(?<!is in )\b(?:is|are|was|completely|entirely|ran|already)\s(?:now\s|already\s|completely\s)?"
    r"(?:full|out of (?:space|disk space|room))\b(?!\sin\b|\sat\b|\safter|\sby\b|\sof\b)"
)
_SHORT = (
    r"\b(?:overload\w*|overwhelmed|saturat(?:ed|ion)|maxed out|(?:is|are|runs?|running) (?:short of|low on|out of)|short (?:of|on) (?:memory|space|disk)|"
    r"under (?:heavy|high|severe) (?:load|pressure)|at its limit|tight|scarce|exhausted)\b"
)
_PLENTY = r"\b(?:plenty of|ample|lots of|more than enough|mostly (?:free|unused|idle|empty))\s?(?:free|room|space|memory|headroom|left|cpu|disk)?\b"
_NOTICEABLE = (
    r"\b(?:noticeable|considerable|significant|substantial|sizeable|large|big) (?:share|part|portion|amount|fraction)\b"
)
_MOSTLY = (
    r"\b(?:permanently|constantly|continuously|always) (?:busy|loaded|waiting|under load)\b"
    r"|\b(?:busy|waiting|waits|loaded|idling)\b[^.;,]{0,40} (?:most of|all) the time\b"
)
_LEVELS: tuple[tuple[re.Pattern[str], float, float], ...] = (
    (re.compile(_IS_FULL), FULL, 9.0), (re.compile(_NEARLY_FULL), NEARLY_FULL, 9.0),
    (re.compile(_SHORT), SHORT, 9.0), (re.compile(_NOTICEABLE), LITTLE, 9.0),
    (re.compile(_MOSTLY), HALF, 9.0), (re.compile(_PLENTY), 0.0, PLENTY),
)  # fmt: skip
"""Words, and the lowest and highest share in use that they may be said of."""
_EXPIRED = re.compile(r"\b(?:ha(?:s|ve) (?:already )?(?:expired|run out|lapsed)|(?:is|are) (?:already )?expired)\b")
_SOON = re.compile(
    r"\b(?:about to (?:expire|run out)|(?:expires?|expiring|runs? out) (?:very )?(?:soon|shortly)(?! after| before)|imminent\w*)\b"
)
_BEYOND = re.compile(
    r"\b(?P<side>over|above|beyond|exceeds?|exceeding|exceeded|past|crossed|below|under)\s(?:the|its|their)\s(?:\S+\s)?(?:threshold|limit)\b"
)
_COUNTS_DOWN = re.compile(r"\b(?:until|left|free|available|remaining)\b")


def levels_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """The words of a level that no cited present value has."""
    text = reading.lower
    now = [
        f.quantity.value for f in ground.figures if f.quantity.dimension == "ratio" and f.role in ("", "now", "maximum")
    ]
    for pattern, low, high in _LEVELS:
        said = pattern.search(text)
        if said and now and not _is_denied(text, said.start()) and not low <= max(now) <= high:
            yield said[0]
    expired = _EXPIRED.search(text)
    lengths = [
        f.quantity.value for f in ground.figures if f.quantity.dimension == "seconds" and f.role == "" and f.owner
    ]
    if expired and lengths and min(lengths) > 0 and not _is_denied(text, expired.start()):
        yield expired[0]
    soon = _SOON.search(text)
    if soon and not _NOT.search(text) and any(_is_beyond_none(item, "below") for item in ground.items):
        yield soon[0]
    beyond = _BEYOND.search(text)
    if beyond and not _NOT.search(text) and any(_is_beyond_none(item, beyond["side"]) for item in ground.items):
        yield beyond[0]


def _is_beyond_none(item: Item, side: str) -> bool:
    """Whether an item says that none of its values is on the bad side of the threshold, which the claim names."""
    bad_side = ("below", "under") if _COUNTS_DOWN.search(item.text.partition(":")[0]) else ("",)
    on_bad_side = (side in bad_side) if bad_side[0] else side not in ("below", "under")
    return on_bad_side and "none of them beyond the threshold" in item.text


def _is_denied(text: str, place: int) -> bool:
    return bool(_NOT.search(re.split(r"[,;:]\s", text[:place])[-1]))
