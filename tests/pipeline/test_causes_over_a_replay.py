"""Incidents in the past of a real Prometheus: what their explanations and their timelines say, and what bad sources leave standing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.wiring import build_assistant, build_timeline
from core.clock import now
from core.settings import Settings, load_settings
from core.vocabulary import Answer, Timeline
from scenarios.binaries import provide_binaries
from scenarios.replay import Replay
from scenarios.replay_plan import COARSE_STEP_S, lay_out
from scenarios.schema import Scenario, load_scenario
from scenarios.topology import load_homelab
from tests.pipeline.test_grounded import ungrounded

pytestmark = pytest.mark.xdist_group("causes-over-a-replay")
NAMES = ("authelia-bind-password", "internet-line-down", "nvr-disk-fill")


@dataclass(frozen=True)
class Replayed:
    env: dict[str, str]
    incidents: dict[str, dict[str, Any]]

    def asked_at(self, name: str) -> datetime:
        return datetime.fromisoformat(self.incidents[name]["alert_at"]) + timedelta(minutes=2)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory) -> Iterator[Replayed]:
    directory = tmp_path_factory.mktemp("replay")
    plan = lay_out(
        [load_scenario(name) for name in NAMES], load_homelab(), end=now(), days=1.1, seed=7, step_s=COARSE_STEP_S
    )
    replay = Replay(plan, directory=directory, binaries=provide_binaries(directory, progress=print), progress=print)
    try:
        ready = replay.start()
        yield Replayed(ready.env, {incident["name"]: incident for incident in ready.incidents})
    finally:
        replay.stop()


@pytest.fixture
def settings(replayed: Replayed, tmp_path, monkeypatch) -> Settings:
    for name, value in replayed.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return load_settings(data_dir=tmp_path / "data")


async def explained(name: str, replayed: Replayed, settings: Settings) -> Answer:
    async with build_assistant(settings) as assistant:
        return await assistant.ask(f"Why is {scenario(name).expect.alert} firing?", at=replayed.asked_at(name))


async def timeline_of(name: str, replayed: Replayed, settings: Settings) -> Timeline:
    return await build_timeline(settings, at=replayed.asked_at(name), around=timedelta(hours=1))


def scenario(name: str) -> Scenario:
    return load_scenario(name)


def true_change(name: str) -> str:
    return next(change.title for change in scenario(name).changes if change.id == scenario(name).expect.change)


async def test_the_change_that_brought_it_about_is_named_with_reasons(replayed, settings) -> None:
    answer = await explained("authelia-bind-password", replayed, settings)
    assert answer.cause is not None
    blamed = next(change for change in answer.changes if change.id == answer.cause.change_id)
    assert blamed.title == true_change("authelia-bind-password")
    assert blamed is answer.changes[0]
    assert any("depends on" in reason for reason in blamed.reasons)
    assert f"[{blamed.id}]" in answer.answer
    assert "Most likely brought about by" in answer.answer


async def test_what_no_change_explains_is_said_to_be_so(replayed, settings) -> None:
    answer = await explained("internet-line-down", replayed, settings)
    assert answer.cause is not None
    assert (answer.cause.entity, answer.cause.kind) == (None, "upstream_outage")
    assert answer.cause.change_id is None
    assert "No change explains it" in answer.answer
    assert len(answer.changes) >= 3  # considered, and shown with what speaks against them


@pytest.mark.parametrize("name", NAMES)
async def test_every_number_and_name_stands_in_the_evidence(name, replayed, settings) -> None:
    answer = await explained(name, replayed, settings)
    document = answer.model_dump(mode="json")
    assert ungrounded(document, [*load_homelab().nodes, *load_homelab().guests, *load_homelab().services]) == []


async def test_the_timeline_marks_the_suspect_among_everything_that_happened(replayed, settings) -> None:
    found = await timeline_of("authelia-bind-password", replayed, settings)
    assert [event.at for event in found.events] == sorted(event.at for event in found.events)
    assert {"alert", "change", "shift"} <= {event.kind for event in found.events}
    (suspect,) = [event for event in found.events if event.suspected]
    assert true_change("authelia-bind-password") in suspect.text
    assert suspect.reasons
    assert found.statement.startswith("Suspected cause:")


async def test_the_timeline_of_an_outage_outside_suspects_nothing(replayed, settings) -> None:
    found = await timeline_of("internet-line-down", replayed, settings)
    assert not any(event.suspected for event in found.events)
    assert found.statement.startswith(("No change explains it:", "Quiet before:"))


async def test_a_quiet_hour_is_said_to_be_quiet(replayed, settings) -> None:
    """Before the first incident nothing fires and nothing moves."""
    begin = min(datetime.fromisoformat(each["start"]) for each in replayed.incidents.values())
    found = await build_timeline(settings, at=begin - timedelta(hours=2), around=timedelta(minutes=30))
    assert [event for event in found.events if event.kind == "alert"] == []
    assert found.statement == "No alert fired and nothing that is measured left its normal."


async def test_bad_sources_are_gaps_and_the_rest_of_the_answer_stands(replayed, settings, tmp_path) -> None:
    half_written = tmp_path / "ansible.jsonl"
    half_written.write_text('{"_event": "v2_playbook_on_start", "_timestamp": "2026-11-20T')
    missing = tmp_path / "no-such-repository"
    worse = settings.model_copy(
        update={
            "ansible_logs": (str(half_written),),
            "infra_repos": (missing, shallow_clone(tmp_path)),
            "ara_url": "http://127.0.0.1:9",
            "loki_url": "http://127.0.0.1:9",
        }
    )
    answer = await explained("authelia-bind-password", replayed, worse)
    gaps = "\n".join(answer.gaps)
    for what in ("ara", "no-such-repository", "ansible.jsonl", "loki", "shallow"):
        assert what in gaps, (what, gaps)
    assert answer.cause is not None
    assert answer.cause.entity == scenario("authelia-bind-password").expect.cause_entity
    blamed = next(change for change in answer.changes if change.id == answer.cause.change_id)
    assert blamed.title == true_change("authelia-bind-password")


def shallow_clone(directory: Path) -> Path:
    git = shutil.which("git")
    assert git is not None
    origin, clone = directory / "origin", directory / "shallow"
    configured = [git, "-c", "user.name=lab", "-c", "user.email=lab@example.org"]
    subprocess.run([*configured, "init", "-q", origin], check=True)
    for number in range(2):
        subprocess.run(
            [*configured, "-C", origin, "commit", "-q", "--allow-empty", "-m", f"commit {number}"], check=True
        )
    subprocess.run([git, "clone", "-q", "--depth", "1", f"file://{origin}", clone], check=True)
    return clone
