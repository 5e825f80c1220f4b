"""A table of text as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def sheet(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Every cell is escaped."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="sheet"><tr>{top}</tr>{body}</table>'
