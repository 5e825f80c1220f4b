"""Every number, host and time that an answer prints stands in the summary of an item cited beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import INTENTS, Evidence, SeriesSummary, Window
from pipeline.alert_evidence import one_alert, with_fired, with_firing
from pipeline.brief import Brief, Gaps, Question
from pipeline.cause import affected_by, all_symptoms, conclude, explain_all
from pipeline.explain import explain
from pipeline.extent import with_extent
from pipeline.measure import Measurer
from pipeline.rankings import main_signal, with_rankings
from pipeline.signals import load_domain
from pipeline.wording import bounds, course_of, plain, summary_of
from tools.http import Source
from tools.prometheus import Prometheus

UTC_ZONE = ZoneInfo("UTC")
DOMAIN = load_domain()
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.:\-]\d+)*(?: (?:%|(?:[KMGTP]i)?B(?:/s)?|ms|s|min|h|days)(?!\w))?")
CITATION = re.compile(r"\[([EKC]\d+)\]")
WINDOW = re.compile(
    r"[Bb]etween [\d:\- ]+ [A-Z]+ and [\d:\- ]+ [A-Z]+|\*\*[\d:\- ]+ [A-Z]+ to [\d:\- ]+ [A-Z]+\*\* \([^)]*\)"
)
COUNTED_REST = re.compile(r"(?:…and|and) \d+ more(?: alerts?| alert names)?")
CONFIDENCE = re.compile(r"confidence \d+%|\d+ changes? before it considered|of \d+ changes:")
QUOTED = re.compile(r"\*\*(?:What to do|Open in the source)\*\*.*?(?=\*\*To narrow it down|\Z)", re.DOTALL)
ABOUT_ITSELF = ("There is no such host", "I answer without", "I cannot tell what")


def ungrounded(answer: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """What an answer (as JSON) prints without an item that carries it: "<token> in <line>".

    Left out: what the question itself named, the steps quoted from a runbook, window bounds, confidence and the count of a cut.
    """
    summaries = {item["id"]: item["summary"] for item in answer["evidence"]}
    summaries |= {change["id"]: _record(change) for change in answer.get("changes", ())}
    found = []
    for line, cited in _lines_with_citations(answer["answer"]):
        held = " ".join(summaries.get(number, "") for number in cited)
        words = line
        for allowed in (CITATION, WINDOW, COUNTED_REST, CONFIDENCE):
            words = allowed.sub("", words)
        words = re.sub(r"\\([^\w\s])", r"\1", words).replace("*", "")
        carried = set(NUMBER.findall(held))
        found += [f"{token} in {line}" for token in NUMBER.findall(words) if token not in carried]
        unnamed = [name for name in names if name not in answer["subjects"] and _names(words, name)]
        found += [f"{name} in {line}" for name in unnamed if not _names(held, name)]
    return found


def _record(change: Mapping[str, Any]) -> str:
    """Everything that is known of a change, its times as answers write them."""
    times = [change[name].replace("T", " ").replace("Z", " UTC") for name in ("at", "effective_at") if change[name]]
    return f"{change} {' '.join(times)} {' '.join(time.partition(' ')[2] for time in times)}"


def _lines_with_citations(text: str) -> Iterator[tuple[str, list[str]]]:
    for paragraph in QUOTED.sub("", text).split("\n\n"):
        for line in paragraph.splitlines():
            if not line.startswith(ABOUT_ITSELF):
                yield line, CITATION.findall(line) or CITATION.findall(paragraph)


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


@pytest.fixture
def measurer(homelab, memory_alert) -> Measurer:
    """Only its links are used: nothing listens there."""
    prometheus = Prometheus(Source("prometheus", "http://127.0.0.1:9", allowed=[]))
    return Measurer(prometheus, homelab, Gaps(), memory_alert.starts_at, zone=UTC_ZONE)


@pytest.fixture
def build(homelab, finding, memory_alert, measurer):
    """A brief for an intent as gather assembles it: DNS is down, jellyfin leaks memory, games' disk fills."""

    def assemble(intent: str, subjects: tuple[str, ...] = (), text: str = "?", *, named: bool = False) -> Brief:
        at = memory_alert.starts_at + timedelta(minutes=10)
        window = Window(start=at - timedelta(hours=30), end=at)
        question = Question(
            text, intent, at, window, named, subjects=subjects, families=tuple(DOMAIN.families_of(text))
        )
        found = [
            finding("dns", "adguard", 0, 1),
            *(finding("probe", name, 0, 1) for name in ("jellyfin", "tdarr", "minecraft")),
            finding("memory_used", "media", 0.963, 0.41),
            finding("container_memory", "jellyfin", 9.0 * 2**30, 1.4 * 2**30),
            finding("container_memory", "tdarr", 1.3 * 2**30, 1.1 * 2**30),
            finding("disk_used", "games", 0.9123, 0.4, mountpoint="/srv"),
            finding("container_restarts", "tdarr", 4, 0),
            *(finding("certificate", name, days, days + 1) for name, days in (("jellyfin", 40), ("tdarr", 9.5))),
        ]
        shown = found[:8]
        dns = memory_alert.model_copy(
            update={
                "name": "DnsServerFailing",
                "severity": "critical",
                "labels": {"instance": "10.0.20.11:53", "service": "adguard"},
                "annotations": {"summary": "The resolver adguard fails"},
                "starts_at": at - timedelta(minutes=25),
            }
        )
        alerts = (dns, memory_alert, memory_alert.model_copy(update={"state": "suppressed", "severity": "info"}))
        brief = Brief(question, homelab, UTC_ZONE, alerts=alerts)
        if intent in {"explain_alert", "rca_draft"}:
            for alert in alerts[:2]:
                place = homelab.entity_of(alert.labels) or ""
                brief, number = brief.with_evidence(one_alert(alert, at, UTC_ZONE, place))
                brief = replace(brief, explained=(*brief.explained, (alert, number)))
        if intent in {"alert_summary", "status", "clarify"}:
            brief = with_firing(brief)
        if intent in {"alert_summary", "status", "what_changed", "rca_draft"}:
            ended = dns.model_copy(update={"starts_at": at - timedelta(hours=26), "ends_at": at - timedelta(hours=25)})
            brief = with_fired(brief, (ended, *alerts), window)
        numbered = []
        for one in found:
            series = SeriesSummary(
                last=one.value, minimum=0, mean=0, maximum=1, onset=at - timedelta(minutes=15), before=0.4
            )
            if one in shown:
                one = replace(one, series=series)  # noqa: PLW2901  the finding with its course, as gather keeps it
                item = Evidence(id="", source="prometheus", title="x", summary=summary_of(one, at, UTC_ZONE))
                brief, number = brief.with_evidence(item)
                one = replace(one, evidence_id=number)  # noqa: PLW2901
            numbered.append(one)
        wanted = [f for f in all_symptoms(numbered) if not subjects or f.entity in subjects]
        chains = explain_all(wanted, numbered, homelab, DOMAIN)
        end = chains[0][-1].finding
        affected = affected_by(end, numbered, homelab)
        alternatives = [chain[-1].finding for chain in chains[1:4] if chain[-1].finding.evidence_id]
        brief = replace(
            brief,
            findings=tuple(numbered),
            chain=tuple(step.finding for step in chains[0]),
            affected=affected,
            cause=conclude(chains[0], affected, alternatives),
        )
        return with_rankings(with_extent(brief), subjects, measurer, window)

    return assemble


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("subjects", [(), ("media",)])
@pytest.mark.parametrize("intent", INTENTS)
def test_every_number_and_host_is_carried_by_a_cited_item(build, homelab, intent, subjects, named) -> None:
    answer = explain(build(intent, subjects, "memory", named=named)).model_dump(mode="json")
    assert ungrounded(answer, homelab.entities) == []


@pytest.mark.parametrize(
    "text", ["which disks are full?", "which certificates expire?", "which container uses memory?"]
)
def test_a_ranking_over_everything_is_carried_by_its_item(build, homelab, text) -> None:
    answer = explain(build("metric_question", (), text)).model_dump(mode="json")
    assert "beyond the threshold" in answer["answer"] or "measured" in answer["answer"]
    assert ungrounded(answer, homelab.entities) == []


@pytest.mark.parametrize("forged", ["96.4 %", "games", "03:00:01 UTC"])
def test_the_check_finds_what_no_item_carries(build, homelab, forged) -> None:
    answer = explain(build("explain_alert", ("media",))).model_dump(mode="json")
    answer["answer"] = answer["answer"].replace("**Extent**", f"**Extent** {forged}")
    assert [token for token in ungrounded(answer, homelab.entities) if token.startswith(forged.removesuffix(" UTC"))]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("subjects", [(), ("media",)])
@pytest.mark.parametrize("intent", INTENTS)
def test_with_nothing_readable_no_answer_claims_that_all_is_well(build, homelab, intent, subjects, named) -> None:
    asked = build(intent, subjects, named=named).question
    unread = Brief(asked, homelab, UTC_ZONE, alerts_read=False, history_read=False, measured=False)
    text = explain(replace(unread, gaps=("prometheus: refused", "logs: no log source"))).answer
    well = r"no alert|nothing is wrong|nothing (that )?(is|was) measured|ordinary|no matching|every configured|none of"
    assert not re.search(well, text.replace("whether anything is out of the ordinary", ""), re.IGNORECASE), text
    if intent in {
        "explain_alert",
        "alert_summary",
        "status",
        "clarify",
        "what_changed",
        "metric_question",
        "rca_draft",
    }:
        assert "could not be read (see the gaps)" in text or "nothing could be measured (see the gaps)" in text


def test_what_was_read_is_told_although_the_rest_could_not_be(build, homelab) -> None:
    asked = build("status").question
    text = explain(with_firing(Brief(asked, homelab, UTC_ZONE, measured=False))).answer
    assert "No alert fires [E1]" in text
    assert "It cannot be told" in text
    assert "Nothing is wrong" not in text


def test_a_time_of_which_nothing_is_recorded_is_said_to_be_so(build, homelab) -> None:
    asked = build("explain_alert", ("media",), named=True).question
    brief = Brief(asked, homelab, UTC_ZONE, measured=False, gaps=("prometheus: nothing is recorded at 03:00",))
    assert "no measurements exist for that time" in explain(brief).answer


def test_text_from_outside_forges_neither_citation_nor_link(build) -> None:
    brief = build("explain_alert", ("media",))
    (alert, number), *_ = brief.explained
    evil = alert.model_copy(update={"annotations": {"summary": "[E99](http://x) **bold** `code` <b>"}})
    text = explain(replace(brief, explained=((evil, number),))).answer
    assert "[E99]" not in text
    assert r"\[E99\](http://x) \*\*bold\*\* \`code\` \<b>" in text


def test_a_link_that_is_no_web_address_is_left_out(build) -> None:
    brief = build("explain_alert", ("media",))
    bad = brief.evidence[0].model_copy(update={"link": "javascript:alert(1)"})
    odd = brief.evidence[1].model_copy(update={"link": "http://x/a) [E9](b"})
    text = explain(replace(brief, evidence=(bad, odd, *brief.evidence[2:]))).answer
    assert "javascript" not in text
    assert "[E9]" not in text


def test_harmless_text_stays_readable() -> None:
    assert plain("node_exporter on /mnt/a_b (85 %), it's\nfine") == "node_exporter on /mnt/a_b (85 %), it's fine"


def test_a_window_over_midnight_has_both_dates(memory_alert) -> None:
    now = memory_alert.starts_at
    window = Window(start=now - timedelta(hours=4), end=now)
    assert bounds(window, UTC_ZONE, now=now) == ("2026-11-19 23:00:00 UTC", "2026-11-20 03:00:00 UTC")
    today = Window(start=now - timedelta(hours=1), end=now)
    assert bounds(today, UTC_ZONE, now=now) == ("02:00:00 UTC", "03:00:00 UTC")


def test_nothing_begins_to_move_after_the_moment_that_is_asked_about(finding, memory_alert) -> None:
    now = memory_alert.starts_at
    one = finding("memory_used", "media", 0.96, 0.4)
    series = SeriesSummary(last=1, minimum=0, mean=0, maximum=1, onset=now + timedelta(minutes=5))
    assert course_of(replace(one, series=series), now, UTC_ZONE) == ""


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("which certificates expire soon?", "certificate"),
        ("which containers use the most memory?", "container_memory"),
        ("which VM uses the most memory?", "memory_used"),
        ("which service uses the most cpu?", "container_cpu"),
        ("is any disk full?", "disk_used"),
    ],
)
def test_a_question_over_everything_is_about_one_signal(build, text, signal) -> None:
    assert main_signal(build("metric_question", (), text).question, ()) == signal


def test_a_signal_that_is_not_measured_is_not_answered_with_another(build) -> None:
    text = explain(build("metric_question", (), "is any UPS on battery?")).answer
    assert "nothing is measured" in text
    assert "beyond the threshold" not in text


def test_a_question_about_vms_leaves_out_nodes_and_the_nas(build, finding, measurer) -> None:
    brief = build("metric_question", (), "which VM is low on disk?")
    full = finding("disk_used", "nas", 0.99, 0.5)
    window = brief.question.window
    ranked = with_rankings(replace(brief, findings=(*brief.findings, full)), (), measurer, window).rankings[0]
    assert [f.entity for f in ranked.rows] == ["games"]


def test_a_failing_probe_is_never_within_the_ordinary(build, finding) -> None:
    brief = build("metric_question", ("jellyfin", "tdarr"), "memory")
    text = explain(replace(brief, cause=None, chain=())).answer
    assert "**jellyfin and tdarr** are out of their ordinary" in text
