"""A small Grafana on loopback: the documented alerting, annotation and health API behind a service-account token.

What it answers is set by the test, item by item as Grafana writes them; authentication, permissions, the window, tags, type,
limit and order of annotations, and the flags of the Alertmanager are the server's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_Jx3mPq7VbT5nYw2RkD8sLc4HfZ6gUa1e_0b1c2d3e"
ALERTMANAGER = "/api/alertmanager/grafana/api/v2"
PERMISSIONS = {
    f"{ALERTMANAGER}/alerts": "alert.instances:read",
    f"{ALERTMANAGER}/alerts/groups": "alert.instances:read",
    f"{ALERTMANAGER}/silences": "alert.silences:read",
    "/api/prometheus/grafana/api/v1/rules": "alert.rules:read",
    "/api/v1/provisioning/alert-rules": "alert.provisioning:read",
    "/api/annotations": "annotations:read",
}


@dataclass
class GrafanaServer:
    """Use as a context manager; `url` is its base URL. `instead` replaces the answer of a path by (status, body)."""

    alerts: list[Any] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    silences: list[Any] = field(default_factory=list)
    rule_groups: list[Any] | None = field(default_factory=list)
    provisioned: list[Any] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    permissions: set[str] = field(default_factory=lambda: set(PERMISSIONS.values()))
    instead: dict[str, tuple[int, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = grafana._answer(self.command, self.path, self.headers.get("Authorization"))
                payload = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, method: str, target: str, authorization: str | None) -> tuple[int, Any]:
        split = urlsplit(target)
        path, query = split.path, parse_qs(split.query)
        self.requests.append((method, path, query))
        if path in self.instead:
            return self.instead[path]
        if path == "/api/health":
            return 200, {"commit": "c3f2a1b", "database": "ok", "version": "11.4.0"}
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401, "traceID": ""}
        needed = PERMISSIONS.get(path)
        if needed is None or method != "GET":
            return 404, {"message": "Not found"}
        if needed not in self.permissions:
            return 403, {
                "accessErrorId": "ACE0000000001",
                "message": f"You'll need additional permissions to perform this action. Permissions needed: {needed}",
                "title": "Access denied",
            }
        return 200, self._body(path, query)

    def _body(self, path: str, query: dict[str, list[str]]) -> Any:
        match path.removeprefix(ALERTMANAGER):
            case "/alerts":
                return [alert for alert in self.alerts if _wanted(alert, query)]
            case "/alerts/groups":
                return self.groups
            case "/silences":
                return self.silences
            case "/api/prometheus/grafana/api/v1/rules":
                return {"status": "success", "data": {"groups": self.rule_groups}}
            case "/api/v1/provisioning/alert-rules":
                return self.provisioned
            case _:
                return self._annotations(query)

    def _annotations(self, query: dict[str, list[str]]) -> list[Any]:
        start, end = int(query["from"][0]), int(query["to"][0])
        wanted_type = query.get("type", [""])[0]
        tags = set(query.get("tags", []))
        found = []
        for item in self.annotations:
            if isinstance(item.get("time"), int) and not (
                item["time"] <= end and (item.get("timeEnd") or item["time"]) >= start
            ):
                continue
            if wanted_type and (wanted_type == "alert") != bool(item.get("alertId")):
                continue
            if tags <= set(item.get("tags") or []):
                found.append(item)
        newest_first = sorted(found, key=lambda item: item["time"] if isinstance(item.get("time"), int) else 0)[::-1]
        return newest_first[: int(query.get("limit", ["100"])[0])]


def _wanted(alert: dict[str, Any], query: dict[str, list[str]]) -> bool:
    status = alert.get("status") or {}
    kinds = {
        "active": status.get("state") == "active",
        "silenced": bool(status.get("silencedBy")),
        "inhibited": bool(status.get("inhibitedBy")),
    }
    return not any(query.get(kind) == ["false"] and is_kind for kind, is_kind in kinds.items())
