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
from typing import Any

from pydantic import Field, ValidationError

from tools.changes.ansible_task import TaskResult
from tools.response import Instant, Text, Wire, first_wrong_field

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
    hosts: dict[str, dict[str, Any]] = {}
    written: Instant | None = Field(None, alias="_timestamp")


class _PlayStart(Wire):
    play: _Play


class _PlayOfTasks(Wire):
    play: _Play
    tasks: list[Any] = []


def read_callbacks(text: str) -> Reading:
    """The changed results in `text`. A broken object is a problem, and the rest stands."""
    reading = Reading()
    reader = _Reader(reading)
    for line, value in _objects(text):
        try:
            reader.add(value)
        except ValidationError as error:
            reading.problems.append((reader.latest, f"line {line}: {first_wrong_field(error)}"))
    return reading


class _Unfinished(Wire):
    """Stands for an object that does not end, or is none."""

    last: bool


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    """Every object with the number of its line, from 1."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    match = _BEGINS.search(text)
    while match:
        start = match.start()
        line, counted = line + text.count("\n", counted, start), start
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value, end = None, start + 1
        match = _BEGINS.search(text, end)
        yield line, _Unfinished(last=match is None) if value is None else value


class _Reader:
    """Reads the objects of one file, in order."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._play = _Play()
        self._handlers: set[str] = set()
        self.latest: datetime | None = None

    def add(self, value: Any) -> None:
        """Raises ValidationError for an object of a callback that has not its fields."""
        if isinstance(value, _Unfinished):
            self._reading.problems.append((self.latest, _unfinished(value)))
        elif isinstance(value.get("plays"), list):
            self._reading.known = True
            for each in value["plays"]:
                play = _PlayOfTasks.model_validate(each)
                self._play = play.play
                for task in play.tasks:
                    self._add_task(task)
        elif isinstance(event := value.get("_event"), str):
            self._reading.known = True
            self._add_event(event, value)

    def _add_event(self, event: str, value: dict[str, Any]) -> None:
        if event == "v2_playbook_on_play_start":
            self._play, self._handlers = _PlayStart.model_validate(value).play, set()
        elif event == "v2_playbook_on_handler_task_start":
            self._handlers.add(_TaskOnHosts.model_validate(value).task.id)
        elif event.startswith("v2_runner_on_"):
            self._add_task(value)

    def _add_task(self, value: Any) -> None:
        task = _TaskOnHosts.model_validate(value)
        at = task.task.duration.end or task.written
        if at is None:
            return  # a task that began, or that no host ran
        self.latest = max(at, self.latest or at)
        self._reading.first = min(at, self._reading.first or at)
        self._reading.results += (
            self._result(task.task, at, host, content) for host, content in task.hosts.items() if _has_changed(content)
        )

    def _result(self, task: _Task, at: datetime, host: str, content: dict[str, Any]) -> TaskResult:
        path = re.sub(r":\d+$", "", task.path)
        return TaskResult(
            at=at,
            host=host,
            task=task.name or str(content.get("action", "a task")),
            module=str(content.get("action") or ""),
            handler=task.id in self._handlers or "/handlers/" in path,
            failed=content.get("failed") is True,
            playbook=re.sub(r":\d+$", "", self._play.path),
            play=self._play.name,
            path=path,
            delegated_to=_delegate(content),
            content=content,
        )


def _has_changed(content: dict[str, Any]) -> bool:
    return content.get("changed") is True


def _delegate(content: dict[str, Any]) -> str:
    """The address or name of the machine that did the task in the host's stead."""
    items = content.get("results")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    told = content.get("_ansible_delegated_vars") or first.get("_ansible_delegated_vars")
    return str(told.get("ansible_host") or "") if isinstance(told, dict) else ""


def _unfinished(value: _Unfinished) -> str:
    if value.last:
        return "its last entry is half-written or cut off; what stands in it is missing"
    return "an entry is no JSON and was left out"
