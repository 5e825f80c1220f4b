"""ARA Records Ansible: what its API tells of the tasks that changed something. Read-only; follows the API of ARA 1.5 and later.

The list of results is asked for first, then the newest of them one by one, which bring names, arguments and diffs along; the names
of older ones are asked for by playbook.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from core.errors import SourceError
from core.redact import redact
from core.vocabulary import Change, Window
from tools.changes.ansible_task import TaskResult, to_change
from tools.changes.source import ChangeList
from tools.http import Source
from tools.response import Instant, Items, Text, Wire, first_wrong_field, parse

RESULTS, PLAYBOOKS, TASKS, HOSTS = "/api/v1/results", "/api/v1/playbooks", "/api/v1/tasks", "/api/v1/hosts"
ALLOWED: tuple[tuple[str, str], ...] = (
    ("GET", rf"^{RESULTS}(/\d+)?$"),
    ("GET", rf"^{PLAYBOOKS}/\d+$"),
    ("GET", rf"^({TASKS}|{HOSTS})$"),
)
"""Every request that this source may make."""
PAGE, MAX_PAGES, MAX_DETAILS, MAX_PLAYBOOKS, MAX_NAMES = 250, 8, 100, 20, 1_000
"""At most 8 requests for the list, 100 for details and 60 for names: 168."""
T = TypeVar("T")


class _Result(Wire):
    """One row of `/api/v1/results`; others are named by their numbers."""

    id: int
    playbook: int
    task: int
    host: int
    delegated_to: Items[int] = Field(default_factory=list)
    status: Text = ""
    started: Instant | None = None
    ended: Instant | None = None

    @property
    def at(self) -> datetime | None:
        return self.ended or self.started


class _Playbook(Wire):
    id: int
    name: Text = ""
    path: Text = ""
    user: Text = ""
    arguments: Any = None

    @property
    def is_dry_run(self) -> bool:
        return isinstance(self.arguments, dict) and self.arguments.get("check") is True


class _Task(Wire):
    id: int
    name: Text = ""
    action: Text = ""
    path: Text = ""
    handler: bool = False


class _Host(Wire):
    id: int
    name: str


class _Play(Wire):
    name: Text = ""


class _Detail(Wire):
    """`/api/v1/results/<id>`, with the others in full."""

    id: int
    playbook: _Playbook
    play: _Play = _Play()
    task: _Task
    host: _Host
    delegated_to: Items[_Host] = Field(default_factory=list)
    content: Any = None


class _Page(Wire):
    count: int
    next: str | None = None
    results: list[Any]


_PAGE, _DETAIL, _PLAYBOOK = TypeAdapter(_Page), TypeAdapter(_Detail), TypeAdapter(_Playbook)
_RESULT, _TASK, _HOST = TypeAdapter(_Result), TypeAdapter(_Task), TypeAdapter(_Host)


@dataclass(slots=True)
class _Known:
    """What was read so far, by the numbers that ARA gives."""

    details: dict[int, _Detail] = field(default_factory=dict)
    playbooks: dict[int, _Playbook] = field(default_factory=dict)
    tasks: dict[int, _Task] = field(default_factory=dict)
    hosts: dict[int, _Host] = field(default_factory=dict)

    def add(self, detail: _Detail) -> None:
        self.details[detail.id] = detail
        self.playbooks[detail.playbook.id] = detail.playbook
        self.tasks[detail.task.id] = detail.task
        self.hosts |= {host.id: host for host in (detail.host, *detail.delegated_to)}

    def names(self, row: _Result) -> bool:
        return row.playbook in self.playbooks and row.task in self.tasks and row.host in self.hosts


class Ara:
    """Reads one ARA server, within `deadline_s` seconds."""

    name = "ara"

    def __init__(self, source: Source, *, deadline_s: float = 4.0) -> None:
        self._source = source
        self._deadline_s = deadline_s

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        """See `ChangeSource.changes`. Dry runs (`--check`) changed nothing and are left out."""
        reading = _Reading(self._source, window, max(1, limit))
        try:
            async with asyncio.timeout(self._deadline_s):
                await reading.run(for_details_s=self._deadline_s / 2)
        except TimeoutError:
            reading.gap(f"not read to the end within {self._deadline_s:g} s; changes or their details are missing")
        except SourceError as error:
            reading.gaps.append(str(error))
        # Redaction of many diffs takes a while.
        return await asyncio.to_thread(reading.change_list, limit)


class _Reading:
    """What could be read so far."""

    def __init__(self, source: Source, window: Window, limit: int) -> None:
        self._source = source
        self._window = window
        self._limit = limit
        self._rows: list[_Result] = []
        self._count = 0
        self._known = _Known()
        self.gaps: list[str] = []

    def gap(self, text: str) -> None:
        self.gaps.append(f"{self._source.name}: {text}")

    async def run(self, *, for_details_s: float) -> None:
        """Raises SourceError when nothing of the list can be read."""
        await self._list_results()
        newest = self._rows[:MAX_DETAILS]
        try:
            async with asyncio.timeout(for_details_s):
                await self._all([self._learn_detail(row) for row in newest], "details of changes")
        except TimeoutError:
            read = len(self._known.details)
            self.gap(f"details of {read} of {len(newest)} changes were read within {for_details_s:g} s")
        if len(self._rows) > len(newest):
            self.gap(f"diffs of the newest {len(newest)} of {len(self._rows)} changes were read")
        nameless = list(dict.fromkeys(row.playbook for row in self._rows if not self._known.names(row)))
        await self._all([self._learn_names(number) for number in nameless[:MAX_PLAYBOOKS]], "names of playbooks")

    async def _list_results(self) -> None:
        """The newest results of the window, newest first. A server that knows no filter by end sends older ones, too."""
        wanted = {
            "changed": "true",
            "ended_after": self._window.start.isoformat(),
            "started_before": self._window.end.isoformat(),
            "order": "-ended",
            "limit": str(PAGE),
        }
        read = outside = 0
        for _ in range(MAX_PAGES):
            try:
                body = await self._source.get_json(RESULTS, {**wanted, "offset": str(read)})
                page = parse(self._source.name, RESULTS, _PAGE, body)
            except SourceError as error:
                if not read:
                    raise
                self.gap(f"{RESULTS} was read to {read} of {self._count + outside} results ({error})")
                break
            rows = self._valid(_RESULT, page.results, RESULTS)
            within = [row for row in rows if row.at and self._window.start <= row.at <= self._window.end]
            self._rows += within
            read += len(page.results)
            outside += len(page.results) - len(within)
            too_old = any(row.at and row.at < self._window.start for row in rows)
            self._count = len(self._rows) if too_old else page.count - outside
            if page.next is None or too_old or len(self._rows) >= self._limit:
                break
            if not page.results:
                self.gap(f"{RESULTS} ended after {read} of {page.count} results; changes are missing")
                break
        self._rows = self._rows[: self._limit]

    async def _learn_detail(self, row: _Result) -> None:
        path = f"{RESULTS}/{row.id}"
        self._known.add(parse(self._source.name, path, _DETAIL, await self._source.get_json(path)))

    async def _learn_names(self, playbook: int) -> None:
        """What the playbook, its tasks and its hosts are called."""
        path, of_it = f"{PLAYBOOKS}/{playbook}", {"playbook": str(playbook), "limit": str(MAX_NAMES)}
        name = self._source.name
        tasks = parse(name, TASKS, _PAGE, await self._source.get_json(TASKS, of_it))
        hosts = parse(name, HOSTS, _PAGE, await self._source.get_json(HOSTS, of_it))
        self._known.playbooks[playbook] = parse(name, path, _PLAYBOOK, await self._source.get_json(path))
        self._known.tasks |= {task.id: task for task in self._valid(_TASK, tasks.results, TASKS)}
        self._known.hosts |= {host.id: host for host in self._valid(_HOST, hosts.results, HOSTS)}

    async def _all(self, asked: Sequence[Coroutine[Any, Any, None]], what: str) -> None:
        """Those that fail are counted; what they were asked for stays unknown."""
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, SourceError)]
        unexpected = [
            each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, SourceError)
        ]
        if unexpected:
            raise unexpected[0]
        if failed:
            self.gap(f"{len(failed)} of {len(asked)} {what} could not be read ({failed[0]})")

    def _valid(self, adapter: TypeAdapter[T], items: Iterable[Any], path: str) -> list[T]:
        """A malformed item is left out and counted."""
        good, wrong = list[T](), list[str]()
        for item in items:
            try:
                good.append(adapter.validate_python(item))
            except ValidationError as error:
                wrong.append(first_wrong_field(error))
        if wrong:
            self.gap(f"{path}: {len(wrong)} of {len(wrong) + len(good)} items could not be read ({wrong[0]})")
        return good

    def change_list(self, limit: int) -> ChangeList:
        """What is known, oldest first. A result whose task or host has no name is left out and counted."""
        named = [row for row in self._rows if self._known.names(row)]
        if len(named) < len(self._rows):
            self.gap(f"{len(self._rows) - len(named)} changes have no names that could be read, and are left out")
        real = [row for row in named if not self._known.playbooks[row.playbook].is_dry_run]
        changes = sorted(
            (self._change(row) for row in real[: max(0, limit)]), key=lambda change: (change.at, change.id)
        )
        return ChangeList(
            changes=tuple(changes),
            available=max(len(real), self._count - (len(named) - len(real))),
            gaps=tuple(redact(gap) for gap in self.gaps),
        )

    def _change(self, row: _Result) -> Change:
        known, detail = self._known, self._known.details.get(row.id)
        playbook, task = known.playbooks[row.playbook], known.tasks[row.task]
        content = detail.content if detail else None
        delegated = [host.name for number in row.delegated_to if (host := known.hosts.get(number))]
        result = TaskResult(
            at=row.at or datetime.min.replace(tzinfo=UTC),
            host=known.hosts[row.host].name,
            task=task.name or task.action or "a task without a name",
            module=task.action,
            handler=task.handler,
            failed=row.status in {"failed", "ignored"},
            playbook=playbook.name or PurePosixPath(playbook.path).name,
            play=detail.play.name if detail else "",
            path=task.path,
            user=playbook.user,
            delegated_to=delegated[0] if delegated else "",
            content=content if isinstance(content, dict) else {},
        )
        return to_change(result, change_id=f"ara:{row.id}", source=Ara.name)
