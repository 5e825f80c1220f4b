"""Grafana alerting: alerts, rules and their history, for the many homelabs that have nothing else. Read-only.

Asks for a service-account token with the Viewer role, sent by the Source as `Authorization: Bearer …`; the definitions of
rules need `alert.provisioning:read` on top.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from core.vocabulary import Alert, Change, Frozen, Window
from tools.alertmanager import AlertGroup, Alertmanager, Silence
from tools.alerts import AlertRule, is_private
from tools.grafana_annotations import Annotation, read_annotations, to_changes
from tools.grafana_history import pair_state_changes
from tools.grafana_rules import ProvisionedRule, read_provisioned, read_rules
from tools.grafana_state import ERROR_ALERT, NO_DATA_ALERT
from tools.http import Source
from tools.listing import Listing
from tools.response import Text, Wire, parse

ALERTMANAGER = "/api/alertmanager/grafana"
RULES = "/api/prometheus/grafana/api/v1/rules"
PROVISIONED_RULES = "/api/v1/provisioning/alert-rules"
ANNOTATIONS = "/api/annotations"
HEALTH = "/api/health"

ALLOWED: tuple[tuple[str, str], ...] = (
    ("GET", rf"^{ALERTMANAGER}/api/v2/(alerts|alerts/groups|silences)$"),
    ("GET", rf"^{RULES}$"),
    ("GET", rf"^{PROVISIONED_RULES}$"),
    ("GET", rf"^{ANNOTATIONS}$"),
    ("GET", rf"^{HEALTH}$"),
)
"""Every request that this source may make."""

_WHAT_HAPPENED = {NO_DATA_ALERT: "returned no data", ERROR_ALERT: "could not be evaluated"}


class GrafanaHealth(Frozen):
    """`version` is empty where Grafana hides it from strangers; `database` is "ok" or "failing"."""

    version: str = ""
    database: str = ""


class _Health(Wire):
    version: Text = ""
    database: str


_HEALTH = TypeAdapter(_Health)


class Grafana:
    """Reads one Grafana. Every method raises SourceError (see core/errors.py) when it cannot be read.

    `external_url` is where a browser reaches it, for links.
    """

    def __init__(self, source: Source, external_url: str | None = None) -> None:
        self._source = source
        self._external_url = external_url.rstrip("/") if external_url else None
        self._alertmanager = Alertmanager(source, prefix=ALERTMANAGER)

    @property
    def name(self) -> str:
        return self._source.name

    async def alerts(self) -> list[Alert]:
        """What fires or is silenced now, of the rules that Grafana itself evaluates."""
        return [self._in_our_words(alert) for alert in await self._alertmanager.alerts()]

    async def groups(self) -> list[AlertGroup]:
        """The alerts as they notify."""
        return [
            group.model_copy(update={"alerts": tuple(self._in_our_words(alert) for alert in group.alerts)})
            for group in await self._alertmanager.groups()
        ]

    async def silences(self) -> list[Silence]:
        """Active, pending and lately expired silences."""
        return await self._alertmanager.silences()

    async def rules(self, *, limit: int = 500) -> Listing[AlertRule]:
        """Alert rules with their state, health and instances, pending ones included."""
        return read_rules(self.name, RULES, await self._source.get_json(RULES), limit)

    async def provisioned_rules(self, *, limit: int = 500) -> Listing[ProvisionedRule]:
        """The definitions of the rules, with the time of their last edit."""
        return read_provisioned(self.name, PROVISIONED_RULES, await self._source.get_json(PROVISIONED_RULES), limit)

    async def annotations(self, window: Window, tags: Sequence[str] = (), *, limit: int = 200) -> Listing[Change]:
        """Notes and alert state changes in `window` that carry all of `tags`, oldest first; the newest win a place."""
        found = await self._annotations(window, [("tags", tag) for tag in tags], limit)
        return Listing(tuple(to_changes(self.name, found)), found.gap)

    async def state_history(self, window: Window, *, limit: int = 1_000) -> Listing[Change]:
        """Only the alert state changes in `window`, oldest first."""
        found = await self._annotations(window, [("type", "alert")], limit)
        return Listing(tuple(to_changes(self.name, found)), found.gap)

    async def alert_history(self, window: Window, *, limit: int = 1_000) -> Listing[Alert]:
        """The alerts that began or ended in `window`, from at most `limit` state changes, by their start.

        One that fired all the way through is not among them; `alerts()` has it if it still fires.
        """
        found = await self._annotations(window, [("type", "alert")], limit)
        return pair_state_changes(self.name, found, window)

    async def health(self) -> GrafanaHealth:
        """Needs no token, so it says nothing about whether ours is good."""
        health = parse(self.name, HEALTH, _HEALTH, await self._source.get_json(HEALTH))
        return GrafanaHealth(version=health.version, database=health.database)

    async def _annotations(
        self, window: Window, narrowed: Sequence[tuple[str, str]], limit: int
    ) -> Listing[Annotation]:
        params = [
            ("from", str(int(window.start.timestamp() * 1000))),
            ("to", str(int(window.end.timestamp() * 1000))),
            ("limit", str(limit + 1)),  # one more than wanted tells whether there are more
            *narrowed,
        ]
        return read_annotations(self.name, ANNOTATIONS, await self._source.get_json(ANNOTATIONS, params), limit)

    def _in_our_words(self, alert: Alert) -> Alert:
        """Without Grafana's private labels, and with a link and a summary that hold."""
        rule_uid = alert.labels.get("__alert_rule_uid__")
        annotations = {name: text for name, text in alert.annotations.items() if not is_private(name)}
        if value := alert.annotations.get("__value_string__"):
            annotations["value"] = value
        link = alert.link
        if self._external_url and rule_uid:
            # Grafana builds generatorURL from its root_url setting, which often still says localhost.
            link = f"{self._external_url}/alerting/grafana/{rule_uid}/view"
        return alert.model_copy(
            update={
                "labels": {label: value for label, value in alert.labels.items() if not is_private(label)},
                "annotations": _about_the_rule(alert, annotations),
                "link": link,
            }
        )


def _about_the_rule(alert: Alert, annotations: dict[str, str]) -> dict[str, str]:
    """The annotations of an alert that stands for a rule without a result.

    Grafana copies the rule's own summary, which claims what nobody measured; it moves to `rule_summary`.
    """
    happened = _WHAT_HAPPENED.get(alert.name)
    if happened is None:
        return annotations
    moved = {f"rule_{name}" if name in {"summary", "description"} else name: text for name, text in annotations.items()}
    error = annotations.get("Error")
    rule = alert.labels.get("rulename", "unnamed")
    return {**moved, "summary": f"Alert rule {rule!r} {happened}{f': {error}' if error else ''}"}
