"""The runbook's steps as actions: the list items of the section that says what to do, each with its command."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.vocabulary import Action, Passage
from pipeline.brief import Brief

MAX_ACTIONS = 5


def actions_from(brief: Brief) -> tuple[Action, ...]:
    """At most five steps, quoted from the best passage; none when nothing was found. A playbook's tasks are not for people."""
    if not brief.passages or brief.passages[0].kind == "playbook":
        return ()
    return tuple(steps_of(brief.passages[0])[:MAX_ACTIONS])


def steps_of(passage: Passage) -> list[Action]:
    """Each list item, or each paragraph that is followed by a command, of a passage."""
    steps: list[Action] = []
    for token in MarkdownIt("commonmark").parse(passage.text):
        if token.type == "inline" and not _is_heading(token, passage):
            steps.append(Action(text=" ".join(token.content.split()), passage_id=passage.id))
        elif token.type in {"fence", "code_block"} and steps and steps[-1].command is None:
            steps[-1] = steps[-1].model_copy(update={"command": token.content.rstrip()})
    return steps


def _is_heading(token: Token, passage: Passage) -> bool:
    return token.content.strip() in passage.heading
