"""A draft of a root cause analysis is an answer like any other: this is the question that asks for one."""

from __future__ import annotations

from pipeline.classify import check_question

EVERYTHING = "what fires"


def question_about(subject: str | None) -> str:
    """Raises InvalidInput for a subject that cannot be read."""
    return check_question(f"Draft a root cause analysis of {(subject or '').strip() or EVERYTHING}", field="subject")
