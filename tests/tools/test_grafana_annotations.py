"""Notes and state changes, read from Grafana's annotations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from grafana_items import ONSET, milliseconds, state_change, user_note
from grafana_server import GrafanaServer

from core.errors import BadResponse
from core.vocabulary import Window
from tools.grafana import ANNOTATIONS, Grafana

WINDOW = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(hours=1))


async def test_state_changes_and_notes_become_changes(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, 0, "Pending", "Alerting"),
        user_note(2, -10, "<b>Upgraded</b> Jellyfin\nto 10.11", ["deploy", "jellyfin"], login="operator", minutes=5),
    ]
    note, change = await grafana.annotations(WINDOW)
    assert (note.kind, note.title, note.entity, note.actor) == (
        "annotation",
        "Upgraded Jellyfin",
        None,
        "operator",
    )
    assert note.at == ONSET - timedelta(minutes=10)
    assert note.detail.splitlines()[2:] == ["tags: deploy, jellyfin", "until 2026-11-20T02:55:00+00:00"]
    assert (change.kind, change.title) == ("alert", "HostHighCpu: Pending → Alerting")
    assert (change.entity, change.actor, change.source) == ("media:9100", None, "grafana")
    assert [note.id, change.id] == ["grafana-2", "grafana-1"]


async def test_only_the_window_is_asked_for_in_milliseconds(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [user_note(1, -61, "before", []), user_note(2, 0, "inside", []), user_note(3, 61, "after", [])]
    assert [change.title for change in await grafana.annotations(WINDOW)] == ["inside"]
    query = server.requests[-1][2]
    assert (query["from"], query["to"]) == ([str(milliseconds(-60))], [str(milliseconds(60))])


async def test_every_tag_must_be_carried(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [user_note(1, 0, "one", ["deploy"]), user_note(2, 1, "both", ["deploy", "jellyfin"])]
    assert [change.title for change in await grafana.annotations(WINDOW, ["deploy", "jellyfin"])] == ["both"]


async def test_state_history_has_no_notes(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [user_note(1, 0, "note", []), state_change(2, 1, "Alerting", "Normal (MissingSeries)")]
    [change] = await grafana.state_history(WINDOW)
    assert change.title == "HostHighCpu: Alerting → Normal (MissingSeries)"


async def test_the_newest_stay_when_there_are_too_many(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [user_note(n, n, f"note {n}", []) for n in range(1, 6)]
    found = await grafana.annotations(WINDOW, limit=3)
    assert [change.title for change in found] == ["note 3", "note 4", "note 5"]
    assert found.gap == "grafana: only the newest 3 annotations were read, older ones are missing"
    assert (await grafana.annotations(WINDOW, limit=5)).gap is None


async def test_a_malformed_item_is_left_out_and_counted(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [user_note(1, 0, "good", []), {**user_note(2, 1, "bad", []), "time": "soon"}]
    found = await grafana.annotations(WINDOW)
    assert [change.title for change in found] == ["good"]
    assert found.gap is not None
    assert re.search(r"1 of 2 annotations could not be read \(\[\d\]\.time: milliseconds", found.gap)


@pytest.mark.parametrize("body", [{"annotations": []}, None, [{"time": 10**30}], ["text"]])
async def test_an_answer_with_nothing_readable_is_a_bad_response(
    server: GrafanaServer, grafana: Grafana, body: Any
) -> None:
    server.instead[ANNOTATIONS] = (200, body)
    with pytest.raises(BadResponse, match=rf"^grafana: {ANNOTATIONS}: "):
        await grafana.annotations(WINDOW)


async def test_loki_backed_history_without_ids_keeps_changes_apart(server: GrafanaServer, grafana: Grafana) -> None:
    """With state history in Loki, every id is 0 and there is no alertName: the name stands in the text."""
    both = [state_change(0, 0, "Normal", "Alerting", instance=f"{host}:9100") for host in ("media", "db")]
    server.annotations = [{**item, "alertName": ""} for item in both]
    found = await grafana.state_history(WINDOW)
    assert len({change.id for change in found}) == 2
    assert {change.title for change in found} == {"HostHighCpu: Normal → Alerting"}
    assert {change.entity for change in found} == {"media:9100", "db:9100"}
