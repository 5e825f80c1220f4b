"""Whether what a question is about can be measured, and by whom; what cannot is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pipeline.brief import Finding, Gaps, Question
from pipeline.rankings import main_signal
from pipeline.sources import guarded
from pipeline.wording import listed
from tools.inventory import Inventory
from tools.prometheus import Prometheus


def narrowed(question: Question, findings: Sequence[Finding]) -> Question:
    """ "Are we on battery?" is about the only UPS there is."""
    if question.intent != "metric_question" or question.subjects or question.unknown or question.unmeasured:
        return question
    main = main_signal(question, findings)
    measured = {finding.entity for finding in findings if finding.signal.name == main}
    return replace(question, subjects=tuple(measured)) if len(measured) == 1 else question


async def tell_unmeasured(question: Question, prometheus: Prometheus, gaps: Gaps) -> None:
    """Metrics by whose names one may find what no signal tells."""
    if not question.unmeasured:
        return
    names = await guarded(gaps, "prometheus", prometheus.metric_names()) or []
    for each in question.unmeasured:
        near = [name for name in names if re.search(each.metrics, name, re.IGNORECASE)]
        told = (
            f"Prometheus has {listed(near, limit=3)}, which I do not read"
            if near
            else "Prometheus has no metric of such a name"
        )
        gaps.add(f"prometheus: nothing that I read tells the {each.phrase}; {told}")


def tell_unseen(question: Question, inventory: Inventory, gaps: Gaps) -> None:
    """Subjects that only Ansible knows are a gap: they are known, but nothing is measured there."""
    unseen = [name for name in question.subjects if name in inventory.unseen]
    if unseen:
        files = listed(sorted({inventory.unseen[name] for name in unseen}), limit=2)
        known = f"{listed(unseen)} {'is' if len(unseen) == 1 else 'are'} known from the Ansible inventory ({files})"
        gaps.add(f"inventory: {known} and not seen in Prometheus, so nothing is measured there")


def is_measurable(question: Question, inventory: Inventory) -> bool:
    """Whether anything that is asked about can have measurements: "nothing is wrong" cannot be said of a machine unseen."""
    carrying = {entity.host for entity in inventory.entities.values()}
    return not question.subjects or any(name not in inventory.unseen or name in carrying for name in question.subjects)
