"""A small Loki on loopback: the part of its HTTP API that is read, with its limits, and the part of LogQL that is asked.

Errors are text/plain; a range has its start and lacks its end; metadata of lines comes merged into the stream's labels, as Loki 3
answers unless asked otherwise.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

STRING = r'"(?:\\.|[^"\\])*"'
MATCHER = re.compile(rf"\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*({STRING})\s*")
SELECTOR = re.compile(rf"\s*\{{((?:{MATCHER.pattern},?)*)\}}")
LINE_FILTER = re.compile(rf"\s*(\|=|!=|\|~|!~)\s*({STRING})")
LABEL_FILTER = re.compile(rf"\s*\|((?:{MATCHER.pattern}(?:\bor\b)?)+)")
NOT_RE2 = re.compile(r"\(\?[=!<]|\\[1-9]")
EMPTY = (
    "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value. "
    'For instance, app=~".*" does not meet this requirement, but app=~".+" will'
)
HOUR_NS = 3_600 * 10**9
Labels = dict[str, str]
Test = Callable[[Labels, str], bool]


class Refused(Exception):
    """What Loki answers with 400."""


@dataclass
class LokiServer:
    """`instead` replaces the answer of a path by (status, text); "stall", and a query that holds `stall_on`, is never answered."""

    streams: list[tuple[Labels, list[tuple[int, str, Labels]]]] = field(default_factory=list)
    max_entries: int = 5_000
    max_query_length_h: int = 721
    tenant: str | None = None
    instead: dict[str, tuple[int, str]] = field(default_factory=dict)
    stall_on: str | None = None
    fail_from_ns: int = 2**63
    categorize: bool = False
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.reply(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.reply(dict(parse_qsl(form, keep_blank_values=True)))

            def reply(self, parameters: dict[str, str]) -> None:
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, body = server.answer(urlsplit(self.path).path, parameters, self.headers.get("X-Scope-OrgID"))
                payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json; charset=UTF-8"
                self.send_header("Content-Type", kind)
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

    def write(self, labels: Labels, *entries: tuple[int, str] | tuple[int, str, Labels]) -> None:
        """Lines of one stream: nanoseconds, words, and metadata if any."""
        self.streams.append((labels, [(each[0], each[1], each[2] if len(each) > 2 else {}) for each in entries]))

    @property
    def queries(self) -> list[str]:
        return [asked["query"] for path, asked in self.requests if path.endswith("/query_range")]

    def answer(self, path: str, asked: dict[str, str], tenant: str | None) -> tuple[int, Any]:
        self.requests.append((path, asked))
        status, body = self.instead.get(path, (0, ""))
        if body == "stall" or (self.stall_on and self.stall_on in asked.get("query", "")):
            self.closing.wait()
        if status:
            return status, body
        if path == "/loki/api/v1/status/buildinfo":
            return 200, {"version": "3.4.2", "revision": "x", "goVersion": "go1.23"}
        if self.tenant is not None and tenant != self.tenant:
            return 401, "no org id"
        try:
            return self._read(path.removeprefix("/loki/api/v1/").split("/"), asked)
        except Refused as error:
            return 400, f"{error}\n"

    def _read(self, path: list[str], asked: dict[str, str]) -> tuple[int, Any]:
        start, end = int(asked["start"]), int(asked["end"])
        if end <= start:
            raise Refused("end timestamp must not be before or equal to start time")
        if end - start > self.max_query_length_h * HOUR_NS:
            hours = (end - start) // HOUR_NS
            raise Refused(f"the query time range exceeds the limit (query length: {hours}h0m0s, limit: 30d1h)")
        there = [labels for labels, entries in self.streams if any(start <= each[0] < end for each in entries)]
        match path:
            case ["labels"]:
                return 200, self._names({name for labels in there for name in labels})
            case ["label", name, "values"]:
                return 200, self._names({labels[name] for labels in there if name in labels})
            case ["query_range"]:
                return self._query_range(asked, start, end)
            case ["index", "volume"]:
                return 200, self._volume(asked, start, end)
        return 404, "404 page not found"

    def _names(self, names: set[str]) -> dict[str, Any]:
        return {"status": "success", "data": sorted(names)} if names else {"status": "success"}

    def _query_range(self, asked: dict[str, str], start: int, end: int) -> tuple[int, Any]:
        limit, forward = int(asked.get("limit", 100)), asked.get("direction", "backward") == "forward"
        if limit > self.max_entries:
            raise Refused(
                f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {self.max_entries})"
            )
        if end > self.fail_from_ns:
            return 500, "context deadline exceeded"
        selected, wanted = parse(asked["query"])
        found, size = list[tuple[int, int, str, Labels, Labels]](), 0
        for number, (labels, entries) in enumerate(self.streams):
            if not selected(labels, ""):
                continue
            for ns, line, metadata in entries:
                if start <= ns < end:
                    size += len(line)
                    if wanted({**labels, **metadata}, line):
                        found.append((ns, number, line, labels, metadata))
        found.sort(key=lambda each: each[:2], reverse=not forward)
        streams: dict[str, dict[str, Any]] = {}
        for ns, _, line, labels, metadata in found[:limit]:
            shown = labels if self.categorize else {**labels, **metadata}
            value = [str(ns), line, {"structuredMetadata": metadata}] if self.categorize else [str(ns), line]
            stream = streams.setdefault(json.dumps(shown, sort_keys=True), {"stream": shown, "values": []})
            stream["values"].append(value)
        stats = {"summary": {"totalBytesProcessed": size}}
        data = {"resultType": "streams", "result": list(streams.values()), "stats": stats}
        return 200, {"status": "success", "data": data}

    def _volume(self, asked: dict[str, str], start: int, end: int) -> dict[str, Any]:
        selected, _ = parse(asked["query"])
        sizes: dict[str, int] = {}
        target = asked["targetLabels"]
        for labels, entries in self.streams:
            if selected(labels, "") and target in labels:
                size = sum(len(line) for ns, line, _ in entries if start <= ns < end)
                sizes[labels[target]] = sizes.get(labels[target], 0) + size
        result = [{"metric": {target: name}, "value": [end / 1e9, str(size)]} for name, size in sizes.items() if size]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


def parse(query: str) -> tuple[Test, Test]:
    """The tests of a stream's labels, and of a line with its labels and metadata. Raises Refused, as Loki does."""
    head = SELECTOR.match(query)
    if head is None:
        raise Refused("parse error at line 1, col 1: syntax error: unexpected IDENTIFIER, expecting {")
    matchers = [matcher(*found) for found in MATCHER.findall(head[1])]
    if all(test({}, "") for test in matchers):
        raise Refused(EMPTY)
    tests, place = list[Test](), head.end()
    while place < len(query):
        if found := LINE_FILTER.match(query, place):
            tests.append(line_filter(found[1], unquoted(found[2])))
        elif found := LABEL_FILTER.match(query, place):
            tests.append(
                any_of([matcher(*each) for each in MATCHER.findall(re.sub(r"\bor\b(?=\s*\w+\s*=)", "", found[1]))])
            )
        else:
            raise Refused(
                f"parse error at line 1, col {place + 1}: syntax error: unexpected {query[place : place + 12]!r}"
            )
        place = found.end()
    return all_of(matchers), all_of(tests)


def matcher(label: str, operator: str, quoted: str) -> Test:
    value = unquoted(quoted)
    if operator in {"=", "!="}:
        return lambda labels, _: (labels.get(label, "") == value) == (operator == "=")
    pattern = compiled(value)
    return lambda labels, _: bool(pattern.fullmatch(labels.get(label, ""))) == (operator == "=~")


def line_filter(operator: str, value: str) -> Test:
    if operator in {"|=", "!="}:
        return lambda _, line: (value in line) == (operator == "|=")
    pattern = compiled(value)
    return lambda _, line: bool(pattern.search(line)) == (operator == "|~")


def compiled(pattern: str) -> re.Pattern[str]:
    if NOT_RE2.search(pattern):
        raise Refused(f"parse error : error parsing regexp: invalid or unsupported Perl syntax: `{pattern}`")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise Refused(f"parse error : error parsing regexp: {error}: `{pattern}`") from None


def unquoted(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        raise Refused("parse error at line 1, col 1: invalid char escape") from None


def all_of(tests: list[Test]) -> Test:
    return lambda labels, line: all(test(labels, line) for test in tests)


def any_of(tests: list[Test]) -> Test:
    return lambda labels, line: any(test(labels, line) for test in tests)
