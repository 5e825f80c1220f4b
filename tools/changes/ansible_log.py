"""Runs as `log_path` records them: what Ansible prints, with local times that name no zone.

    2026-11-20 04:10:01,167 p=213 u=ops n=ansible INFO| TASK [web : deploy nginx.conf] ****
    2026-11-20 04:10:02,831 p=213 u=ops n=ansible INFO| --- before: /etc/nginx/nginx.conf …
    2026-11-20 04:10:02,832 p=213 u=ops n=ansible INFO| changed: [web1]

Lines of several runs at once are told apart by their process. A dry run shows only with Ansible's `check_mode_markers`; it
changed nothing and is left out. Under the json callbacks, the messages are their objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tools.changes.ansible_callbacks import Reading, read_callbacks
from tools.changes.ansible_task import TaskResult
from tools.log_time import LineClock

_ENTRY = re.compile(
    r"^(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) p=(?P<pid>\d+) u=(?P<user>.{1,64}?)(?: n=\S+)?(?: [A-Z]+)? ?\| *",
    re.MULTILINE,
)
_BANNER = re.compile(
    r"(?P<what>PLAY|TASK|RUNNING HANDLER)(?: \[(?P<name>.*?)\])?(?P<check> \[CHECK MODE\])? \*{3,}\s*$", re.DOTALL
)
_RESULT = re.compile(
    r"(?P<outcome>changed|ok|skipping|fatal|failed): \[(?P<host>[^\]]+?)(?: -> (?P<delegate>[^\]]+?)(?:\([^)]*\))?)?\]"
    r"(?::? (?:FAILED|UNREACHABLE)!)?(?: (?:=> )?\(item=(?P<item>.*?)\) ?(?=$| => ))?(?: => (?P<content>.*))?",
    re.DOTALL,
)
_PLAYBOOK = re.compile(r"PLAYBOOK: (\S+) \*{3,}")
_TASK_PATH = re.compile(r"task path: (.+):\d+$")
_CENSORED = "(censored due to no_log)"
_JITTER = timedelta(seconds=10)
"""Processes that write one log are this far out of order at most."""
_OTHER_ZONE = timedelta(minutes=14)
"""No two zones are closer than a quarter of an hour."""


def looks_like_a_log(text: str) -> bool:
    return _ENTRY.search(text) is not None


def read_log(text: str, zone: ZoneInfo, modified: datetime) -> Reading:
    """The changed results in `text`, whose times are of `zone`; `modified` is when the file was written last."""
    reading = Reading(known=True)
    moments, runs = _Moments(zone, modified), dict[str, _Run]()
    for entry in _entries(text):
        at = moments.read(entry.when)
        if at is None:
            continue
        reading.first = reading.first or at
        run = runs.setdefault(entry.pid, _Run(entry.user))
        reading.results += run.read(at, entry.message)
    for run in runs.values():
        reading.results += run.end_task()
        inner = read_callbacks("\n".join(run.objects))
        reading.results += (replace(result, user=run.user) for result in inner.results)
        reading.problems += inner.problems
    reading.problems += moments.problems()
    return reading


class _Entry(NamedTuple):
    when: str
    pid: str
    user: str
    message: str


def _entries(text: str) -> Iterator[_Entry]:
    """The entries with their continuing lines; what stands before the first is the rest of one that was cut off."""
    match = _ENTRY.search(text)
    while match:
        following = _ENTRY.search(text, match.end())
        message = text[match.end() : following.start() if following else len(text)]
        yield _Entry(match["when"], match["pid"], match["user"], message.rstrip("\n"))
        match = following


@dataclass(slots=True)
class _Run:
    """One process, as far as its log was read. A loop's items are one result, which ends with the last of them."""

    user: str
    playbook: str = ""
    play: str = ""
    task: str = ""
    handler: bool = False
    check: bool = False
    check_play: bool = False
    path: str = ""
    diff: str = ""
    hosts: dict[str, TaskResult] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)

    def read(self, at: datetime, message: str) -> list[TaskResult]:
        """Takes the next message, and gives what is complete with it."""
        if message.startswith("{"):
            self.objects.append(message)
        elif banner := _BANNER.match(message):
            done = self.end_task()
            self._begin(banner)
            return done
        elif result := _RESULT.match(message):
            self._note(at, result)
            self.diff = ""
        elif playbook := _PLAYBOOK.match(message):
            self.playbook = PurePosixPath(playbook[1]).name
        elif path := _TASK_PATH.match(message):
            self.path = path[1]
        else:
            self.diff = message if _may_be_diff(message) else ""
        return []

    def end_task(self) -> list[TaskResult]:
        """The results of the task that nothing will be added to any more."""
        done = [replace(result, at=self.ended[host]) for host, result in self.hosts.items()]
        self.hosts, self.ended = {}, {}
        return sorted(done, key=lambda result: result.at)

    def _begin(self, banner: re.Match[str]) -> None:
        self.path = self.diff = ""
        if banner["what"] == "PLAY":
            self.play, self.task = banner["name"] or "", ""
            self.check_play = banner["check"] is not None
        else:
            self.task = banner["name"] or ""
            self.handler = banner["what"] == "RUNNING HANDLER"
        self.check = self.check_play or banner["check"] is not None

    def _note(self, at: datetime, found: re.Match[str]) -> None:
        host = found["host"]
        self.ended[host] = at
        content = _content(found["content"])
        failed = found["outcome"] in {"fatal", "failed"}
        if self.check or not self.task or not (found["outcome"] == "changed" or content.get("changed") is True):
            return
        item = found["item"]
        before = self.hosts.get(host)
        censored = item == _CENSORED or (before is not None and before.is_censored)
        self.hosts[host] = TaskResult(
            at=at,
            host=host,
            task=self.task,
            handler=self.handler,
            failed=failed or (before is not None and before.failed),
            playbook=self.playbook,
            play=self.play,
            path=self.path,
            user=self.user,
            delegated_to=found["delegate"] or "",
            content={"censored": item} if censored else content,
            printed="\n".join(filter(None, (before.printed if before else "", self.diff))),
            items=(*(before.items if before else ()), item) if item else (),
        )


def _content(text: str | None) -> dict[str, Any]:
    """The module's answer, which a failure prints, and a success with -v; other forms than JSON are not read."""
    if not text or not text.startswith("{"):
        return {}
    try:
        content, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _may_be_diff(message: str) -> bool:
    """A diff has no mark of its own; warnings and the talk of connections do, and are no more than a line."""
    return message.startswith(("--- ", "diff skipped")) or ("\n" in message.strip() and message[:1] not in {"[", "<"})


class _Moments:
    """Turns the local times of one log into UTC, in the order in which they were written."""

    def __init__(self, zone: ZoneInfo, modified: datetime) -> None:
        self._zone = zone
        self._modified = modified
        self._clock = LineClock(zone, modified)
        self._previous: datetime | None = None
        self._second_time = False
        self._unsure: list[datetime] = []
        self._backwards: list[datetime] = []
        self._impossible: list[datetime] = []

    def read(self, when: str) -> datetime | None:
        """None for what is no date."""
        stamped = self._clock.read(when)
        if stamped is None:
            return None
        at, previous = stamped.at, self._previous or stamped.at
        if stamped.later is not None:
            if at < previous - _JITTER and not self._second_time:
                self._second_time, self._unsure = True, []
            at = stamped.later if self._second_time else at
            self._unsure += [] if self._second_time else [at]
        else:
            self._second_time = False
            if at < previous - _OTHER_ZONE:
                self._backwards.append(at)
        if at.astimezone(self._zone).strftime("%H:%M") != when[11:16]:
            self._impossible.append(at)
        self._previous = at
        return at

    def problems(self) -> Iterator[tuple[datetime, str]]:
        """What speaks against the zone, at the last time that does."""
        if self._unsure:
            yield self._unsure[-1], f"some local times happen twice in {self._zone.key}; the earlier was taken"
        if self._backwards:
            yield (
                self._backwards[-1],
                "its times go back, as if runs of several zones wrote it; times may be hours off",
            )
        if self._impossible:
            yield (
                self._impossible[-1],
                f"{self._impossible[-1]:%Y-%m-%d} has times that {self._zone.key} skips; is SRE_TIMEZONE right?",
            )
        if self._previous and self._previous > self._modified + _OTHER_ZONE:
            yield self._previous, f"its times in {self._zone.key} lie after its last writing; is SRE_TIMEZONE right?"
