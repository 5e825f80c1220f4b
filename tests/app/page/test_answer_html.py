"""An answer as HTML: its citations lead to what stands behind it, and nothing in it can do anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from html_found import Found, harmless
from hypothesis import given, settings
from hypothesis import strategies as st

from app.page.answer_html import behind_html, cost_line, problem_html, progress_html, question_html, text_html
from app.transcript import Said
from core.vocabulary import Answer, AnsweredChange, Evidence, Latency, Passage, Usage, Window
from pipeline.progress import (
    Cut,
    PassagesFound,
    Plan,
    SourceRead,
    Token,
    Understood,
    Verification,
)
from pipeline.progress import (
    Found as FoundPassage,
)

HOSTS = {"grafana.home.lan": "Grafana"}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON)
HOSTILE = (
    '"><script>alert(1)</script><img src=x onerror=alert(1)> [x](http://evil.example) [y](javascript:alert(1)) '
    "' onmouseover='alert(1) </details></section> [E1] \u202e🔥"
)


def answer_of(text: str, *, link: str | None = "http://grafana.home.lan/d/1") -> Answer:
    """This text in every field that holds any."""
    return Answer(
        answer=f"{text}\n\nIt is full [E1, C1], see [K1].",
        intent="explain_alert",
        evidence=(
            Evidence(
                id="E1", source=text, title=text, query=text, window=WINDOW, summary=text, link=link, returned=3, available=9
            ),
        ),
        passages=(Passage(id="K1", document=text, heading=text, score=0.5, text=text, line=7, freshness=text),),
        changes=(
            AnsweredChange(
                id="C1", at=NOON, effective_at=NOON, kind="config_commit", entity=text, title=text, detail=text, diff=text, source=text,
                reasons=(text, text),
            ),
        ),
        gaps=(text,),
    )  # fmt: skip


def said_of(text: str, *, verdict=None) -> Said:
    return Said(7, "night", NOON, text, problem=text, verdict=verdict, comment=text)


def every_part(text: str, *, link: str | None = "http://grafana.home.lan/d/1") -> str:
    said, answer = said_of(text), answer_of(text, link=link)
    events = [
        Plan(question=text, at=NOON, sources=(text,), deadline_s=1),
        Understood(intent="status", subjects=(text,), alert_names=(text,), window=WINDOW),
        SourceRead(source=text, seconds=0.1, finding=text, ok=False),
        PassagesFound(passages=(FoundPassage(id="K1", document=text, heading=text, score=0.5),)),
        Token(draft=1, text=text),
        Verification(checked=True, cut=(Cut(sentence=text, why=text),)),
    ]
    return (
        question_html(said)
        + problem_html(said)
        + text_html(said, answer, HOSTS, AMSTERDAM)
        + behind_html(said, answer, HOSTS, AMSTERDAM)
        + progress_html(events, HOSTS)
    )


def test_hostile_text_in_every_field_can_do_nothing() -> None:
    found = harmless(every_part(HOSTILE), ("grafana.home.lan",))
    assert "alert(1)" in found.text, "it is still told"
    assert "🔥" in found.text


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=100) | st.text(alphabet="<>\"'&[]()E1`|#!/= \n", max_size=60))
def test_no_text_in_any_field_makes_another_tag(text) -> None:
    harmless(every_part(text, link=text), ("grafana.home.lan",))


@pytest.mark.parametrize(
    "link", ["http://evil.example/d/1", "javascript:alert(1)", "http://evil.example\\@grafana.home.lan/", None]
)
def test_evidence_links_to_our_own_servers_alone(link) -> None:
    assert "Link" not in Found(behind_html(said_of("x"), answer_of("x", link=link), HOSTS, AMSTERDAM)).texts
    own = Found(behind_html(said_of("x"), answer_of("x"), HOSTS, AMSTERDAM))
    assert "http://grafana.home.lan/d/1" in own.links()


def test_each_citation_leads_to_an_item_behind_the_answer() -> None:
    said, answer = said_of("why?"), answer_of("Hm.")
    targets = [url.removeprefix("#") for url in Found(text_html(said, answer, HOSTS, AMSTERDAM)).links()]
    behind = Found(behind_html(said, answer, HOSTS, AMSTERDAM))
    assert targets == ["a7-E1", "a7-C1", "a7-K1"]
    assert sorted(targets) == sorted(tag.attributes["id"] for tag in behind.named("details"))


def test_a_log_line_that_looks_like_a_citation_is_none() -> None:
    answer = answer_of("the log said [E1]")
    assert not [
        url for url in Found(behind_html(said_of("x"), answer, HOSTS, AMSTERDAM)).links() if url.startswith("#")
    ]


def test_a_question_is_shown_as_it_was_written() -> None:
    html = question_html(said_of("why <b>is</b> [E1] **so**?"))
    assert Found(html).text == "why <b>is</b> [E1] **so**?"
    assert [tag.name for tag in harmless(html).tags] == ["div"]


def test_asking_again_asks_the_very_question() -> None:
    question = "why \"is\" 'it' <so> & so?"
    (button,) = harmless(problem_html(said_of(question))).named("button")
    assert button.attributes == {"data-action": "ask", "data-question": question}


def test_without_a_problem_the_answer_was_interrupted() -> None:
    assert "was interrupted" in Found(problem_html(Said(1, "night", NOON, "why?"))).text


def test_what_stands_behind_is_told_whole() -> None:
    found = harmless(behind_html(said_of("x"), answer_of("media"), HOSTS, AMSTERDAM), ("grafana.home.lan",))
    assert found.text.count("3 of 9") == 1
    assert "2026-07-20 13:00:00 to 2026-07-20 14:00:00" in found.text
    assert "config commit: media on media" in found.text
    assert "media, line 7" in found.text
    assert "50%" in found.text
    assert [tag.attributes["title"] for tag in found.named("time")].count("2026-07-20 12:00:00 UTC") == 3
    assert [found.texts[found.texts.index("Not seen") + 1]] == ["media"]


def test_sections_without_items_are_left_out() -> None:
    found = Found(behind_html(said_of(""), Answer(answer="x", intent="status"), HOSTS, AMSTERDAM))
    assert found.named("h4") == []
    assert found.named("details") == []


def test_times_in_the_text_have_utc_on_hover() -> None:
    answer = Answer(answer="It began at 13:58:07 CEST.", intent="status")
    (tag,) = Found(text_html(said_of("x"), answer, HOSTS, AMSTERDAM)).named("abbr")
    assert tag.attributes["title"] == "2026-07-20 11:58:07 UTC"


@pytest.mark.parametrize("verdict", [None, "up", "down"])
def test_the_thumb_that_was_given_is_pressed_and_a_comment_can_follow(verdict) -> None:
    found = Found(behind_html(said_of('a "comment"', verdict=verdict), answer_of("x"), HOSTS, AMSTERDAM))
    thumbs = {
        tag.attributes["data-verdict"]: tag.attributes
        for tag in found.named("button")
        if "data-verdict" in tag.attributes
    }
    assert {name: each["aria-pressed"] for name, each in thumbs.items()} == {
        name: "true" if name == verdict else "false" for name in ("up", "down")
    }
    assert {each["data-row"] for each in thumbs.values()} == {"7"}
    (comment,) = (tag for tag in found.named("span") if tag.attributes.get("class") == "comment")
    assert ("hidden" in comment.attributes) == (verdict is None)
    assert found.named("input")[0].attributes["value"] == 'a "comment"'


def test_the_cost_is_told_where_there_is_one() -> None:
    usage = Usage(
        llm_calls=2,
        input_tokens=1_000,
        cache_read_tokens=500,
        output_tokens=40,
        cost_usd=0.0123,
        latency_s=Latency(total=2),
    )
    line = cost_line(Answer(answer="x", intent="explain_alert", mode="llm", usage=usage))
    assert "2 model calls, 1,500 tokens in, 40 out" in line
    assert "0.0123 US dollars" in line
    assert "dollars" not in cost_line(Answer(answer="x", intent="status"))


# --- on the way


def test_only_the_last_draft_is_shown() -> None:
    events = [
        Token(draft=1, text="it is "),
        Token(draft=1, text="dns"),
        Token(draft=2, text="it is "),
        Token(draft=2, text="disk"),
    ]
    html = progress_html(events, HOSTS)
    assert "it is disk" in Found(html).text
    assert "dns" not in html


def test_before_the_first_word_there_is_no_draft() -> None:
    html = progress_html([SourceRead(source="loki", seconds=0.5, finding="3 lines")], HOSTS)
    assert Found(html).text == "✓ loki: 3 lines (0.50 s)"
    assert "draft" not in html


def test_a_source_that_failed_is_marked() -> None:
    assert Found(
        progress_html([SourceRead(source="loki", seconds=0.5, finding="no", ok=False)], HOSTS)
    ).text.startswith("✗")


def test_what_code_wrote_is_not_called_checked() -> None:
    assert Found(progress_html([Verification(checked=False)], HOSTS)).text == ""
    assert "2 of its sentences" in progress_html(
        [Verification(checked=True, cut=(Cut(sentence="a", why="b"),) * 2)], HOSTS
    )
