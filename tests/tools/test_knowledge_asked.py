"""A question that names a sort of document gets that sort first."""

from __future__ import annotations

import pytest

from tools.knowledge.ansible_place import Part
from tools.knowledge.asked import CLEAR, LIKELY, asked_for
from tools.knowledge.catalogue import Place

PAGE = Place("dns.md", "dns.md", "runbook", None)
README = Place("roles/dns/README.md", "roles/dns", "runbook", None)
PLAYBOOK = Place("site.yml", "site.yml", "playbook", "playbook")
COMPOSE = Place("compose.yml", "compose.yml", "playbook", None)


def of_role(part: Part) -> Place:
    return Place(f"roles/dns/{part}/main.yml", "roles/dns", "playbook", part)


@pytest.mark.parametrize(
    ("question", "place", "gain"),
    [
        ("is there a runbook for dns", PAGE, CLEAR),
        ("is there a runbook for dns", README, 0.0),
        ("is there a runbook for dns", PLAYBOOK, 0.0),
        ("which playbooks touch dns", PLAYBOOK, CLEAR),
        ("which playbooks touch dns", of_role("tasks"), 0.0),
        ("which playbooks touch dns", COMPOSE, 0.0),
        ("the handler that restarts unbound", of_role("handlers"), CLEAR),
        ("the handler that restarts unbound", of_role("tasks"), 0.0),
        ("which role installs unbound", of_role("defaults"), LIKELY),
        ("which role installs unbound", README, LIKELY),
        ("which role installs unbound", PAGE, 0.0),
        ("the task that installs unbound", of_role("tasks"), LIKELY),
        ("the task that installs unbound", of_role("handlers"), LIKELY),
        ("the template of the zone", of_role("template"), LIKELY),
        ("default of the port", of_role("defaults"), LIKELY),
        ("default of the port", of_role("tasks"), 0.0),
        ("hosts of the group", Place("hosts", "hosts", "playbook", "inventory"), LIKELY),
        ("hosts of the group", Place("group_vars/dns", "group_vars/dns", "playbook", "group_vars"), LIKELY),
        ("restart unbound", PAGE, 0.0),
        ("", PAGE, 0.0),
    ],
)
def test_what_is_asked_for_by_its_sort_gains(question: str, place: Place, gain: float) -> None:
    assert asked_for(question.split(), place) == gain


def test_the_clearer_word_counts_when_a_question_has_two() -> None:
    """ "which playbook uses the role dns" asks for a playbook."""
    words = ("playbook", "uses", "role", "dns")
    assert asked_for(words, PLAYBOOK) == CLEAR
    assert asked_for(words, of_role("tasks")) == 0.0


def test_a_clear_word_moves_a_page_further_than_one_with_other_meanings() -> None:
    assert CLEAR > LIKELY > 0
