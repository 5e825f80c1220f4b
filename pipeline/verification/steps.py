"""What to do must be what the cited page says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.english import WORD, content_words, stem
from pipeline.verification.english import words as words_
from pipeline.verification.ground import Ground
from pipeline.verification.reading import Reading

SHARED_BY_A_STEP, SHARED, SHARED_BESIDE_FACTS = 0.7, 0.5, 0.3
"""The share of the content words of what is said of a page that the page must have: of what to do, of anything else, and of what
has code or numbers, which are checked by themselves.
"""
FEW_WORDS = 2
_CHANGING = (
    r"restart|reboot|delete|remove|wipe|reinstall|upgrade|downgrade|roll(?:\s|-)?back|roll(?=\s[\w-]+\sback)|revert|disable|enable|drop|format|kill|purge|prune|stop|start(?!\s(?:with|by|from)\b)|"
    r"increase|raise|lower|reduce|resize|extend|migrate|move|replace|rebuild|recreate|redeploy|flush|truncate|rotate|reset|reconfigure|edit|change|set|add|"
    r"install|uninstall|unplug|swap|scale|drain|power(?:\s|-)?cycle|turn off|switch off|shut|update|renew|clear|free up|restore|switch|unmount|mount|pause|detach|vacuum|limit|cap|re-?seat|empty|disconnect|destroy|erase|overwrite|downgrade|reinitiali[sz]e"
)
_STEP = re.compile(
    rf"^(?:\W|\d+[.)]|then\b|next\b|first\b|finally\b|now\b|please\b|also\b|if [^,]{{1,80}},|to [^,]{{1,80}},|after [^,]{{1,60}},|step \d+)*\s*(?:then\s|and\s)?(?P<verb>{_CHANGING})\b"
    rf"|\b(?:you (?:should|can|could|may|must|need to)|should be|recommend\w*|i suggest|suggest|try|need to|consider|must be|it is safe to|advis\w+)\s(?:to\s|that you\s)?"
    rf"(?P<verb2>{_CHANGING})(?:ed|d|ing|ting)?\b",
    re.IGNORECASE,
)
_ALSO = re.compile(
    rf"(?:\band|\bthen|,)\s(?:then\s)?(?P<verb>{_CHANGING})\s(?:it|them|the|all|its|your|an?|this|that|every|both)\b",
    re.IGNORECASE,
)
_DOES = re.compile(
    rf"\b(?:and|then|also|afterwards|playbook|play|role|task|runbook)\s(?:then\s|also\s)?(?P<verb>{_CHANGING})e?s\s(?:the|it|its|all|an?|every|both|each|any)\b",
    re.IGNORECASE,
)
""" "the playbook also updates …": what a page is said to do."""
_OBJECT = re.compile(
    rf"^(?:\W|\d+[.)]|(?:then|next|first|finally|now|please|also)\b,?|(?:if|to|after|before|when|once)\b[^,]{{1,80}},)*\s*(?:{_CHANGING})\s"
    r"(?:(?:the|its|a|an|all|both|every|your|this|that)\s)?(?P<object>(?:[a-z][\w-]*\s?){1,4}?)(?=\s?(?:[.,;:()—–]|$|(?:of|from|to|with|on|in|at|by|for|before|after|if|when|"
    r"until|so|and|or|while|instead|using|as|that|which|via|again|first|once|back|one|only|through|is|are|until)\b))",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(?:[^\w]|\d+[.)]|(?:then|next|first|finally|now|please|also|otherwise|afterwards)\b,?|(?:if|to|after|before|when|once|until|in|with|for)\b[^,]{1,80},)*\s*"
    r"(?:take|make|run|check|look|find|copy|create|open|ask|call|log|download|put|keep|give|let|go|write|send|wait|read|see|verify|test|try|turn|bring|"
    r"push|pull|fetch|save|mark|tell|order|list|build|generate|configure|point|rename|assign|allow|block|do|don't|never|always|avoid|use|watch|compare)\b",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"^\W*(?:(?:according to|as per|per|following) (?:the|this) (?:runbook|page|playbook|guide|procedure),?\s"
    r"|(?:the|this) (?:runbook|page|playbook|guide|procedure) (?:says|asks|tells|advises|recommends|suggests|instructs|wants)(?: you| us| one)? to\s)+",
    re.IGNORECASE,
)
""" "the runbook says to …": what follows is a step."""
_IMPERATIVE = re.compile(
    r"^(?:\W|\d+[.)]|(?:then|next|first|finally|now|please|also|afterwards)\b,?|(?:if|to|after|before|when|once)\b[^,]{1,80},)*\s*"
    r"(?P<verb>[a-z]+)(?:\s(?:up|off|down|out|back|over))?\s(?:the|its|your|a|an|both|every|each|any)\b",
    re.IGNORECASE,
)
"""A sentence that begins with a verb and its object: whatever the verb is, it is an order."""
_SAME: tuple[frozenset[str], ...] = tuple(
    frozenset(stem(word) for word in group.split())
    for group in (
        "restart recreate restarted relaunch bounce", "delete remove drop purge clean prune clear free", "revert rollback roll restore undo",
        "increase raise extend grow enlarge resize more bigger add", "reduce lower shrink limit cap decrease less", "replace swap exchange",
        "stop kill halt pause shut shutdown disable", "start enable up launch", "upgrade update install", "renew reissue", "check look read see verify inspect examine confirm", "list show print display", "move migrate", "change edit set adjust reconfigure",
    )
)  # fmt: skip


def step_without_ground(reading: Reading, ground: Ground, asked: Ground, known: frozenset[str]) -> Iterator[str]:
    """A step that its page does not have, and a change that no page and no item speaks of. Names are checked elsewhere."""
    prose = _SAYS.sub("", reading.prose)
    words = content_words(" ".join((prose, *reading.codes)))
    pages = [item for item in ground.items if item.id.startswith("K")]
    held = content_words(" ".join(item.text for item in ground.items)) | content_words(asked.items[0].text)
    verb = _STEP.search(prose)
    asked_for = (
        [verb["verb"] or verb["verb2"], *(also["verb"] for also in _ALSO.finditer(reading.prose))] if verb else []
    )
    if ground.items and all(item.id.startswith("K") for item in ground.items):
        asked_for += [does["verb"] for does in _DOES.finditer(reading.prose)]
    for asks in asked_for:
        wanted = {stem(re.split(r"[\s-]+", asks.lower())[0])}
        alike = set().union(*(group for group in _SAME if wanted & group)) | wanted
        if not alike & held:
            yield f"the step “{asks}” stands in {'none of ' + ground.listed if ground.items else 'nothing that it cites'}"
            return
    words -= {stem(name) for name in known} - held
    if pages and (missing := _objects(prose, known) - held):
        yield f"“{min(missing)}” stands in none of {', '.join(item.id for item in pages)}"
        return
    if pages and len(words) >= FEW_WORDS:
        same = {word for word in words for group in _SAME if word in group and group & held}
        share = len((words & held) | same) / len(words)
        if share < _wanted(reading, ground, is_step=bool(verb) or prose != reading.prose or _is_order(prose)):
            yield f"{', '.join(item.id for item in pages)} {'do' if len(pages) > 1 else 'does'} not say this"


def _is_order(prose: str) -> bool:
    """Whether a sentence begins with a verb: not with a preposition, a participle, or a word such as "only"."""
    found = _IMPERATIVE.match(prose)
    verb = found["verb"].lower() if found else ""
    return bool(found) and verb not in words_("stop") and not verb.endswith(("ing", "ly"))


def _objects(prose: str, known: frozenset[str]) -> set[str]:
    """What a step is to be done to: the last word of what follows its verb, unless it is a name or in code."""
    found = _OBJECT.match(prose)
    words = [word.lower() for word in WORD.findall(found["object"])] if found else []
    words = [word for word in words if word not in known]
    return {stem(words[-1])} - words_("stop") if words else set()


def _wanted(reading: Reading, ground: Ground, *, is_step: bool) -> float:
    if any(ground.says(code) for code in reading.codes):
        return SHARED_BESIDE_FACTS
    if len({item.id[0] for item in ground.items}) > 1 and not is_step:
        return SHARED_BESIDE_FACTS
    if is_step or _ORDER.search(reading.prose):
        return SHARED_BY_A_STEP
    return SHARED_BESIDE_FACTS if reading.quantities else SHARED
