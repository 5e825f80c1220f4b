"""`sre bench verification` as somebody runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SRE = str(Path(sys.executable).with_name("sre"))


def bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [SRE, "bench", "verification", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=90)


def test_the_shipped_sentences_are_judged(tmp_path: Path) -> None:
    done = bench("--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["recall"] >= 0.9
    assert found["false_alarms"] <= 0.06
    assert found["true_cases"] + found["false_cases"] >= 150
    assert "false claims found: " in bench(cwd=tmp_path).stdout


def test_another_half_is_refused(tmp_path: Path) -> None:
    done = bench("--split", "test", cwd=tmp_path)
    assert done.returncode == 2
    assert "neither dev nor frozen" in done.stderr
