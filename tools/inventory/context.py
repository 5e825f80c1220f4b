"""How the words around a word tell whether it is a name, and of what."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from tools.inventory.instances import SELF, domain, host_part, is_address
from tools.inventory.words import (
    AFTER_NAME,
    BE,
    COMPOUND,
    HOLDING,
    HOST_NOUNS,
    LINKING,
    MEASURED,
    METRICS,
    NO_NAME,
    NODE_NOUNS,
    NOUNS,
    PHYSICAL,
    SERVICE_NOUNS,
    STATES,
    STOP,
    SYMPTOMS,
)

MAX_WORDS = 500
"""Of a question; what follows is not searched for names."""

_WORD = re.compile(
    r"""(?P<word>https?://[^\s"'`<>]+|/[^\s"'`,;?!()]*|[A-Za-z0-9][\w.:/@+-]*(?:'(?!s\b)\w+)?)(?P<possessive>'s\b)?"""
)
_ARTICLES = ("the", "my", "our", "this", "that")
_TROUBLE = ("wrong", "happened", "happening", "matter", "problem", "problems", "issue", "issues", "trouble", "up", "on")
_TAKES = ("take", "use", "need", "eat", "have", "run", "consume", "look", "do", "feel")
_ALERTS = ("alert", "alerts", "alarm", "alarms", "warning", "warnings")
_VERBS = (
    "restart",
    "reboot",
    "ping",
    "check",
    "migrate",
    "upgrade",
    "diagnose",
    "investigate",
    "inspect",
    "reach",
    "compare",
)
_ABBREVIATED_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Word:
    """One token of a question, with what its surroundings in the text tell."""

    text: str
    quoted: bool = False
    is_path: bool = False
    joins_next: bool = False
    """Only spaces lie between it and the next word."""
    comma_after: bool = False
    possessive: bool = False

    @property
    def lower(self) -> str:
        return self.text.lower()


def split(text: str) -> list[Word]:
    """The words of `text`, URLs, addresses and dotted names whole."""
    text = text.replace("’", "'")
    matches = list(islice(_WORD.finditer(text), MAX_WORDS))
    starts = [match.start() for match in matches[1:]]
    return [_word(text, match, following) for match, following in zip(matches, [*starts, len(text)], strict=False)]


def _word(text: str, match: re.Match[str], following: int) -> Word:
    token = match["word"]
    if not token.startswith("/"):
        token = token.rstrip(".:/-+")
    possessive = match["possessive"] is not None
    between = text[match.end() if possessive else match.start() + len(token) : following]
    return Word(
        text=token,
        quoted=text[match.start() - 1 : match.start()] == "`" and text[match.end() : match.end() + 1] == "`",
        is_path=token.startswith("/"),
        joins_next=bool(between) and not between.strip() and not possessive,
        comma_after=between.strip() == ",",
        possessive=possessive,
    )


def _at(words: Sequence[Word], place: int) -> str:
    return words[place].lower if 0 <= place < len(words) else ""


def stands_free(words: Sequence[Word], end: int) -> bool:
    """Whether a name that ends before `end` stands free: nothing follows that it could describe."""
    follower = _at(words, end)
    return not follower or not words[end - 1].joins_next or follower in AFTER_NAME


def is_meant(words: Sequence[Word], start: int, end: int) -> bool:
    """Whether the everyday word at `start`..`end` is used as a name there."""
    name, before, after = words[start].lower, _at(words, start - 1), _at(words, end)
    if len(words) == end - start:
        return True
    if name in _ABBREVIATED_DAYS and after[:1].isdigit():
        return False
    follows = after if words[end - 1].joins_next or words[end - 1].possessive else ""
    if follows in NOUNS or (follows in MEASURED and name not in COMPOUND):
        return True
    if words[end - 1].possessive and follows in METRICS:
        return True
    return _told_before(words, start, end, name, before) or _told_by_state(words, start, end, before, follows)


def _told_before(words: Sequence[Word], start: int, end: int, name: str, before: str) -> bool:
    """As in "on cloud", "host media", "cpu of media", "what is wrong with cloud", "restart media"."""
    earlier = _at(words, start - 2)
    free = stands_free(words, end)
    if before in ("on", "onto", "@"):
        return _at(words, end) != "of"
    if before in NOUNS and name not in COMPOUND:
        return free
    if before in ("called", "named"):
        return True
    if (before == "about" and earlier in ("what", "how")) or (before == "for" and earlier == "same"):
        return free
    if before == "and" and start == 1:  # "and media?"
        return _at(words, end) == ""
    if before in ("slow", "broken", *MEASURED) and start - 1 - (before in MEASURED) <= 0 and name not in COMPOUND:
        return free  # "slow db", "high cpu media"
    if before in _ARTICLES and earlier in ("on", "onto") and name not in COMPOUND:
        return free
    if before in ("of", "for", "on", "in", "with", "to"):
        return (free or _at(words, end) in STATES) and (
            earlier in METRICS
            or earlier in NOUNS
            or earlier in _ALERTS
            or (earlier in _TROUBLE and before in ("with", "to"))
        )
    return before in _VERBS and free and name not in COMPOUND


def _told_by_state(words: Sequence[Word], start: int, end: int, before: str, follows: str) -> bool:
    """As in "is cloud down", "is media ok", "cloud was slow last night"."""
    verb = start - 1
    while _at(words, verb) in ("and", "or"):  # "is media or cloud down"
        verb -= 2
    if _at(words, verb) in BE and (follows in STATES or not _at(words, end)):
        return True
    has_article = before in _ARTICLES and words[start].lower not in COMPOUND
    if has_article and _at(words, start - 2) in BE and follows in STATES:
        return True
    if start == 0 and words[start].lower not in COMPOUND and _is_symptom(words, end, follows):
        return True  # "db slow", "media not responding"
    opens = start == 0 or not words[start - 1].joins_next or before in ("why", "if", "when", "that", "because", "how")
    return opens and follows in LINKING and _at(words, end + 1) in STATES


def _is_symptom(words: Sequence[Word], end: int, follows: str) -> bool:
    if follows == "not":
        return _at(words, end + 1) in STATES
    if follows in ("high", "low"):
        return _at(words, end + 1) in METRICS or stands_free(words, end + 1)
    return follows in SYMPTOMS and stands_free(words, end + 1)


def lifted_to(words: Sequence[Word], start: int, end: int, known: Collection[int]) -> str | None:
    """What the noun beside a name makes of it: "host" (its machine), "node" (its hypervisor), "service", or None.

    `known` are the places where names begin: in "jellyfin on VM media" the noun belongs to the name behind it.
    """
    follows = _at(words, end) if words[end - 1].joins_next or words[end - 1].possessive else ""
    noun_taken = end + 1 in known and words[end].joins_next and not words[end - 1].possessive
    if follows in PHYSICAL and _at(words, end + 1) in HOST_NOUNS | NODE_NOUNS | {"server"}:
        return "node"
    if not noun_taken and (role := _role(follows)):
        return role
    place = start - 1
    if _at(words, place) in _ARTICLES:
        place -= 1
    if _at(words, place) in HOLDING:
        place -= 1
        if _at(words, place) in ("that", "which", "is"):
            place -= 1
        noun = _at(words, place)
        if noun in HOST_NOUNS | NODE_NOUNS | {"server"}:
            return "node" if _at(words, place - 1) in PHYSICAL else _role(noun) or "host"
        return None
    return _role(_at(words, start - 1)) if _at(words, start - 1) not in NODE_NOUNS else None


def _role(noun: str) -> str | None:
    if noun in HOST_NOUNS:
        return "host"
    if noun in NODE_NOUNS:
        return "node"
    return "service" if noun in SERVICE_NOUNS else None


def looks_unknown(words: Sequence[Word], place: int, domains: Collection[str]) -> bool:
    """Whether the word at `place`, which nothing goes by, is written where or as a name would be."""
    word = words[place]
    name, before = word.lower, _at(words, place - 1)
    is_term = "_" in name or "=" in name or re.search(r"[a-z][A-Z]", word.text)  # a metric, an alert's name
    host = host_part(name)
    if word.is_path or is_term or name in STOP or host in SELF:
        return False
    if is_address(host) or domain(host) in domains or re.fullmatch(r"(qemu|lxc)/\d+", name):
        return True
    if name.isdigit():
        return len(name) >= 3 and before in ("vm", "ct", "lxc", "vmid")
    if NO_NAME.match(name):
        return False
    has_digit = bool(re.search(r"\d", name) and re.fullmatch(r"[a-z][a-z0-9.:-]*", name))
    is_verb = name.endswith("ing")  # "what is writing so much"
    return len(name) >= 3 and (word.quoted or has_digit or (not is_verb and _stands_as_name(words, place)))


def _stands_as_name(words: Sequence[Word], place: int) -> bool:
    """For plain words, where nearly anything else could stand: only where a name is the natural reading."""
    before, earlier = _at(words, place - 1), _at(words, place - 2)
    follows = _at(words, place + 1) if words[place].joins_next else ""
    free = stands_free(words, place + 1)
    if before == "on" or (before in _ARTICLES and earlier == "on"):
        return free or follows in NOUNS
    if follows in NOUNS - {"stack", "database", "target", "app"}:
        return before in (*_ARTICLES, "of", "a", "is")
    if before in ("of", "for", "with", "to"):
        return free and (earlier in METRICS or (earlier in _TROUBLE and before in ("with", "to")))
    is_told = before in ("called", "named") or (before in BE and follows in STATES)
    is_told = is_told or (free and before in (*NOUNS, "restart", "reboot", "ping"))
    return is_told or (_is_said_to_be(words, place, before, follows) and not _is_english(words[place].lower))


def _is_english(word: str) -> bool:
    from tools.knowledge.vocabulary import is_english  # reading the words takes a tenth of a second

    return is_english(word)


def _is_said_to_be(words: Sequence[Word], place: int, before: str, follows: str) -> bool:
    """As in "minio feels sluggish", "check why rabbitmq is down", "pihole down?", "how much memory does minio take"."""
    if before in ("does", "do") and follows in _TAKES:
        return True
    opens = place == 0 or not words[place - 1].joins_next or before in ("why", "if", "when", "that", "because", "how")
    states = follows in LINKING and _at(words, place + 2) in STATES
    return opens and (states or _is_symptom(words, place + 1, follows))


def unknown_span(words: Sequence[Word], place: int) -> str:
    """The name as a person would write it: a number keeps the noun that makes it an identity ("VM 999")."""
    text = words[place].text
    return f"{words[place - 1].text} {text}" if text.isdigit() and place else text
