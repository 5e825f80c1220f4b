"""A small ARA on loopback: the part of its API that is read, over results that a real server answered.

Filters by time, order and paging are the server's own; what it answers is `details`, each as `/api/v1/results/<id>` gave it.
"""

from __future__ import annotations

import copy
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "ansible" / "ara.json").read_text()
)
START = datetime(2026, 11, 23, 6, tzinfo=UTC)


@dataclass
class AraServer:
    """Answers from `details`. `instead` replaces the answer of a path by (status, body); "stall" never answers."""

    details: list[dict[str, Any]] = field(default_factory=lambda: copy.deepcopy(RECORDED))
    page_limit: int = 10_000
    fail_from_offset: int = 1_000_000
    knows_ended_after: bool = True
    instead: dict[str, tuple[int, Any]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                status, body = server.answer(url.path, dict(parse_qsl(url.query)))
                payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        self.requests.append((path, query))
        status, body = self.instead.get(path, (0, None))
        if body == "stall":
            self.closing.wait()
        if status:
            return status, body
        match path.removeprefix("/api/v1/").split("/"):
            case ["results"] if int(query.get("offset", 0)) >= self.fail_from_offset:
                return 500, "Server Error"
            case ["results"]:
                return 200, self.page(self._results(query), query)
            case ["results", number]:
                return 200, next(each for each in self.details if each["id"] == int(number))
            case ["playbooks", number]:
                return 200, self._all("playbook")[int(number)]
            case ["tasks" | "hosts" as what]:
                mine = [each for each in self.details if each["playbook"]["id"] == int(query["playbook"])]
                return 200, self.page([each[what[:-1]] for each in mine], query)
        return 404, "<h1>Not Found</h1>"

    def page(self, items: list[Any], query: dict[str, str]) -> dict[str, Any]:
        start, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), self.page_limit)
        more = f"{self.url}/?offset={start + limit}" if start + limit < len(items) else None
        return {"count": len(items), "next": more, "previous": None, "results": items[start : start + limit]}

    def _results(self, query: dict[str, str]) -> list[dict[str, Any]]:
        assert (query["changed"], query["order"]) == ("true", "-ended")
        rows = [
            {**{key: each[key] for key in ("id", "status", "started", "ended", "changed")}}
            | {key: each[key]["id"] for key in ("playbook", "play", "task", "host")}
            | {"delegated_to": [host["id"] for host in each["delegated_to"]]}
            for each in self.details
            if at(each["started"]) <= at(query["started_before"])
            and (not self.knows_ended_after or at(each["ended"]) >= at(query["ended_after"]))
        ]
        return sorted(rows, key=lambda row: row["ended"], reverse=True)

    def _all(self, what: str) -> dict[int, Any]:
        return {each[what]["id"]: each[what] for each in self.details}

    def many(self, count: int) -> None:
        """Results of as many hosts, a second apart."""
        first = self.details[0]
        self.details = []
        for number in range(1, count + 1):
            host = {"id": number, "name": f"host{number}"}
            ended = (START + timedelta(seconds=number)).isoformat()
            self.details.append({**first, "id": number, "host": host, "started": ended, "ended": ended})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
