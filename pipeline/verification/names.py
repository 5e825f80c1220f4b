"""Every host, service, alert, file, metric and address of a claim must stand in what it cites or in the question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.english import content_words, is_itself_a_word, is_ordinary, stem, words
from pipeline.verification.ground import Ground
from pipeline.verification.quantities import UNITS
from pipeline.verification.reading import Reading
from pipeline.verification.times import SAID, WRITTEN
from tools.knowledge.glossary import load_glossary

_KIND = (
    r"containers?|services?|hosts?|guests?|nodes?|vms?|lxcs?|servers?|machines?|daemons?|databases?|stacks?|processes|process|instances?|units?|apps?|"
    r"applications?|alerts?|pods?|resolvers?|disks?|pools?|volumes?|devices?|groups?"
)
_AFTER_KIND = re.compile(rf"\b(?:{_KIND})\s(?:called\s|named\s)?$", re.IGNORECASE)
_MEASURED = r"memory|cpu|swap|probe|temperature|load|latency|traffic|writes|uptime|iowait|throughput"
_BEFORE_KIND = re.compile(rf"['’]?s?\s(?:{_KIND}|{_MEASURED})\b", re.IGNORECASE)
_PLACED = re.compile(
    r"\b(?:on|of|at|from|by|behind|via|host|through|and|or|with|to|for|in|than|restart|stop|start|restarts|restarted|upgraded?|reboot|check|"
    r"called|named|between|against|versus|blames?|because|towards?|upstream|downstream)\s$|[:,(/]\s?$|→\s$",
    re.IGNORECASE,
)
_ON = re.compile(r"\b(?:on|behind|host|called|named|restart|reboot)\s$", re.IGNORECASE)
_ACTS = re.compile(
    r"(?:['’]s\b|\s(?:is|was|are|were|has|had|uses|used|grew|grows|rose|fell|went|runs|ran|failed|fails|stopped|restarted|restarts|died|"
    r"crashed|caused|causes|takes|took|holds|held|leaks|leaked|needs|depends|cannot|answers|answered|itself|alone|also|now|started|began|"
    r"consumes|consumed|accounts|filled|fills|writes|wrote|reached|recovered|lost|keeps|kept|returned|returns|and|on|at)\b|\s?\(|[:,;]|\s\d|\s?\.?\s?$)"
)
_RUNS = re.compile(
    r"(?:['’]s|\s(?:is|was|has|had|uses|failed|fails|stopped|restarted|crashed|runs|ran|reports|reported|shows|logged))\b"
)
_ARTICLE = re.compile(
    r"\b(?:a|an|the|your|its|their|any|each|every|no|this|that|these|those|all|some|our|more|other|new|same)\s$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+|[a-z]+(?:[A-Z][a-z0-9]+)+")
_VERSION = re.compile(r"v?\d+(?:\.\d+){2,}\S*|v\d[\w.]*")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?")
_MIXED = re.compile(r"(?=\w*[a-z])[a-z_][\w-]*\d[\w-]*", re.IGNORECASE)
_DEVICE = re.compile(r"(?:s|v|h|xv)d[a-z]{1,2}")
_FILE = re.compile(
    r"[\w.-]*\w\.(?:md|ya?ml|json|conf|cfg|ini|toml|service|timer|socket|mount|log|sh|py|txt|env|db|sql|gz|tar|zip|img|qcow2|raw|lan|local|home|com|org|net|io|dev|internal)"
)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|x|xx)|[45]xx|\d+[A-Za-z°%µ]{1,5}(?:/[a-z]+)?|[\d.,:/x×–-]+", re.IGNORECASE)
_SEVERAL = re.compile(r"\b(?:[A-Z][a-z]+(?:[ -][A-Z][a-z]+){1,2}|[a-z]+[ -]exporter)\b")
_GUEST = re.compile(r"\b(?:VM|LXC|guest|container|node)\s(?P<name>[a-z]{3,20})\s(?:is|was|has|had|uses|used)\b")
_OWN = frozenset({"sre", "sre_runbooks", "sre_ansible", "sre_log_files", "--at"})
"""The assistant's own commands and settings."""
MAX_TOLD = 4


def names_without_ground(
    reading: Reading, *grounds: Ground, known: frozenset[str], free: frozenset[str]
) -> Iterator[str]:
    """As the claim writes them. `known` are the names of the homelab and its alerts, `free` those that need no ground, in lower case."""
    held = free.union(*(ground.tokens for ground in grounds))
    sources = frozenset[str]().union(*(ground.sources for ground in grounds))
    for start, token in reading.tokens:
        name = _bare(token)
        lower = name.lower()
        if (
            not name
            or name in UNITS
            or lower in held
            or lower in _OWN
            or lower in words("products")
            or _is_held_in_parts(lower, held)
            or (lower in sources and name[0].isupper())
        ):
            continue
        if lower in known or lower.split(":")[0] in known:
            marked = lower in reading.marked
            if marked or not is_ordinary(lower) or _stands_as_name(reading.prose, start, start + len(name)):
                yield name
        elif (
            _has_shape(name)
            or _is_unknown_word(name, start, reading)
            or _is_marked_name(lower, reading)
            or _is_software(name, start, reading)
            or _is_hyphenated_name(name, start, reading)
        ):
            yield name
    yield from _software_of_several_words(reading, held)
    yield from _components(reading, *grounds)


def _bare(token: str) -> str:
    return re.sub(r"['’]s?$", "", token).strip("~*_") if not token.startswith(("~/", "_")) else token


def _is_held_in_parts(lower: str, held: frozenset[str]) -> bool:
    """ "jellyfin/tdarr", "query-log" and "media:9100" whose parts are known; a plural; "home.lan" of "jellyfin.home.lan"."""
    if _ADDRESS.fullmatch(lower):
        return False
    parts = [part for part in re.split(r"[/:@+-]", lower) if part]
    if len(parts) > 1 and all(part in held for part in parts) and not lower.startswith(("/", "~")):
        return True
    return lower.removesuffix("s") in held


def _stands_as_name(prose: str, start: int, end: int) -> bool:
    """For a name that is a word as well (media, proxy, docs): whether the sentence uses it as one."""
    before, after = prose[:start], prose[end:]
    if prose[start:end] == "home" and before.endswith(" at "):  # where people live, not the guest
        return False
    article = bool(_ARTICLE.search(before[-10:]))
    if _BEFORE_KIND.match(after) or _AFTER_KIND.search(before[-24:]):
        return True
    if re.search(r"(?:\b[A-Z]{3,4}|\d)\s$", before) and after.startswith(":"):  # a line of a log
        return True
    if article:
        return prose[start:end].isupper()
    if not before.strip(' -–—(“"'):
        return prose[start : start + 1].islower() or bool(re.match(r"['’]s\b|\s\(|:", after))
    placed = re.search(
        r"(?:\b(?:on|at|host|from|behind|restart|reboot|stop|of|for|by|and|than|between|because|is|to)\s|[:,(]\s?|→\s)$",
        before,
        re.IGNORECASE,
    )
    return bool(placed and _ACTS.match(after))


def _has_shape(name: str) -> bool:
    """What no English word looks like: digits inside, camel case, paths, files, addresses, versions, underscores, joined words."""
    if _ORDINAL.fullmatch(name) or SAID.fullmatch(name) or WRITTEN.fullmatch(name):
        return bool(_VERSION.fullmatch(name) or _ADDRESS.fullmatch(name))
    if _ADDRESS.fullmatch(name) or _VERSION.fullmatch(name) or _FILE.fullmatch(name.lower()) or _CAMEL.fullmatch(name):
        return True
    if name.startswith(("/", "~/")) or name.count("/") > 1:
        return len(name) > 1
    if "/" in name:
        return any(_has_shape(part) for part in name.split("/") if part)
    if "_" in name or "@" in name or ":" in name:
        return True
    if "." in name:
        return not re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]?|[A-Za-z]+\.{2,}[A-Za-z]*", name)
    if "-" in name:
        return _is_joined_name(name)
    return bool(_MIXED.fullmatch(name) or _DEVICE.fullmatch(name))


def _is_joined_name(name: str) -> bool:
    parts = [part.lower() for part in name.split("-") if part]
    if any(part in words("compound") or part.endswith(("ing", "ed", "ly")) for part in parts):
        return any(_MIXED.fullmatch(part) for part in parts)
    if name[:1].isupper() or any(part.isdigit() for part in parts):
        return any(not part.isdigit() and not is_ordinary(part) for part in parts) or any(map(str.isdigit, parts[1:]))
    return True


def _is_unknown_word(name: str, start: int, reading: Reading) -> bool:
    """A word that is no English, where names stand: with a capital inside a sentence, beside "container", behind "on"."""
    if not name.isalpha() or len(name) < 3 or is_ordinary(name) or (name.isupper() and len(name) <= 6):
        return False
    before, after = reading.prose[:start], reading.prose[start + len(name) :]
    if name[0].isupper() and ((before.strip(' -–—:(“"') and before.rstrip()[-1:] not in ".:!?") or _ACTS.match(after)):
        return True
    if _AFTER_KIND.search(before[-24:]) or _BEFORE_KIND.match(after):
        return True
    if (not before.strip(' -–—(“"') and name[0].islower()) or _ON.search(before[-12:]):
        return True
    return bool((not before.strip(' -–—(“"') or _PLACED.search(before[-14:])) and _ACTS.match(after))


def _is_software(name: str, start: int, reading: Reading) -> bool:
    """A well-known piece of software, also one whose name is a word (Vault, Samba): with its capital inside a sentence, or acting."""
    lower = name.lower()
    if not name.isalpha() or len(name) < 3 or lower in words("everyday_software") or lower not in load_glossary():
        return False
    if not is_itself_a_word(lower):
        return True
    before, after = reading.prose[:start], reading.prose[start + len(name) :]
    inside = bool(before.strip(' -–—:(“"*')) and before.rstrip()[-1:] not in ".:!?"
    return name[0].isupper() and not name.isupper() and (inside or bool(_RUNS.match(after)))


def _is_hyphenated_name(name: str, start: int, reading: Reading) -> bool:
    """ "Pi-hole": with a capital inside a sentence, and no compound of English."""
    first, _, rest = name.partition("-")
    before = reading.prose[:start].rstrip()
    if not rest or not (first[0].isupper() and first[1:].islower()) or not before or before[-1] in '.:!?(“"':
        return False
    parts = [part.lower() for part in name.split("-")]
    return not any(
        part in words("compound") or part in words("trade") or part.endswith(("ing", "ed", "ly")) for part in parts
    )


def _software_of_several_words(reading: Reading, held: frozenset[str]) -> Iterator[str]:
    """ "Pi-hole", "Home Assistant", "bind exporter": written as a name, and with a word that the items do not have."""
    for match in _SEVERAL.finditer(reading.prose):
        words_ = re.split(r"[\s-]", match[0].lower())
        for count in range(len(words_), 1, -1):
            if " ".join(words_[:count]) in load_glossary() and words_[0] not in words("everyday_software"):
                if not (held.issuperset(words_[:count]) or held & {"-".join(words_[:count]), "".join(words_[:count])}):
                    yield match[0]
                break


def _components(reading: Reading, *grounds: Ground) -> Iterator[str]:
    """A kind of device or of software that no item speaks of: "the load balancer", "the VM desktop"."""
    told = content_words(" ".join(item.text for ground in grounds for item in ground.items))
    for _, token in reading.tokens:
        if token.lower() in words("components") and stem(token.lower()) not in told:
            yield token
    for match in _GUEST.finditer(reading.prose):
        if match["name"] not in words("stop") and stem(match["name"]) not in told:
            yield match["name"]


def _is_marked_name(lower: str, reading: Reading) -> bool:
    """In code, and no word or number that names nothing: `true`, `0.9`, `free`."""
    return lower in reading.marked and not _is_plain_value(lower)


def _is_plain_value(name: str) -> bool:
    return name.replace(".", "").isdigit() or (name.isalpha() and is_ordinary(name) and len(name) < 5)
