"""The house rules that a tool can check."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("app", "core", "optimise", "pipeline", "scenarios", "signatures", "tools")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


@pytest.mark.parametrize("room", [*ROOMS, "bench"])
def test_a_room_has_a_name_of_its_own(room: str) -> None:
    """No dependency and no module of the standard library provides the same top-level name."""
    assert room not in sys.stdlib_module_names
    owners = set(importlib.metadata.packages_distributions().get(room, [])) - {"homelab-sre-assistant"}
    assert not owners


def test_no_source_file_holds_two_ideas() -> None:
    """A file beyond 300 lines holds more than one."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py")
        if "tests" not in path.parts and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert long == {}


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (\S+)", makefile, flags=re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert phony == set(re.findall(r"^\s+make (\S+)", shown, flags=re.MULTILINE))


@pytest.mark.parametrize("command", ["alerts", "doctor"])
def test_quick_commands_import_nothing_heavy(command: str) -> None:
    """`sre alerts` and `sre doctor` show something at once, so they load none of the large libraries."""
    program = (
        "import sys\nimport app.cli.commands as m\n"
        f"sys.argv = ['sre', '{command}', '--json']\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'dspy', 'chromadb', 'gradio', 'mlflow', 'pandas', 'litellm', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SRE_PROMETHEUS_URL": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
