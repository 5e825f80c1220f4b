"""Numbers with their units in a text, each in one base unit with the precision in which it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Bound = Literal["", "about", "over", "under"]

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {
    **{word: value for value, word in enumerate((*_ONES, *_TEENS)) if word != "one"},
    **{ten: 10 * value for value, ten in enumerate(_TENS, start=2)},
    **{
        f"{ten}-{one}": 10 * value + unit
        for value, ten in enumerate(_TENS, start=2)
        for unit, one in enumerate(_ONES[1:10], start=1)
    },
}
_SINGLE = {
    "three quarters of an": 0.75,
    "a quarter of an": 0.25,
    "three quarters of a": 0.75,
    "a quarter of a": 0.25,
    "quarter of an": 0.25,
    "quarter": 0.25,
    "half an": 0.5,
    "half": 0.5,
    "half a": 0.5,
    "a couple of": 2,
    "a full": 1,
    "a whole": 1,
    "a": 1,
    "an": 1,
    "one": 1,
}
"""Numbers only before a unit of time."""
_TIME = {
    "ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86_400.0, "day": 86_400.0, "days": 86_400.0,
    "week": 604_800.0, "weeks": 604_800.0, "month": 2_592_000.0, "months": 2_592_000.0, "year": 31_536_000.0, "years": 31_536_000.0,
}  # fmt: skip
_BINARY = {f"{prefix}iB": 1024.0**power for power, prefix in enumerate("KMGTP", start=1)}
_DECIMAL = {f"{prefix}B": 1000.0**power for power, prefix in enumerate("kMGTP", start=1)}
_SPELLED_BYTES = {
    f"{word}{end}": factor
    for word, factor in {
        "byte": 1.0, "kibibyte": 1024.0, "mebibyte": 1024.0**2, "gibibyte": 1024.0**3, "tebibyte": 1024.0**4,
        "kilobyte": 1e3, "megabyte": 1e6, "gigabyte": 1e9, "terabyte": 1e12,
    }.items()
    for end in ("", "s")
}  # fmt: skip
_BYTES = {"B": 1.0, **_BINARY, **_DECIMAL, "KB": 1e3, **_SPELLED_BYTES}
_BITS = {
    f"{prefix}{unit}": factor / 8
    for prefix, factor in {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}.items()
    for unit in ("bit", "bits", "b")
    if prefix or unit != "b"
}
_OTHER = {
    "%": ("ratio", 0.01), "percent": ("ratio", 0.01), "per cent": ("ratio", 0.01),
    "percentage points": ("points", 0.01), "percentage point": ("points", 0.01), "pp": ("points", 0.01),
    "points": ("points", 0.01), "% points": ("points", 0.01), "%-points": ("points", 0.01), "°C": ("celsius", 1.0), "° C": ("celsius", 1.0),
    "degrees": ("celsius", 1.0), "degrees Celsius": ("celsius", 1.0), "C": ("celsius", 1.0),
    "×": ("times", 1.0), "x": ("times", 1.0), "times": ("times", 1.0), "fold": ("times", 1.0), "-fold": ("times", 1.0),
    "Hz": ("hertz", 1.0), "kHz": ("hertz", 1e3), "MHz": ("hertz", 1e6), "GHz": ("hertz", 1e9), "rpm": ("rpm", 1.0),
    "W": ("watts", 1.0), "watts": ("watts", 1.0), "V": ("volts", 1.0), "volts": ("volts", 1.0), "VA": ("voltamperes", 1.0),
    "ppm": ("ppm", 1.0), "millicores": ("count", 0.001), "mCPU": ("count", 0.001), "rps": ("count/s", 1.0), "req/s": ("count/s", 1.0), "IOPS": ("count/s", 1.0),
    "Mbps": ("bytes/s", 1e6 / 8), "Gbps": ("bytes/s", 1e9 / 8), "kbps": ("bytes/s", 1e3 / 8),
}  # fmt: skip
UNITS: dict[str, tuple[str, float]] = {
    **{unit: ("seconds", factor) for unit, factor in _TIME.items()},
    **{unit: ("bytes", factor) for unit, factor in {**_BYTES, **_BITS}.items()},
    **_OTHER,
}
_LOWER = {unit.lower(): known for unit, known in UNITS.items() if len(unit) > 3}
_NAMES = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_UNIT = rf"(?P<unit>(?i:{'|'.join(re.escape(u) for u in sorted(_LOWER, key=len, reverse=True))})|{_NAMES})(?![A-Za-z])"
_PER = r"(?:\s?(?:/|(?:per|an?|every|each)\s)\s?(?P<per>s|sec|second|min|minute|h|hr|hour|d|day)(?![A-Za-z])(?!\s(?:ago|earlier|before|later|after|and)))"
_COUNTED = r"(?:\s(?:requests?|reqs?|queries|errors?|lines?|packets?|operations?|ops|connections?|restarts?|samples?|core-?seconds?))"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:\.\d{1,12})?(?:[eE][+-]?\d{1,2})?)"
_SPELLED = "|".join(sorted(_WORDS, key=len, reverse=True))
_LONE = "|".join(sorted(_SINGLE, key=len, reverse=True))
_TIME_WORDS = "seconds?|minutes?|mins?|hours?|days?|weeks?|months?"
QUANTITY = re.compile(
    rf"(?<![\w.,:])(?<![A-Za-z_]-)(?<![A-Za-z_.)]/)(?P<sign>[+±−-](?=\d))?(?P<times>[x×]\s?(?=\d))?"
    rf"(?:(?:(?P<number>{_NUMBER})|(?P<word>(?i:{_SPELLED}|one(?=\sand\sa\shalf\b)))\b)(?P<half>\sand\sa\shalf\b)?|(?P<lone>(?i:{_LONE}))(?=[\s-](?:{_TIME_WORDS})\b)|(?P<implied>(?:(?<=last )|(?<=past ))(?=(?:hour|minute)\b)))"
    rf"(?:(?:\s(?:more|further|whole|full))?[\s -]?{_UNIT}(?:(?<=hour|days|week)(?:\sand\s(?P<behind>a\shalf|a\squarter|three[\s-]quarters)\b))?)?(?:{_COUNTED}?{_PER})?(?!\d)(?!(?<=\d):\d)(?!\.\d)(?!(?<=\d)[A-Za-z_])(?!(?<=\d),\d)(?!-[A-Za-z])"
)
_PORTION = r"half|(?:two|three|four)[ -](?:thirds|quarters|fifths)|(?:two|three|four|six|seven|eight|nine)[ -]tenths|(?:a|one)[ -](?:third|quarter|fifth|tenth)"
_BY = "|".join(
    rf"(?<=\bby {hedge})"
    for hedge in (
        "",
        "about ",
        "around ",
        "roughly ",
        "almost ",
        "nearly ",
        "over ",
        "more than ",
        "less than ",
        "a good ",
    )
)
_ONE_IN = (
    rf"one in (?:{'|'.join(_ONES[2:])})(?!\s(?:{_TIME_WORDS})\b)|every (?:second|third|fourth|fifth|sixth)(?=\sof\b)"
)
_FRACTION = re.compile(
    rf"\b(?P<word>(?:{_BY})(?:{_PORTION})(?!(?: of)? an?\b)|(?:{_PORTION})(?=\s(?:of(?! an?\b)|full|empty|used|free|empty|the)\b)|{_ONE_IN})"
)
_FRACTIONS = {
    "half": 0.5,
    "two thirds": 2 / 3,
    "three quarters": 0.75,
    "two fifths": 0.4,
    "three fifths": 0.6,
    "four fifths": 0.8,
    **{f"{word} tenths": _WORDS[word] / 10 for word in ("two", "three", "four", "six", "seven", "eight", "nine")},
    "third": 1 / 3,
    "quarter": 0.25,
    "fifth": 0.2,
    "tenth": 0.1,
    **{f"in {word}": 1 / _WORDS[word] for word in _ONES[2:]},
    **{
        f"every {word}": 1 / place
        for place, word in enumerate(("second", "third", "fourth", "fifth", "sixth"), start=2)
    },
}
_COMPOUND = re.compile(
    rf"(?<![\w.])(?P<first>\d{{1,4}}|(?i:an?|one|{_SPELLED}))\s?(?P<large>d|days?|h|hrs?|hours?|m|mins?|minutes?)(?:\s|,\s|\sand\s)?"
    rf"(?P<second>\d{{1,2}}|(?i:one|{_SPELLED}))\s?(?P<small>h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)(?![A-Za-z])"
)
""" "1 h 30 min", "1h30m"."""
_BEHIND = {"half": 0.5, "quarter": 0.25, "quarters": 0.75}
""" "an hour and a half"."""
_PER_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_ABOUT = re.compile(
    r"(?:\babout|\baround|\broughly|\bapprox\w*\.?|\bsome|~|≈|\bcirca|\bca\.|\bbarely|\bclose to|\bor so|\bsomething like|\bin the (?:region|order) of|\bmore or less|\bpretty much)\s*$",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"(?:\bover|\bmore than|\babove|\bat least|\bbeyond|\bexceed(?:s|ed|ing)?|\bwell over|>=?|≥|\bupwards of|\ba good)\s*$",
    re.IGNORECASE,
)
_UNDER = re.compile(
    r"(?:\bunder|\bless than|\bfewer than|\bbelow|\bat most|\bnearly|\balmost|\bjust under|\bup to|\bnot (?:even|quite)|<=?|≤)\s*$",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\s*(?:to|or|–|-|—|→|->|vs\.?|versus)\s*")
_SET_AGAINST = re.compile(
    r",?\s(?:instead of|rather than|not|vs\.?|versus|against|compared (?:to|with)|(?:up |down )?from)\s(?:about |around |roughly )?"
)
_OF = re.compile(r"\s?(?:and|of(?: the| its| all)?|/)\s?")


@dataclass(frozen=True)
class Quantity:
    """`value` in the base unit of `dimension` (ratio 0..1, bytes, seconds, times, count …, "/s" for a rate).

    `step` is what one more in its last written digit is worth; `start` and `end` tell where it stands, `unit` how it is written.
    """

    value: float
    dimension: str
    step: float
    start: int = 0
    end: int = 0
    written: str = ""
    unit: str = ""
    bound: Bound = ""
    spelled: bool = False
    signed: bool = False

    @property
    def low(self) -> float:
        return self.value - self.step / 2

    @property
    def high(self) -> float:
        return self.value + self.step / 2


def read_quantities(text: str) -> list[Quantity]:
    """In the order of the text. A number without a unit before one with it ("from 41 to 96 %") has that unit."""
    found = sorted(_found(text), key=lambda quantity: quantity.start)
    for number in range(1, len(found)):
        before, bare = found[number - 1], found[number]
        if before.unit and not bare.unit and not bare.spelled and _SET_AGAINST.fullmatch(text[before.end : bare.start]):
            found[number] = _with_unit(bare, before)
    for number in range(len(found) - 2, -1, -1):
        bare, after = found[number], found[number + 1]
        if bare.unit or bare.spelled or not after.unit or after.dimension == "times":
            continue
        between = text[bare.end : after.start]
        if _JOINED.fullmatch(between) or ("." in bare.written and _OF.fullmatch(between)):
            found[number] = _with_unit(bare, after)
    return found


def _with_unit(bare: Quantity, like: Quantity) -> Quantity:
    factor = like.value and like.step / (10 ** -_decimals(like.written))
    factor = factor or 1.0
    return Quantity(
        bare.value * factor,
        like.dimension,
        bare.step * factor,
        bare.start,
        bare.end,
        bare.written,
        like.unit,
        bare.bound,
    )


def _decimals(written: str) -> int:
    match = re.search(r"\d\.(\d+)", written)
    return len(match[1]) if match else 0


def _found(text: str) -> Iterator[Quantity]:
    compounds = list(_COMPOUND.finditer(text))
    yield from map(_compound, compounds)
    for match in _FRACTION.finditer(text.lower()):
        word = re.sub(r"^(?:a|one)[ -]", "", match["word"]).replace("-", " ")
        value, bound = _FRACTIONS[word], _bound(text, match.start(), match.end())
        yield Quantity(value, "ratio", value / 10, match.start(), match.end(), match["word"], "of", bound, spelled=True)
    whole = text
    for each in (*compounds, *_FRACTION.finditer(text.lower())):
        whole = whole[: each.start()] + " " * len(each[0]) + whole[each.end() :]
    for match in QUANTITY.finditer(whole):
        number = match["number"]
        value, step = _said(match)
        unit = match["unit"] or ""
        dimension, factor = UNITS.get(unit) or _LOWER.get(unit.lower()) or ("count", 1.0)
        if match["times"]:
            dimension, unit = "times", "×"
        if per := match["per"]:
            factor /= _PER_SECONDS[per[0]]
            dimension = f"{dimension}/s" if not dimension.endswith("/s") else dimension
        if match["sign"] in ("-", "−"):
            value = -value
        yield Quantity(
            value * factor, dimension, step * factor, match.start(), match.end(), match[0].strip(), unit + (per or ""),
            _bound(text, match.start(), match.end()), not number, bool(match["sign"]),
        )  # fmt: skip


def _said(match: re.Match[str]) -> tuple[float, float]:
    """The number without its unit, and how exact it is told."""
    number, word = match["number"], match["word"] or match["lone"]
    value = float(number.replace(",", "")) if number else {**_WORDS, **_SINGLE}[word.lower()] if word else 1.0
    step = 10.0 ** -_decimals(number) if number else (1.0 if value >= 1 else 0.5)
    if word and word.lower().endswith(("full", "whole")):
        step = 0.5
    if match["half"]:
        value, step = value + 0.5, 0.5
    if behind := match["behind"]:
        part = _BEHIND[behind.split()[-1].split("-")[-1]]
        value, step = value + part, 0.5 if part == 0.5 else 0.25
    if number and ("e" in number or "E" in number):
        step = abs(value) * 1e-3
    return value, step


def _compound(match: re.Match[str]) -> Quantity:
    factor = UNITS[match["small"]][1]
    value = (
        float({**_WORDS, **_SINGLE}.get(match["first"].lower(), match["first"])) * UNITS[match["large"]][1]
        + float({**_WORDS, **_SINGLE}.get(match["second"].lower(), match["second"])) * factor
    )
    return Quantity(value, "seconds", factor, match.start(), match.end(), match[0], match["small"])


def _bound(text: str, start: int, end: int) -> Bound:
    before = text[max(0, start - 20) : start]
    for bound, pattern in (("about", _ABOUT), ("over", _OVER), ("under", _UNDER)):
        if pattern.search(before):
            return bound  # type: ignore[return-value]  # one of the three above
    return "about" if re.match(r"\s(?:or so|-ish|give or take)\b", text[end : end + 16]) else ""
