"""What is wrong with the files of an index, whichever library found it out."""

from __future__ import annotations

from core.errors import KnowledgeError


class DamagedIndex(KnowledgeError):
    """The files of an index cannot be read or written, or answer nonsense; the message says what, not where."""
