"""All, most, some, none: words for a share of hosts, services or alerts, which the cited counts must bear out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.ground import PARTED, Ground
from pipeline.verification.reading import Reading

_SHARES: dict[str, tuple[float, float]] = {
    "all": (1.0, 1.0), "every": (1.0, 1.0), "each": (1.0, 1.0), "both": (1.0, 1.0), "most": (0.501, 1.0), "only some": (0.0, 0.999),
    "only a few": (0.0, 0.35), "few": (0.0, 0.35), "a few": (0.0, 0.35), "hardly any": (0.0, 0.1), "none": (0.0, 0.0), "no": (0.0, 0.0),
    "not all": (0.0, 0.999), "not a single": (0.0, 0.0), "half": (0.4, 0.6), "a minority": (0.0, 0.5),
}  # fmt: skip
"""The lowest and highest share that each may be said of; with the words a thing and what it is."""
_QUANTIFIED = re.compile(
    rf"\b(?P<word>{'|'.join(sorted(_SHARES, key=len, reverse=True))})\s(?:of\s)?(?:the\s|these\s|those\s)?(?:\d+\s)?(?:probed\s|active\s)?"
    r"(?P<thing>service|resolver|alert)s?\b(?P<rest>[^,;:.]{0,60})"
)
_WELL = re.compile(r"\b(?:reachable|up|well|healthy|work(?:s|ing)?|answer(?:s|ing)?|fine|running)\b")
_DOWN = re.compile(r"\b(?:down|fail(?:s|ed|ing)?|unreachable|offline|out|affected)\b")
_KIND = re.compile(r"\b(?P<kind>critical|warning|firing|suppressed|fired|ended)s?\b")
_NOT = re.compile(r"\b(?:not|cannot|no longer|never|instead)\b|n['’]t\b")


def quantifiers_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "most services are up" where 86 of 86 are down; "most alerts are warnings" of 88 critical ones."""
    for match in _QUANTIFIED.finditer(reading.lower):
        low, high = _SHARES[match["word"]]
        shares = set(_shares(match["thing"], match["rest"], ground))
        if shares and not _NOT.search(match["rest"]) and not any(low <= share <= high for share in shares):
            yield match[0].strip()


def _shares(thing: str, rest: str, ground: Ground) -> Iterator[float]:
    well, down, kind = _WELL.search(rest), _DOWN.search(rest), _KIND.search(rest)
    for item in ground.items:
        if thing == "alert" and kind:
            total = re.search(r"\b(\d+) alerts?(?::| fired)", item.text)
            of_kind = re.search(rf"\b(\d+) (?:alerts? )?{kind['kind']}\b", item.text)
            if total and int(total[1]):
                yield (int(of_kind[1]) if of_kind else 0) / int(total[1])
        elif thing != "alert" and bool(well) != bool(down):
            for parted in PARTED.finditer(item.text):
                behind = re.split(r"[;(]", item.text[parted.end() : parted.end() + 40])[0]
                if thing in behind and "down" in behind and int(parted["all"]):
                    share = int(parted["part"]) / int(parted["all"])
                    yield share if down else 1 - share
