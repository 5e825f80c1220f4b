"""From directories to an index and from one state of them to the next, also when it is killed, raced or fed rubbish."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import InvalidInput, KnowledgeError
from tools.knowledge.embedding import Embedder
from tools.knowledge.generation import open_checked
from tools.knowledge.index import KnowledgeIndex

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = {
    "dns.md": "---\ntitle: DNS stack\nalerts: [DnsServerFailing]\n---\n\n# DNS stack\n\n## Meaning\n\nA resolver does not answer.\n\n"
    "## Mitigation\n\nRestart AdGuard Home, then Unbound, and ask both for a name.\n",
    "storage/disk-full.md": "# Disk full\n\nA filesystem has no free space left. Delete old logs and images.\n",
    "ups.md": "# UPS on battery\n\nMains power has failed. Shut the guests down before the battery is empty.\n",
}
TASKS = "---\n- name: Install Unbound\n  ansible.builtin.apt:\n    name: unbound\n\n# After every change.\n- name: Restart Unbound\n  ansible.builtin.service:\n    name: unbound\n    state: restarted\n"
VARIABLES = "---\n# Where queries go.\nunbound_forwarders:\n  - 9.9.9.9\n  - 149.112.112.112\n\nunbound_port: 5335\n"
VAULT = ("$ANSIBLE_VAULT;1.1;AES256", *("6162636465666768696a6b6c6d6e6f70" for _ in range(4)))


class CountingEmbedder(Embedder):
    """The real one, which also remembers what it was asked for."""

    def __init__(self, models: Path) -> None:
        super().__init__(models)
        self.texts: list[str] = []
        self.calls = threading.Semaphore(0)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        self.calls.release()
        return super().embed(texts)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> CountingEmbedder:
    return CountingEmbedder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in PAGES.items():
        write(tmp_path / "runbooks", name, text)
    return tmp_path / "runbooks"


@pytest.fixture
def index(tmp_path: Path, embedder: CountingEmbedder) -> Iterator[KnowledgeIndex]:
    index = KnowledgeIndex(tmp_path / "index", embedder)
    yield index
    index.close()


def write(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def keys(index: KnowledgeIndex, *documents: str) -> list[str | None]:
    return [passage.key for document in documents for passage in index.sections(document)]


def written_in(directory: Path) -> dict[str, int]:
    """When each file was written; Chroma writes some of its own anew whenever it is opened."""
    paths = (path for path in directory.rglob("*") if path.name in {"current.json", "words.db"})
    return {str(path): path.stat().st_mtime_ns for path in paths}


def test_the_first_ingest_reads_everything(index: KnowledgeIndex, source: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = index.ingest([source], lambda done, total: calls.append((done, total)))
    assert (report.documents, report.passages, report.changed, report.removed) == (3, 4, 3, 0)
    assert (report.rebuilt, report.skipped, report.warnings) == (True, (), ())
    assert calls[-1] == (4, 4)
    held = index.status()
    assert (held.documents, held.passages, held.sources) == (3, 4, (str(source),))


def test_only_what_changed_is_read_and_embedded(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder
) -> None:
    index.ingest([source])
    before = keys(index, "dns.md")
    write(source, "ups.md", "# Uninterruptible\n\nThe battery is at its end.\n")
    write(source, "new-lxc.md", "# Set up a new LXC\n\nRun `pct create`.\n")
    (source / "storage/disk-full.md").unlink()
    embedder.texts.clear()
    report = index.ingest([source])
    assert (report.documents, report.changed, report.removed, report.rebuilt) == (3, 2, 1, False)
    embedded = "\n".join(embedder.texts)
    assert "battery is at its end" in embedded
    assert "pct create" in embedded
    assert len(embedder.texts) == 2
    assert keys(index, "dns.md") == before
    assert index.sections("storage/disk-full.md") == []
    assert {passage.document for passage in index.nearest("no free space", k=10)} == {"dns.md", "ups.md", "new-lxc.md"}
    assert index.nearest("create a container")[0].document == "new-lxc.md"
    assert index.nearest("mains power has failed")[0].heading == "Uninterruptible"


def test_of_an_edited_page_only_new_passages_are_embedded_and_the_whole_is_as_if_made_anew(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder, tmp_path: Path
) -> None:
    index.ingest([source])
    write(source, "dns.md", PAGES["dns.md"].replace("Restart AdGuard Home", "Look first"))
    write(source, "copy/ups.md", PAGES["ups.md"])
    embedder.texts.clear()
    index.ingest([source])
    assert len(embedder.texts) == 1
    assert "Look first" in embedder.texts[0]
    anew = KnowledgeIndex(tmp_path / "anew", embedder)
    anew.ingest([source])
    wholes = []
    for one in (index, anew):
        generation = open_checked(one.directory, one.status(), embedder.models)
        wholes.append(generation.vectors.document_cosines(embedder.embed(["a resolver does not answer"])[0]))
        generation.close()
    assert wholes[0] == pytest.approx(wholes[1], abs=1e-5)
    assert len(wholes[0]) == 3
    anew.close()


def test_a_huge_page_moves_on_batch_by_batch_and_what_is_too_much_is_told(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder
) -> None:
    steps = (f"## Step {number}\n\nTurn valve {number % 600}.\n" for number in range(2_100))
    write(source, "boiler.md", "# Boiler\n\n" + "\n".join(steps))
    embedder.texts.clear()
    embedder.calls = threading.Semaphore(0)
    ahead: list[bool] = []
    moved: list[int] = []

    def progress(done: int, total: int) -> None:
        moved.append(done)
        # One call for what is stored by now, and one more, which begins without anybody asking for it.
        while len(ahead) < len(moved) + 1 and len(ahead) * 512 < total:
            ahead.append(embedder.calls.acquire(timeout=60))

    report = index.ingest([source], progress)
    assert moved == [512, 1024, 1536, 2004]
    assert ahead == [True] * 4
    assert (report.documents, report.passages) == (4, 2_004)
    told = "boiler.md: only the first 2,000 of its 2,100 passages are indexed; split it into several files"
    assert report.warnings == index.ingest([source]).warnings == (told,)
    assert len(index.sections("boiler.md")) == 2_000
    assert len(embedder.texts) == len(set(embedder.texts))


def test_an_edited_page_keeps_the_keys_of_its_other_sections(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    before = keys(index, "dns.md")
    write(source, "dns.md", PAGES["dns.md"].replace("Restart AdGuard Home", "Look first"))
    index.ingest([source])
    assert keys(index, "dns.md") == before
    assert "Look first" in index.sections("dns.md")[1].text


def test_no_change_writes_nothing_and_embeds_nothing(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder
) -> None:
    index.ingest([source])
    before = written_in(index.directory)
    embedder.texts.clear()
    report = index.ingest([source])
    assert (report.documents, report.passages, report.changed, report.removed) == (3, 4, 0, 0)
    assert not report.rebuilt
    assert written_in(index.directory) == before
    assert embedder.texts == []


def test_a_touched_file_with_the_same_content_is_no_change(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    before, dated = index.status(), index.sections("ups.md")[0].changed_at
    os.utime(source / "ups.md", (2_000_000_000, 2_000_000_000))
    report = index.ingest([source])
    assert (report.changed, report.removed) == (0, 0)
    assert index.status() == before
    assert index.sections("ups.md")[0].changed_at == dated


def test_a_touched_file_is_read_once_and_not_at_every_ingest(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder
) -> None:
    """Nor does that disturb a reader that has the index open."""
    index.ingest([source])
    reader = KnowledgeIndex(index.directory, embedder)
    assert reader.nearest("battery")[0].document == "ups.md"
    page, touched = source / "ups.md", 2_000_000_000
    os.utime(page, (touched, touched))
    before = set(index.directory.iterdir())
    index.ingest([source])
    assert set(index.directory.iterdir()) == before
    # A change that only reading could find out: this size and time are known by now.
    page.write_text(PAGES["ups.md"].replace("battery", "BATTERY"))
    os.utime(page, (touched, touched))
    assert index.ingest([source]).changed == 0
    os.utime(page, (touched + 1, touched + 1))
    assert reader.nearest("mains power has failed")[0].document == "ups.md"
    assert index.ingest([source]).changed == 1
    assert "BATTERY" in reader.sections("ups.md")[0].text
    reader.close()


def test_what_is_skipped_or_warned_about_is_said_again_when_nothing_changed(
    index: KnowledgeIndex, source: Path
) -> None:
    write(source, "picture.md", b"\x00\x01\x02" * 100)
    write(source, "broken.md", "---\ntitle: [open\n---\n# Broken\n\ntext\n")
    for _ in range(2):
        report = index.ingest([source])
        assert report.documents == 4
        assert report.skipped == ("picture.md: binary, not text",)
        assert report.warnings == ("broken.md: its front matter is not valid YAML and was left out",)
    assert report.changed == 0


def test_a_page_that_became_unreadable_is_removed_and_named(index: KnowledgeIndex, source: Path) -> None:
    index.ingest([source])
    write(source, "ups.md", b"\x00\x01\x02" * 100)
    report = index.ingest([source])
    assert (report.documents, report.changed, report.removed) == (2, 0, 1)
    assert report.skipped == ("ups.md: binary, not text",)
    assert index.sections("ups.md") == []


def test_a_source_that_is_left_out_disappears_and_one_that_moved_is_not_read_anew(
    index: KnowledgeIndex, source: Path, tmp_path: Path
) -> None:
    write(tmp_path / "more", "lxc.md", "# Set up a new LXC\n\nRun `pct create`.\n")
    assert index.ingest([source, tmp_path / "more"]).documents == 4
    report = index.ingest([source])
    assert (report.documents, report.changed, report.removed) == (3, 0, 1)
    assert index.sections("lxc.md") == []
    assert index.status().sources == (str(source),)
    source.rename(tmp_path / "moved")
    report = index.ingest([tmp_path / "moved"])
    assert (report.documents, report.changed, report.removed) == (3, 0, 0)
    assert index.status().sources == (str(tmp_path / "moved"),)


def test_the_second_of_two_namesakes_takes_over_when_the_first_is_gone(
    index: KnowledgeIndex, source: Path, tmp_path: Path
) -> None:
    write(tmp_path / "more", "ups.md", "# Another battery\n\nReplace the cells.\n")
    report = index.ingest([source, tmp_path / "more"])
    assert (report.documents, len(report.skipped)) == (3, 1)
    assert "holds a second document of this name" in report.skipped[0]
    assert index.sections("ups.md")[0].heading == "UPS on battery"
    (source / "ups.md").unlink()
    report = index.ingest([source, tmp_path / "more"])
    assert (report.changed, report.removed, report.skipped) == (1, 0, ())
    assert index.sections("ups.md")[0].heading == "Another battery"


def test_an_ingest_of_nothing_keeps_the_old_index(index: KnowledgeIndex, source: Path, tmp_path: Path) -> None:
    index.ingest([source])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=r"no readable Markdown, YAML or Ansible in .*empty .*index stays as it was"):
        index.ingest([tmp_path / "empty"])
    with pytest.raises(InvalidInput, match=r"source: .*gone is no directory"):
        index.ingest([source, tmp_path / "gone"])
    assert index.nearest("battery")[0].document == "ups.md"
    assert index.ingest([source, tmp_path / "empty"]).documents == 3


def test_why_nothing_was_readable_is_told(index: KnowledgeIndex, tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "docs", f"page{number}.md", b"\x00\x01" if number else b"")
    reasons = (
        r"\(5 skipped: page0.md: empty; page1.md: binary, not text; page2.md: binary, not text; and 2 more\); the index"
    )
    with pytest.raises(InvalidInput, match=reasons):
        index.ingest([tmp_path / "docs"])
    with pytest.raises(InvalidInput, match=r"\(1 skipped: page1.md: binary, not text\)"):
        index.ingest([tmp_path / "docs" / "page1.md"])


def test_many_ingests_leave_two_generations(index: KnowledgeIndex, source: Path) -> None:
    """The current one, and one for readers that are still in it."""
    for number in range(4):
        write(source, "ups.md", f"# UPS on battery\n\nThe battery lasts {number} minutes.\n")
        index.ingest([source])
        assert f"{number} minutes" in index.nearest("battery")[0].text
    assert len(list(index.directory.glob("generation-*"))) == 2


def test_lines_are_where_the_text_stands_and_dates_are_the_files(index: KnowledgeIndex, source: Path) -> None:
    write(source, "roles/unbound/tasks/main.yml", TASKS)
    write(source, "roles/unbound/defaults/main.yml", VARIABLES)
    write(source, "group_vars/all.yml", "---\nlan_domain: home.lan\n")
    changed = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (changed.timestamp(), changed.timestamp()))
    index.ingest([source])
    for path in files:
        passages = index.sections(str(path.relative_to(source)))
        assert passages, path
        text = path.read_text().split("\n")
        for passage in passages:
            assert passage.changed_at == changed
            assert passage.line is not None
            assert text[passage.line - 1] == passage.text.split("\n")[0]
    dns = {passage.heading: passage.line for passage in index.sections("dns.md")}
    assert dns == {"DNS stack > Meaning": 10, "DNS stack > Mitigation": 14}
    tasks = [passage.line for passage in index.sections("roles/unbound/tasks/main.yml")]
    assert tasks == [2, 6]
    (restart,) = (one for one in index.nearest("restart unbound task", k=1) if one.kind == "playbook")
    assert (restart.document, restart.line) == ("roles/unbound/tasks/main.yml", 6)


def test_no_secret_reaches_a_file_of_the_index(index: KnowledgeIndex, source: Path) -> None:
    secret = "hunter2-correct-horse"
    vault = "\n".join(f"  {line}" for line in VAULT)
    write(source, "db.md", f"# Postgres\n\nexport DB_PASSWORD={secret}\n\nThen run `pg_isready`.\n")
    write(
        source,
        "group_vars/all/main.yml",
        f"db_user: grafana\ndb_password: {secret}\napi_key: !vault |\n{vault}\nweb_port: 8080\n",
    )
    write(source, "group_vars/all/vault.yml", "\n".join(VAULT) + "\n")
    write(
        source,
        "roles/nas/tasks/main.yml",
        f"- name: Log in with --password {secret}\n  ansible.builtin.uri:\n    url: https://me:{secret}@nas.lan/\n",
    )
    write(source, "inventory/hosts", f"[nas]\nnas1 ansible_host=10.0.0.4 ansible_password={secret}\n")
    write(source, "compose.yml", f"services:\n  web:\n    environment:\n      POSTGRES_PASSWORD: {secret}\n")
    report = index.ingest([source])
    assert report.skipped == ("group_vars/all/vault.yml: encrypted with ansible-vault",)
    assert report.documents == 8
    assert "pg_isready" in index.sections("db.md")[0].text
    assert "web_port: 8080" in "".join(one.text for one in index.sections("group_vars/all/main.yml"))
    shown = repr(index.nearest("database password", k=50))
    index.close()
    stored = [path for path in index.directory.rglob("*") if path.is_file()]
    assert any(b"pg_isready" in path.read_bytes() for path in stored)
    for hidden in (secret, VAULT[1], VAULT[1][:16]):
        assert hidden not in shown
        assert not [path for path in stored if hidden.encode() in path.read_bytes()]


def test_rubbish_among_the_pages_is_named_and_the_rest_indexed(
    index: KnowledgeIndex, source: Path, tmp_path: Path
) -> None:
    write(source, "roles/web/tasks/main.yml", "---\n- name: Install nginx\n  apt: {name: [nginx}\n")
    write(source, "vault.yml", "\n".join(VAULT) + "\n")
    write(source, "image.md", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20)
    write(source, "deep.yml", "a: " + "[" * 50_000 + "]" * 50_000 + "\n")
    write(source, "two\nlines.md", "# Two lines\n")
    write(source, "feuer 🔥.md", "# Feuer\n\nDen Rauchmelder prüfen.\n")
    write(source, os.fsdecode(b"caf\xe9.md"), "# Coffee\n")
    write(tmp_path, "outside.md", "# Private\n\nNot to be read.\n")
    write(tmp_path / "more", "ups.md", "# Another\n")
    with (source / "huge.md").open("wb") as sparse:
        sparse.truncate(50_000_000)
    (source / "out.md").symlink_to(tmp_path / "outside.md")
    (source / "itself.md").symlink_to("itself.md")
    (source / "loop").symlink_to(source)
    (source / "empty").mkdir()
    report = index.ingest([source, tmp_path / "more"])
    assert sorted(report.skipped) == [
        "caf�.md: its name is not one line of UTF-8 text",
        "deep.yml: not valid YAML (nested too deeply)",
        "huge.md: larger than 5 MB",
        "image.md: binary, not text",
        "itself.md: a symbolic link that leads nowhere or to itself",
        "loop: a symbolic link to a directory that is read already",
        "out.md: a symbolic link out of its source",
        "roles/web/tasks/main.yml: not valid YAML (line 3: did not find expected ',' or ']')",
        "two�lines.md: its name is not one line of UTF-8 text",
        f"ups.md: {tmp_path / 'more'} holds a second document of this name; the first one counts",
        "vault.yml: encrypted with ansible-vault",
    ]
    assert report.documents == 4
    assert index.nearest("Rauchmelder")[0].document == "feuer 🔥.md"
    assert index.nearest("mains power has failed")[0].document == "ups.md"


def test_pages_that_say_nothing_of_their_own_do_not_hide_the_others(index: KnowledgeIndex, source: Path) -> None:
    """`ansible-galaxy init` puts the same README into every role; among so many equal vectors Chroma would lose the rest."""
    readme = "# Role Name\n\n## Requirements\n\nNone.\n\n## License\n\nBSD\n"
    for number in range(400):
        write(source, f"roles/role{number}/README.md", readme)
    assert index.ingest([source]).documents == 403
    for question, document in (("mains power has failed", "ups.md"), ("no free space left", "storage/disk-full.md")):
        assert index.nearest(question, k=1)[0].document == document
    for number in range(400):
        (source / f"roles/role{number}/README.md").unlink()
    write(source, "roles/role7/README.md", readme)
    assert index.ingest([source]).documents == 4
    assert index.nearest("requirements and license of the role", k=1)[0].document == "roles/role7/README.md"


HELD_INGEST = """
import sys, time
from pathlib import Path
from tools.knowledge.embedding import Embedder
from tools.knowledge.index import KnowledgeIndex

directory, models, source, moment = sys.argv[1:]
released = Path(directory).with_name("released")

def hold():
    print("holding", flush=True)
    while not released.exists():
        time.sleep(0.02)

class Holding(Embedder):
    def embed(self, texts):
        vectors = super().embed(texts)
        if moment == "embedding":
            hold()
        return vectors

def progress(done, total):
    if moment == "written":
        hold()

index = KnowledgeIndex(Path(directory), Holding(Path(models)))
print("starting", flush=True)
print(index.ingest([Path(source)], progress).model_dump_json(), flush=True)
"""


@contextmanager
def ingest_elsewhere(index: KnowledgeIndex, source: Path, moment: str) -> Iterator[subprocess.Popen[str]]:
    """A process that ingests, and at that moment says "holding" and waits for the file "released" beside the index."""
    arguments = [str(index.directory), str(index._embedder.models), str(source), moment]
    process = subprocess.Popen(
        [sys.executable, "-c", HELD_INGEST, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("moment", ["embedding", "written"])
@pytest.mark.parametrize("first", [False, True], ids=["an update", "the first"])
def test_a_killed_ingest_does_no_harm(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder, moment: str, first: bool
) -> None:
    embedder.embed(["the model is built before the process needs it"])
    if not first:
        index.ingest([source])
    write(source, "ups.md", "# Uninterruptible\n\nMains power is gone.\n")
    with ingest_elsewhere(index, source, moment) as process:
        assert said(process) == "holding"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    left = set(index.directory.glob("generation-*"))
    assert len(left) == (1 if first else 2)
    if first:
        with pytest.raises(KnowledgeError, match="there is none yet; run `sre ingest`"):
            index.nearest("mains power has failed")
    else:
        assert index.nearest("mains power has failed")[0].heading == "UPS on battery"
    report = index.ingest([source])
    assert (report.documents, report.changed) == (3, 3 if first else 1)
    assert index.nearest("mains power has failed")[0].heading == "Uninterruptible"
    kept = set(index.directory.glob("generation-*"))
    assert len(kept) == (1 if first else 2)
    assert index.directory / index.status().name in kept - left


def test_of_two_ingests_the_second_waits_or_says_so(
    index: KnowledgeIndex, source: Path, embedder: CountingEmbedder
) -> None:
    embedder.embed(["the model is built before the processes need it"])
    with ingest_elsewhere(index, source, "written") as first:
        assert said(first) == "holding"
        with ingest_elsewhere(index, source, "never") as second:
            assert second.stderr is not None
            waiting = f"index {index.directory}: another ingest is running; waiting for it, at most 300 s\n"
            assert second.stderr.readline() == waiting
            with pytest.raises(KnowledgeError, match=r"another ingest has been running for 0.1 s; wait for it to end"):
                KnowledgeIndex(index.directory, embedder, lock_timeout_s=0.1).ingest([source])
            assert not (index.directory / "current.json").exists()
            (index.directory.parent / "released").touch()
            reports = [json.loads(said(process)) for process in (first, second)]
    assert [report["documents"] for report in reports] == [3, 3]
    # Had the second not waited, it would have found no index, and read everything itself.
    assert [(report["rebuilt"], report["changed"]) for report in reports] == [(True, 3), (False, 0)]
    assert index.nearest("mains power has failed")[0].document == "ups.md"
