"""LogQL, as far as reading a homelab's logs needs it: selectors, line filters and label filters, with everything quoted.

Regular expressions are RE2: linear in the text, without look-around.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from tools.log_entry import level_of
from tools.log_time import Stamped
from tools.logs import Level

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = r"(?:level|lvl|severity|levelname|priority)[\"'\s]*[:=][\"'\s]*"
"""`level=`, `"level":`, `"PRIORITY": "`."""
_BAD = {
    "error": (
        r"err|eror|fatal|panic|crit|severe|ftl|emerg|alert|fail|exception|out of memory|oom-kill|segfault|unhandled"
        rf"|{_KEY}(?:[0-3]|[5-9]\d|\d{{3,}}|-\d+|[efc])\b"
        r'|" 5\d\d |^[ef]\d{4} '  # an answer of a web server; klog
    ),
    "warning": rf"warn|wrn|timed out|timeout|refused|unreachable|retrying|{_KEY}(?:4\d?|w)\b|^w\d{{4}} ",
}
"""What a line of the level holds at least, in any case: a superset of what `tools.log_entry.level_of` looks for."""
_SYSLOG_PRIORITY = r"^<\d{1,3}>"
_STATED = (
    "emerg",
    "emergency",
    "alert",
    "crit",
    "critical",
    "fatal",
    "panic",
    "err",
    "error",
    "severe",
    "warn",
    "warning",
    "wrn",
)
_STATED += (*"01234efcw", "40", "50", "60")
"""What labels say of errors and warnings."""


def quote(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)


def literally(text: str) -> str:
    """A regular expression for `text` itself. Half of a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
    return _META.sub(r"\\\g<0>", text.encode("utf-8", "replace").decode())


def one_of(label: str, values: Collection[str], *, negated: bool = False) -> str:
    """A matcher of streams whose label is one of `values`; negated: of all others, those without the label among them."""
    if len(values) == 1:
        return f"{label}{'!=' if negated else '='}{quote(next(iter(values)))}"
    return f"{label}{'!~' if negated else '=~'}{quote('|'.join(map(literally, values)))}"


def present(label: str) -> str:
    """A matcher of streams that have the label. (`.*` would match those without, which Loki refuses.)"""
    return f'{label}=~".+"'


def selector(matchers: Iterable[str]) -> str:
    return "{" + ", ".join(matchers) + "}"


def holding(*texts: str) -> str:
    """A filter of lines that hold any of `texts` in any case, as it is or escaped in JSON."""
    forms = dict.fromkeys(form for text in texts for form in (text, json.dumps(text, ensure_ascii=False)[1:-1]))
    return f"|~ {quote('(?i)' + '|'.join(map(literally, forms)))}"


def perhaps_at(levels: Collection[str]) -> str | None:
    """A regular expression that every line holds which is at one of `levels` by its own words; None when there is none."""
    if not levels or not set(levels) <= _BAD.keys():
        return None
    return "(?i)" + "|".join((*(_BAD[level] for level in sorted(levels)), _SYSLOG_PRIORITY))


def labelled_at(labels: Iterable[str], levels: Collection[str]) -> str:
    """A filter of lines of which any of `labels` (of the stream, or structured metadata) says one of `levels`."""
    values = quote("(?i)" + "|".join(value for value in _STATED if stated_level(value) in levels))
    return "| " + " or ".join(f"{label}=~{values}" for label in labels)


def stated_level(value: str) -> Level:
    """The level that a label's value means: a word, a syslog priority, or a number as pino writes it."""
    return level_of(Stamped(_EPOCH, None, fields={"level": value}))
