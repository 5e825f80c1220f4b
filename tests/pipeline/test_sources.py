"""What the sources make of an Ansible tree, and what a question about its hosts is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.wiring import build_sources
from core.settings import Settings
from core.vocabulary import Window
from pipeline.brief import Gaps, Question
from pipeline.measurable import is_measurable, tell_unseen
from pipeline.sources import ANSIBLE_GAPS, Sources
from tools.ansible_inventory import AnsibleTrees
from tools.inventory import Inventory

AT = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def question(*subjects: str) -> Question:
    return Question("is it ok?", "status", AT, Window(start=AT - timedelta(hours=1), end=AT), subjects=subjects)


def tree(directory: Path, text: str) -> Path:
    (directory / "hosts").write_text(text, encoding="utf-8")
    return directory


def test_only_a_tree_that_somebody_named_joins_the_inventory(tmp_path: Path) -> None:
    """The example tree is there to be searched; its hosts are nobody's."""
    untouched = Settings(_env_file=None, data_dir=tmp_path)
    assert untouched.ansible[0].name == "ansible"
    assert build_sources(untouched).ansible is None
    named = Settings(_env_file=None, data_dir=tmp_path, ansible=untouched.ansible)
    assert build_sources(named).ansible is not None


async def test_without_prometheus_what_ansible_names_is_known(tmp_path: Path) -> None:
    gaps = Gaps()
    sources = Sources(ansible=AnsibleTrees([tree(tmp_path, "[docker_hosts]\nmedia\narr\n")]))
    found = await sources.inventory(None, gaps)
    assert found.resolve("the docker hosts").subjects == ("media", "arr")
    assert len(gaps.lines) == 1
    assert "only what Ansible names is known" in gaps.lines[0]


async def test_broken_inventories_are_told_with_each_answer_and_bounded(tmp_path: Path) -> None:
    for number in range(ANSIBLE_GAPS + 3):
        (tmp_path / f"{number}.yml").write_text("plugin: some.where.cloud\n")
    sources = Sources(ansible=AnsibleTrees([tmp_path]))
    for _ in range(2):
        gaps = Gaps()
        await sources.read_ansible(gaps)
        assert len(gaps.lines) == ANSIBLE_GAPS + 1
        assert gaps.lines[-1].startswith("ansible: 3 more problems")


@pytest.fixture
def joined(homelab: Inventory) -> Inventory:
    """The small homelab with two machines that only Ansible knows; a probe watches something on one of them."""
    media = homelab.entities["media"]
    added = {name: media.model_copy(update={"name": name, "matchers": {}, "host": None}) for name in ("nuc", "laptop")}
    probe = homelab.entities["jellyfin"].model_copy(update={"name": "site", "host": "laptop"})
    unseen = dict.fromkeys(added, "hosts.yml")
    return Inventory({**homelab.entities, **added, "site": probe}, unseen=unseen)


@pytest.mark.parametrize(
    ("subjects", "told", "measurable"),
    [
        ((), None, True),
        (("media",), None, True),
        (("nuc",), "nuc is known from the Ansible inventory (hosts.yml) and not seen in Prometheus", False),
        (("nuc", "laptop"), "nuc and laptop are known from the Ansible inventory", True),
        (("media", "nuc"), "nuc is known from the Ansible inventory", True),
    ],
)
def test_hosts_that_nothing_measures_are_named(
    joined: Inventory, subjects: Sequence[str], told: str | None, measurable: bool
) -> None:
    gaps = Gaps()
    tell_unseen(question(*subjects), joined, gaps)
    assert [line for line in gaps.lines if told is None or told not in line] == []
    assert len(gaps.lines) == (told is not None)
    assert is_measurable(question(*subjects), joined) is measurable
