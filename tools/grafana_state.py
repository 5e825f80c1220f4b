"""The states of a Grafana alert instance, in the words of every version since 7."""

from __future__ import annotations

from typing import Literal, NamedTuple

Word = Literal["Normal", "Pending", "Alerting", "Recovering", "NoData", "Error", "Unknown"]

_WORDS: dict[str, Word] = {
    "normal": "Normal",
    "inactive": "Normal",
    "ok": "Normal",  # legacy alerting, gone in Grafana 11
    "paused": "Normal",  # legacy alerting
    "pending": "Pending",
    "alerting": "Alerting",
    "firing": "Alerting",
    "recovering": "Recovering",
    "nodata": "NoData",
    "no_data": "NoData",  # legacy alerting
    "error": "Error",
    "execution_error": "Error",  # legacy alerting
}


class InstanceState(NamedTuple):
    """`word` in today's spelling; `reason` is what Grafana adds in brackets, or the raw text of an unknown word."""

    word: Word
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word} ({self.reason})" if self.reason else self.word


NO_DATA_ALERT = "DatasourceNoData"
ERROR_ALERT = "DatasourceError"


def parse_state(text: str) -> InstanceState:
    """`Normal (MissingSeries)` → Normal, MissingSeries. A word of a newer version becomes Unknown."""
    word, _, rest = text.strip().partition(" (")
    known = _WORDS.get(word.lower())
    if known is None:
        return InstanceState("Unknown", text.strip()[:80])
    return InstanceState(known, rest.removesuffix(")"))


def firing_name(state: InstanceState, rule: str) -> str | None:
    """The name of the alert that an instance in this state fires, or None when it does not.

    When a rule has no data or fails, Grafana fires a different alert, which carries the rule's name as `rulename`.
    """
    match state.word:
        case "Alerting" | "Recovering":
            return rule
        case "NoData":
            return NO_DATA_ALERT
        case "Error":
            return ERROR_ALERT
        case _:
            return None
