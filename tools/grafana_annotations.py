"""Grafana's annotations: people's notes and the state changes of alerts, which together are its history.

A state change has no labels of its own: they stand in its text, `Title {alertname=…, instance=…} - A=91.2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, ValidationError, field_validator

from core.errors import BadResponse
from core.vocabulary import Change
from tools.alerts import is_private
from tools.grafana_state import parse_state
from tools.listing import Listing
from tools.response import Items, Text, Wire, first_wrong_field

TEXT_LENGTH = 2_000
TITLE_LENGTH = 160
NAMING_LABELS = ("name", "service", "host", "instance", "node")
"""Where exporters say what a series is about, the most telling first (cAdvisor's container, a probe's service, a host)."""

_LABEL_BORDER = re.compile(r", (?=[^\s=,{}]+=)")
_MARKUP = re.compile(r"<[^<>]{1,200}>")


class Annotation(Wire):
    """One item of `/api/annotations`. With state history kept in Loki, `id` is 0 and `alertName` missing."""

    id: int = 0
    alert_id: int = Field(0, alias="alertId")
    alert_name: Text = Field("", alias="alertName")
    dashboard_uid: Text = Field("", alias="dashboardUID")
    panel_id: int | None = Field(None, alias="panelId")
    new_state: Text = Field("", alias="newState")
    prev_state: Text = Field("", alias="prevState")
    at: datetime = Field(alias="time")
    until: datetime | None = Field(None, alias="timeEnd")
    tags: Items[str] = Field(default_factory=list)
    text: Text = ""
    login: Text = ""

    @field_validator("at", "until", mode="before")
    @classmethod
    def _from_milliseconds(cls, value: Any) -> datetime | None:
        if value is None or isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("milliseconds since 1970 expected")
        try:
            return datetime.fromtimestamp(value / 1000, UTC)
        except (OverflowError, OSError):
            raise ValueError("the time is out of range") from None

    @property
    def is_state_change(self) -> bool:
        return bool(self.new_state)

    @property
    def labels(self) -> dict[str, str]:
        """The instance's labels, private ones aside."""
        inside = self.text[self.text.find("{") + 1 : self.text.rfind("}")] if "{" in self.text else ""
        pairs = (pair.partition("=") for pair in _LABEL_BORDER.split(inside))
        return {label: value for label, equals, value in pairs if equals and not is_private(label)}

    @property
    def rule(self) -> str:
        """The name of the rule whose state changed."""
        title = self.text.partition("{")[0].strip()
        return self.alert_name or self.labels.get("alertname") or title or "unnamed"

    @property
    def value(self) -> str:
        """What the query said then, for instance "A=91.200000"; empty when the text has none."""
        return self.text.rpartition("} - ")[2].strip() if "} - " in self.text else ""


def read_annotations(source: str, path: str, body: Any, limit: int) -> Listing[Annotation]:
    """The newest `limit` annotations, newest first, as Grafana orders them; a malformed one is left out and counted.

    Raises BadResponse when the answer is no list, or nothing in it can be read.
    """
    if not isinstance(body, list):
        raise BadResponse(source, f"{path}: a list of annotations expected; check that the URL is that of {source}")
    found: list[Annotation] = []
    wrong: list[str] = []
    for position, item in enumerate(body):
        try:
            found.append(Annotation.model_validate(item))
        except ValidationError as error:
            wrong.append(f"[{position}].{first_wrong_field(error)}")
    if wrong and not found:
        raise BadResponse(source, f"{path}: {wrong[0]}; check that the URL is that of {source}")
    gaps = []
    if len(found) > limit:
        gaps.append(f"only the newest {limit} annotations were read, older ones are missing")
    if wrong:
        gaps.append(f"{len(wrong)} of {len(body)} annotations could not be read ({wrong[0]})")
    return Listing(tuple(found[:limit]), f"{source}: {'; '.join(gaps)}" if gaps else None)


def to_changes(source: str, annotations: Iterable[Annotation]) -> list[Change]:
    """State changes as kind "alert", everything else as kind "annotation", oldest first."""
    changes = [_to_change(source, position, annotation) for position, annotation in enumerate(annotations)]
    return sorted(changes, key=lambda change: change.at)


def _to_change(source: str, position: int, annotation: Annotation) -> Change:
    at_ms = round(annotation.at.timestamp() * 1000)
    if annotation.is_state_change:
        before, after = parse_state(annotation.prev_state or "Unknown"), parse_state(annotation.new_state)
        title = f"{annotation.rule}: {before} → {after}"
    else:
        text = _MARKUP.sub(" ", annotation.text).strip()
        title = (
            " ".join(text.splitlines()[0].split())[:TITLE_LENGTH]
            if text
            else ", ".join(annotation.tags)[:TITLE_LENGTH] or "(no text)"
        )
    detail = [annotation.text[:TEXT_LENGTH]]
    if annotation.tags:
        detail.append(f"tags: {', '.join(annotation.tags)}"[:TEXT_LENGTH])
    if annotation.until and annotation.until > annotation.at:
        detail.append(f"until {annotation.until.isoformat()}")
    return Change(
        id=f"{source}-{annotation.id or f'{at_ms}-{position}'}",
        at=annotation.at,
        kind="alert" if annotation.is_state_change else "annotation",
        entity=_entity(annotation.labels) if annotation.is_state_change else None,
        title=title,
        detail="\n".join(filter(None, detail)),
        source=source,
        actor=annotation.login or None,
    )


def _entity(labels: dict[str, str]) -> str | None:
    return next((labels[label] for label in NAMING_LABELS if labels.get(label)), None)
