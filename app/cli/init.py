"""`sre init`: ask for the URLs, test each, write `.env`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values, set_key, unset_key

from app.cli.screen import say
from core.errors import ConfigurationError, InvalidInput

QUESTIONS: tuple[tuple[str, str, str, str, str | None], ...] = (
    ("SRE_PROMETHEUS_URL", "prometheus_url", "Prometheus URL", "http://localhost:9090", "prometheus"),
    ("SRE_ALERTMANAGER_URL", "alertmanager_url", "Alertmanager URL", "http://localhost:9093", "alertmanager"),
    ("SRE_GRAFANA_URL", "grafana_url", "Grafana URL", "", "grafana"),
    ("SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN", "grafana_service_account_token", "Grafana service account token", "", "grafana"),
    ("SRE_LOG_FILES", "log_files", "Log files (globs, comma separated)", "", "log files"),
    ("SRE_TIMEZONE", "timezone", "Time zone", "UTC", None),
)  # fmt: skip
OWNER_ONLY = 0o600


def init(
    *,
    file: Annotated[Path, typer.Option(help="The file to write.")] = Path(".env"),
) -> None:
    """Set up: asks for each URL, tests it, and writes the answers to .env (kept readable by you alone)."""
    known = dotenv_values(file) if file.exists() else {}
    say("“-” skips a source, and removes it where it was set.")
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        variable = question[0]
        if variable == "SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN" and not answers.get("SRE_GRAFANA_URL"):
            answers[variable] = ""
            continue
        answers[variable] = _ask_until_usable(question, known.get(variable), answers)
    _write(file, answers)
    print(f"wrote {file}. Next: sre ingest, then sre doctor")


def _ask_until_usable(
    question: tuple[str, str, str, str, str | None], known: str | None, answers: dict[str, str]
) -> str:
    """Ask again while the value is malformed; a source that does not answer may be kept."""
    variable, field, label, default, component = question
    default = known or default
    secret = "token" in field
    while True:
        value: str = typer.prompt(
            f"{label} ({variable})", default=default, show_default=not secret, hide_input=secret
        ).strip()
        if value in {"", "-"}:
            return ""
        problem = _problem({**answers, variable: value}, component)
        if problem is None:
            say("  ✔ ok")
            return value
        say(f"  ✘ {problem}")
        if problem.startswith(variable):
            continue
        if typer.confirm("  Keep it all the same?", default=True):
            return value


def _problem(answers: dict[str, str], component: str | None) -> str | None:
    """What is wrong with the answers so far, as far as `component` goes; None when it works."""
    from app.health import check_health
    from core.settings import Settings, load_settings

    fields = {variable: field for variable, field, *_ in QUESTIONS}
    try:
        settings: Settings = load_settings(**{fields[name]: value for name, value in answers.items() if value})
    except (ConfigurationError, InvalidInput) as error:
        return str(error)
    if component is None:
        return None
    if component == "grafana" and not answers.get("SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN"):
        return None
    (checked,) = asyncio.run(check_health(settings, only=component))
    return checked.detail if checked.state == "failed" else None


def _write(file: Path, values: dict[str, str]) -> None:
    """Set the values and remove the empty ones, keeping the other lines; the file is replaced in one step."""
    with tempfile.TemporaryDirectory(prefix=".sre-init-", dir=file.absolute().parent) as directory:
        draft = Path(directory) / "env"
        draft.touch(mode=OWNER_ONLY)
        if file.exists():
            draft.write_bytes(file.read_bytes())
        present = dotenv_values(draft)
        for name, value in values.items():
            if value:
                set_key(draft, name, value)
            elif name in present:
                unset_key(draft, name)
        draft.chmod(OWNER_ONLY)
        draft.replace(file)
