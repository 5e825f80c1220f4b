"""What a question is after: intent, subjects, time. Rules of `intents.yaml`, no model, no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from rapidfuzz import fuzz

from core.errors import ConfigurationError, InvalidInput
from core.redact import redact
from core.vocabulary import Alert, Frozen, Intent, Window
from core.yaml_files import load_shipped
from pipeline.brief import Question
from pipeline.signals import load_domain, split_camel_case
from pipeline.when import parse_window
from tools.inventory import Inventory

INTENTS_FILE = Path(__file__).with_name("intents.yaml")
MAX_QUESTION_CHARACTERS = 8_000
DEFAULT_LOOKBACK = timedelta(hours=1)
CHANGES_LOOKBACK = timedelta(hours=24)
MEASURED = frozenset({"metric_question", "status", "out_of_scope"})
"""What a question may be taken for that asks for a measurement."""
OF_WHAT_AILS = frozenset({"metric_question", "log_question", "runbook_lookup"})
"""Who asks so about something that an alert is about asks because of that."""
_HOW_COME = re.compile(r"\bhow come\b", re.IGNORECASE)
_CONTRACTED = re.compile(r"\b(why|what|where|how|who|when|that|there|it)['’]?s\b(?<!\bits)", re.IGNORECASE)


class Rule(Frozen):
    """One line of `intents.yaml`."""

    intent: Intent
    pattern: str
    unless: str | None = None
    needs: Literal["alert", "alert_name", "subject", "ailing", "no_subject"] | None = None
    a_guess: bool = False
    weak: bool = False


class Rules(Frozen):
    """The whole file."""

    rules: tuple[Rule, ...]
    acts: str
    alert_name: str
    before: str
    harmed: str
    accused: str


@cache
def load_rules(path: Path = INTENTS_FILE) -> Rules:
    """Raises ConfigurationError naming the field that is wrong."""
    try:
        return Rules.model_validate(load_shipped(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def check_question(text: str, *, field: str = "question") -> str:
    """The question without surrounding space and without secrets. Raises InvalidInput when it is empty, binary or too long."""
    if not text.strip():
        raise InvalidInput(f"{field}: it is empty; ask something like: sre ask 'Why is jellyfin slow?'")
    if len(text) > MAX_QUESTION_CHARACTERS:
        raise InvalidInput(
            f"{field}: {len(text):,} characters are too long; at most {MAX_QUESTION_CHARACTERS:,} are read"
        )
    if any((ord(c) < 32 and c not in "\n\r\t") or 0xD800 <= ord(c) <= 0xDFFF or c == "\ufffd" for c in text):
        raise InvalidInput(f"{field}: it holds binary data; send plain text in UTF-8")
    return redact(text.strip())


def asks_to_act(text: str) -> bool:
    """Whether the question orders a change; the assistant answers with the runbook and does nothing."""
    return bool(re.search(load_rules().acts, text.lower()))


def classify(
    text: str,
    *,
    inventory: Inventory,
    alerts: Sequence[Alert],
    now: datetime,
    zone: ZoneInfo,
    session_id: str | None = None,
    intent: Intent | None = None,
) -> Question:
    """Understand a checked question. `alerts` are those that fire at `now`; `intent` takes the place of what rules say it is after.

    `Question.alert_names` may hold names of which nothing fires. Where no host or service is known, no name is unknown.
    """
    told, text = text, _HOW_COME.sub("why", _CONTRACTED.sub(r"\1 is", text))
    resolution = inventory.resolve(text)
    unknown = resolution.unknown if inventory.entities else ()
    named = alerts_named_in(text, alerts) or _named_after(resolution.subjects, alerts, inventory)
    asked = names_like_an_alert(text, inventory)
    phrase = parse_window(text, now=now, zone=zone)
    about_alert = bool(named) or any(concerns(alert, resolution.subjects, inventory) for alert in alerts)
    broad = not resolution.subjects and not unknown
    sure = weak = False
    if intent is None:
        intent, sure, weak = _intent(
            text,
            about_alert=about_alert or (bool(alerts) and broad),
            names_alert=bool(named or asked),
            has_subject=not broad,
        )
    ailing = bool(resolution.subjects) and about_alert
    vain = load_domain().unmeasured_in(text) if intent in MEASURED or not sure else []
    intent = "metric_question" if vain else intent
    before = intent == "what_changed" and (ailing or bool(re.search(load_rules().before, text.lower())))
    subjects = resolution.subjects
    if before or intent == "explain_alert":
        subjects = _harmed(text, subjects, inventory, names_alert=bool(named or asked))
    lookback = CHANGES_LOOKBACK if intent == "what_changed" else DEFAULT_LOOKBACK
    return Question(
        text=told,
        intent=intent,
        at=now,
        window=phrase.window if phrase else Window(start=now - lookback, end=now),
        named_window=phrase is not None,
        subjects=subjects,
        unknown=unknown,
        families=tuple(load_domain().families_of(text)),
        alert_names=tuple(dict.fromkeys([*(alert.name for alert in named), *asked])),
        session_id=session_id,
        sure=sure,
        weak=weak,
        because=before or (ailing and intent in OF_WHAT_AILS),
        unmeasured=tuple(vain),
    )


def concerns(alert: Alert, subjects: Sequence[str], inventory: Inventory) -> bool:
    """Whether an alert is about one of the subjects, or what runs there."""
    name = inventory.entity_of(alert.labels)
    entity = inventory.entities.get(name) if name else None
    return name in subjects or (entity is not None and entity.host in subjects)


def _harmed(text: str, subjects: tuple[str, ...], inventory: Inventory, *, names_alert: bool) -> tuple[str, ...]:
    """Of the subjects those that suffer, where others are accused: "was it traefik that broke adguard?" is about adguard.

    None where only the accused is named, beside an alert or beside "everything": the question is about that.
    """
    rules = load_rules()
    if accused := re.search(rules.accused, text, re.IGNORECASE):
        return inventory.resolve(text[: accused.start()]).subjects
    harmed = re.search(rules.harmed, text, re.IGNORECASE)
    if harmed is None or not re.search(r"\w", text[harmed.end() :]):
        return subjects
    after = text[harmed.end() :]
    found = inventory.resolve(after).subjects
    return found if found or names_alert or re.search(r"\b(everything|all|it)\b", after, re.IGNORECASE) else subjects


def _intent(text: str, *, about_alert: bool, names_alert: bool, has_subject: bool) -> tuple[Intent, bool, bool]:
    """What the question is after, whether a rule says so, and whether an example may say better."""
    lowered = text.lower()
    met = {
        "alert": about_alert,
        "alert_name": names_alert,
        "subject": has_subject,
        "ailing": has_subject and about_alert,
        "no_subject": not has_subject,
        None: True,
    }
    for rule in load_rules().rules:
        if (
            met[rule.needs]
            and re.search(rule.pattern, lowered)
            and not (rule.unless and re.search(rule.unless, lowered))
        ):
            return rule.intent, not rule.a_guess, rule.weak
    return ("explain_alert", True, False) if names_alert else ("out_of_scope", False, False)


def names_like_an_alert(text: str, inventory: Inventory) -> list[str]:
    """Words written like an alert's name ("HostDiskFull"), whether it fires or not; names of hosts and services are none."""
    pattern = load_rules().alert_name
    return [
        word
        for word in re.findall(r"\b[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*\b", text)
        if re.search(pattern, split_camel_case(word)) and not inventory.resolve(word).subjects
    ]


def _named_after(subjects: Sequence[str], alerts: Sequence[Alert], inventory: Inventory) -> list[Alert]:
    """Alerts that are called after a subject while they fire elsewhere: TraefikHighErrorRate, on the services behind it."""
    if any(inventory.entity_of(alert.labels) in subjects for alert in alerts):
        return []
    return [alert for alert in alerts if set(split_camel_case(alert.name).lower().split()) & set(subjects)]


def alerts_named_in(text: str, alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts whose name stands in the question, as it is or split into words."""
    lowered = text.lower()
    words = split_camel_case(text).lower()
    return [
        alert
        for alert in alerts
        if alert.name.lower() in lowered or fuzz.partial_ratio(split_camel_case(alert.name).lower(), words) >= 92
    ]
