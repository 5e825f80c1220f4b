"""One claim read: its prose without markup, and the code, links, numbers and times in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from pipeline.verification.claims import CITATION, CODE, LINK, Claim
from pipeline.verification.quantities import Quantity, read_quantities
from pipeline.verification.times import Moment, read_moments, without_times

URL = re.compile(r"\bhttps?://[^\s<>()\[\]`\"”]{1,2000}")
TOKEN = re.compile(r"(?<![\w.\-/])[A-Za-z0-9_~/][\w.@:/+~*-]{0,200}")
"""A word, a name, a path or an address, as people write them without spaces."""


@dataclass(frozen=True)
class Reading:
    """`prose` has one-word code spans in it as plain words, and a dash where longer ones stood, which are in `codes`."""

    claim: Claim
    prose: str
    codes: tuple[str, ...]
    links: tuple[str, ...]
    now: datetime
    zone: ZoneInfo
    marked: frozenset[str] = field(default_factory=frozenset)
    """Lower-case words that stood in code spans."""

    @cached_property
    def lower(self) -> str:
        return self.prose.lower()

    @cached_property
    def moments(self) -> list[Moment]:
        return read_moments(self.prose, self.now, self.zone)

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Without what belongs to a time or stands inside a name, a path, an address or a version."""
        return read_quantities(numbers_only(self.prose))

    @cached_property
    def tokens(self) -> list[tuple[int, str]]:
        """Where each begins, and the token without the punctuation and the possessive behind it."""
        return [(match.start(), trimmed(match[0])) for match in TOKEN.finditer(self.prose)]


_CITED = re.compile(rf"[ \t]{{0,4}}{CITATION.pattern}")


def read(claim: Claim, now: datetime, zone: ZoneInfo) -> Reading:
    text = claim.text
    links = [link["url"] for link in LINK.finditer(text)]
    text = LINK.sub(lambda link: link["text"] if not re.fullmatch(r"[EKCH]\d{1,3}", link["text"]) else "", text)
    links += [url[0].rstrip(".,;:!?") for url in URL.finditer(text)]
    text = URL.sub("—", _CITED.sub("", text))
    codes = tuple(" ".join(code["code"].split()) for code in CODE.finditer(text))
    text = CODE.sub(lambda code: "—" if " " in code["code"].strip() else code["code"].strip(), text)
    marked = frozenset(code.lower() for code in codes if " " not in code)
    return Reading(claim, plain_words(text), codes, tuple(links), now, zone, marked)


def plain_words(text: str) -> str:
    """Without emphasis and escapes; every kind of space is one."""
    text = re.sub(r"\*\*|(?<!\w)__?(?=\S)|(?<=[^\s_])__?(?!\w)|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])", "", text)
    return re.sub(r"[\s  ]+", " ", re.sub(r"\\([^\w\s])", r"\1", text))


def trimmed(token: str) -> str:
    return token.rstrip(".:,-/+*@~")


_IDENTIFIER = re.compile(
    r"(?<![\w.])(?:"
    r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?"  # an address
    r"|v?\d+(?:\.\d+){2,}[\w.-]*|v\d[\w.]*"  # a version
    r"|[A-Za-z_~/][\w.~-]*(?:[:/@][\w.:@/~-]+)+"  # a path, a host with its port
    r"|[A-Za-z_][\w.-]*\d[\w-]*"  # pve1, /dev/sda1, ipv4
    r")"
)


_RATE = re.compile(r"[A-Za-z-]+/(?:s|sec|second|m|min|minute|h|hr|hour|d|day)[.,;]?")
"""A unit such as MiB/s, which looks like a path."""


def numbers_only(text: str) -> str:
    """The text with blanks where times and identifiers stand."""
    return _IDENTIFIER.sub(
        lambda match: match[0] if _RATE.fullmatch(match[0]) else " " * len(match[0]), without_times(text)
    )
