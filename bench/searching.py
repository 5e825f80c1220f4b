"""Opens an index in a new process and asks it questions: `bench.knowledge` starts this once per run.

python -m bench.searching INDEX DATA_DIR  < questions.json  > {"first_s": …, "search_ms": […], "resident_mib": …}
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()
WARM_UP = 5
"""Questions before those that count: after load, says the target."""


def main(index: Path, data_dir: Path) -> None:
    questions: list[str] = json.load(sys.stdin)
    import app.environment  # noqa: F401  first, before any library that it quiets
    from app.knowledge import build_index

    knowledge = build_index(index, data_dir)
    knowledge.search(questions[0])
    first_s = time.perf_counter() - STARTED
    for question in questions[:WARM_UP]:
        knowledge.search(question)
    search_ms = []
    for question in questions:
        started = time.perf_counter()
        knowledge.search(question)
        search_ms.append((time.perf_counter() - started) * 1000)
    import psutil

    resident = psutil.Process().memory_info().rss / 2**20
    json.dump({"first_s": first_s, "search_ms": search_ms, "resident_mib": resident}, sys.stdout)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
