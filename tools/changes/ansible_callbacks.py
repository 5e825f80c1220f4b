"""Runs as the callbacks `ansible.posix.jsonl` (an event a line) and `ansible.posix.json` (one document a run) print them.

Both are read as a stream of JSON objects that begin at the start of a line, so that several runs in one file, indented events and
warnings printed in between are all the same. `ansible.posix.json` keeps only when the last host ended a task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from tools.changes.ansible_task import TaskResult
from tools.response import Instant, Text, Wire, first_wrong_field

W = TypeVar("W", bound=Wire)
_LINE = re.compile(r":\d+$")
_BEGINS = re.compile(r"^\{", re.MULTILINE)


@dataclass(slots=True)
class Reading:
    """What a record of runs holds: changed results, in its order, and what could not be read, with when that was if it is known.

    `known` tells that the text is of the expected kind; `first` is the earliest time in it.
    """

    results: list[TaskResult] = field(default_factory=list)
    problems: list[tuple[datetime | None, str]] = field(default_factory=list)
    known: bool = False
    first: datetime | None = None


class _Duration(Wire):
    end: Instant | None = None


class _Task(Wire):
    id: Text = ""
    name: Text = ""
    path: Text = ""
    duration: _Duration = _Duration()


class _Play(Wire):
    name: Text = ""
    path: Text = ""


class _TaskOnHosts(Wire):
    task: _Task
    hosts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    written: Instant | None = Field(None, alias="_timestamp")


class _PlayStart(Wire):
    play: _Play


class _PlayOfTasks(Wire):
    play: _Play
    tasks: list[Any] = Field(default_factory=list)


def read_callbacks(text: str) -> Reading:
    """The changed results in `text`. A broken object is a problem, and the rest stands."""
    reader = _Reader()
    for line, value, is_last in _objects(text):
        reader.add(line, value, is_last=is_last)
    return reader.reading


def _objects(text: str) -> Iterator[tuple[int, dict[str, Any] | None, bool]]:
    """The number of its line, from 1, and each object, None for a broken one, and whether nothing follows."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    match = _BEGINS.search(text)
    while match:
        start = match.start()
        line, counted = line + text.count("\n", counted, start), start
        value: dict[str, Any] | None
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value, end = None, start + 1
        match = _BEGINS.search(text, end)
        yield line, value, match is None


class _Reader:
    """Reads the objects of one text, in order."""

    def __init__(self) -> None:
        self.reading = Reading()
        self._latest: datetime | None = None
        self._play = _Play()
        self._handlers: set[str] = set()
        self._line = 0

    def add(self, line: int, value: dict[str, Any] | None, *, is_last: bool) -> None:
        self._line = line
        if value is None:
            cut = "its last entry is half-written or cut off; what stands in it is missing"
            self._problem(cut if is_last else f"line {line} is broken JSON and was left out")
        elif isinstance(plays := value.get("plays"), list):
            self.reading.known = True
            for each in plays:
                self._play, tasks = _Play(), []
                if play := self._valid(_PlayOfTasks, each):
                    self._play, tasks = play.play, play.tasks
                for task in tasks:
                    self._add_task(task)
        elif isinstance(event := value.get("_event"), str):
            self.reading.known = True
            self._add_event(event, value)

    def _add_event(self, event: str, value: dict[str, Any]) -> None:
        if event == "v2_playbook_on_play_start" and (start := self._valid(_PlayStart, value)):
            self._play, self._handlers = start.play, set()
        elif event == "v2_playbook_on_handler_task_start" and (handler := self._valid(_TaskOnHosts, value)):
            self._handlers.add(handler.task.id)
        elif event.startswith("v2_runner_on_"):
            self._add_task(value)

    def _valid(self, model: type[W], value: Any) -> W | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self._problem(f"line {self._line}: {first_wrong_field(error)}")
            return None

    def _problem(self, text: str) -> None:
        self.reading.problems.append((self._latest, text))

    def _add_task(self, value: Any) -> None:
        task = self._valid(_TaskOnHosts, value)
        at = (task.task.duration.end or task.written) if task else None
        if task is None or at is None:
            return  # broken, or a task that no host has ended
        self._latest = max(at, self._latest or at)
        self.reading.first = min(at, self.reading.first or at)
        self.reading.results += (
            self._result(task.task, at, host, content)
            for host, content in task.hosts.items()
            if content.get("changed") is True
        )

    def _result(self, task: _Task, at: datetime, host: str, content: dict[str, Any]) -> TaskResult:
        path = _LINE.sub("", task.path)
        return TaskResult(
            at=at,
            host=host,
            task=task.name or str(content.get("action", "a task")),
            module=str(content.get("action") or ""),
            handler=task.id in self._handlers or "/handlers/" in path,
            failed=content.get("failed") is True,
            playbook=PurePosixPath(_LINE.sub("", self._play.path)).name,
            play=self._play.name,
            path=path,
            delegated_to=_delegate(content),
            content=content,
        )


def _delegate(content: dict[str, Any]) -> str:
    """The address or name of the machine that did the task in the host's stead."""
    items = content.get("results")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    told = content.get("_ansible_delegated_vars") or first.get("_ansible_delegated_vars")
    return str(told.get("ansible_host") or "") if isinstance(told, dict) else ""
