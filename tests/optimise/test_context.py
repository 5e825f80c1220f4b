"""What is true of a scenario, and which of its changes an answer blames."""

from __future__ import annotations

from typing import Any

from core.vocabulary import AnsweredChange
from optimise.context import TrueChange, Truth, changes_of, truth_of
from scenarios.schema import Scenario, load_scenario


def change(**fields: Any) -> AnsweredChange:
    told = {"id": "C3", "at": "2026-11-22T21:44:00Z", "kind": "restart", "title": "Restart adguard", **fields}
    return AnsweredChange.model_validate(told)


def test_a_change_is_known_by_its_origin_else_by_its_title() -> None:
    known = TrueChange("restart  ADGUARD", "55af30cc79")
    assert known.is_(change(origin="record:55af30cc79", title="reworded"))
    assert known.is_(change(origin="55af30cc79"))
    assert not known.is_(change(origin="record:155af30cc79"))
    assert not known.is_(change(origin="record:aa41ff0fe1"))
    assert known.is_(change())
    assert not known.is_(change(title="Restart unbound"))
    assert TrueChange("Restart adguard").is_(change(origin="git:1"))


def test_the_truth_of_a_scenario_is_what_it_expects() -> None:
    assert truth_of(load_scenario("authelia-bind-password")) == Truth("authelia", "authentication_failure", "C2")
    assert truth_of(load_scenario("internet-line-down")) == Truth(None, "upstream_outage", None)
    assert truth_of(Scenario(name="quiet", summary="nothing")) == Truth()
    told = {"name": "x", "summary": "x", "fault": {"kind": "dns_outage", "entity": "adguard", "at": "+1m"}}
    assert truth_of(Scenario.model_validate(told)) is None


def test_changes_are_known_by_the_ids_of_the_scenario() -> None:
    known = changes_of(load_scenario("authelia-bind-password"), {"C2": "2d7cfce10b"})
    assert known["C2"].origin == "2d7cfce10b"
    assert known["C1"].origin == ""
    assert known["C1"].title
