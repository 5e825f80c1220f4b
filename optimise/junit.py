"""An evaluation as JUnit XML, which build servers show."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from optimise.report import Report


def write_junit(report: Report, path: Path) -> None:
    """A test suite for each kind, a test case for each case and seed."""
    root = ET.Element("testsuites", name="sre eval", time=f"{report.seconds:.3f}")
    for kind, (passed, total) in report.kinds().items():
        suite = ET.SubElement(root, "testsuite", name=kind, tests=str(total), failures=str(total - passed))
        for case in report.cases:
            if case.kind != kind:
                continue
            name = f"{case.id}[{case.seed}]"
            entry = ET.SubElement(suite, "testcase", classname=kind, name=name, time=f"{case.seconds:.3f}")
            if not case.passed:
                failure = ET.SubElement(entry, "failure", message=case.failed_checks[0])
                failure.text = "\n".join(case.failed_checks)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
