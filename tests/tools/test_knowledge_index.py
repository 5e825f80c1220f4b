"""A real index directory: what search returns, and what it survives."""

from __future__ import annotations

import json
import logging
import re
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from core.errors import InvalidInput, KnowledgeError
from tools.knowledge.damage import DamagedIndex
from tools.knowledge.embedding import Embedder
from tools.knowledge.index import KnowledgeIndex
from tools.knowledge.vectors import Vectors

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = {
    "dns.md": (
        "---\ntitle: DNS stack\nalerts: [DnsServerFailing]\n---\n# DNS stack\n\n## Meaning\n\nA resolver does not answer.\n\n"
        "## Mitigation\n\nRestart AdGuard Home, then Unbound, and ask both for a name.\n"
    ),
    "storage/disk-full.md": (
        "# Disk full\n\n## Meaning\n\nA filesystem has no free space left.\n\n## Mitigation\n\nDelete old logs and images.\n"
    ),
    "ups.md": "# UPS on battery\n\nMains power has failed. Shut the guests down before the battery is empty.\n",
}
ROLE = {
    "roles/chrony/tasks/main.yml": "- name: Install chrony\n  ansible.builtin.apt:\n    name: chrony\n",
    "roles/chrony/handlers/main.yml": "- name: Restart chrony\n  ansible.builtin.service:\n    name: chrony\n    state: restarted\n",
    "roles/chrony/defaults/main.yml": "chrony_servers:\n  - ntp1.home.lan\n",
}
POWER = "mains power has failed"


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[KnowledgeIndex]:
    """An index of PAGES that nobody changes."""
    root = tmp_path_factory.mktemp("shared")
    index = KnowledgeIndex(root / "index", embedder)
    index.ingest([write_pages(root / "runbooks", PAGES)])
    yield index
    index.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pages(tmp_path / "runbooks", PAGES)


@pytest.fixture
def index(tmp_path: Path, embedder: Embedder) -> Iterator[KnowledgeIndex]:
    index = KnowledgeIndex(tmp_path / "index", embedder)
    yield index
    index.close()


def write_pages(root: Path, pages: dict[str, str]) -> Path:
    for name, text in pages.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_one_passage_per_document_best_first(shared: KnowledgeIndex) -> None:
    found = shared.nearest("the name server does not resolve", k=10)
    assert [passage.id for passage in found] == ["K1", "K2", "K3"]
    assert found[0].document == "dns.md"
    assert found[0].heading.startswith("DNS stack > ")
    assert {passage.document for passage in found} == set(PAGES)
    assert 1 >= found[0].score > found[1].score >= found[2].score >= 0
    assert shared.nearest("no storage space left", k=1)[0].document == "storage/disk-full.md"
    assert shared.search("no storage space left", k=1) == shared.nearest("no storage space left", k=1)


@pytest.mark.parametrize(
    "question", ["UpsOnBattery", "ups on battery", POWER, "The battery of the UPS is nearly empty"]
)
def test_a_page_that_answers_is_found_however_it_is_asked_for(shared: KnowledgeIndex, question: str) -> None:
    assert shared.search(question)[0].document == "ups.md"


def test_an_alert_in_the_front_matter_finds_its_page(shared: KnowledgeIndex) -> None:
    assert shared.search("DnsServerFailing")[0].document == "dns.md"


@pytest.mark.parametrize(
    "question",
    ["Where do I find a recipe for lasagne?", "paperless-ngx does not index scans", "Who won the cup in 1974?"],
)
def test_nothing_is_found_when_no_page_answers(shared: KnowledgeIndex, question: str) -> None:
    assert shared.search(question, k=10) == []
    assert len(shared.nearest(question, k=10)) == 3


def test_a_passage_is_the_same_by_search_and_by_its_document(shared: KnowledgeIndex) -> None:
    (found,) = shared.nearest("restart adguard home then unbound", k=1)
    (same,) = (passage for passage in shared.sections("dns.md") if passage.key == found.key)
    assert found.model_dump(exclude={"id", "score"}) == same.model_dump(exclude={"id", "score"})
    assert found.text == "Restart AdGuard Home, then Unbound, and ask both for a name."


def test_sections_are_the_whole_page_in_reading_order(shared: KnowledgeIndex) -> None:
    passages = shared.sections("dns.md")
    assert [(one.id, one.heading, one.score) for one in passages] == [
        ("K1", "DNS stack > Meaning", 1.0),
        ("K2", "DNS stack > Mitigation", 1.0),
    ]
    assert shared.sections("nothing.md") == []
    assert shared.sections("dns.md' OR '1'='1") == []


def test_roles_come_before_further_files_of_one_role(index: KnowledgeIndex, source: Path) -> None:
    write_pages(source, ROLE)
    index.ingest([source])
    found = index.nearest("which Ansible role restarts chrony", k=10)
    assert found[0].document.startswith("roles/chrony/")
    assert found[0].kind == "playbook"
    assert [one.document.startswith("roles/chrony/") for one in found] == [True, False, False, False, True, True]


def test_plain_bm25_is_there_to_compare_with(shared: KnowledgeIndex) -> None:
    assert shared.by_words("is the battery empty?")[0] == "ups.md"
    assert shared.by_words("lasagne") == []


def test_an_open_reader_sees_a_new_ingest(index: KnowledgeIndex, source: Path, embedder: Embedder) -> None:
    index.ingest([source])
    reader = KnowledgeIndex(index.directory, embedder)
    assert reader.nearest("battery", k=1)[0].document == "ups.md"
    for number in range(3):
        (source / "ups.md").write_text(f"# UPS\n\nThe battery was changed {number} times.\n")
        index.ingest([source])
        assert f"changed {number} times" in reader.nearest("battery", k=1)[0].text
    (source / "ups.md").unlink()
    index.ingest([source])
    assert {one.document for one in reader.nearest("battery", k=10)} == {"dns.md", "storage/disk-full.md"}
    reader.close()


def search_from_threads(index: KnowledgeIndex, count: int = 8) -> list[object]:
    answers: list[object] = []

    def ask() -> None:
        try:
            answers.append([one.key for one in index.nearest("full disk")])
        except KnowledgeError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_searching_from_several_threads_agrees(shared: KnowledgeIndex) -> None:
    expected = [one.key for one in shared.nearest("full disk")]
    assert search_from_threads(shared) == [expected] * 8


def test_without_an_index_search_says_what_to_do(index: KnowledgeIndex) -> None:
    for ask in (lambda: index.search("disk"), lambda: index.sections("a.md"), index.status):
        with pytest.raises(KnowledgeError, match=r"there is none yet; run `sre ingest`"):
            ask()  # type: ignore[operator]


@pytest.mark.parametrize("query", ["", " \n "])
def test_an_empty_query_is_refused(index: KnowledgeIndex, query: str) -> None:
    with pytest.raises(InvalidInput, match="query: is empty"):
        index.search(query)


@pytest.mark.parametrize("k", [0, -1, 51])
def test_a_silly_k_is_refused(index: KnowledgeIndex, k: int) -> None:
    with pytest.raises(InvalidInput, match="k: "):
        index.search("disk", k=k)


@pytest.mark.parametrize(
    "query",
    ["\x00\x01\ufffd", "\ud83d", "²", "?", '" OR names:*', "(((", "한국어 로그", "NEAR(a b)", "e\u0301" * 900],
)
def test_an_odd_query_is_answered(shared: KnowledgeIndex, query: str) -> None:
    assert len(shared.nearest(query, k=3)) == 3


def test_a_huge_query_is_answered(shared: KnowledgeIndex) -> None:
    assert shared.nearest("battery " * 20_000)[0].document == "ups.md"


def test_an_index_of_another_version_asks_for_an_ingest(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    current = index.directory / "current.json"
    for other in ({"model": "another"}, {"format": 1}):
        current.write_text(json.dumps(json.loads(current.read_text()) | other))
        with pytest.raises(KnowledgeError, match=r"made by another version; run `sre ingest`"):
            index.search("disk")
        assert index.ingest([source]).rebuilt
        assert index.nearest(POWER)[0].document == "ups.md"


def generation_of(index: KnowledgeIndex) -> Path:
    return index.directory / index.status().name


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    path.write_bytes(b"nonsense" * 5000)


def tear(path: Path) -> None:
    """One page in the middle, which only a full check meets."""
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)


def lose_passages(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"passages": 99}))


WORDS, VECTORS, CURRENT = "{generation}/words.db", "{generation}/vectors/chroma.sqlite3", "current.json"
DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "words cut": (WORDS, cut_in_half),
    "words garbled": (WORDS, garble),
    "words torn": (WORDS, tear),
    "words gone": (WORDS, Path.unlink),
    "vectors cut": (VECTORS, cut_in_half),
    "vectors garbled": (VECTORS, garble),
    "vectors gone": (VECTORS, Path.unlink),
    "vectors' directory gone": ("{generation}/vectors", shutil.rmtree),
    "generation gone": ("{generation}", shutil.rmtree),
    "passages lost": (CURRENT, lose_passages),
}


@pytest.mark.parametrize("repaired_by", ["search", "ingest"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_built_anew(
    index: KnowledgeIndex, source: Path, embedder: Embedder, damage: str, repaired_by: str
) -> None:
    index.ingest([source])
    before = [one.key for one in index.nearest(POWER)]
    index.close()
    place, harm = DAMAGES[damage]
    harm(index.directory / place.format(generation=index.status().name))
    reader = KnowledgeIndex(index.directory, embedder)
    if repaired_by == "ingest":
        report = reader.ingest([source])
        assert (report.rebuilt, report.documents) == (True, 3)
    assert [one.key for one in reader.nearest(POWER)] == before
    assert reader.sections("dns.md")
    reader.close()
    assert not index.ingest([source]).rebuilt


@pytest.mark.parametrize("repaired_by", ["search", "ingest"])
@pytest.mark.parametrize("harm", [garble, tear])
def test_a_repair_is_told_once_and_on_one_line(
    index: KnowledgeIndex,
    source: Path,
    harm: Callable[[Path], None],
    repaired_by: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    index.ingest([source])
    harm(generation_of(index) / "words.db")
    if repaired_by == "ingest":
        index.ingest([source])
    assert sorted(index.documents()) == sorted(PAGES)
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert re.fullmatch(rf"index {index.directory}: damaged \(.+\); building it anew", warning)


def test_an_index_of_a_single_file_repairs_itself_too(index: KnowledgeIndex, source: Path) -> None:
    report = index.ingest([source / "ups.md"])
    assert (report.documents, index.documents()) == (1, ["ups.md"])
    index.close()
    garble(generation_of(index) / "words.db")
    assert index.nearest(POWER)[0].document == "ups.md"


def test_an_unreadable_current_json_says_what_to_do_and_an_ingest_repairs_it(
    index: KnowledgeIndex, source: Path
) -> None:
    for content in (b'{"format": 1', b"\x00\xff", b"[]", b""):
        index.ingest([source])
        (index.directory / "current.json").write_bytes(content)
        for ask in (lambda: index.search("disk"), index.status):
            with pytest.raises(KnowledgeError, match=r"damaged \(.*\); run `sre ingest` to rebuild it") as caught:
                ask()  # type: ignore[operator]
            assert "\n" not in str(caught.value)
        assert index.ingest([source]).rebuilt
        assert index.nearest("battery")[0].document == "ups.md"


def test_a_damaged_index_whose_sources_are_gone_says_what_to_do(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    index.close()
    garble(generation_of(index) / "words.db")
    source.rename(source.with_name("elsewhere"))
    with pytest.raises(KnowledgeError, match=r"damaged \(.*\); run `sre ingest` to rebuild it"):
        index.search("disk")
    assert index.ingest([source.with_name("elsewhere")]).rebuilt


def test_a_missing_generation_is_reported_without_opening_anything(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    shutil.rmtree(generation_of(index))
    with pytest.raises(KnowledgeError, match=r"damaged \(generation-\w+ is gone\)"):
        index.status()


def test_several_threads_that_meet_the_damage_all_get_the_answer(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    expected = [one.key for one in index.nearest("full disk")]
    index.close()
    garble(generation_of(index) / "words.db")
    assert search_from_threads(index) == [expected] * 8


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> tuple[Path, Path]:
    """(source, index): above 1,000 passages Chroma keeps vectors in files of their own."""
    root = tmp_path_factory.mktemp("large")
    source = write_pages(root / "runbooks", PAGES)
    steps = (f"## Step {number}\n\nTurn valve {number} of boiler {number % 7}.\n" for number in range(1_200))
    (source / "boiler.md").write_text("# Boiler\n\n" + "\n".join(steps))
    index = KnowledgeIndex(root / "index", embedder)
    assert index.ingest([source]).passages > 1_000
    index.close()
    return source, root / "index"


@pytest.mark.parametrize("harm", [shutil.rmtree, lambda path: [cut_in_half(file) for file in path.iterdir()]])
def test_vector_files_that_are_lost_are_noticed_and_built_anew(
    large: tuple[Path, Path], tmp_path: Path, embedder: Embedder, harm: Callable[[Path], object]
) -> None:
    """Chroma itself answers such damage with wrong neighbours and no error."""
    _, directory = large
    shutil.copytree(directory, tmp_path / "index")
    index = KnowledgeIndex(tmp_path / "index", embedder)
    before = index.status().name
    vectors = generation_of(index) / "vectors"
    found = [path for path in vectors.iterdir() if path.is_dir()]
    assert sum(path.stat().st_size for directory in found for path in directory.iterdir()) > 1_000 * 384 * 4
    for path in found:
        harm(path)
    assert index.nearest(POWER, k=1)[0].document == "ups.md"
    assert index.nearest("turn valve 777", k=1)[0].text == "Turn valve 777 of boiler 0."
    assert index.status().name != before
    index.close()


@pytest.mark.parametrize("truncate", [False, True])
def test_the_check_counts_vectors_and_sees_that_their_files_are_lost(
    tmp_path: Path, embedder: Embedder, truncate: bool
) -> None:
    count = 2500
    rows = np.random.default_rng(7).normal(size=(count, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = Vectors(tmp_path / "vectors", embedder.models, create=True)
    vectors.add_passages({str(number): row for number, row in enumerate(rows)})
    vectors.add_documents({"1": rows[0]})
    vectors.check(count, 1)
    assert list(vectors.nearest_passages(rows[1234], 1)) == ["1234"]
    assert vectors.document_cosines(rows[0]) == {"1": pytest.approx(1.0, abs=1e-5)}
    with pytest.raises(DamagedIndex, match="2500 of 2501 passages are there"):
        vectors.check(count + 1, 1)
    vectors.close()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "vectors", copy)
    for directory in (path for path in copy.iterdir() if path.is_dir()):
        if truncate:
            for path in directory.iterdir():
                cut_in_half(path)
        else:
            shutil.rmtree(directory)
    with pytest.raises(DamagedIndex):
        Vectors(copy, embedder.models).check(count, 1)


def lose_neighbours(directory: Path) -> None:
    """Each vector stays where it is, and none knows its neighbours any more, in no layer. The files are hnswlib's."""
    (size,) = struct.unpack_from("<Q", (directory / "header.bin").read_bytes(), 28)
    level = bytearray((directory / "data_level0.bin").read_bytes())
    for start in range(0, len(level), size):  # the number of neighbours stands before each vector
        level[start : start + 4] = bytes(4)
    (directory / "data_level0.bin").write_bytes(level)
    upper = bytearray((directory / "link_lists.bin").read_bytes())
    start = 0
    while start < len(upper):
        (length,) = struct.unpack_from("<I", upper, start)
        upper[start + 4 : start + 4 + length] = bytes(length)
        start += 4 + length
    (directory / "link_lists.bin").write_bytes(upper)


def test_the_check_sees_that_vectors_do_not_find_themselves(tmp_path: Path, embedder: Embedder) -> None:
    """Chroma opens such files, counts right, gives each vector out by its name, and answers with wrong neighbours."""
    rows = np.random.default_rng(7).normal(size=(2000, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = Vectors(tmp_path / "vectors", embedder.models, create=True)
    vectors.add_passages({str(number): row for number, row in enumerate(rows)})
    vectors.add_documents({"1": rows[0]})
    vectors.close()
    for directory in (path for path in (tmp_path / "vectors").iterdir() if path.is_dir()):
        lose_neighbours(directory)
    damaged = Vectors(tmp_path / "vectors", embedder.models)
    assert np.allclose(damaged.passages(["3"])["3"], rows[3], atol=1e-6)
    wrong = [number for number in range(9) if list(damaged.nearest_passages(rows[number], 1)) != [str(number)]]
    assert len(wrong) >= 8, "all but the one where every search begins"
    with pytest.raises(DamagedIndex, match="the vectors of its passages do not find themselves"):
        damaged.check(len(rows), 1)
    damaged.close()


def test_stored_vectors_are_given_out_by_name(tmp_path: Path, embedder: Embedder) -> None:
    rows = embedder.embed(["disk", "memory", "network"])
    vectors = Vectors(tmp_path / "vectors", embedder.models, create=True)
    vectors.add_passages(dict(zip("abc", rows, strict=True)))
    found = vectors.passages(["c", "a"])
    assert found.keys() == {"a", "c"}
    assert np.allclose([found["a"], found["c"]], rows[[0, 2]], atol=1e-6)
    assert vectors.passages([]) == {}
    with pytest.raises(DamagedIndex, match="1 of 2 vectors are there"):
        vectors.passages(["a", "nobody's"])
    vectors.close()


SEARCH_WITHOUT_NETWORK = """
import sys
from pathlib import Path

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(refuse)
from tools.knowledge.embedding import Embedder
from tools.knowledge.index import KnowledgeIndex

index = KnowledgeIndex(Path(sys.argv[1]), Embedder(Path(sys.argv[2])))
index.ingest([Path(sys.argv[3])])
print(index.search("mains power has failed")[0].document)
"""


def test_nothing_asks_the_network(tmp_path: Path, source: Path) -> None:
    arguments = [str(tmp_path / "index"), str(tmp_path / "models"), str(source)]
    done = subprocess.run(
        [sys.executable, "-c", SEARCH_WITHOUT_NETWORK, *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("ups.md\n", "")


def test_every_alert_of_the_lab_finds_its_runbook(tmp_path: Path, embedder: Embedder) -> None:
    index = KnowledgeIndex(tmp_path / "index", embedder)
    report = index.ingest([REPOSITORY / "runbooks"])
    assert report.skipped == report.warnings == ()
    groups = [
        group
        for path in sorted((REPOSITORY / "scenarios" / "rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(rules) > 20
    missed, first = [], 0
    for rule in rules:
        summary = re.sub(r"{{.*?}}", "", rule["annotations"]["summary"])
        found = [passage.document for passage in index.search(f"{rule['alert']} {summary}")]
        first += found[:1] == [rule["annotations"]["runbook"]]
        if rule["annotations"]["runbook"] not in found:
            missed.append((rule["alert"], found))
    assert missed == []
    assert first >= 0.9 * len(rules)
    index.close()
