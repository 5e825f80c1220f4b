"""What a log entry says beside its time: how bad it is, who wrote it, and the words to show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from core.redact import redact, redact_mapping
from tools.log_time import Stamped
from tools.logs import Level

MAX_TEXT = 8_192
_ERRORS = "emerg emergency alert crit critical ftl fatal panic err error eror severe e f c"
_WORDS: dict[str, Level] = {
    **dict.fromkeys(_ERRORS.split(), "error"),
    **dict.fromkeys(("warn", "warning", "wrn", "w"), "warning"),
    **dict.fromkeys(("notice", "info", "information", "informational", "inf", "log", "i"), "info"),
    **dict.fromkeys(("debug", "dbg", "trace", "trc", "verbose", "vrb", "finest", "d"), "debug"),
}
_LEVEL_KEYS = ("level", "lvl", "severity", "levelname", "loglevel", "log_level", "log.level", "PRIORITY", "priority")
_TEXT_KEYS = ("message", "msg", "MESSAGE", "log", "event", "error")
_SERVICE_KEYS = (
    "service", "container", "container_name", "CONTAINER_NAME", "unit", "_SYSTEMD_UNIT", "app", "SYSLOG_IDENTIFIER",
)  # fmt: skip
_HOST_KEYS = ("host", "hostname", "_HOSTNAME", "node")
_NAMES = (
    "fatal|panic|critical|crit|error|err|severe|warning|warn|wrn|notice|info|inf|debug|dbg|trace|trc|ftl|emerg|alert"
)
_LEVEL = re.compile(
    r"\b(?:level|lvl|severity|loglevel)=[\"']?(?P<key>[A-Za-z]+)\b"
    rf"|[\[|(<](?P<framed>(?i:{_NAMES}))\s*[\]|)>]"
    rf"|(?:^|(?<=[\s:]))(?P<capitals>{_NAMES.replace('|alert', '').upper()}|LOG)(?=[\s:,|\]]|$)"
    rf"|(?:^|(?<=\s))(?P<colon>(?i:{_NAMES}))(?=:)"
)
_BAD = re.compile(
    r"\b(?P<error>error|fatal|panic|failed|failure|exception|out of memory|oom-kill\w*|segfault|i/o error|unhandled)\b"
    r"|\b(?P<warning>warn(?:ing)?|timed out|timeout|refused|unreachable|retrying)\b",
    re.IGNORECASE,
)
_STATUS = re.compile(r'" (?P<status>[1-5]\d\d) ')
_PRIORITY = re.compile(r"^<(\d{1,3})>")
_SYSLOG = re.compile(r"^\s(?P<host>[\w.-]+) (?P<tag>[\w./@-]+)(?:\[\d+\])?: ")
_RFC5424 = re.compile(r"^\s(?P<host>\S+) (?P<tag>\S+) \S+ \S+ ")
_LOGFMT_NAME = re.compile(rf"\b(?:{'|'.join((*_SERVICE_KEYS, *_HOST_KEYS))})=\"?([\w./@-]+)")
_COMPOSE = re.compile(r"^([\w./-]+)\s+\| ")
_BARE_LEAD = re.compile(r"(?:<\d{1,3}>(?:\d ?)?)?(?:(?:time|ts|t|timestamp)=)?[\[(\"']?")
_AFTER_TIME = re.compile(r"^[\])\"']?(?:\s*[-|](?=\s)|\|)?\s*")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def level_of(line: Stamped) -> Level:
    """The level that the entry states, else what its words suggest ("out of memory" is an error), else unknown."""
    if line.fields is not None:
        for key in _LEVEL_KEYS:
            if (stated := _stated(line.fields.get(key))) != "unknown":
                return stated
        return _level_of_text(_message(line.fields)[0])
    if priority := _PRIORITY.match(line.lead):
        return _stated(int(priority[1]) % 8)
    if line.lead.isalpha() and len(line.lead) == 1:  # klog
        return _WORDS.get(line.lead.lower(), "unknown")
    return _level_of_text(f"{line.lead} {line.rest[:400]}")


def _stated(value: Any) -> Level:
    """A word, a syslog priority (0..7), or pino's and bunyan's number (10..60)."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,2}", value):
        return _WORDS.get(value.strip().lower(), "unknown")
    if value is None or isinstance(value, bool) or not isinstance(value, int | str):
        return "unknown"
    number = int(value)
    if number <= 7:
        return "error" if number <= 3 else "warning" if number == 4 else "info" if number <= 6 else "debug"
    return "error" if number >= 50 else "warning" if number >= 40 else "info" if number >= 30 else "debug"


def _level_of_text(text: str) -> Level:
    if found := _LEVEL.search(text[:200]):
        word = next(filter(None, found.groups()))
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
    if status := _STATUS.search(text):
        return "error" if status["status"] >= "500" else "info"
    if found := _BAD.search(text):
        return "error" if found["error"] else "warning"
    return "unknown"


def own_names(line: Stamped) -> tuple[str | None, str | None, bool]:
    """(service, host, sure) as the entry itself names them; `sure` when fields say so, and not a syslog header."""
    if line.fields is not None:
        service, host = (
            next((str(line.fields[key]) for key in keys if isinstance(line.fields.get(key), str)), None)
            for keys in (_SERVICE_KEYS, _HOST_KEYS)
        )
        return service, host, True
    if composed := _COMPOSE.match(line.lead):
        return composed[1], None, True
    shape = _RFC5424 if line.lead.endswith(">1 ") else _SYSLOG
    if (header := shape.match(line.rest)) and _stated(header["host"]) == "unknown":
        return header["tag"], header["host"], False
    names = _LOGFMT_NAME.findall(f"{line.lead} {line.rest[:400]}")
    return (names[0], names[-1] if len(names) > 1 else None, True) if names else (None, None, False)


def text_of(line: Stamped, more: tuple[str, ...] = ()) -> str:
    """The words to show, redacted: without the time (unless it stands in the middle), with the lines that continue it."""
    if line.fields is not None:
        first = _flat(redact_mapping(dict(line.fields)))
    else:
        at_start = _BARE_LEAD.fullmatch(line.lead)
        first = _AFTER_TIME.sub("", line.rest) if at_start else f"{line.lead}{line.when}{line.rest}"
    text = redact("\n".join((_ANSI.sub("", first).strip(), *(_ANSI.sub("", each) for each in more))))
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def _message(fields: Mapping[str, Any]) -> tuple[str, str | None]:
    """The message and the key that it stands under."""
    for key in _TEXT_KEYS:
        if isinstance(fields.get(key), str) and fields[key].strip():
            return fields[key].strip(), key
    return "", None


def _flat(fields: Mapping[str, Any]) -> str:
    """`message key=value …`, without the keys that are shown elsewhere."""
    message, key = _message(fields)
    shown_elsewhere = {key, *_LEVEL_KEYS, "@timestamp", "timestamp", "time", "ts", "t", "datetime", "stream"}
    rest = [
        f"{name}={value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)}"
        for name, value in fields.items()
        if name not in shown_elsewhere and not name.startswith("_")
    ]
    return " ".join(filter(None, [message, *rest]))
