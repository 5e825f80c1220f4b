"""What a task changed, as a unified diff without secrets, from the forms in which modules tell it.

A module's `diff` is one object or a list of them, with texts or objects `before` and `after`, or one text `prepared`. A secret that
was rotated still shows as a line that changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from core.redact import REDACTED, redact, redact_mapping

MAX_DIFF = 20_000
"""Characters of the diff of one change, after redaction."""
MAX_COMPARED = 5_000
"""Lines of a text that is compared; Ansible itself sends files of at most 100 kB."""
_CONTEXT = 3
_HEADS = ("--- ", "+++ ", "@@ ", "\\ ")


def told_diff(diff: Any, name: str) -> str:
    """A result's `diff`, of the file `name` if that is known; empty when it tells nothing."""
    told = (_told(entry, name) for entry in (diff if isinstance(diff, list) else [diff]) if isinstance(entry, Mapping))
    return "\n".join(filter(None, told))


def printed_diff(text: str) -> str:
    """A diff as Ansible prints it. It is redacted without its marks, which would hide that a key spans several lines."""
    lines = text.strip("\n").split("\n")
    marks = ["" if line.startswith(_HEADS) else line[:1] for line in lines]
    bare = "\n".join(line[len(mark) :] for mark, line in zip(marks, lines, strict=True))
    return "\n".join(mark + line for mark, line in zip(marks, _without_secrets(bare), strict=True))


def cut(diff: str) -> str:
    """At most MAX_DIFF characters, ended at a line; how many lines are missing is said."""
    if len(diff) <= MAX_DIFF:
        return diff
    end = diff.rfind("\n", 0, MAX_DIFF)
    kept = diff[: end if end > 0 else MAX_DIFF]
    return f"{kept}\n… {diff.count(chr(10), len(kept))} more lines"


def _told(entry: Mapping[str, Any], name: str) -> str:
    if "before" in entry and "after" in entry:
        before, after = entry["before"], entry["after"]
        if isinstance(before, str | None) and isinstance(after, str | None):
            old, new = before or "", after or ""
            heads = [entry.get("before_header"), entry.get("after_header")]
            name = name or next((head for head in heads if isinstance(head, str)), "")
            return _unified(_lines(old), _lines(new), _without_secrets(old), _without_secrets(new), redact(name))
        old, new, shown_old, shown_new = map(_as_text, (before, after, redact_mapping(before), redact_mapping(after)))
        return _unified(_lines(old), _lines(new), _lines(shown_old), _lines(shown_new), redact(name))
    prepared = entry.get("prepared")
    return printed_diff(prepared) if isinstance(prepared, str) and prepared.strip() else ""


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, default=str)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _without_secrets(text: str) -> list[str]:
    """The lines of `text` without secrets, as many as before: a line stands if it does in the redacted whole."""
    if not text:
        return []
    shown = set(redact(text).split("\n"))
    return [line if line in shown else _line_without_secrets(line) for line in _lines(text)]


def _line_without_secrets(line: str) -> str:
    shown = redact(line)
    return REDACTED if shown == line else shown


def _unified(old: Sequence[str], new: Sequence[str], shown_old: list[str], shown_new: list[str], name: str) -> str:
    """Compares `old` with `new`, and shows the lines without secrets that stand at the same places."""
    if max(len(old), len(new)) > MAX_COMPARED:
        return f"{name or 'the text'}: {len(old)} lines before, {len(new)} after; too long to compare"
    if (len(old), len(new)) != (len(shown_old), len(shown_new)):
        old, new = shown_old, shown_new  # an object under a secret's key became one word
    groups = list(SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT))
    if not groups:
        return ""
    lines = [f"--- {name or 'before'}", f"+++ {name or 'after'}"]
    for group in groups:
        lines += _hunk(group, shown_old, shown_new)
    return "\n".join(lines)


def _hunk(group: Sequence[tuple[str, int, int, int, int]], old: list[str], new: list[str]) -> Iterator[str]:
    yield f"@@ -{_span(group[0][1], group[-1][2])} +{_span(group[0][3], group[-1][4])} @@"
    for tag, old_start, old_end, new_start, new_end in group:
        if tag == "equal":
            yield from (f" {line}" for line in old[old_start:old_end])
        else:
            yield from (f"-{line}" for line in old[old_start:old_end])
            yield from (f"+{line}" for line in new[new_start:new_end])


def _span(start: int, end: int) -> str:
    """As diff(1) writes a range: lines count from 1, and one of no lines names the line before it."""
    length = end - start
    return f"{start + 1 if length else start},{length}"
