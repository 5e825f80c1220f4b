"""`sre bench retrieval` as somebody runs it over a corpus of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SRE = str(Path(sys.executable).with_name("sre"))
PAGES = {
    "dns.md": "# DNS stack\n\nA resolver does not answer. Restart AdGuard Home, then Unbound.\n",
    "storage/disk-full.md": "# Disk full\n\nA filesystem has no free space left. Delete old logs and images.\n",
    "ups.md": "# UPS on battery\n\nMains power has failed. Shut the guests down before the battery is empty.\n",
    "picture.md": "\x00\x01\x02",
}
PAIRS = [
    {"question": "mains power has failed", "expected": "ups.md"},
    {
        "question": "which page helps when the filesystem has no space?",
        "expected": "other.md",
        "also_accept": ["storage/*"],
    },
    {"question": "AdGuard Home and Unbound: restart the resolver", "expected": "ups.md", "note": "wrong on purpose"},
    {"question": "a recipe for lasagne with spinach", "expected": None},
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench")
    for name, text in PAGES.items():
        path = root / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "pairs.json").write_text(json.dumps(PAIRS))
    return root


def bench(
    root: Path, *arguments: str, pairs: str = "pairs.json", corpus: str = "corpus"
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "SRE_DATA_DIR": str(root / "data"),
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        [SRE, "bench", "retrieval", "--corpus", corpus, "--pairs", pairs, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_json_holds_the_figures_of_search_and_of_plain_bm25(corpus: Path) -> None:
    done = bench(corpus, "--json")
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    assert list(results) == ["hybrid", "ranking alone", "plain BM25"]
    for name in results:
        assert (results[name]["questions"], results[name]["without_page"]) == (4, 1)
        assert results[name]["hit_at_1"] == pytest.approx(2 / 3), name
        assert 0 < results[name]["query_ms_median"] <= results[name]["query_ms_p95"]
    assert (results["hybrid"]["abstained"], results["hybrid"]["false_abstentions"]) == (1, 0)
    assert results["ranking alone"]["abstained"] == 0
    assert "3 documents, 3 passages, 1 skipped" in done.stderr
    assert "warning" not in done.stderr, "other.md is not there, but storage/disk-full.md is as good"
    assert not list(corpus.rglob("current.json")), "the index was a temporary one"


def test_the_table_and_the_misses_are_for_reading(corpus: Path) -> None:
    done = bench(corpus, "--misses", "--index", "kept")
    assert done.returncode == 0, done.stderr
    rows = {
        cells[0].strip(): cells for line in done.stdout.splitlines() if len(cells := line.strip("│ ").split("│")) == 8
    }
    assert rows["hybrid"][1].strip() == "0.667"
    assert rows["hybrid"][4].strip() == "1 of 1"
    assert rows["hybrid"][5].strip() == "0 of 3"
    assert rows["plain BM25"][1].strip() == "0.667"
    _, _, miss = done.stdout.partition("AdGuard Home and Unbound: restart the resolver\n")
    assert miss.startswith("  wanted: ups.md (")
    assert "\n  found:  dns.md" in miss
    assert "lasagne" not in done.stdout
    assert (corpus / "kept" / "current.json").exists()


def test_pages_that_the_corpus_does_not_hold_are_named_and_counted(corpus: Path) -> None:
    lost = [{"question": f"what about page {number}?", "expected": f"lost{number}.md"} for number in range(7)]
    (corpus / "lost.json").write_text(json.dumps([*PAIRS, *lost]))
    done = bench(corpus, "--json", pairs="lost.json")
    assert done.returncode == 0, done.stderr
    (warning,) = (line for line in done.stderr.splitlines() if line.startswith("warning: "))
    assert warning.startswith(
        "warning: the corpus holds no right page for 7 of 11 pairs, which count as misses: lost0.md"
    )
    assert warning.endswith("lost4.md and 2 more")
    results = json.loads(done.stdout)
    assert {one["page_missing"] for one in results.values()} == {7}
    assert results["hybrid"]["hit_at_1"] == pytest.approx(2 / 10)


def test_an_index_of_other_documents_is_left_as_it_is(corpus: Path) -> None:
    mine = corpus / "mine"
    (mine / "docs").mkdir(parents=True)
    (mine / "docs" / "nas.md").write_text("# NAS\n\nThe pool is degraded.\n")
    (mine / "pairs.json").write_text(json.dumps([{"question": "degraded pool", "expected": "nas.md"}]))
    made = bench(corpus, "--index", "mine/index", pairs="mine/pairs.json", corpus="mine/docs")
    assert made.returncode == 0, made.stderr
    assert "warning" not in made.stderr
    current = mine / "index" / "current.json"
    for content in (current.read_bytes(), b"{"):
        current.write_bytes(content)
        done = bench(corpus, "--index", "mine/index")
        assert (done.returncode, done.stdout) == (2, "")
        assert "error: --index: mine/index holds an index of " in done.stderr
        assert current.read_bytes() == content
    current.unlink()
    assert bench(corpus, "--index", "mine/index", pairs="mine/pairs.json", corpus="mine/docs").returncode == 0
    again = bench(corpus, "--index", "mine/index", pairs="mine/pairs.json", corpus="mine/docs")
    assert again.returncode == 0, "the same documents may be measured again"


@pytest.mark.parametrize(
    ("content", "named"),
    [('[{"question": "a"}]', "0.expected: Field required"), ("[", "is not JSON"), ("[]", "holds no pair")],
)
def test_a_broken_pairs_file_is_named_by_field_before_anything_is_indexed(
    corpus: Path, content: str, named: str
) -> None:
    (corpus / "broken.json").write_text(content)
    done = bench(corpus, pairs="broken.json")
    assert done.returncode == 2
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert error.startswith("error: pairs: broken.json")
    assert named in error
    assert "documents" not in done.stderr


def test_a_corpus_that_is_no_directory_is_named(corpus: Path) -> None:
    done = bench(corpus, corpus="nowhere")
    assert done.returncode == 2
    assert "error: source: nowhere is no directory" in done.stderr


def test_a_corpus_without_a_page_is_named(corpus: Path) -> None:
    (corpus / "empty").mkdir(exist_ok=True)
    done = bench(corpus, corpus="empty")
    assert done.returncode == 2
    assert "error: source: no readable Markdown, YAML or Ansible in empty" in done.stderr
