"""What the operator's own pages say: a runbook's steps, lines of an Ansible tree, or that no page answers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.vocabulary import Action, Passage
from pipeline.brief import Brief
from pipeline.general_steps import general_steps
from pipeline.wording import listed, plain

MAX_CODE_LINES = 25


def to_do(brief: Brief, actions: Sequence[Action]) -> str:
    """What the runbook says to do; the assistant itself does nothing. Empty when no page was looked for."""
    if not brief.passages:
        return no_page(brief, "No runbook found") if brief.nearest_pages else ""
    top = brief.passages[0]
    if top.kind == "playbook":
        lines = ["**What to do**: no runbook, but this automation is about it.", in_ansible(top)]
    else:
        section = top.heading.rpartition(" > ")[2]
        lines = [f"**What to do**, from `{top.document}` › {section} [{top.id}]{_freshness(top)}:"]
    for number, action in enumerate(actions, start=1):
        lines.append(f"{number}. {action.text}")
        if action.command:
            lines.extend(["   ```", *(f"   {line}" for line in action.command.splitlines()), "   ```"])
    lines.append(see_also(brief))
    return "\n".join(line for line in lines if line)


def no_page(brief: Brief, found_nothing: str) -> str:
    """That no page answers, which ones came nearest, and what helps in general."""
    lines = [f"**{found_nothing}** for this."]
    if brief.nearest_pages:
        lines.append(f"Nearest, but not about it: {listed([f'`{page}`' for page in brief.nearest_pages])}.")
    else:
        lines.append("`sre ingest` indexes the directories in SRE_RUNBOOKS and SRE_ANSIBLE.")
    alerts = [f"{alert.name} {alert.summary}" for alert, _ in brief.explained[:1]]
    steps = general_steps(*alerts, brief.question.text)
    lines += ["", "**In general** (common practice, not from your documentation):"]
    return "\n".join([*lines, *(f"- {step}" for step in steps)])


def in_ansible(passage: Passage) -> str:
    """Where in the Ansible tree it stands, and the lines themselves."""
    shown = passage.text.splitlines()
    cut = [f"… {len(shown) - MAX_CODE_LINES} more lines"] if len(shown) > MAX_CODE_LINES else []
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", passage.text)), default=0))
    place = f"`{passage.document}` line {passage.line}" if passage.line else f"`{passage.document}`"
    head = f"**{plain(passage.heading.replace(' > ', ' › '))}**, {place} [{passage.id}]{_freshness(passage)}:"
    return "\n".join([head, f"{fence}yaml", *shown[:MAX_CODE_LINES], *cut, fence])


def see_also(brief: Brief) -> str:
    others = [f"`{p.document}` [{p.id}]" for p in brief.passages[1:]]
    return f"\nSee also {listed(others)}." if others else ""


def _freshness(passage: Passage) -> str:
    return f" ({passage.freshness})" if passage.freshness else ""
