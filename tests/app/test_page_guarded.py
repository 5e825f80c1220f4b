"""What a page must withstand: text that would like to run, people without the password, and a model that never ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alertmanager_process import BINARY, alertmanager_process, firing, post
from page_in_chromium import CHROMIUM, Looked, Served, looking_at
from playwright.sync_api import Page, expect

from bench.scripted_model import Asked, Reply, ScriptedModel

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(BINARY is None, reason="needs the alertmanager binary"),
    pytest.mark.xdist_group("page"),
    pytest.mark.timeout(300),
]
CONFIG = """
route: {receiver: phone, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: phone}]
"""
SCRIPT = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
HOSTILE = {
    "labels": {"alertname": "Hostile", "severity": "critical", "service": f'x"><b onclick="window.ran=3">{SCRIPT}'},
    "annotations": {"summary": f"{SCRIPT} [click](http://evil.example/) ![x](http://evil.example/x.png)"},
    "generatorURL": "javascript:window.ran=4",
}
HARMLESS = {"labels": {"alertname": "DiskAlmostFull", "severity": "warning", "instance": "nas:9100"}}
PASSWORD = "correct horse battery"
BY_THE_MODEL = f"[[ ## answer ## ]]\nHostile fires. {SCRIPT} [more](http://evil.example/) [E1]\n\n[[ ## completed ## ]]"
SLOWLY = "[[ ## answer ## ]]\n" + "The alert fires and nobody knows why it does so [E1]. " * 20


def scripted(asked: Asked) -> Reply:
    """Whoever asks about the disk waits in the middle of the answer; nothing is looked up."""
    if "steps_so_far" in str(asked.user):
        return Reply("[[ ## tool ## ]]\ndone\n\n[[ ## arguments ## ]]\nnone\n\n[[ ## completed ## ]]")
    return Reply(SLOWLY, stall="middle") if "DiskAlmostFull" in str(asked.user) else Reply(BY_THE_MODEL)


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(scripted) as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: ScriptedModel) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("guarded")
    with alertmanager_process(tmp_path_factory.mktemp("alertmanager"), CONFIG) as url:
        post(url, "/api/v2/alerts", [firing(HOSTILE), firing(HARMLESS)])
        settings = {
            "SRE_ALERTMANAGER_URL": url,
            "SRE_LOGIN_PASSWORD": PASSWORD,
            "SRE_LM": "anthropic/scripted",
            "SRE_LM_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-test-1234567890",
            "SRE_QUESTION_DEADLINE_S": "60",
            "SRE_LM_TIMEOUT_S": "50",
        }
        server = Served(directory, settings)
        server.start()
        yield server
        server.stop()


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("username").fill("admin")
    page.get_by_label("password").fill(password)
    page.get_by_role("button", name="Login").click()


@pytest.fixture
def look(served: Served) -> Iterator[Looked]:
    with looking_at(served.url) as (looked,):
        looked.page.goto(served.url)
        log_in(looked.page)
        looked.box.wait_for()
        yield looked
        assert looked.foreign == []


def nothing_ran(look: Looked) -> None:
    assert look.page.evaluate("window.ran") is None
    assert look.page.locator("a[href*=evil], a[href^=javascript], img[src*=evil], [onclick]").count() == 0


def test_without_the_password_there_is_no_page(served: Served) -> None:
    with looking_at(served.url) as (look,):
        look.page.goto(served.url)
        expect(look.page.get_by_label("password")).to_be_visible()
        assert look.page.locator("#conversation").count() == 0
        log_in(look.page, "wrong")
        expect(look.page.get_by_text("Incorrect Credentials")).to_be_visible()
        log_in(look.page)
        look.box.wait_for()


def test_a_script_in_an_alert_stays_text(look: Looked) -> None:
    expect(look.page.locator("#now")).to_contain_text("<script>")
    look.tab("Alerts")
    expect(look.page.locator("#alerts")).to_contain_text("<script>window.ran = 1</script>")
    nothing_ran(look)


def test_a_script_that_a_model_wrote_stays_text(look: Looked) -> None:
    look.ask("Why is Hostile firing?")
    nothing_ran(look)


def test_stopping_ends_the_call_of_the_model_and_the_page_goes_on(look: Looked, model: ScriptedModel) -> None:
    before = model.abandoned
    look.box.fill("Why is DiskAlmostFull firing?")
    look.box.press("Enter")
    draft = look.page.locator("#working .draft")
    expect(draft).to_contain_text("The alert fires", timeout=30_000)
    look.page.get_by_role("button", name="Stop").click()
    expect(look.page.locator("#conversation .problem")).to_contain_text("interrupted")
    look.page.wait_for_timeout(500)
    assert model.abandoned == before + 1
    look.ask("Why is Hostile firing?")


def test_while_a_question_is_under_way_an_answer_is_judged_and_the_next_one_asked(look: Looked) -> None:
    look.ask("Why is Hostile firing?")
    look.tab("Alerts")
    look.page.get_by_role("button", name="Explain DiskAlmostFull").click()
    expect(look.page.locator("#working .draft")).to_contain_text("The alert fires", timeout=30_000)
    look.page.get_by_role("button", name="This answer helped").click()
    expect(look.page.get_by_text("Kept, thank you")).to_be_visible()
    look.box.fill("Why is Hostile firing now?")
    look.box.press("Enter")
    expect(look.page.locator("#conversation .asked")).to_have_count(3)
    expect(look.page.locator("#working .draft")).to_contain_text("The alert fires")
    look.page.get_by_role("button", name="Stop").click()
    expect(look.page.locator("#conversation .problem")).to_have_count(2)
