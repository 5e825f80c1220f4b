"""Changes of several sources as one list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.vocabulary import Change
from tools.changes.merge import merge_changes
from tools.changes.source import ChangeList

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def change(identity: str, seconds: float = 0, **fields: Any) -> Change:
    values = {"kind": "ansible_task", "entity": "dns1", "title": "adguard : template config (changed)"} | fields
    return Change(
        id=identity,
        at=AT + timedelta(seconds=seconds),
        source=values.pop("source", identity.partition(":")[0]),
        **values,
    )


def merged(*changes: Change, entity_of: Callable[[Change], str | None] = lambda each: each.entity) -> list[Change]:
    """Each change in a list of its own."""
    return merge_changes([ChangeList(changes=(each,)) for each in changes], entity_of)


def ids(changes: list[Change]) -> list[str]:
    return [each.id for each in changes]


def test_entities_get_their_name_and_the_order_is_that_of_effects() -> None:
    late = change("git:1", effective_at=AT + timedelta(hours=2), kind="config_commit", entity=None)
    found = merged(
        late,
        change("record:1", 60, kind="manual", entity="nas.home.lan", title="disk"),
        entity_of=lambda each: (each.entity or "").partition(".")[0] or None,
    )
    assert [(each.id, each.entity) for each in found] == [("record:1", "nas"), ("git:1", None)]


def test_the_same_task_of_two_records_keeps_the_richest() -> None:
    told = change("ara:1", 0, diff="-a\n+b", detail="module template", actor="ana")
    seen = change("ansible:2", 4, files=("/etc/adguard.yaml",), detail="template, a longer detail")
    [one] = merged(seen, told)
    assert (one.id, one.source) == ("ara:1", "ara, ansible")
    assert (one.diff, one.files, one.detail, one.actor) == (
        "-a\n+b",
        ("/etc/adguard.yaml",),
        "template, a longer detail",
        "ana",
    )


def test_one_id_is_one_change_whoever_tells_it() -> None:
    [one] = merged(change("ansible:1", source="ara"), change("ansible:1", source="ansible", diff="+b"))
    assert (one.source, one.diff) == ("ansible, ara", "+b")


@pytest.mark.parametrize(
    "other",
    [
        change("ansible:2", 6),
        change("ansible:2", 1, entity="dns2"),
        change("ansible:2", 1, title="adguard : install package (changed)"),
        change("ara:2", 1),
        change("ansible:2", 1, kind="backup"),
    ],
    ids=["too late", "elsewhere", "another title", "the same source", "another kind"],
)
def test_what_differs_stays_two(other: Change) -> None:
    assert len(merged(change("ara:1"), other)) == 2


def test_like_tasks_of_one_run_each_find_their_own() -> None:
    def task(identity: str, seconds: float, name: str) -> Change:
        only_here = {"diff": name} if identity.startswith("ara") else {"actor": name}
        return change(identity, seconds, title=f"web : {name} (changed)", **only_here)

    found = merged(
        task("ara:1", 0, "restart adguard"),
        task("ara:2", 1, "restart adguard exporter"),
        task("ansible:3", 0.6, "restart adguard exporter"),
        task("ansible:4", 1.5, "restart adguard"),
    )
    assert [(each.diff, each.source) for each in found] == [
        ("restart adguard", "ara, ansible"),
        ("restart adguard exporter", "ara, ansible"),
    ]
    assert [each.actor for each in found] == [each.diff for each in found]


def restart(identity: str = "metrics:c:jellyfin:1", seconds: float = 0, **fields: Any) -> Change:
    return change(
        identity, seconds, **({"kind": "restart", "entity": "jellyfin", "title": "jellyfin restarted"} | fields)
    )


def note(text: str, seconds: float = 90) -> Change:
    return change("grafana-7", seconds, kind="annotation", entity="jellyfin", title=text, source="grafana")


def test_a_note_of_a_restart_is_the_restart() -> None:
    [one] = merged(restart(), note("Restarted Jellyfin by hand"))
    assert (one.kind, one.source, one.at) == ("restart", "metrics, grafana", AT)
    assert len(merged(restart(), note("Jellyfin backup finished"))) == 2
    assert len(merged(restart(), note("Restarted Jellyfin by hand", 121))) == 2


def test_a_note_of_an_update_is_the_update() -> None:
    update = restart(kind="image_update", title="jellyfin: jellyfin/jellyfin 10.11.1 → 10.11.2")
    assert ids(merged(update, note("Deployed Jellyfin"))) == [update.id]
    assert ids(merged(update, note("jellyfin 10.11.2"))) == [update.id]
    assert len(merged(update, note("jellyfin 10.11.3 is out"))) == 2


def test_what_is_updated_restarts() -> None:
    update = restart(
        "record:1", 50, kind="image_update", title="jellyfin/jellyfin 10.11.1 → 10.11.2", source="renovate"
    )
    measured = restart(
        "metrics:c:jellyfin:2", 20, kind="image_update", title="jellyfin: jellyfin/jellyfin v10.11.1 → v10.11.2"
    )
    process = restart("metrics:p:jellyfin@media:3", 22, title="jellyfin on media restarted")
    [one] = merged(update, measured, process)
    assert one.kind == "image_update"
    assert set(one.source.split(", ")) == {"metrics", "renovate"}
    other = restart("record:2", 20, kind="image_update", title="jellyfin/jellyfin 10.11.2 → 10.11.3", source="renovate")
    assert len(merged(measured, other)) == 2


def test_two_processes_of_one_machine_are_two() -> None:
    of_node = restart("metrics:p:node@pve1:1", entity="pve1", title="node on pve1 restarted")
    of_smart = restart("metrics:p:smartctl@pve1:1", 1, entity="pve1", title="smartctl on pve1 restarted")
    assert len(merged(of_node, of_smart)) == 2


def test_a_reboot_that_ansible_waited_for() -> None:
    measured = restart("metrics:b:pve1:1", kind="reboot", entity="pve1", title="pve1 rebooted")
    told = change("ansible:1", 400, kind="reboot", entity="pve1", title="base : reboot (changed)")
    assert len(merged(measured, told)) == 1


def test_alerts_are_never_the_same_as_a_change() -> None:
    alert = restart("alerts:1", kind="alert", title="jellyfin restarted", source="alerts")
    assert len(merged(restart(), alert)) == 2


def commit(*files: str, **fields: Any) -> Change:
    return change(
        "git:1", **({"kind": "config_commit", "entity": None, "title": "Tune", "files": files, "actor": "ana"} | fields)
    )


HOUR = 3600.0


@pytest.mark.parametrize(
    ("made", "carrier"),
    [
        (commit("roles/adguard/templates/x.j2"), change("ara:1", HOUR)),
        (commit("roles/adguard/templates/x.j2"), change("ara:1", HOUR, title="template (changed)", files=("/srv/infra/roles/adguard/tasks/main.yml",))),
        (commit("playbooks/site.yml"), change("ara:1", HOUR, title="ping (changed)", files=("/srv/infra/playbooks/site.yml",))),
        (commit("stacks/media/compose.yaml"), change("ansible:1", HOUR, title="copy (changed)", files=("/opt/stacks/media/compose.yaml",))),
        (commit("stacks/media/compose.yaml"), restart(seconds=HOUR, detail="compose project media; compose service jellyfin")),
        (commit("media/docker-compose.yml", diff="@@ -1,3 +1,3 @@\n services:\n   jellyfin:\n-    mem_limit: 1g\n+    mem_limit: 2g"), restart(seconds=HOUR)),
        (commit("docker-compose.yml", diff="-    image: jellyfin/jellyfin:1\n+    image: jellyfin/jellyfin:2", kind="image_update"), restart(seconds=HOUR, kind="image_update")),
        (commit("services/jellyfin/settings.xml"), restart(seconds=HOUR)),
        (commit("x", entity="jellyfin"), restart(seconds=HOUR)),
        (commit("roles/dns/x", entity="dns1"), change("ara:1", HOUR, kind="package_update", title="apt (changed)")),
    ],
    ids=["role in the title", "role in the path", "the playbook", "the copied file", "compose project", "service in the diff", "image in the diff", "service in the path", "entity", "packages"],
)  # fmt: skip
def test_a_commit_takes_effect_with_what_carries_it(made: Change, carrier: Change) -> None:
    [first, _] = sorted(merged(made, carrier), key=lambda each: each.at)
    assert first.effective_at == AT + timedelta(hours=1)
    assert first.at == AT
    assert first.detail.endswith(f"took effect with “{carrier.title}” ({carrier.id})")


@pytest.mark.parametrize(
    "carrier",
    [
        change("ara:1", -1),
        change("ara:1", 24 * HOUR + 1),
        change("ara:1", HOUR, title="unbound : template (changed)"),
        change("ara:1", HOUR, title="adguard : template (failed)"),
        change("ara:1", HOUR, kind="annotation"),
        restart(seconds=HOUR, entity="templates"),
        change("git:2", HOUR, kind="image_update", files=("roles/adguard/templates/x.j2",)),
    ],
    ids=["before it", "too late", "another role", "a failed task", "a note", "a name of the layout", "another commit"],
)
def test_what_does_not_carry_a_commit(carrier: Change) -> None:
    [found] = [each for each in merged(commit("roles/adguard/templates/x.j2"), carrier) if each.id == "git:1"]
    assert (found.effective_at, found.detail) == (None, "")


def test_the_first_carrier_counts_and_what_is_known_stays() -> None:
    made = commit("roles/adguard/x")
    found = merged(made, change("ara:2", 2 * HOUR), change("ara:1", HOUR))
    assert found[0].effective_at == AT + timedelta(hours=1)
    known = made.model_copy(update={"effective_at": AT + timedelta(minutes=5)})
    assert merged(known, change("ara:1", HOUR))[0] == known


def test_thousands_of_changes_of_one_run_are_merged() -> None:
    tasks = [
        change(f"{source}:{nth}", nth / 10 + late, title=f"role : task {nth} (changed)")
        for nth in range(1000)
        for source, late in (("ara", 0), ("ansible", 0.3))
    ]
    commits = [commit(f"roles/role/{nth}").model_copy(update={"id": f"git:{nth}"}) for nth in range(500)]
    found = merged(*tasks, *commits)
    assert len(found) == 1500
    assert all(each.effective_at == AT for each in found if each.kind == "config_commit")
