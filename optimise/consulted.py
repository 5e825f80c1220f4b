"""Which sources an answer shows that it consulted, whatever way led there: by what they gave, or by its saying that they had nothing."""

from __future__ import annotations

import re

from core.vocabulary import Answer, Evidence

_NO_CHANGE = re.compile(r"\bno (?:other )?changes? (?:is|are|was|were|explains?|clears?|known)\b", re.IGNORECASE)
_NO_PAGE = re.compile(r"\bno (?:runbook|playbook|page|role or playbook)\b", re.IGNORECASE)
_NO_LINE = re.compile(r"\bno (?:matching )?(?:log )?lines?\b", re.IGNORECASE)
_NO_ALERT = re.compile(r"\bno alerts?\b", re.IGNORECASE)
_CHANGES = frozenset({"changes", "git", "ara", "ansible", "record", "records", "metrics"})
_ALERTS = re.compile(r"\b(?:alerts?|alertmanager|rule)\b", re.IGNORECASE)


def consulted(source: str, answer: Answer) -> bool:
    """`source` is a name in `evidence[].source`, or changes, runbooks, alerts, logs, which several sources give.

    A source that could not be read is a gap, and not consulted.
    """
    found = answer.evidence
    match source.lower():
        case "changes":
            return bool(answer.changes) or any(map(_of_changes, found)) or bool(_NO_CHANGE.search(answer.answer))
        case "runbooks" | "knowledge":
            return bool(answer.passages) or bool(_NO_PAGE.search(answer.answer))
        case "alerts":
            return any(map(_of_alerts, found)) or bool(_NO_ALERT.search(answer.answer))
        case "logs":
            return any(item.source in ("logs", "loki") for item in found) or bool(_NO_LINE.search(answer.answer))
        case name:
            return any(item.source.lower() == name for item in found)


def _of_changes(item: Evidence) -> bool:
    return item.source in _CHANGES or "change" in item.title.lower()


def _of_alerts(item: Evidence) -> bool:
    return item.source in ("alerts", "alertmanager", "grafana") or bool(_ALERTS.match(item.title))
