"""Whether a commit only moves images to other versions, as Renovate and people do all the time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(
    r"""^\s*(?:-\s+)?["']?(?P<key>from|[\w.-]*(?:image|tag|digest|version)[\w.-]*)["']?\s*[:=\s]\s*"""
    r"""["']?(?P<value>[\w./:@+-]+)["']?(?P<rest>[\s,]*(?:\bas\s+\S+)?\s*(?:\#.*)?)$""",
    re.IGNORECASE,
)
_VERSION = re.compile(r"v?\d[\w.+-]*(?:@sha256:[0-9a-f]{64})?|sha256:[0-9a-f]{64}|latest|stable", re.IGNORECASE)
_IMAGE = re.compile(r"(?P<name>(?:[\w.-]+(?::\d+)?/)*[\w.-]+)(?::(?P<tag>[\w.-]+))?(?:@sha256:[0-9a-f]{64})?")
_OF_A_PROTOCOL = re.compile(r"min|max|tls|ssl|api|protocol|schema|http", re.IGNORECASE)
_SPEAKS_OF_UPDATING = re.compile(r"\b(updat\w*|bump\w*|upgrad\w*|deps|renovate|pin|digest)\b", re.IGNORECASE)
_SPEAKS_OF_AN_IMAGE = re.compile(r"\bdocker (tag|digest|image)\b", re.IGNORECASE)


def only_bumps_images(subject: str, diff: str, *, whole: bool) -> bool:
    """Whether every changed line names the same image as before at another version. `whole` says that `diff` is all of it.

    Where the diff does not tell, Renovate's own subject does ("Update jellyfin/jellyfin Docker tag to v10.11.2").
    """
    if not whole or not diff:
        return bool(_SPEAKS_OF_AN_IMAGE.search(subject))
    pairs = list(_replaced_lines(diff))
    updating = bool(_SPEAKS_OF_UPDATING.search(subject))
    return bool(pairs) and all(pair is not None and _is_bump(*pair, updating=updating) for pair in pairs)


def _replaced_lines(diff: str) -> Iterator[tuple[str, str] | None]:
    """Old and new line of each replacement; None for what is no replacement line by line."""
    for file in re.split(r"^diff --git .*$", diff, flags=re.MULTILINE)[1:]:
        head, *hunks = re.split(r"^@@ .*$", file, flags=re.MULTILINE)
        if not hunks or re.search(r"^(new file|deleted file|old mode|rename|Binary)", head, re.MULTILINE):
            yield None
        for hunk in hunks:
            removed = [line[1:] for line in hunk.splitlines() if line.startswith("-")]
            added = [line[1:] for line in hunk.splitlines() if line.startswith("+")]
            if len(removed) != len(added):
                yield None
            yield from zip(removed, added, strict=False)


def _is_bump(old: str, new: str, *, updating: bool) -> bool:
    before, after = _LINE.match(old), _LINE.match(new)
    if before is None or after is None or before["key"] != after["key"]:
        return False
    key = before["key"].lower()
    values = before["value"], after["value"]
    versions = all(_VERSION.fullmatch(value) for value in values)
    if "version" in key:
        return updating and versions and not _OF_A_PROTOCOL.search(key)
    if "tag" in key or "digest" in key:
        return versions
    images = [_IMAGE.fullmatch(value) for value in values]
    return images[0] is not None and images[1] is not None and images[0]["name"] == images[1]["name"]
