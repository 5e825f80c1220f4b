from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from scenarios.fault_kinds import load_fault_kinds, parse_offset
from scenarios.schema import load_scenario, scenario_names

GOOD = """\
name: my-incident
summary: Something broke.
fault:
  kind: memory_leak
  entity: immich-server
  at: "+10m"
changes:
  - id: C1
    at: "+9m"
    kind: image_update
    entity: immich-server
    title: upgraded
logs:
  - {at: "+11m", entity: photos, level: error, line: oops}
expect: {alert: HostHighMemory, cause_entity: immich-server, cause_kind: memory_leak, change: C1}
"""


def write(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return str(file)


def test_the_shipped_scenarios_are_of_every_kind_and_often_nobodys_doing():
    scenarios = [load_scenario(name) for name in scenario_names()]
    assert {scenario.fault.kind for scenario in scenarios} == set(load_fault_kinds())
    assert sum(scenario.expect.change is None for scenario in scenarios) >= 11
    assert len({change.kind for scenario in scenarios for change in scenario.changes if change.cause}) >= 6
    assert len({scenario.expect.cause_kind for scenario in scenarios}) >= 16


@pytest.mark.parametrize("name", scenario_names())
def test_a_shipped_scenario_has_decoys_logs_and_expectations(name):
    scenario = load_scenario(name)
    onset, expect = scenario.fault.at, scenario.expect
    assert scenario.name == name
    causes = [change for change in scenario.changes if change.cause]
    assert [change.id for change in causes] == ([expect.change] if expect.change else [])
    assert all((change.effective_at or change.at) <= onset for change in causes)
    decoys = [change for change in scenario.changes if not change.cause]
    assert len(decoys) >= 3
    assert len({change.kind for change in decoys}) >= 2
    assert 2 <= len(scenario.logs) <= 12
    assert None not in (expect.alert, expect.runbook, expect.cause_kind)
    # Only what is no part of the homelab has no name in it.
    assert expect.cause_entity is not None or expect.cause_kind == "upstream_outage"
    assert scenario.duration > onset


def test_a_file_of_ones_own_is_read(tmp_path):
    scenario = load_scenario(write(tmp_path, GOOD))
    assert scenario.fault.at == timedelta(minutes=10)
    assert scenario.changes[0].at == timedelta(minutes=9)
    assert scenario.expect.change == "C1"


@pytest.mark.parametrize(
    ("replaced", "field", "line", "message"),
    [
        (("summary: Something", "sumary: Something"), "sumary", 2, "unknown field; there are name, summary"),
        (("    title: upgraded", "    titel: upgraded"), "changes[0].titel", 12, "unknown field; there are id, at"),
        (("  entity: immich-server\n  at", "  entity: imich\n  at"), "fault.entity", 5, "no entity named 'imich'"),
        (("kind: memory_leak\n", "kind: gremlins\n"), "fault.kind", 4, "there are cpu_hog, memory_leak"),
        (("kind: memory_leak\n", "kind: nfs_stall\n"), "fault.entity", 5, "immich-server is a service; nfs_stall suits only: nas"),
        (("summary: Something", "on: true\nsummary: Something"), "True", 1, "a field name must be text"),
        (("  - id: C1", "  - 7\n  - id: C1"), "changes[0]", 8, "expected a mapping of fields"),
        (('at: "+10m"', "at: 10 minutes"), "fault.at", 6, "write it like +20m"),
        (('at: "+10m"', 'at: "-10m"'), "fault.at", 6, "lies before the start"),
        (('at: "+10m"', 'at: "+10m"\n  magnitude: 3'), "fault.magnitude", 7, "outside 0.5 to 0.98"),
        (('at: "+10m"', 'at: "+10m"\n  scope: all'), "fault.scope", 7, "knows only: one"),
        (("kind: image_update", "kind: witchcraft"), "changes[0].kind", 10, "there are ansible_task"),
        (("entity: photos", "entity: fotos"), "logs[0].entity", 14, "no entity named 'fotos'"),
        (("level: error", "level: loud"), "logs[0].level", 14, "Input should be"),
        (("cause_kind: memory_leak", "cause_kind: bad_luck"), "expect.cause_kind", 15, "there are cpu_saturation"),
        (("change: C1", "change: C7"), "expect.change", 15, "no change has the id 'C7'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_file_field_and_line(tmp_path, replaced, field, line, message):
    old, new = replaced
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InvalidInput) as caught:
        load_scenario(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: {field}: ")
    assert text.endswith(f"(line {line})")
    assert message in text
    assert "\n" not in text


def test_an_unknown_scenario_lists_the_known_ones():
    with pytest.raises(InvalidInput, match=r"no-such: no such scenario or file; there are .*dns-outage"):
        load_scenario("no-such")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: [", b"just text", b"", b"[" * 3000])
def test_a_file_that_is_no_scenario_is_refused(tmp_path, content):
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"odd\.yaml"):
        load_scenario(str(file))


@given(st.integers(0, 6), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.sampled_from(["+", "-", ""]))
def test_offsets_mean_what_they_say(days, hours, minutes, seconds, sign):
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert parse_offset(f"{sign}{days}d{hours}h{minutes}m{seconds}s") == (-length if sign == "-" else length)


@pytest.mark.parametrize("text", ["", "+", "20", "20 m", "1m1h", "+m", None, 20, "++5m", "5m" * 40])
def test_what_is_no_offset_is_refused(text):
    with pytest.raises(ValueError, match="not an offset"):
        parse_offset(text)
