"""Measures the search over a large corpus: ingest, ingest again, first search, many searches, memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import app.environment  # noqa: F401  first, before any library that it quiets
from app.cli.screen import say
from app.knowledge import build_index
from bench.corpus import ROOT, Corpus, questions, write_corpus
from bench.figures import Figure, Part, load_average

SRE = str(Path(sys.executable).with_name("sre"))
PASSAGES = 10_000
QUESTIONS = 300
INGESTS = 3
AGAIN_RUNS = 7
SEARCH_RUNS = 5


@dataclass(frozen=True)
class Asked:
    """What one new process told: seconds to the first result, ms per search after that, resident MiB at the end."""

    first_s: float
    search_ms: Sequence[float]
    resident_mib: float

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.search_ms, n=100, method="inclusive")[percent - 1]


def measure_knowledge() -> Part:
    """All of it, in temporary directories. The embedding model's graph is built before anything counts."""
    before = load_average()
    with tempfile.TemporaryDirectory(prefix="sre-bench-") as temporary:
        base = Path(temporary)
        corpus = write_corpus(base / "corpus", PASSAGES)
        data_dir = base / "data"
        _build_model(base, data_dir)
        ingests = [_ingest_new(corpus, base / f"index-{run}", data_dir, run) for run in range(INGESTS)]
        index = base / "index-0"
        figures = [
            Figure("ingest, words", "words/s", 5000, [corpus.words / s for s in ingests], more_is_better=True),
            Figure("ingest, passages", "passages/s", None, [corpus.passages / s for s in ingests], more_is_better=True),
            Figure("`sre ingest`, nothing changed, whole process", "s", 2, _ingest_again(corpus, index, data_dir)),
            Figure(
                "`sre ingest`, one file changed, whole process", "s", None, _ingest_one_changed(corpus, index, data_dir)
            ),
            *_searches(index, data_dir),
        ]
    about = (
        f"Search over {corpus.passages:,} passages in {corpus.documents:,} documents ({corpus.words:,} words), "
        "recombined from this repository's runbooks and Ansible roles."
    )
    return Part(about, figures, before, load_average())


def _build_model(base: Path, data_dir: Path) -> None:
    source = base / "one-page"
    source.mkdir()
    (source / "page.md").write_text("# A page\n\nA sentence.\n", encoding="utf-8")
    index = build_index(base / "one-page-index", data_dir)
    index.ingest([source])
    index.close()


def _ingest_new(corpus: Corpus, directory: Path, data_dir: Path, run: int) -> float:
    """Seconds."""
    say(f"ingest {run + 1}/{INGESTS} of {corpus.passages} passages")
    index = build_index(directory, data_dir)
    started = time.perf_counter()
    report = index.ingest([corpus.directory])
    seconds = time.perf_counter() - started
    index.close()
    if report.passages < PASSAGES:
        raise RuntimeError(f"{report.passages} passages were indexed, not {PASSAGES}: {report.skipped[:3]}")
    return seconds


def _ingest_again(corpus: Corpus, index: Path, data_dir: Path) -> list[float]:
    say("ingest of an unchanged corpus")
    return [_sre_ingest(corpus, index, data_dir) for _ in range(AGAIN_RUNS)]


def _ingest_one_changed(corpus: Corpus, index: Path, data_dir: Path) -> list[float]:
    say("ingest with one file changed")
    seconds = []
    for page in sorted(corpus.directory.glob("runbooks/*.md"))[:AGAIN_RUNS]:
        page.write_text(f"{page.read_text('utf-8')}\n- Look at the clock first.\n", encoding="utf-8")
        seconds.append(_sre_ingest(corpus, index, data_dir))
    return seconds


def _sre_ingest(corpus: Corpus, index: Path, data_dir: Path) -> float:
    command = [SRE, "ingest", "--source", str(corpus.directory), "--index", str(index)]
    started = time.perf_counter()
    subprocess.run(command, env=os.environ | {"SRE_DATA_DIR": str(data_dir)}, check=True, capture_output=True)
    return time.perf_counter() - started


def _searches(index: Path, data_dir: Path) -> list[Figure]:
    runs = [_ask(index, data_dir, run) for run in range(SEARCH_RUNS)]
    return [
        Figure(f"search, median of {QUESTIONS} questions", "ms", None, [run.percentile(50) for run in runs]),
        Figure(f"search, p95 of {QUESTIONS} questions", "ms", 25, [run.percentile(95) for run in runs]),
        Figure("first result in a new process", "s", None, [run.first_s for run in runs]),
        Figure(f"its resident memory after {QUESTIONS} questions", "MiB", None, [run.resident_mib for run in runs]),
    ]


def _ask(index: Path, data_dir: Path, run: int) -> Asked:
    """One new process, with questions of its own."""
    say(f"{QUESTIONS} questions, process {run + 1}/{SEARCH_RUNS}")
    command = [sys.executable, "-m", "bench.searching", str(index), str(data_dir)]
    asked = json.dumps(questions(QUESTIONS, seed=run))
    done = subprocess.run(command, cwd=ROOT, input=asked, check=True, stdout=subprocess.PIPE, text=True)
    return Asked(**json.loads(done.stdout))


if __name__ == "__main__":
    print("\n".join(measure_knowledge().lines()))
