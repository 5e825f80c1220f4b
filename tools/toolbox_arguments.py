"""How a tool's arguments are read from what a language model wrote, and how much of a result it gets to read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

MOST_MINUTES = 10_080
"""A week."""
_LINE = re.compile(r"^\s*[-*]?\s*[\"'`]?(?P<name>[a-z_]+)[\"'`]?\s*[:=](?![=~])\s*(?P<value>.*)$", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)


def read_arguments(text: str, names: Sequence[str]) -> dict[str, str]:
    """The values by name. Understands `name: value` lines, `name="value"`, a JSON object, and a bare value for the first name."""
    text = _FENCE.sub("", text).strip()
    if text.startswith("{") and (held := _json(text)) is not None and set(held) & set(names):
        return {name: _unquoted(str(value)) for name, value in held.items() if name in names}
    found: dict[str, str] = {}
    last: str | None = None
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and match["name"].lower() in names:
            last = match["name"].lower()
            found[last] = match["value"]
        elif last:  # a long expression goes on in the next line
            found[last] += f"\n{line}"
    if not found and text and text.lower() not in {"none", "n/a", "-", "{}", "()"}:
        found = {names[0]: text} if names else {}
    return {name: _unquoted(value) for name, value in found.items()}


def minutes_of(text: str, *, default: int) -> int:
    """The first number in `text`, within a minute and a week; `default` when there is none."""
    match = re.search(r"\d+", text)
    return min(max(int(match[0][:9]), 1), MOST_MINUTES) if match else default


def lines_of(text: str, limit: int) -> str:
    """As many whole lines of `text` as `limit` characters hold, and how many characters were cut."""
    if len(text) <= limit:
        return text
    kept = text[: limit + 1].rpartition("\n")[0] or text[:limit]
    return f"{kept}\n… {len(text) - len(kept)} more characters, not shown"


def _json(text: str) -> dict[str, object] | None:
    try:
        held = json.loads(text)
    except ValueError:
        return None
    return held if isinstance(held, dict) else None


def _unquoted(value: str) -> str:
    value = value.strip().rstrip(",").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'`":
        return value[1:-1].strip()
    return value
