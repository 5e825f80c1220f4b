"""Paragraphs that several answers share. A section without anything to say is an empty string."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from core.vocabulary import Alert, Evidence
from pipeline.alert_evidence import place_of
from pipeline.brief import Brief, Finding
from pipeline.extent import EXTENT
from pipeline.log_cause import ERRORS_OF_THE_CAUSE
from pipeline.wording import ago, cite, compared, course_of, listed, moment, plain, quantity, subject

UNREAD_ALERTS = "the alerts could not be read (see the gaps)"
SAFE_IN_A_LINK = "/:?#@!$&'*+,;=%~-._"


def join(*parts: str) -> str:
    """Paragraphs with a blank line between them; empty ones are dropped."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def what_fires(brief: Brief) -> str:
    """The alerts that the question is about, a paragraph each."""
    return join(*(headline(brief, alert, number) for alert, number in brief.explained))


def headline(brief: Brief, alert: Alert, number: str) -> str:
    """What fires where, how severe, since when, in the words of its item."""
    since = moment(alert.starts_at, brief.zone, now=brief.question.today)
    state = f"is {alert.state}" if alert.state != "suppressed" else "fires but is silenced or inhibited"
    where = plain(place_of(alert, brief.inventory))
    return (
        f"**{plain(alert.name)}** on **{where}** ({plain(alert.severity)}) {state} since {since}, "
        f"{ago(alert.starts_at, brief.question.at)}: {plain(alert.summary.rstrip('.'))}. [{number}]"
    )


def measured(brief: Brief, findings: Sequence[Finding]) -> str:
    """One line a finding: value, normal, and when it began to move."""
    return bullets(_finding_line(brief, finding) for finding in findings)


def _finding_line(brief: Brief, finding: Finding) -> str:
    line = f"{plain(subject(finding))}: {finding.signal.phrase} **{compared(finding)}**{cite(finding)}"
    return line + course_of(finding, brief.question.at, brief.zone)


def unmeasured(brief: Brief) -> str:
    """Why nothing is known of any measurement."""
    if any("nothing is recorded at" in line for line in brief.gaps):
        return "no measurements exist for that time (see the gaps)"
    return "nothing could be measured (see the gaps)"


def cannot_be_told(brief: Brief) -> str:
    """What stays open because it could not be read; empty when alerts and measurements could be."""
    why = [] if brief.alerts_read else [UNREAD_ALERTS]
    why += [] if brief.measured else [unmeasured(brief)]
    return f"**It cannot be told** whether all is well: {listed(why)}." if why else ""


def cause(brief: Brief, *, reach: bool = True) -> str:
    """The cause with its confidence, how far it reaches, the way that leads to it, and what else it might be."""
    if brief.cause is None or not brief.chain:
        return ""
    kind = brief.cause.kind.replace("_", " ")
    name = plain(brief.cause.entity or ("outside" if brief.cause.kind == "upstream_outage" else "unknown"))
    cited = borne_out_by(brief)
    lines = [
        f"**Most likely cause: {name} ({kind})**, confidence {brief.cause.confidence:.0%}{cited}.",
        f"{brief.cause.statement}{cited}.",
        extent(brief) if reach else "",
    ]
    if len(brief.chain) > 1:
        way = " → ".join(
            f"{plain(subject(f))} {f.signal.phrase} {quantity(f.signal, f.value)}{cite(f)}"
            for f in reversed(brief.chain)
        )
        lines.append(f"How it leads there: {way}.")
    if brief.cause.alternatives:
        lines.append(f"Also out of the ordinary: {'; '.join(brief.cause.alternatives)}.")
    return join(*lines)


def borne_out_by(brief: Brief) -> str:
    """The end of the chain; the log lines where they, and not the measurements, name the cause."""
    return brief.number_of(ERRORS_OF_THE_CAUSE) or cite(brief.chain[-1])


def extent(brief: Brief) -> str:
    """How far it reaches, in the words of its item."""
    item = next((item for item in brief.evidence if item.title == EXTENT), None)
    return f"**Extent**: {plain(item.summary)} [{item.id}]." if item else ""


def logs(brief: Brief) -> str:
    """What is counted, and each kind of line that is told, as the summaries of their items have them, a line each."""
    return join(*(_log_item(item) for item in brief.evidence if item.source == "logs"))


def _log_item(item: Evidence) -> str:
    counts, *kinds = item.summary.splitlines()
    return f"**Logs** [{item.id}]: {plain(counts)}\n{bullets(plain(kind) for kind in kinds)}".rstrip()


def links(brief: Brief) -> str:
    """The items' own pages; only web addresses, written so that they cannot leave the link."""
    found = list(
        dict.fromkeys(
            f"[{plain(item.title)}]({quote(item.link, safe=SAFE_IN_A_LINK)})"
            for item in brief.evidence
            if item.link and item.link.startswith(("http://", "https://"))
        )
    )
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"**Open in the source**: {' · '.join(found[:5])}{more}" if found else ""
