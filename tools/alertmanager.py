"""Alertmanager: what fires, what is silenced or inhibited, and how it is grouped. API v2, read-only.

Grafana's built-in Alertmanager speaks the same API under a prefix, see `tools/grafana.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from pydantic import Field, TypeAdapter

from core.clock import now
from core.vocabulary import Alert, Frozen, UtcDatetime
from tools.http import Source
from tools.response import Instant, Items, Labels, Text, Wire, parse, since_epoch

ALLOWED: tuple[tuple[str, str], ...] = (
    ("GET", r"^/api/v2/alerts$"),
    ("GET", r"^/api/v2/alerts/groups$"),
    ("GET", r"^/api/v2/silences$"),
    ("GET", r"^/api/v2/status$"),
)
"""Every request that this source may make."""


class Matcher(Frozen):
    """One condition of a silence on a label."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        """As Alertmanager writes it: `alertname="HostDown"`, `instance!~"nas.*"`."""
        operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{operator[self.is_equal, self.is_regex]}"{escaped}"'


class Silence(Frozen):
    """Alerts that match all of `matchers` do not notify between the two times."""

    id: str
    state: Literal["active", "pending", "expired"]
    matchers: tuple[Matcher, ...]
    starts_at: UtcDatetime
    ends_at: UtcDatetime
    created_by: str = ""
    comment: str = ""


class AlertGroup(Frozen):
    """Alerts that notify together. `labels` is what they were grouped by; it may be empty."""

    labels: dict[str, str] = Field(default_factory=dict)
    receiver: str
    alerts: tuple[Alert, ...]


class _AlertStatus(Wire):
    state: Literal["unprocessed", "active", "suppressed"]
    silenced_by: Items[str] = Field([], alias="silencedBy")
    inhibited_by: Items[str] = Field([], alias="inhibitedBy")


class _GettableAlert(Wire):
    labels: Labels
    annotations: Labels = Field(default_factory=dict)
    starts_at: Instant = Field(alias="startsAt")
    ends_at: Instant | None = Field(None, alias="endsAt")
    status: _AlertStatus
    fingerprint: Text = ""
    generator_url: Text = Field("", alias="generatorURL")


class _Receiver(Wire):
    name: str


class _GettableGroup(Wire):
    labels: Labels = Field(default_factory=dict)
    receiver: _Receiver
    alerts: Items[_GettableAlert]


class _GettableMatcher(Wire):
    name: str
    value: str
    is_regex: bool = Field(alias="isRegex")
    is_equal: bool = Field(True, alias="isEqual")


class _SilenceStatus(Wire):
    state: Literal["active", "pending", "expired"]


class _GettableSilence(Wire):
    id: str
    status: _SilenceStatus
    matchers: Items[_GettableMatcher]
    starts_at: Instant = Field(alias="startsAt")
    ends_at: Instant = Field(alias="endsAt")
    created_by: Text = Field("", alias="createdBy")
    comment: Text = ""


class _VersionInfo(Wire):
    version: str


class _Status(Wire):
    """Only the version is read: the status also carries the configuration, with its passwords."""

    version_info: _VersionInfo = Field(alias="versionInfo")


_ALERTS = TypeAdapter(list[_GettableAlert])
_GROUPS = TypeAdapter(list[_GettableGroup])
_SILENCES = TypeAdapter(list[_GettableSilence])
_STATUS = TypeAdapter(_Status)


class Alertmanager:
    """Reads one Alertmanager. Every method raises SourceError (see core/errors.py) when it cannot be read.

    `external_url` is where a browser reaches it; `prefix` stands before `/api/v2`.
    """

    def __init__(self, source: Source, external_url: str | None = None, *, prefix: str = "") -> None:
        self._source = source
        self._external_url = external_url.rstrip("/") if external_url else None
        self._path = f"{prefix}/api/v2"

    @property
    def name(self) -> str:
        return self._source.name

    async def alerts(
        self, *, active: bool = True, silenced: bool = True, inhibited: bool = True, filters: Sequence[str] = ()
    ) -> list[Alert]:
        """What fires now (`/alerts`); each flag leaves a kind out, `filters` are matchers (`severity="critical"`)."""
        flags = {"active": active, "silenced": silenced, "inhibited": inhibited}
        params = [(flag, str(wanted).lower()) for flag, wanted in flags.items()]
        path = f"{self._path}/alerts"
        body = await self._source.get_json(path, [*params, *(("filter", matcher) for matcher in filters)])
        items = parse(self.name, path, _ALERTS, body)
        return self._to_alerts(items)

    async def groups(self) -> list[AlertGroup]:
        """The alerts as they notify (`/alerts/groups`). One alert may stand in the groups of several receivers."""
        path = f"{self._path}/alerts/groups"
        groups = parse(self.name, path, _GROUPS, await self._source.get_json(path))
        return [
            AlertGroup(labels=group.labels, receiver=group.receiver.name, alerts=tuple(self._to_alerts(group.alerts)))
            for group in groups
        ]

    async def silences(self) -> list[Silence]:
        """Active, pending and (for five days by default) expired silences (`/silences`)."""
        path = f"{self._path}/silences"
        silences = parse(self.name, path, _SILENCES, await self._source.get_json(path))
        return [
            Silence(
                id=silence.id,
                state=silence.status.state,
                matchers=tuple(Matcher(**matcher.model_dump()) for matcher in silence.matchers),
                starts_at=silence.starts_at,
                ends_at=silence.ends_at,
                created_by=silence.created_by,
                comment=silence.comment,
            )
            for silence in silences
        ]

    async def status(self) -> str:
        """The version, for instance "0.25.0" (`/status`)."""
        path = f"{self._path}/status"
        return parse(self.name, path, _STATUS, await self._source.get_json(path)).version_info.version

    def _to_alerts(self, items: Sequence[_GettableAlert]) -> list[Alert]:
        at = now()
        return [self._to_alert(item, at) for item in items]

    def _to_alert(self, item: _GettableAlert, at: datetime) -> Alert:
        # While an alert fires, endsAt lies ahead: when it would lapse if nobody sent it again.
        ends_at = since_epoch(item.ends_at)
        ended = ends_at if ends_at and ends_at <= at else None
        suppressed = item.status.state == "suppressed"
        return Alert(
            name=item.labels.get("alertname") or "unnamed",
            state="resolved" if ended else "suppressed" if suppressed else "firing",
            severity=item.labels.get("severity", "").lower() or "none",
            labels=item.labels,
            annotations=item.annotations,
            starts_at=item.starts_at,
            ends_at=ended,
            fingerprint=item.fingerprint,
            silenced_by=tuple(item.status.silenced_by),
            inhibited_by=tuple(item.status.inhibited_by),
            source=self.name,
            link=self._link(item),
        )

    def _link(self, item: _GettableAlert) -> str | None:
        """The rule's graph; else the alert in our own Alertmanager. Only web addresses: the URL is text from outside."""
        if item.generator_url.startswith(("http://", "https://")):
            return item.generator_url
        if self._external_url and (name := item.labels.get("alertname")):
            matcher = str(Matcher(name="alertname", value=name))
            return f"{self._external_url}/#/alerts?filter={quote('{' + matcher + '}', safe='')}"
        return None
