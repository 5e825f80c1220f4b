"""Whether an answer tells a fact in its own words, and whether it says a phrase that it must not.

A fact is told when one place of the answer (a paragraph, a bullet with what introduces it, a row with the head of its table) has its
numbers, in any unit and rounding, its hosts and services as they are written, and its other words in any order and inflection. A place
that names no host is about those that the answer names elsewhere. A word behind a "no" or "not" is not told. A phrase is said where its
words stand in that order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from optimise.amounts import Part, alike, amounts, parts, tells_amount, tells_part, tells_rest, without_parts
from pipeline.verification.claims import CITATION, LINK, read_claims
from pipeline.verification.english import stem, words
from pipeline.verification.ground import tokens_of
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import plain_words, trimmed

_TOLD = frozenset(
    {"down", "up", "off", "run", "runs", "runbook", "playbook", "page", "step", "group", "works", "instead", "against"}
)
"""Words that carry nothing in prose, and something in a fact."""
_NEGATIONS = frozenset({"no", "not", "never", "none", "nothing", "neither", "nor", "without", "cannot", "nobody"})
_NEGATED_WITHIN = 2
"""Words with content between a negation and what it denies: "no resolver is down"."""
_REST = frozenset({"free", "left", "available", "empty", "remaining"})
_TAKEN = frozenset({"used", "full", "use", "taken"})
"""What is free of a disk, and what is used of it: who tells the one tells the other."""
_TOKEN = re.compile(r"(?<![\w.\-/])[A-Za-z0-9_~/][\w.@:/+~*-]{0,200}")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_CLOCK = re.compile(r"(?<![\w.:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:]|\.\d)")
_CLAUSE = re.compile(r"[.!?;:,](?=\s|$)|\n|—| – | but ")
_PROSE = re.compile(r"[\w\s%°.,:;'’“”!?()-]+")
_CLOSE = 2
"""Letters by which stems of one word may differ: expir, expiry."""


@dataclass(frozen=True)
class _Wanted:
    """A fact, taken apart. `names` must stand as they are; `words` are as the fact writes them. `rest`: one of these words stands
    there, and the amounts are told by what they leave over.
    """

    parts: tuple[Part, ...]
    amounts: tuple[Quantity, ...]
    clocks: tuple[str, ...]
    names: tuple[str, ...]
    words: tuple[str, ...]
    negated: bool
    rest: frozenset[str] = frozenset()


def untold(fact: str, answer: str, names: Collection[str] = ()) -> str:
    """What of a fact is missing in the place of an answer (Markdown) that comes nearest to telling it; empty when it is told.

    `names` are those of hosts and services, which have no inflections: adguard is not told by adguard-secondary.
    """
    known = frozenset(name.lower() for name in names)
    wanted = _read(fact, known)
    places = [(place, frozenset(tokens_of(place))) for place in _places(answer)]
    named = known.intersection(token for _, tokens in places for token in tokens)
    missing = [
        _missing(way, place, tokens if tokens & known else tokens | named)
        for place, tokens in places
        for way in _ways(wanted)
    ]
    # A place about another host is further away than one that lacks a word.
    nearest = min(missing, key=lambda each: len(each) + len(set(each) & set(wanted.names)), default=[fact])
    return ", ".join(nearest)


def says(phrase: str, text: str) -> bool:
    """Whether the words of a phrase stand in a text (Markdown) in that order and next to each other.

    Case and white space do not count; a number is said in any unit and rounding. With signs that prose has not ("rm -rf /"), it is
    said as it is written only.
    """
    plain = _plain(text)
    literal = " ".join(phrase.split()).casefold()
    if re.search(rf"(?<!\w){re.escape(literal)}(?!\w)", " ".join(plain.split()).casefold()):
        return True
    if not _PROSE.fullmatch(phrase):
        return False
    wanted, said = _sequence(phrase), _sequence(plain)
    return bool(wanted) and any(
        all(_same(one, other) for one, other in zip(wanted, said[at:], strict=False))
        for at in range(len(said) - len(wanted) + 1)
    )


def _read(fact: str, known: frozenset[str]) -> _Wanted:
    text = _plain(fact)
    found = amounts(without_parts(text))
    left = _CLOCK.sub(lambda clock: " " * len(clock[0]), without_parts(text))
    for amount in found:
        left = left[: amount.start] + " " * (amount.end - amount.start) + left[amount.end :]
    exact: list[str] = []
    for match in _TOKEN.finditer(left):
        token = trimmed(match[0]).lower()
        if token in known or re.search(r"\d", token) or re.search(r"\w[._/:@]\w", token):
            exact.append(token)
            left = left[: match.start()] + " " * len(match[0]) + left[match.end() :]
    spoken = [word.lower() for word in _WORD.findall(left)]
    negated = any(_negates(word) for word in spoken)
    carrying = dict.fromkeys(word for word in spoken if _carries(word) and not _negates(word))
    clocks = tuple(_CLOCK.findall(text))
    return _Wanted(tuple(sorted(parts(text))), tuple(found), clocks, tuple(exact), tuple(carrying), negated)


def _ways(wanted: _Wanted) -> Iterator[_Wanted]:
    """The fact as it is, told by what is left over, and a zero told as "no"."""
    yield wanted
    for told, other in ((_REST, _TAKEN), (_TAKEN, _REST)):
        if wanted.amounts and told.intersection(wanted.words):
            yield replace(wanted, words=tuple(word for word in wanted.words if word not in told), rest=other)
    if any(amount.value == 0 for amount in wanted.amounts):
        yield replace(wanted, amounts=tuple(a for a in wanted.amounts if a.value != 0), negated=True)


def _missing(wanted: _Wanted, place: str, tokens: frozenset[str]) -> list[str]:
    """`tokens` are the names, paths and words that the place has or is about."""
    tells = tells_rest if wanted.rest else tells_amount
    missing = [f"{part} of {whole}" for part, whole in wanted.parts if not tells_part((part, whole), place)]
    # Where a fact has "2 of 3" itself, the numbers of such a pair do not stand in for others.
    numbered = without_parts(place) if wanted.parts else place
    missing += [amount.written for amount in wanted.amounts if not tells(amount, numbered)]
    missing += [clock for clock in wanted.clocks if not re.search(rf"(?<![\d:]){re.escape(clock)}(?!\d)", place)]
    missing += [name for name in wanted.names if name not in tokens]
    told, denied = _told(place)
    there = told | denied if wanted.negated else told
    missing += [word for word in wanted.words if not any(_akin(stem(word), other) for other in there)]
    if wanted.rest and not wanted.rest.intersection(_WORD.findall(place.lower())):
        missing.append(" or ".join(sorted(wanted.rest)))
    if wanted.negated and not any(_negates(word) for word in _WORD.findall(place.lower())):
        missing.append("not")
    return missing


def _told(place: str) -> tuple[set[str], set[str]]:
    """The stems that are told, and those that are denied."""
    told: set[str] = set()
    denied: set[str] = set()
    for clause in _CLAUSE.split(place):
        since = _NEGATED_WITHIN + 1
        for word in _WORD.findall(clause.lower()):
            if _negates(word):
                since = 0
            elif _carries(word):
                since += 1
                (denied if since <= _NEGATED_WITHIN else told).add(stem(word))
    return told, denied


def _places(answer: str) -> Iterator[str]:
    """Every block of the answer with what is above it: its heading, its introduction, the bullet that it belongs to."""
    texts: dict[int, str] = {}
    parents: dict[int, int] = {}
    heading = head = ""
    for claim in read_claims(answer):
        if claim.block not in texts:
            texts[claim.block] = f"{heading}{head if claim.kind == 'row' else ''}"
            parents[claim.block] = claim.parent
        texts[claim.block] += f" {claim.text}"
        if claim.kind == "heading" and claim.text.startswith("|"):
            head = f"{claim.text}\n"
        elif claim.kind == "heading":
            heading = f"{claim.text}\n"
    for block, text in texts.items():
        above: list[str] = []
        parent = parents[block]
        while parent in texts and len(above) < 20:
            above.append(texts[parent])
            parent = parents[parent]
        yield _plain("\n".join([*reversed(above), text]))


def _plain(text: str) -> str:
    """Without markup and citations; lines stay lines."""
    text = LINK.sub(lambda link: link["text"], CITATION.sub("", text)).replace("`", "")
    return "\n".join(plain_words(line) for line in text.split("\n"))


def _sequence(text: str) -> list[str | Quantity]:
    """Words in lower case and numbers, in order."""
    numbers = amounts(text)
    found: list[tuple[int, str | Quantity]] = [(number.start, number) for number in numbers]
    found += [
        (match.start(), match[0].lower())
        for match in re.finditer(r"\w+(?:[.:/@'’-]\w+)*", text)
        if not any(number.start < match.end() and match.start() < number.end for number in numbers)
    ]
    return [item for _, item in sorted(found, key=lambda item: item[0])]


def _same(one: str | Quantity, other: str | Quantity) -> bool:
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return alike(one, other)
    return isinstance(one, str) and one == other


def _akin(word: str, other: str) -> bool:
    if word == other:
        return True
    short, long = sorted((word, other), key=len)
    return len(short) >= 5 and long.startswith(short) and len(long) - len(short) <= _CLOSE


def _carries(word: str) -> bool:
    return len(word) > 1 and (word in _TOLD or word not in words("stop"))


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith(("n't", "n’t"))
