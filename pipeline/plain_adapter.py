"""How a prompt is laid out and its answer read: DSPy's chat format, forgiving where small models slip."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from dspy import ChatAdapter, Signature
from dspy.utils.exceptions import AdapterParseError

_THINKING = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_COMPLETED = re.compile(r"\[\[ ## completed ## \]\].*\Z", re.DOTALL)
_MARKED = re.compile(r"\[\[ ## \w+ ## \]\]")


class PlainAdapter(ChatAdapter):
    """Plain text between `[[ ## field ## ]]` markers, never JSON and never a second call to repair an answer.

    When the markers are missing or misspelt, `field: …` and `## field` headings are read instead; and when the only required
    field is text, prose is taken as that field. Raises AdapterParseError for what is left.
    """

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)

    def format(
        self, signature: type[Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Text from outside can neither pass for a marker, nor fail to encode (a lone surrogate)."""
        harmless = {name: _harmless(value) if isinstance(value, str) else value for name, value in inputs.items()}
        messages: list[dict[str, Any]] = super().format(signature, demos, harmless)
        return messages

    def parse(self, signature: type[Signature], completion: str) -> dict[str, Any]:
        text = _COMPLETED.sub("", _THINKING.sub("", _printable(completion))).strip()
        try:
            return self._fields(signature, text)
        except AdapterParseError:
            if not _MARKED.search(text):
                for repaired in (_with_markers(signature, text), _as_prose(signature, text)):
                    if repaired is not None:
                        return self._fields(signature, repaired)
            raise

    def _fields(self, signature: type[Signature], text: str) -> dict[str, Any]:
        """Optional fields may be missing; a required text must not be empty."""
        fields: dict[str, Any] = super().parse(signature, text)
        if any(fields[name] == "" for name in _required(signature)):
            raise AdapterParseError("PlainAdapter", signature, text, parsed_result=fields)
        return fields


def _required(signature: type[Signature]) -> list[str]:
    return [name for name, info in signature.output_fields.items() if info.is_required()]


def _with_markers(signature: type[Signature], text: str) -> str | None:
    """The text with `cause: H1`, `**Cause:** H1`, `## cause` and `[[cause]]` at the start of a line written as markers."""
    names = "|".join(signature.output_fields)
    heading = re.compile(
        rf"^[ \t]*(?:[\[#*_`]+[ \t#]*({names})[ \t]*(?:[\]#*_`: \t]+|$)|({names})[ \t]*:)", re.IGNORECASE | re.MULTILINE
    )
    found = {(match[1] or match[2]).lower() for match in heading.finditer(text)}
    if not found.issuperset(_required(signature)):
        return None
    return heading.sub(lambda match: f"[[ ## {(match[1] or match[2]).lower()} ## ]]\n", text)


def _as_prose(signature: type[Signature], text: str) -> str | None:
    """The whole text as the only required field. What looks like JSON or a fence is not prose."""
    required = _required(signature)
    if len(required) != 1 or signature.output_fields[required[0]].annotation is not str:
        return None
    if len(text.split()) < 2 or text.startswith(("{", "[", "```", "<")):
        return None
    return f"[[ ## {required[0]} ## ]]\n{text}"


def _printable(text: str) -> str:
    """Without control characters, which a terminal would obey, and lone surrogates, which nothing can store."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})


def _harmless(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("[[ ##", "[ [##")
