"""The answer's text while the model still writes it: found between the markers of the prompt's format, and told piece by piece."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.redact import redact
from pipeline.progress import Token, is_watched, tell

AT_ONCE = 40
"""Characters that are told together: every piece is redacted with all that stands before it."""
_ANY_MARKER = re.compile(r"\[\[ ## (\w+) ## \]\]")
_MARKER_BUT_ITS_END = re.compile(r"\[\[ ## \w+ ## \]\Z")
PROSE_FROM = 60
"""So many characters without a marker: the model leaves the format aside and writes the text alone."""


class DraftShown:
    """Takes what the model writes and tells the first of the output `fields` in it; None stands for its beginning anew."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._raw = ""
        self.told = ""
        self._due = AT_ONCE
        self.draft = 0

    def __call__(self, piece: str | None) -> None:
        if piece is None:
            self.draft += 1
            self._raw, self.told, self._due = "", "", AT_ONCE
            return
        self._raw += piece
        if len(self._raw) >= self._due:
            self._due = len(self._raw) + AT_ONCE
            self._tell(_whole_words(self._text()))

    def finish(self) -> None:
        """Tell what is left; nothing more comes."""
        if self._raw:
            self._tell(self._text())

    def tell_whole(self, text: str) -> None:
        """A text that was written otherwise: it takes the place of all drafts."""
        self(None)
        self._tell(text)

    def _tell(self, text: str) -> None:
        if not is_watched():
            return
        text = redact(text)
        if not text.startswith(self.told):  # what looked harmless by itself was part of a secret
            self.draft += 1
            self.told = ""
        if len(text) > len(self.told):
            tell(Token(draft=self.draft, text=text[len(self.told) :]))
            self.told = text

    def _text(self) -> str:
        parts = _ANY_MARKER.split(self._raw)
        written = dict(zip(parts[1::2], parts[2::2], strict=True))
        for name in self._fields:
            if name in written:
                return _without_half_a_marker(written[name]).strip()
        return self._raw.strip() if not written and len(self._raw) >= PROSE_FROM and "[[" not in self._raw else ""


def _without_half_a_marker(text: str) -> str:
    """Nor half a citation: up to the first bracket that nothing closes."""
    text = _MARKER_BUT_ITS_END.sub("", text)
    opened = text.find("[", text.rfind("]") + 1)
    return text if opened < 0 else text[:opened]


def _whole_words(text: str) -> str:
    """Up to the last space: half a secret looks like none."""
    cut = max(text.rfind(" "), text.rfind("\n"))
    return text[: cut + 1]
