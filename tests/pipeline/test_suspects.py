"""Changes of every source beside a symptom: whose they are, what is read in time, and who is part of the symptom."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Change, Window
from pipeline import suspects
from pipeline.brief import Brief, Gaps, Movement, Question
from pipeline.cause import Step, conclude
from pipeline.rank import RankedEntity, Shift
from pipeline.ranking.changes import RankedChange
from tests.pipeline.conftest import NOW
from tools.changes.source import ChangeList

DAY = Window(start=NOW - timedelta(days=1), end=NOW)


class Told:
    """A source with these changes, after `wait_s` seconds."""

    name = "told"

    def __init__(self, *changes: Change, gaps: tuple[str, ...] = (), wait_s: float = 0.0) -> None:
        self._list = ChangeList(changes=changes, available=len(changes), gaps=gaps)
        self._wait_s = wait_s

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        await asyncio.sleep(self._wait_s)
        return self._list


def change(id_: str, minutes: float = 20, **more: object) -> Change:
    told = {"kind": "config_commit", "title": id_, "source": "git", **more}
    return Change(id=id_, at=NOW - timedelta(minutes=minutes), **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("about", "entity"),
    [
        ({"entity": "JELLYFIN"}, "jellyfin"),
        ({"entity": "qemu/104"}, "media"),
        ({"entity": "unheard-of"}, "unheard-of"),
        ({"title": "jellyfin: hardware encoder", "files": ("stacks/media/jellyfin/compose.yaml",)}, "jellyfin"),
        ({"title": "the same for jellyfin and tdarr"}, None),
        ({"title": "raise the limit of jellyfin"}, "jellyfin"),
        ({"title": "tidy up"}, None),
    ],
)
def test_a_change_belongs_to_the_one_entity_that_it_names(
    homelab, about: dict[str, object], entity: str | None
) -> None:
    assert suspects.entity_of(change("c", **about), homelab) == entity


async def test_a_source_that_hangs_is_a_gap_and_the_others_stand(homelab, monkeypatch) -> None:
    monkeypatch.setattr(suspects, "SOURCE_DEADLINE_S", 0.05)
    gaps = Gaps()
    sources = [Told(change("seen")), Told(change("late"), wait_s=5)]
    found, complete = await suspects.changes_in(DAY, sources, homelab, gaps)
    assert [each.title for each in found] == ["seen"]
    assert not complete
    assert gaps.lines == ["changes: told: no answer within 0.05 s; changes from there are missing"]


async def test_a_gap_of_a_source_makes_the_list_incomplete(homelab) -> None:
    gaps = Gaps()
    found, complete = await suspects.changes_in(
        DAY, [Told(change("seen"), gaps=("told: a line is cut",))], homelab, gaps
    )
    assert (len(found), complete, gaps.lines) == (1, False, ["changes: told: a line is cut"])


def brief_of(homelab, finding) -> tuple[Brief, Movement]:
    end = replace(finding("container_memory", "jellyfin", 9e9, 1e9), evidence_id="E2")
    start = replace(finding("memory_used", "media", 0.97, 0.4), evidence_id="E1")
    question = Question("why?", "explain_alert", NOW, Window(start=NOW - timedelta(hours=1), end=NOW))
    cause = conclude([Step(start), Step(end)], ())
    onset = NOW - timedelta(minutes=10)
    shifts = [Shift(f"{name}:memory_used", 40, "up", onset, 0.4, 0.97) for name in ("media", "games", "jellyfin")]
    ranked = tuple(RankedEntity(s.series.partition(":")[0], 1.0, onset, (s,), ()) for s in shifts)
    brief = Brief(question, homelab, ZoneInfo("UTC"), chain=(start, end), cause=cause)
    return brief, Movement(onset, tuple(shifts), ranked)


def test_the_cause_is_part_of_the_symptom_most_and_who_only_moved_least(homelab, finding) -> None:
    brief, moved = brief_of(homelab, finding)
    assert suspects.affected(brief, moved) == {
        "jellyfin": 1.0,
        "media": suspects.LEADING,
        "games": suspects.SUFFERING,
    }


async def test_the_best_suspect_is_numbered_first_and_named_by_the_cause(homelab, finding) -> None:
    brief, moved = brief_of(homelab, finding)
    release = change("jellyfin 10.10 → 10.11", 40, kind="image_update", entity="jellyfin")
    later = change("after", 1, entity="jellyfin")
    found = await suspects.with_suspects(brief, moved, [Told(release, later)], None, Gaps())
    assert [(each.id, each.title) for each in found.changes] == [("C1", release.title)], "what came later is no suspect"
    assert found.changes[0].origin == release.id
    assert found.cause is not None
    assert found.cause.change_id == "C1"
    assert found.changed is not None
    assert found.changed.cleared


async def test_a_change_elsewhere_is_told_and_not_blamed(homelab, finding) -> None:
    brief, moved = brief_of(homelab, finding)
    found = await suspects.with_suspects(brief, moved, [Told(change("elsewhere", entity="adguard"))], None, Gaps())
    assert [each.title for each in found.changes] == ["elsewhere"]
    assert found.cause is not None
    assert found.cause.change_id is None


async def test_a_list_of_changes_keeps_to_what_was_asked_about(homelab) -> None:
    question = Question("what changed on media?", "what_changed", NOW, DAY, subjects=("media",))
    brief = Brief(question, homelab, ZoneInfo("UTC"))
    sources = [
        Told(change("on it", entity="media"), change("runs there", entity="jellyfin"), change("other", entity="nas"))
    ]
    found = await suspects.with_changes(brief, sources, Gaps())
    assert [each.title for each in found.changes] == ["on it", "runs there"]


@pytest.mark.parametrize(
    ("kind", "blamed", "told"),
    [
        ("bad_configuration", "image_update", "bad_release"),
        ("crash_loop", "version", "bad_release"),
        ("crash_loop", "config_commit", "crash_loop"),
        ("bad_release", "ansible_task", "bad_configuration"),
        ("memory_leak", "image_update", "memory_leak"),
    ],
)
def test_what_fails_after_a_new_version_is_a_bad_release(kind, blamed, told) -> None:
    answered = suspects.numbered([RankedChange(change("c", kind=blamed), 0.9, clears_bar=True, reasons=())])
    assert suspects.kind_with(kind, answered[0]) == told
