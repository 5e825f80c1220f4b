"""Multiples in words: "doubled", "almost tripled", "halved"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.verification.derived import Range, set_side_by_side
from pipeline.verification.ground import Ground
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

FOLDS = {
    "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "twelve": 12.0, "twenty": 20.0, "hundred": 100.0,
}  # fmt: skip
_WORDS: tuple[tuple[str, float], ...] = (
    (r"doubled|doubling|doubles|double(?!-)|twice", 2.0), (r"tripled|tripling|triples?|thrice", 3.0),
    (r"quadrupled|quadrupl\w+", 4.0), *((f"{word}-?fold", value) for word, value in FOLDS.items()),
    (r"halved|halving|halves|half as (?:much|many|high|large|long|big|busy|full|fast)", 0.5),
)  # fmt: skip
_MULTIPLE = re.compile(
    r"(?P<bound>more than |over |nearly |almost |about |roughly |at least |close to )?\b(?:"
    + "|".join(f"(?P<w{place}>{words})" for place, (words, _) in enumerate(_WORDS))
    + r")\b"
)


def multiples_in_words(reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[str]:
    """ "doubled", "almost tripled": those that no two cited figures bear out."""
    for match in _MULTIPLE.finditer(reading.lower):
        factor = next(factor for place, (_, factor) in enumerate(_WORDS) if match[f"w{place}"])
        counted = any(f.quantity.dimension in ("count", "times") and f.quantity.value == factor for f in ground.figures)
        if (match["w0"] == "twice" and counted) or match[0].strip() in ground.tokens:
            continue
        low, high = _spread(factor, (match["bound"] or "").strip())
        kinds = {figure.quantity.dimension for figure in ground.figures} - {"times", "points"}
        found = ((a, b) for kind in sorted(kinds) for a, b in set_side_by_side(kind, reading, ground, shown) if b.value)
        if not any(low <= abs(a.value / b.value) <= high for a, b in found):
            yield match[0].strip()


def _spread(factor: float, bound: str) -> Range:
    low, high = (0.85, 1.15) if not bound or bound in ("about", "roughly", "close to") else (0.8, 1.02)
    if bound in ("more than", "over", "at least"):
        low, high = 0.99, 1.6
    return (factor * low, factor * high) if factor > 1 else (factor / high, factor / low)
