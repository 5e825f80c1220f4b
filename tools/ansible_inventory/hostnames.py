"""Host patterns of an inventory: `web[01:10].home.lan`, `db-[a:c]`, `media:2222`."""

from __future__ import annotations

import itertools
import math
import re
import string

MAX_NAME = 253
"""Characters of a DNS name."""

_WITH_PORT = re.compile(r"\[(?P<bracketed>[^\[\]]+)\]:\d+|(?P<plain>(?:[^:\[\]]|\[[^\[\]]*\])+):\d+")
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"(?P<first>\d{0,9}):(?P<last>\d{1,9})(?::(?P<step>\d{1,9}))?")
_LETTERS = re.compile(r"(?P<first>[A-Za-z]):(?P<last>[A-Za-z])(?::(?P<step>\d{1,9}))?")


def expand(pattern: str, limit: int) -> list[str]:
    """The hosts that `pattern` stands for, without a port. Raises ValueError when it is none or stands for more than `limit`."""
    ported = _WITH_PORT.fullmatch(pattern)
    bare = (ported["bracketed"] or ported["plain"]) if ported else pattern
    pieces = _RANGE.split(bare)
    if not bare or bare == "---" or bare.endswith(":") or set("[]") & set("".join(pieces[::2])):
        raise ValueError("this is no host name and no range of them")
    ranges = [_values(text, limit) for text in pieces[1::2]]
    if math.prod(len(values) for values in ranges) > limit:
        raise ValueError(f"a range stands for more than {limit} hosts")
    names = [
        "".join(itertools.chain(*itertools.zip_longest(pieces[::2], chosen, fillvalue="")))
        for chosen in itertools.product(*ranges)
    ]
    if any(len(name) > MAX_NAME for name in names):
        raise ValueError(f"a host name has at most {MAX_NAME} characters")
    return names


def _values(text: str, limit: int) -> list[str]:
    """What `01:10`, `a:f` or `0:20:5` counts through, both ends included."""
    found = _NUMBERS.fullmatch(text) or _LETTERS.fullmatch(text)
    if not found or not (step := int(found["step"] or 1)):
        raise ValueError("a range is written [first:last] or [first:last:step]")
    first, last = found["first"] or "0", found["last"]
    if first.isalpha():
        values = string.ascii_letters[string.ascii_letters.index(first) : string.ascii_letters.index(last) + 1 : step]
        numbers = range(0)
    else:
        values = ""
        numbers = range(int(first), int(last) + 1, step)
    if len(numbers) > limit:
        raise ValueError(f"a range stands for more than {limit} hosts")
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and width != len(last):
        raise ValueError("the ends of a range with leading zeros differ in length")
    if not values and not numbers:
        raise ValueError("a range ends before it begins")
    return [*values, *(str(number).zfill(width) for number in numbers)]
