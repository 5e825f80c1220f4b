"""ARA's API, as a real server answered it: paged, filtered and ordered by a local one, and with answers that are wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ara_server import AraServer, at

from core.errors import SourceRefused
from core.vocabulary import Change, Window
from tools.changes import ara
from tools.changes.ara import ALLOWED, MAX_DETAILS, PAGE, Ara
from tools.changes.source import ChangeList, ChangeSource
from tools.http import Source

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=1))
REAL = 8
"""Recorded results that are no dry run's."""
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyb290In0.abcdefghijklmnopqrstuvwxyz"
PASSWORD = "hunter2Hunter2"
QUERY = {
    "changed": "true",
    "order": "-ended",
    "started_before": WINDOW.end.isoformat(),
    "ended_after": WINDOW.start.isoformat(),
}


@pytest.fixture
def server() -> Iterator[AraServer]:
    with AraServer() as server:
        yield server


@pytest.fixture
async def source(server: AraServer) -> AsyncIterator[Source]:
    source = Source("ara", server.url, allowed=ALLOWED, timeout_s=20)
    yield source
    await source.aclose()


async def read(source: Source, *, window: Window = WINDOW, limit: int = 500, deadline_s: float = 20) -> ChangeList:
    reader: ChangeSource = Ara(source, deadline_s=deadline_s)
    return await reader.changes(window, limit=limit)


def one(found: ChangeList, title: str) -> Change:
    [change] = [each for each in found.changes if each.title == title]
    return change


async def test_changed_results_become_changes(server: AraServer, source: Source) -> None:
    found = await read(source)
    assert found.gaps == ()
    assert len(found.changes) == found.available == REAL
    assert [change.at for change in found.changes] == sorted(change.at for change in found.changes)
    change = one(found, "web : template app.conf (changed)")
    assert (change.id, change.kind, change.entity) == ("ara:3", "ansible_task", "web2")
    assert change.at == datetime(2026, 11, 23, 6, 4, 17, 157027, tzinfo=UTC)
    assert change.detail == "module template; playbook site.yml; play web tier; path /opt/app/web2/app.conf"
    assert change.files == ("/srv/ansible/roles/web/tasks/main.yml", "/opt/app/web2/app.conf")
    assert change.diff.splitlines()[-3:] == ["+workers = 2", "+db_password = [redacted]", "+host = web2"]
    assert (change.source, change.actor) == ("ara", "ops")


async def test_each_kind_of_result_is_told_as_it_is(server: AraServer, source: Source) -> None:
    found = await read(source)
    assert one(found, "web : restart app (changed)").kind == "restart"
    assert one(found, "web : on another (changed)").entity == "dns1"
    assert "items one, two" in one(found, "web : several files (changed)").detail
    hidden = one(found, "web : secret file (changed)")
    assert (hidden.detail, hidden.diff) == ("", "")
    assert one(found, "failing (failed)").detail.endswith("failed: non-zero return code")
    assert TOKEN not in one(found, "last (changed)").detail


async def test_dry_runs_changed_nothing(server: AraServer, source: Source) -> None:
    assert "ara:45" not in {change.id for change in (await read(source)).changes}
    for each in server.details:
        each["playbook"]["arguments"] = {"check": True}
    assert await read(source) == ChangeList()


async def test_arguments_that_ara_was_told_to_ignore_are_no_dry_run(server: AraServer, source: Source) -> None:
    for each in server.details:
        each["playbook"]["arguments"]["check"] = "Not saved by ARA as configured by 'ignored_arguments'"
    assert (await read(source)).available == REAL + 1


async def test_only_what_ended_in_the_window_is_given(server: AraServer, source: Source) -> None:
    whole = await read(source)
    window = Window(start=whole.changes[1].at, end=whole.changes[4].at)
    found = await read(source, window=window)
    assert found.changes == whole.changes[1:5]
    assert found.available == 4
    _, query = next(each for each in server.requests[::-1] if each[0] == ara.RESULTS)
    assert (at(query["ended_after"]), at(query["started_before"])) == (window.start, window.end)


@pytest.mark.parametrize("page_limit", [2, 3, 10_000])
async def test_a_server_that_knows_no_filter_by_end_is_read_no_further_than_the_window(
    server: AraServer, source: Source, page_limit: int
) -> None:
    server.knows_ended_after = False
    server.page_limit = page_limit
    whole = await read(source)
    server.requests.clear()
    found = await read(source, window=Window(start=whole.changes[4].at, end=WINDOW.end))
    assert found.changes == whole.changes[4:]
    assert found.available == 4
    pages = [path for path, _ in server.requests if path == ara.RESULTS]
    assert len(pages) == -(-6 // page_limit)  # a dry run's, four that are wanted, and the first that is too old


@pytest.mark.parametrize("page_limit", [1, 2, 5])
async def test_pages_are_followed_to_the_end(server: AraServer, source: Source, page_limit: int) -> None:
    server.page_limit = page_limit
    server.details = server.details[:6]
    assert (await read(source)).available == 6
    pages = [query["offset"] for path, query in server.requests if path == ara.RESULTS]
    assert pages == [str(offset) for offset in range(0, 6, page_limit)]


async def test_a_page_that_fails_leaves_those_before_it(server: AraServer, source: Source) -> None:
    server.page_limit = 4
    server.fail_from_offset = 4
    found = await read(source)
    assert [change.id for change in found.changes] == ["ara:28", "ara:30", "ara:39"]
    [gap] = found.gaps
    assert gap.startswith(f"ara: {ara.RESULTS} was read to 4 of {REAL + 1} results (ara: ")


async def test_the_newest_stay_when_there_are_too_many(server: AraServer, source: Source) -> None:
    server.many(PAGE + 50)
    found = await read(source, limit=3)
    assert [change.entity for change in found.changes] == ["host298", "host299", "host300"]
    assert found.available == 300
    assert len(server.requests) == 1 + 3


async def test_the_number_of_requests_is_bounded_and_older_results_still_have_names(
    server: AraServer, source: Source
) -> None:
    server.many(PAGE + 50)
    found = await read(source)
    assert len(found.changes) == found.available == PAGE + 50
    assert found.gaps == (f"ara: diffs of the newest {MAX_DETAILS} of {PAGE + 50} changes were read",)
    assert len(server.requests) == 2 + MAX_DETAILS + 3
    oldest, newest = found.changes[0], found.changes[-1]
    assert (oldest.entity, oldest.title) == ("host1", newest.title)
    assert oldest.files == (newest.files[0],)
    assert (oldest.diff, newest.diff != "") == ("", True)


async def test_more_pages_than_are_read_are_counted(server: AraServer, source: Source) -> None:
    server.many(60)
    server.page_limit = 5
    found = await read(source)
    assert (len(found.changes), found.available) == (ara.MAX_PAGES * 5, 60)


async def test_a_detail_that_fails_leaves_the_change_without_its_diff(server: AraServer, source: Source) -> None:
    server.instead["/api/v1/results/3"] = (500, "Server Error")
    found = await read(source)
    assert found.available == REAL
    change = one(found, "web : template app.conf (changed)")
    assert (change.entity, change.diff) == ("web2", "")
    [gap] = found.gaps
    assert gap.startswith(f"ara: 1 of {REAL + 1} details of changes could not be read (ara: ")


@pytest.mark.parametrize("body", ["<html>Sign in</html>", {"id": 3}, [], {"id": "three", "task": None}])
async def test_an_odd_detail_is_a_gap(server: AraServer, source: Source, body: Any) -> None:
    server.instead["/api/v1/results/3"] = (200, body)
    found = await read(source)
    assert found.available == REAL
    assert len(found.gaps) == 1


async def test_results_without_names_are_left_out_and_counted(server: AraServer, source: Source) -> None:
    server.instead["/api/v1/results/3"] = (500, "")
    server.instead["/api/v1/tasks"] = (200, {"count": 0, "next": None, "results": []})
    found = await read(source)
    assert "ara:3" not in {change.id for change in found.changes}
    assert len(found.changes) == REAL - 1
    assert found.gaps[-1] == "ara: 1 changes have no names that could be read, and are left out"


async def test_a_malformed_row_is_left_out_and_counted(server: AraServer, source: Source) -> None:
    rows = server.answer(ara.RESULTS, QUERY)[1]
    rows["results"][0] = {**rows["results"][0], "ended": "soon"}
    rows["results"][1] = "?"
    server.instead[ara.RESULTS] = (200, rows)
    found = await read(source)
    assert len(found.changes) == found.available == REAL - 1  # one of the two was a dry run's
    [gap] = found.gaps
    assert gap.startswith(f"ara: {ara.RESULTS}: 2 of {REAL + 1} items could not be read (ended: ")


async def test_a_list_that_ends_early_is_a_gap(server: AraServer, source: Source) -> None:
    page = server.answer(ara.RESULTS, QUERY)[1]
    server.instead[ara.RESULTS] = (200, {**page, "count": 50, "next": f"{server.url}/more", "results": []})
    assert (await read(source)).gaps == (f"ara: {ara.RESULTS} ended after 0 of 50 results; changes are missing",)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, "Server Error", "500"),
        (401, {"detail": "Authentication credentials were not provided."}, "401"),
        (200, "<!doctype html><title>Sign in</title>", "not JSON"),
        (200, '{"count": 3, "results": [{"id": 1', "not JSON"),
        (200, {"detail": "moved"}, "Field required"),
        (200, [], "valid dictionary"),
    ],
)
async def test_a_list_that_cannot_be_read_is_a_gap(
    server: AraServer, source: Source, status: int, body: Any, said: str
) -> None:
    server.instead[ara.RESULTS] = (status, body)
    found = await read(source)
    assert found.changes == ()
    [gap] = found.gaps
    assert gap.startswith("ara: ")
    assert said in gap


async def test_a_server_that_is_not_there_is_a_gap() -> None:
    source = Source("ara", "http://127.0.0.1:9", allowed=ALLOWED, timeout_s=1)
    found = await read(source)
    await source.aclose()
    assert found.changes == ()
    assert found.gaps[0].startswith("ara: ")


async def test_details_that_do_not_come_leave_what_lists_tell(server: AraServer, source: Source) -> None:
    for each in server.details:
        server.instead[f"/api/v1/results/{each['id']}"] = (200, "stall")
    found = await read(source, deadline_s=2)
    assert len(found.changes) == REAL
    assert found.gaps[0] == f"ara: details of 0 of {REAL + 1} changes were read within 1 s"
    assert one(found, "web : restart app (changed)").kind == "restart"


async def test_a_list_that_does_not_come_is_a_gap(server: AraServer) -> None:
    server.instead[ara.RESULTS] = (200, "stall")
    source = Source("ara", server.url, allowed=ALLOWED, timeout_s=30)
    found = await read(source, deadline_s=0.2)
    await source.aclose()
    assert found.gaps == ("ara: not read to the end within 0.2 s; changes or their details are missing",)


async def test_secrets_in_arguments_and_diffs_do_not_come_out(server: AraServer, source: Source) -> None:
    [each] = [each for each in server.details if each["id"] == 3]
    each["content"] |= {
        "cmd": f"login --password {PASSWORD} --token {TOKEN}",
        "diff": [{"before": f"db_password = old{PASSWORD}\n", "after": f"db_password = {PASSWORD}\napi: {TOKEN}\n"}],
        "invocation": {"module_args": {"name": f"https://ops:{PASSWORD}@nas/", "password": PASSWORD}},
    }
    each["task"]["name"] = f"web : log in with password={PASSWORD}"
    change = next(each for each in (await read(source)).changes if each.id == "ara:3")
    told = change.model_dump_json()
    assert PASSWORD not in told
    assert TOKEN not in told
    assert "-db_password = [redacted]" in change.diff.splitlines()
    assert "command login --password [redacted]" in change.detail


@pytest.mark.parametrize("path", ["/api/v1/results/3/x", "/api/v1/playbooks", "/api/v1/files/1", "/admin/"])
async def test_nothing_else_is_asked_for(source: Source, server: AraServer, path: str) -> None:
    with pytest.raises(SourceRefused):
        await source.get_json(path)
    assert server.requests == []
