"""Judges one answer by what its case expects. Pure: no model, no clock, no source is asked.

A check that does not hold is one line, "cause_entity: wanted adguard, got unbound". Whether the claims of the answer stand in what they
cite is always checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from core.vocabulary import Answer, AnsweredChange, Usage
from optimise.cases import Expect
from optimise.consulted import consulted
from optimise.context import Context
from optimise.facts import says, untold
from optimise.grounding import ungrounded
from optimise.report import SURE, TurnResult

FIRST_PAGES = 3
MAX_TOLD = 5
"""Ungrounded sentences that are told."""
MAX_LINE = 400


def score(expect: Expect, answer: Answer, context: Context) -> TurnResult:
    """Everything that the case names is checked; an empty `failed` is a pass. `judged` is left to `optimise.judge`."""
    loose = ungrounded(answer, context)
    failed = [f"{field}: {what}" for field, what in _failed(expect, answer, context)]
    failed += [f"grounded: “{problem.sentence[:200]}”: {problem.what}" for problem in loose[:MAX_TOLD]]
    usage = answer.usage
    return TurnResult(
        question=context.question,
        answer=answer.answer,
        failed=tuple(" ".join(line.split())[:MAX_LINE] for line in failed),
        grounded=not loose,
        confidently_wrong=confidently_wrong(expect, answer, context),
        mode=answer.mode,
        gaps=answer.gaps,
        llm_calls=usage.llm_calls,
        input_tokens=sent_tokens(usage),
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
        latency_s=usage.latency_s.total,
    )


def abstains(answer: Answer, entity: str | None = None) -> bool:
    """Whether an answer leaves open what brought it about: it blames no change, and names no cause with confidence but the true one.

    `entity` is the one truly at fault, where one is known: who says that it is, and that no change explains it, accuses nobody.
    """
    cause = answer.cause
    if cause is None or cause.change_id is not None:
        return cause is None
    return cause.confidence < SURE or (entity is not None and _same_name(entity, cause.entity))


def _at_fault(expect: Expect, context: Context) -> str | None:
    """The entity, as the case or the incident has it."""
    if expect.names("cause_entity") or context.truth is None:
        return expect.cause_entity
    return context.truth.entity


def confidently_wrong(expect: Expect, answer: Answer, context: Context) -> bool:
    """A cause with confidence whose entity or change is not the true one, or where no cause was to be given.

    What the case expects goes before what is true of the incident. No change, where one is to blame, is not wrong but missing.
    """
    cause = answer.cause
    if cause is None or cause.confidence < SURE:
        return False
    truth = context.truth
    quiet = truth is not None and (truth.entity, truth.kind) == (None, None)
    if expect.abstain:
        return not abstains(answer, _at_fault(expect, context))
    if quiet and not expect.names("cause_entity"):
        return True
    told = expect.names("cause_entity") or truth is not None
    if told and not _same_name(_at_fault(expect, context), cause.entity):
        return True
    if cause.change_id is None or not (expect.names("change") or truth is not None):
        return False
    change = expect.change if expect.names("change") or truth is None else truth.change
    return not _blames(change, answer, context)


def sent_tokens(usage: Usage) -> int:
    """All that was sent to a model, whether or not its provider had it in a cache."""
    return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens


_Failures = Iterator[tuple[str, str]]
"""The field of the case, and what was wanted and what was there."""


def _failed(expect: Expect, answer: Answer, context: Context) -> _Failures:
    checks: tuple[Callable[[Expect, Answer, Context], _Failures], ...] = (_kind_of_answer, _found, _cause, _told, _cost)
    for check in checks:
        yield from check(expect, answer, context)


def _kind_of_answer(expect: Expect, answer: Answer, _: Context) -> _Failures:
    intents = _several(expect.intent)
    if intents and answer.intent not in intents:
        yield "intent", _wanted(_or(intents), answer.intent)
    if expect.mode is not None and answer.mode != expect.mode:
        yield "mode", _wanted(expect.mode, answer.mode)
    if expect.names("subjects"):
        there = {subject.lower() for subject in answer.subjects}
        missing = [name for name in expect.subjects or () if name.lower() not in there]
        if missing or (expect.subjects is None and there):
            yield "subjects", _wanted(", ".join(missing) or None, ", ".join(answer.subjects) or None)


def _found(expect: Expect, answer: Answer, _: Context) -> _Failures:
    missing = [source for source in expect.sources if not consulted(source, answer)]
    if missing:
        asked = dict.fromkeys(item.source for item in answer.evidence)
        yield "sources", _wanted(", ".join(missing), ", ".join(asked) or None)
    if expect.names("runbook"):
        pages = list(dict.fromkeys(passage.document for passage in answer.passages))
        wanted = _several(expect.runbook)
        shown = ", ".join(pages[:FIRST_PAGES]) or None
        if not wanted and pages:
            yield "runbook", _wanted(None, shown)
        if wanted and not any(_is_page(name, page) for name in wanted for page in pages[:FIRST_PAGES]):
            yield "runbook", _wanted(_or(wanted), shown)


def _cause(expect: Expect, answer: Answer, context: Context) -> _Failures:
    cause = answer.cause
    entity = cause.entity if cause else None
    if expect.names("cause_entity") and not _same_name(expect.cause_entity, entity):
        yield "cause_entity", _wanted(expect.cause_entity, entity)
    if expect.names("cause_kind"):
        kinds, kind = _several(expect.cause_kind), cause.kind if cause else None
        blames = entity is not None and kind != "unknown"
        if kind not in kinds if kinds else blames:
            yield "cause_kind", _wanted(_or(kinds), kind)
    if expect.names("change") and not _blames(expect.change, answer, context):
        known = context.changes.get(expect.change or "")
        wanted = f"{expect.change} ({known.title})" if known else expect.change
        change = _blamed(answer)
        yield "change", _wanted(wanted, change.title if change else cause.change_id if cause else None)
    if expect.abstain is not None and expect.abstain != abstains(answer, _at_fault(expect, context)):
        got = f"{entity or cause.kind}, confidence {cause.confidence:.0%}" if cause else None
        if cause and cause.change_id:
            got = f"{got}, and a change blamed"
        yield "abstain", _wanted("no confident cause" if expect.abstain else "a cause", got)


def _told(expect: Expect, answer: Answer, context: Context) -> _Failures:
    for fact in expect.facts:
        missing = untold(fact, answer.answer, context.names)
        if missing:
            yield "facts", f"wanted “{fact}”, nowhere told with {missing}"
    said = list(_said(answer))
    for phrase in expect.forbidden:
        if any(says(phrase, text) for text in said):
            yield "forbidden", f"it says “{phrase}”"
    for gap in expect.gaps:
        if not any(not untold(gap, line, context.names) for line in answer.gaps):
            yield "gaps", _wanted(f"“{gap}”", "; ".join(line[:100] for line in answer.gaps) or None)


def _cost(expect: Expect, answer: Answer, _: Context) -> _Failures:
    usage = answer.usage
    spent: tuple[tuple[str, float | None, float], ...] = (
        ("max_llm_calls", expect.max_llm_calls, usage.llm_calls),
        ("max_input_tokens", expect.max_input_tokens, sent_tokens(usage)),
        ("max_latency_s", expect.max_latency_s, usage.latency_s.total),
    )
    for field, most, was in spent:
        if most is not None and was > most:
            yield field, f"wanted at most {most:,g}, got {was:,g}"


def _said(answer: Answer) -> Iterator[str]:
    """All that the answer puts into its own words or proposes; evidence and passages are of others."""
    yield answer.answer
    if answer.cause is not None:
        yield from (answer.cause.statement, *answer.cause.alternatives)
    for action in answer.actions:
        yield from (action.text, action.command or "")


def _blamed(answer: Answer) -> AnsweredChange | None:
    if answer.cause is None:
        return None
    return next((change for change in answer.changes if change.id == answer.cause.change_id), None)


def _blames(wanted: str | None, answer: Answer, context: Context) -> bool:
    """Whether the blamed change is the scenario's `wanted`; None: whether none is blamed."""
    if wanted is None:
        return answer.cause is None or answer.cause.change_id is None
    change, known = _blamed(answer), context.changes.get(wanted)
    return change is not None and known is not None and known.is_(change)


def _is_page(wanted: str, document: str) -> bool:
    """The file's name alone, or with as many of its directories as the case gives."""
    asked, there = PurePosixPath(wanted).parts, PurePosixPath(document).parts
    return there[-len(asked) :] == asked


def _same_name(wanted: str | None, got: str | None) -> bool:
    return (wanted or "").lower() == (got or "").lower()


def _several(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _or(values: Iterable[str]) -> str:
    return " or ".join(values)


def _wanted(wanted: object, got: object) -> str:
    return f"wanted {wanted or 'none'}, got {got or 'none'}"
