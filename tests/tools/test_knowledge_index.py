"""A real Chroma directory: what search returns, and what it survives."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from core.errors import InvalidInput, KnowledgeError
from tools.knowledge.chunks import Chunk
from tools.knowledge.embedding import Embedder
from tools.knowledge.index import KnowledgeIndex
from tools.knowledge.store import DamagedStore, PassageStore

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


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in PAGES.items():
        path = tmp_path / "runbooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "runbooks"


@pytest.fixture
def index(tmp_path: Path, embedder: Embedder) -> Iterator[KnowledgeIndex]:
    index = KnowledgeIndex(tmp_path / "index", embedder)
    yield index
    index.close()


def generation_of(index: KnowledgeIndex) -> Path:
    return index.directory / index.status().name


def test_ingest_reports_and_search_finds_one_passage_per_document_first(index: KnowledgeIndex, source: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = index.ingest([source], progress=lambda done, total: calls.append((done, total)))
    assert (report.documents, report.passages, report.skipped) == (3, 5, ())
    assert calls[-1] == (5, 5)
    found = index.search("the name server does not resolve", k=3)
    assert [passage.id for passage in found] == ["K1", "K2", "K3"]
    assert found[0].document == "dns.md"
    assert found[0].heading.startswith("DNS stack > ")
    assert {passage.document for passage in found} == set(PAGES)
    assert 1 >= found[0].score > found[1].score >= found[2].score >= 0
    assert len(index.search("power", k=10)) == 5  # beyond the documents, their other passages
    assert index.search("no storage space left", k=1)[0].document == "storage/disk-full.md"


def test_a_compound_alert_name_finds_its_page(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    assert index.search("UpsOnBattery")[0].document == "ups.md"
    assert index.search("DnsServerFailing")[0].document == "dns.md"


def test_sections_are_the_whole_page_in_reading_order(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    assert [passage.heading for passage in index.sections("dns.md")] == [
        "DNS stack > Meaning",
        "DNS stack > Mitigation",
    ]
    assert index.sections("nothing.md") == []


def test_ingesting_again_replaces_the_content_also_for_an_open_reader(index: KnowledgeIndex, source: Path) -> None:
    for number in range(3):
        index.ingest([source])
        assert index.search("battery")[0].document == "ups.md", number
    (source / "ups.md").unlink()
    (source / "new-lxc.md").write_text("# Set up a new LXC\n\nRun `pct create`.\n")
    index.ingest([source])
    assert "ups.md" not in {passage.document for passage in index.search("battery", k=10)}
    assert index.search("create a container")[0].document == "new-lxc.md"
    assert len(list(index.directory.glob("generation-*"))) == 2  # the current one, and one for readers still in it


def test_another_reader_sees_a_new_ingest(index: KnowledgeIndex, source: Path, embedder: Embedder) -> None:
    index.ingest([source])
    reader = KnowledgeIndex(index.directory, embedder)
    assert reader.search("battery", k=1)[0].document == "ups.md"
    (source / "ups.md").unlink()
    index.ingest([source])
    assert reader.search("battery", k=1)[0].document != "ups.md"
    reader.close()


def test_secrets_are_not_stored(index: KnowledgeIndex, source: Path) -> None:
    secret = "hunter2-correct-horse"
    (source / "db.md").write_text(f"# Postgres\n\nexport DB_PASSWORD={secret}\n\nThen run `pg_isready`.\n")
    index.ingest([source])
    (passage,) = index.sections("db.md")
    assert "pg_isready" in passage.text
    assert secret not in passage.text
    index.close()
    stored = [path for path in index.directory.rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if secret.encode() in path.read_bytes()]


def test_searching_from_several_threads_agrees(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    expected = index.search("full disk")
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(index.search("full disk"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 8


def test_without_an_index_search_says_what_to_do(index: KnowledgeIndex) -> None:
    with pytest.raises(KnowledgeError, match=r"there is none yet; run `sre ingest`"):
        index.search("disk")


@pytest.mark.parametrize("query", ["", " \n "])
def test_an_empty_query_is_refused(index: KnowledgeIndex, query: str) -> None:
    with pytest.raises(InvalidInput, match="query: is empty"):
        index.search(query)


@pytest.mark.parametrize("k", [0, -1, 51])
def test_a_silly_k_is_refused(index: KnowledgeIndex, k: int) -> None:
    with pytest.raises(InvalidInput, match="k: "):
        index.search("disk", k=k)


def test_a_huge_or_binary_query_is_answered(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    assert index.search("battery " * 20_000)[0].document == "ups.md"
    assert len(index.search("\x00\x01\ufffd")) == 3


def test_an_ingest_of_nothing_keeps_the_old_index(index: KnowledgeIndex, source: Path, tmp_path: Path) -> None:
    index.ingest([source])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=r"no readable Markdown or YAML in .*empty .*the index stays as it was"):
        index.ingest([tmp_path / "empty"])
    assert index.search("battery")[0].document == "ups.md"


def test_what_was_skipped_is_in_the_report(index: KnowledgeIndex, source: Path) -> None:
    (source / "picture.md").write_bytes(b"\x00\x01\x02" * 100)
    (source / "broken.md").write_text("---\ntitle: [open\n---\n# Broken\n\ntext\n")
    report = index.ingest([source])
    assert report.documents == 4
    assert report.skipped == ("picture.md: binary, not text",)
    assert report.warnings == ("broken.md: its front matter is not valid YAML and was left out",)


def _garble_database(index: KnowledgeIndex) -> None:
    (generation_of(index) / "chroma.sqlite3").write_bytes(b"nonsense" * 5000)


def _truncate_database(index: KnowledgeIndex) -> None:
    database = generation_of(index) / "chroma.sqlite3"
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def _remove_database(index: KnowledgeIndex) -> None:
    (generation_of(index) / "chroma.sqlite3").unlink()


def _remove_generation(index: KnowledgeIndex) -> None:
    shutil.rmtree(generation_of(index))


def _garble_current(index: KnowledgeIndex) -> None:
    (index.directory / "current.json").write_text('{"format": 1')


def _lose_passages(index: KnowledgeIndex) -> None:
    current = index.directory / "current.json"
    current.write_text(json.dumps(json.loads(current.read_text()) | {"passages": 99}))


@pytest.mark.parametrize(
    "damage",
    [_garble_database, _truncate_database, _remove_database, _remove_generation, _garble_current, _lose_passages],
)
def test_a_damaged_index_says_so_and_the_next_ingest_repairs_it(
    index: KnowledgeIndex, source: Path, embedder: Embedder, damage: object
) -> None:
    index.ingest([source])
    damage(index)  # type: ignore[operator]
    with pytest.raises(KnowledgeError, match=r"damaged \(.*\); run `sre ingest` to rebuild it") as caught:
        KnowledgeIndex(index.directory, embedder).search("disk")
    assert "\n" not in str(caught.value)
    index.ingest([source])
    assert index.search("battery")[0].document == "ups.md"


def test_an_index_of_another_version_asks_for_an_ingest(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    current = index.directory / "current.json"
    current.write_text(json.dumps(json.loads(current.read_text()) | {"model": "another"}))
    with pytest.raises(KnowledgeError, match=r"made by another version; run `sre ingest`"):
        index.search("disk")


@pytest.mark.parametrize("truncate", [False, True])
def test_lost_vectors_are_noticed_on_opening(tmp_path: Path, embedder: Embedder, truncate: bool) -> None:
    """Above 1,000 passages Chroma keeps vectors in files of their own; damage there has been answered with wrong neighbours."""
    count = 2500
    vectors = np.random.default_rng(7).normal(size=(count, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chunks = [Chunk(str(number), f"{number}.md", "runbook", "H", 0, "text", "") for number in range(count)]
    store = PassageStore(tmp_path / "store", embedder.models, create=True)
    store.add(chunks, vectors)
    store.check(count)
    assert store.nearest(vectors[1234], 1)[0].document == "1234.md"
    store.close()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "store", copy)
    (vector_files,) = (path for path in copy.iterdir() if path.is_dir())
    if truncate:
        for path in vector_files.iterdir():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        shutil.rmtree(vector_files)
    with pytest.raises(DamagedStore):
        PassageStore(copy, embedder.models).check(count)


INGEST_THAT_NEVER_ENDS = """
import sys, time
from pathlib import Path
from tools.knowledge.embedding import Embedder
from tools.knowledge.index import KnowledgeIndex

def wait(done, total):
    print("passages written", flush=True)
    time.sleep(600)

KnowledgeIndex(Path(sys.argv[1]), Embedder(Path(sys.argv[2]))).ingest([Path(sys.argv[3])], wait)
"""


def test_a_second_ingest_says_so_and_a_killed_one_does_no_harm(
    index: KnowledgeIndex, source: Path, embedder: Embedder
) -> None:
    index.ingest([source])
    (source / "ups.md").write_text("# Uninterruptible\n\nOther words.\n")
    arguments = [str(index.directory), str(embedder.models), str(source)]
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST_THAT_NEVER_ENDS, *arguments], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "passages written\n"
        with pytest.raises(KnowledgeError, match=r"another ingest has been running for 0.1 s"):
            KnowledgeIndex(index.directory, embedder, lock_timeout_s=0.1).ingest([source])
        assert index.search("mains power has failed")[0].heading == "UPS on battery"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert index.search("mains power has failed")[0].heading == "UPS on battery"
    index.ingest([source])
    assert index.search("uninterruptible")[0].heading == "Uninterruptible"
    assert len(list(index.directory.glob("generation-*"))) == 2


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
        first += found[0] == rule["annotations"]["runbook"]
        if rule["annotations"]["runbook"] not in found:
            missed.append((rule["alert"], found))
    assert missed == []
    assert first >= 0.9 * len(rules)
    index.close()
