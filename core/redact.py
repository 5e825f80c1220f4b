"""Secrets out, before anything reaches a model, a log, a store or a screen.

A secret is replaced by `[redacted]`; its key and the structure around it stay: `password=[redacted]`,
`https://user:[redacted]@host`. Where it is undecidable whether a word is a secret, it is one, unless ordinary operational text
says it that way ("invalid token: unexpected end of input"). Both functions are idempotent, and linear in the text's length.
Redact a whole entry, not its single lines: a private key or a vault block spans several.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from core.secret_pairs import is_placeholder, names_a_secret, redact_pairs
from core.secret_shapes import REDACTED, redact_shapes

__all__ = ["MAX_DEPTH", "REDACTED", "redact", "redact_mapping"]

MAX_PASSES = 10
"""A secret may come to light when its neighbour has left (two commands run together); text without secrets takes one pass.

Text that still changes after so many is little else than secrets, and is replaced whole.
"""
SHORT = 300
"""Characters of a text that is worth remembering."""
MAX_DEPTH = 100
"""Nesting beyond this is replaced whole: no source sends it, and recursion has to end."""


def redact(text: str) -> str:
    """`text` with every secret replaced by `[redacted]`."""
    return _redact_short(text) if len(text) <= SHORT else _redact(text)


@lru_cache(maxsize=4_096)
def _redact_short(text: str) -> str:
    """Labels and annotations of the same alerts come with every question."""
    return _redact(text)


def _redact(text: str) -> str:
    for _ in range(MAX_PASSES):
        lowered = text.lower()
        redacted = redact_pairs(redact_shapes(text, lowered), lowered)
        if redacted == text:
            return text
        text = redacted
    return REDACTED


def redact_mapping(obj: Any, *, depth: int = MAX_DEPTH) -> Any:
    """JSON-like data without its secrets: strings through `redact`, and whatever a secret's key holds replaced whole.

    Also understands `{"name": "DB_PASSWORD", "value": …}` and `["--password", …]`. Other types are returned as they are.
    """
    if isinstance(obj, str):
        return redact(obj)
    if depth <= 0 and isinstance(obj, dict | list | tuple):
        return REDACTED
    if isinstance(obj, dict):
        return _redact_dict(obj, depth - 1)
    if isinstance(obj, list | tuple):
        items = [
            _blank(item) if _is_secret_flag(before) and isinstance(item, str) else redact_mapping(item, depth=depth - 1)
            for before, item in zip([None, *obj], obj, strict=False)
        ]
        return items if isinstance(obj, list) else tuple(items)
    return obj


def _redact_dict(obj: dict[Any, Any], depth: int) -> dict[Any, Any]:
    """`{"name": "DB_PASSWORD", "value": …}` is how containers and Kubernetes write one entry of an environment."""
    labels = (obj.get(label) for label in ("name", "key", "Name", "Key"))
    named = any(isinstance(label, str) and names_a_secret(label) for label in labels)
    result = {}
    for key, value in obj.items():
        if not isinstance(key, str):
            result[key] = redact_mapping(value, depth=depth)
        elif names_a_secret(key) or (named and key.lower() == "value"):
            is_count = isinstance(value, int | float) and key.endswith("s")  # {"tokens": 12}
            result[redact(key)] = value if is_count else _blank(value)
        else:
            result[redact(key)] = redact_mapping(value, depth=depth)
    return result


def _is_secret_flag(item: Any) -> bool:
    return isinstance(item, str) and item.startswith("--") and names_a_secret(item)


def _blank(value: Any) -> Any:
    """What stands under a secret's key. Nothing, yes or no, and a reference to a secret kept elsewhere stay."""
    if value is None or isinstance(value, bool) or (isinstance(value, str) and is_placeholder(value)):
        return value
    return REDACTED
