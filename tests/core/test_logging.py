"""Structured logs of a serving process."""

import json
import subprocess
import sys

PROGRAM = """
import logging
from core.logging import configure_logging
configure_logging("INFO")
logging.getLogger("pipeline").info("answered", extra={"intent": "status", "seconds": 0.5})
logging.getLogger("pipeline").debug("too detailed")
logging.getLogger("tools").warning("cannot log in with %s", "pass" + "word=Tr0ub4dor&3xyz")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("app").exception("failed")
"""


def test_a_line_is_json_with_its_fields_and_without_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    first, second, third = map(json.loads, done.stderr.splitlines())
    assert (first["event"], first["intent"], first["seconds"]) == ("answered", "status", 0.5)
    assert (first["level"], first["logger"]) == ("info", "pipeline")
    assert first["timestamp"].endswith("Z")
    assert "Tr0ub4dor" not in done.stderr
    assert "cannot log in" in second["event"]
    assert "ZeroDivisionError" in third["exception"]
