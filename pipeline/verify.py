"""Checks every claim of an answer that a language model wrote against the items that it cites, and cuts what does not stand.

Markdown in, Markdown out; code decides, no model. What a check needs is in `pipeline.verification`, one file for each kind of claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from core.vocabulary import Cause
from pipeline.brief import Brief
from pipeline.general_steps import load_general_steps
from pipeline.verification.belonging import adjusted_otherwise, misplaced_alerts, reversed_changes
from pipeline.verification.causes import carries_cause, cause_without_ground
from pipeline.verification.claims import LINK, Claim, cited, read_claims
from pipeline.verification.commands import code_without_ground, commands_without_ground, links_without_ground
from pipeline.verification.comparisons import comparisons_against_ground
from pipeline.verification.cutting import cut
from pipeline.verification.facts import Facts, Problem, Verdict
from pipeline.verification.ground import Ground
from pipeline.verification.levels import levels_against_ground
from pipeline.verification.library import Library
from pipeline.verification.moments import moments_without_ground
from pipeline.verification.names import names_without_ground
from pipeline.verification.numbers import numbers_without_ground
from pipeline.verification.quantifiers import quantifiers_against_ground
from pipeline.verification.reading import Reading, read
from pipeline.verification.sequence import sequence_against_ground
from pipeline.verification.states import (
    alerts_against_ground,
    errors_against_ground,
    health_against_ground,
    severities_against_ground,
    steadiness_against_ground,
)
from pipeline.verification.steps import step_without_ground
from pipeline.verification.topics import topics_without_ground
from pipeline.verification.trends import trends_against_ground

__all__ = ["Facts", "Problem", "Verdict", "facts_of", "verify"]

MAX_ANSWER = 20_000
"""Characters; nobody reads more, and what follows is cut."""
MAX_CLAIM = 2000
MAX_NUMBERS = 80
"""A sentence with more characters or numbers is none that people read, and is cut."""
MOST_TOLD = 3
"""Reasons given for one sentence."""


def facts_of(brief: Brief) -> Facts:
    """What an answer to the brief may be checked against."""
    question, entities = brief.question, brief.inventory.entities
    steps = [step for family in load_general_steps().values() for step in family]
    return Facts(
        evidence=brief.evidence,
        passages=brief.passages,
        changes=brief.changes,
        names=frozenset(entities) | {alias for entity in entities.values() for alias in entity.aliases},
        alerts=(*brief.alerts, *(alert for alert in brief.history if alert not in brief.alerts)),
        question=question.text,
        now=question.at,
        zone=brief.zone,
        background=(
            *question.subjects, *question.alert_names, *(unknown.name for unknown in question.unknown),
            *(name for unknown in question.unknown for name in unknown.suggestions),
            *brief.gaps, *brief.nearest_pages, *steps, f"{len(entities)} hosts and services are known",
        ),
        window=question.window,
    )  # fmt: skip


def verify(text: str, facts: Facts, *, cause: Cause | None = None) -> Verdict:
    """The answer with every sentence cut that its citations do not bear out. `cause` is the one that the evidence leads to."""
    answer = re.sub(r"\r\n?", "\n", text[:MAX_ANSWER])
    claims = read_claims(answer)
    if len(text) > MAX_ANSWER and claims:
        claims, answer = claims[:-1], answer[: claims[-1].start].rstrip()  # the last one may be half
    library = Library(facts)
    known = frozenset(name.lower() for name in (*facts.names, *(alert.name for alert in facts.alerts)))
    paragraphs = _paragraphs(claims)
    problems: dict[int, Problem] = {}
    for number, claim in enumerate(claims):
        found = list(_wrong(claim, paragraphs[claim.block], library, known, cause))
        if found:
            problems[number] = Problem(_told(claim), "; ".join(dict.fromkeys(found[:MOST_TOLD])))
    return _verdict(answer, claims, problems, facts, cause)


def _paragraphs(claims: Sequence[Claim]) -> dict[int, tuple[str, ...]]:
    """What each block cites in all."""
    found: dict[int, tuple[str, ...]] = {}
    for claim in claims:
        found[claim.block] = tuple(dict.fromkeys((*found.get(claim.block, ()), *claim.cites)))
    return found


def _wrong(
    claim: Claim, paragraph: Sequence[str], library: Library, known: frozenset[str], cause: Cause | None
) -> Iterator[str]:
    """What does not stand in a claim, each with what was looked at."""
    missing = [number for number in claim.cites if number not in library]
    if missing and (claim.kind != "code" or len(missing) == len(claim.cites)):
        has = ", ".join(library.numbers[:12]) or "none"
        yield f"there is no {', '.join(missing)} (there is {has})"
        return
    linked = library.linked(link["url"] for link in LINK.finditer(claim.text)) if claim.kind != "code" else ()
    ground = library.ground((*claim.cites, *linked))
    if claim.kind == "heading" and not claim.cites:
        ground = library.everything
    count = len(ground.items)
    where = f"stands in {'none of' if count > 1 else 'no part of'} {ground.listed}" if count else "cites nothing"
    if claim.kind == "code":
        lines = code_without_ground(claim, ground if count else library.background)
        yield from (f"the command “{line[:200]}” {where}" for line in lines)
        return
    reading = read(claim, library.facts.now, library.facts.zone)
    if len(reading.prose) > MAX_CLAIM or len(reading.quantities) > MAX_NUMBERS:
        yield "it is too long to be checked"
        return
    for piece in _pieces(reading, ground, library, nearby=library.ground(paragraph), known=known, cause=cause):
        yield f"{piece} {where}"
    if claim.kind != "heading" and not reading.links:  # under a link stands the title of its item
        yield from _contradictions(reading, ground, library, known)


def _pieces(
    reading: Reading, cites: Ground, library: Library, *, nearby: Ground, known: frozenset[str], cause: Cause | None
) -> Iterator[str]:
    """What should stand in the cited items and does not."""
    asked, facts = library.background, library.facts
    ground = cites if cites.items else asked
    for link in links_without_ground(reading, library.everything, asked):
        yield f"the link {link[:200]}, which is of no item,"
    for command in commands_without_ground(reading, ground):
        yield f"the command “{command[:200]}”"
    found = (
        *numbers_without_ground(reading, ground, asked, facts, cause),
        *moments_without_ground(reading, ground, asked, facts),
        *names_without_ground(reading, ground, nearby, asked, known=known, free=_of_step(reading, cause)),
        *misplaced_alerts(reading, cites),
    )
    yield from (f"“{piece}”" for piece in found)


def _of_step(reading: Reading, cause: Cause | None) -> frozenset[str]:
    """What a step may be about although its page does not name it: what the cause is about."""
    from_a_page = reading.claim.cites and all(number.startswith("K") for number in reading.claim.cites)
    return frozenset({cause.entity.lower()} if from_a_page and cause and cause.entity else ())


def _contradictions(reading: Reading, cites: Ground, library: Library, known: frozenset[str]) -> Iterator[str]:
    """What the cited items say otherwise, or leave open."""
    checks = (
        trends_against_ground,
        health_against_ground,
        alerts_against_ground,
        severities_against_ground,
        reversed_changes,
        adjusted_otherwise,
        comparisons_against_ground,
        levels_against_ground,
        quantifiers_against_ground,
        errors_against_ground,
        steadiness_against_ground,
        sequence_against_ground,
    )
    for word in (word for check in checks for word in check(reading, cites)):
        yield f"“{word}” is not what {cites.listed} shows"
    for topic in topics_without_ground(reading, cites):
        yield f"{cites.listed} {'are' if len(cites.items) > 1 else 'is'} not about {topic}"
    yield from cause_without_ground(reading, cites, library.everything, known)
    yield from step_without_ground(reading, cites, library.background, known)


def _told(claim: Claim) -> str:
    return " ".join(claim.text.split())[:400]


def _verdict(
    answer: str, claims: Sequence[Claim], problems: dict[int, Problem], facts: Facts, cause: Cause | None
) -> Verdict:
    """The core is the sentences that say why, and those that cite an observation."""
    left = cut(answer, claims, problems.keys())
    told = [number for number, claim in enumerate(claims) if claim.kind != "heading"]
    stand = [number for number in told if number not in problems]
    kept = len(stand) / len(told) if told else 0.0
    causes = [number for number in told if carries_cause(claims[number].text)]
    observed = [number for number in told if any(cite[0] in "EC" for cite in claims[number].cites)]
    core_lost = (
        kept < 0.5
        or (bool(causes) and not set(causes) & set(stand))
        or (bool(observed) and not set(observed) & set(stand))
        or (bool(facts.evidence) and not cited(left))
        or bool(cause and cause.entity and cause.entity in answer and cause.entity not in left)
    )
    return Verdict(left, tuple(problems.values()), core_lost, kept)
