"""Runs one lab for a whole test session, in a process of its own: `python lab_holder.py SCENARIO DIRECTORY OWNER_PID`.

Writes `ready.json` (or `failed.txt`) into the directory once the scenario's alert fires, and ends when the owner has ended.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil

from core.errors import LabError
from scenarios.lab import Lab, interrupted_by_sigterm
from scenarios.schema import load_scenario

ALERT_DEADLINE_S = 60


def main(name: str, directory: Path, owner: psutil.Process) -> None:
    scenario = load_scenario(name)
    lab = Lab(scenario, directory=directory / "lab")
    try:
        ready = asdict(lab.start())
        alert = lab.wait_for_alert(scenario.expect.alert or "", deadline_s=ALERT_DEADLINE_S)
        publish(directory / "ready.json", json.dumps({**ready, "alert": alert}))
        while owner.is_running() and owner.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.5)
    except LabError as error:
        publish(directory / "failed.txt", str(error))
    finally:
        lab.stop()


def publish(path: Path, text: str) -> None:
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text)
    fresh.replace(path)


if __name__ == "__main__":
    try:
        with interrupted_by_sigterm():
            main(sys.argv[1], Path(sys.argv[2]), psutil.Process(int(sys.argv[3])))
    except (KeyboardInterrupt, psutil.NoSuchProcess):
        pass
