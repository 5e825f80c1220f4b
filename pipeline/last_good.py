"""The last good answer that a model gave to the same question or about the same alert, for when no model answers.

Imports SQLAlchemy. Calls block: from async code they belong into a thread.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import Column, Float, String, Table, Text, delete, insert, select

from core.store import METADATA, Store
from core.vocabulary import Answer
from pipeline.brief import Question

KEPT_FOR = timedelta(hours=24)
MAX_ANSWERS = 500
MAX_CHARACTERS = 200_000
"""Of one answer as JSON; a larger one is not kept."""

_ANSWERS = Table(
    "last_good_answers",
    METADATA,
    Column("key", String, primary_key=True),
    Column("at", Float, nullable=False, index=True),  # seconds since 1970, UTC: the moment that the answer is about
    Column("body", Text, nullable=False),  # an Answer as JSON
)


def key_of(question: Question) -> str:
    """What makes two questions the same: the alerts and the machines they name; where no alert is named, their words.

    A question about a time of its own is the same only with that very time.
    """
    about = (*sorted(question.alert_names), *sorted(question.subjects))
    words = " ".join(re.findall(r"\w+", question.text.casefold()))
    families = sorted(family.name for family in question.families)
    then = [question.window.start.isoformat(), question.window.end.isoformat()] if question.named_window else []
    parts = [question.intent, *about, *(() if question.alert_names else (words,)), *families, *then]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class LastGood:
    """At most MAX_ANSWERS answers, none older than KEPT_FOR. The caller checks them against what is true now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, key: str, answer: Answer, now: datetime) -> None:
        """Replaces an older answer to the same question. Raises StoreError."""
        body = answer.model_copy(update={"session_id": None}).model_dump_json()
        if len(body) > MAX_CHARACTERS:
            return
        newest = select(_ANSWERS.c.key).order_by(_ANSWERS.c.at.desc()).limit(MAX_ANSWERS)
        with self._store.begin() as connection:
            connection.execute(delete(_ANSWERS).where(_ANSWERS.c.key == key))
            connection.execute(insert(_ANSWERS).values(key=key, at=now.timestamp(), body=body))
            too_old = _ANSWERS.c.at < (now - KEPT_FOR).timestamp()
            connection.execute(delete(_ANSWERS).where(too_old | _ANSWERS.c.key.not_in(newest)))

    def recall(self, key: str, now: datetime) -> tuple[Answer, datetime] | None:
        """The answer and when it was given, UTC; None when there is none, or it is too old or of another version. Raises StoreError."""
        with self._store.read() as connection:
            row = connection.execute(select(_ANSWERS.c.at, _ANSWERS.c.body).where(_ANSWERS.c.key == key)).first()
        if row is None or not 0 <= now.timestamp() - row.at <= KEPT_FOR.total_seconds():
            return None
        try:
            return Answer.model_validate_json(row.body), datetime.fromtimestamp(row.at, UTC)
        except ValidationError:
            return None
