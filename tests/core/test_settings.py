"""Where settings come from, which one wins, and what is said of a wrong one."""

import os
import re
from pathlib import Path

import pytest
from pydantic import AliasChoices, SecretStr, ValidationError

from core.errors import ConfigurationError
from core.settings import Settings, load_settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
ASSIGNMENT = re.compile(r"^(#)?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """An empty working directory, and an environment without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().removesuffix("_FILE") in names(*Settings.model_fields):
            monkeypatch.delenv(name)
    return tmp_path


def names(*fields: str) -> set[str]:
    """Every variable that sets one of the fields."""
    found = set()
    for field in fields:
        alias = Settings.model_fields[field].validation_alias
        found |= set(map(str, alias.choices)) if isinstance(alias, AliasChoices) else {f"SRE_{field.upper()}"}
    return found


def secrets() -> set[str]:
    return {
        field
        for field, info in Settings.model_fields.items()
        if SecretStr in getattr(info.annotation, "__args__", (info.annotation,))
    }


# --- .env.example


def documented() -> dict[str, str]:
    return {name: value for _, name, value in ASSIGNMENT.findall(EXAMPLE.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_documented(field):
    assert names(field) & set(documented()), f"{field} is missing from .env.example"


def test_every_secret_may_come_from_a_file_and_says_so():
    assert secrets() == {
        "grafana_service_account_token",
        "lm_api_key",
        "anthropic_api_key",
        "loki_token",
        "ara_password",
        "api_token",
        "login_password",
    }
    for field in secrets():
        assert {f"{name}_FILE" for name in names(field)} & set(documented())


def test_nothing_documented_is_unknown():
    known = names(*Settings.model_fields) | {f"{name}_FILE" for name in names(*secrets())}
    assert set(documented()) <= known


def test_every_setting_has_a_comment_above_it():
    for block in EXAMPLE.read_text(encoding="utf-8").split("\n\n"):
        lines = block.strip().splitlines()
        if any(ASSIGNMENT.match(line) for line in lines):
            assert lines[0].startswith("# "), f"no comment above {lines[0]}"


def test_the_example_copied_changes_nothing(directory):
    (directory / ".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_settings() == Settings(_env_file=None)


@pytest.mark.parametrize(
    "field", ["timezone", "source_timeout_s", "question_deadline_s", "source_concurrency", "host", "port", "login_user"]
)
def test_documented_defaults_are_the_defaults(field):
    assert (
        documented()[f"SRE_{field.upper()}"] == f"{Settings.model_fields[field].default:{'g' if '_s' in field else ''}}"
    )


def test_everything_documented_is_accepted(directory):
    """Uncommented, each example value is valid."""
    (directory / "token").write_text("from the file")
    lines = [f"{name}={value}" for name, value in documented().items() if value and not name.endswith("_FILE")]
    (directory / ".env").write_text("\n".join(lines))
    settings = load_settings()
    assert settings.log_files == ("/var/log/remote/*/*.log", "/srv/traefik/access.log")
    assert settings.prometheus_external_url == "https://prometheus.home.lan"


# --- where a value comes from


def test_defaults():
    settings = load_settings()
    assert settings.prometheus_url is None
    assert settings.grafana_service_account_token is None
    assert settings.port == 8080
    assert settings.runbooks[0].is_dir()
    assert str(settings.zone) == "UTC"


def test_both_names_are_accepted_and_ours_wins(monkeypatch):
    monkeypatch.setenv("PROMETHEUS_URL", "http://one:9090")
    assert load_settings().prometheus_url == "http://one:9090"
    monkeypatch.setenv("SRE_PROMETHEUS_URL", "http://two:9090/")
    assert load_settings().prometheus_url == "http://two:9090"


def test_environment_wins_over_dotenv_and_overrides_over_both(directory, monkeypatch):
    (directory / ".env").write_text("SRE_PORT=1111\nSRE_TIMEZONE=Europe/Amsterdam\n")
    monkeypatch.setenv("SRE_PORT", "2222")
    assert load_settings().port == 2222
    assert load_settings(port=3333).port == 3333
    assert str(load_settings().zone) == "Europe/Amsterdam"


def test_a_name_set_to_nothing_is_not_set(directory, monkeypatch):
    (directory / ".env").write_text("SRE_PORT=\nSRE_TIMEZONE=\nGRAFANA_SERVICE_ACCOUNT_TOKEN=\n")
    monkeypatch.setenv("SRE_PROMETHEUS_URL", "")
    monkeypatch.setenv("PROMETHEUS_URL", "http://one:9090")
    settings = load_settings()
    assert (settings.port, settings.timezone) == (8080, "UTC")
    assert settings.grafana_service_account_token is None
    assert settings.prometheus_url == "http://one:9090"


def test_lists_are_split_on_commas_and_home_is_expanded(directory, monkeypatch):
    monkeypatch.setenv("HOME", str(directory))
    (directory / ".env").write_text(
        "SRE_LOG_FILES=/a/*.log, /b/**/*.log,\nSRE_RUNBOOKS=~/one, two\nSRE_DATA_DIR=~/data\n"
    )
    settings = load_settings()
    assert settings.log_files == ("/a/*.log", "/b/**/*.log")
    assert settings.runbooks == (directory / "one", Path("two"))
    assert settings.data_dir == directory / "data"


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load_settings().port = 1


# --- secrets


@pytest.mark.parametrize("variable", ["SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN_FILE", "GRAFANA_SERVICE_ACCOUNT_TOKEN_FILE"])
@pytest.mark.parametrize("place", ["environment", "dotenv"])
def test_a_secret_from_a_file(directory, monkeypatch, variable, place):
    (directory / "token").write_text("s3cret\n")
    if place == "environment":
        monkeypatch.setenv(variable, str(directory / "token"))
    else:
        (directory / ".env").write_text(f"{variable}=token\n")
    settings = load_settings()
    assert settings.grafana_service_account_token is not None
    assert settings.grafana_service_account_token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_secret_in_the_environment_wins_over_a_file_named_in_dotenv(directory, monkeypatch):
    (directory / "token").write_text("from the file")
    (directory / ".env").write_text("GRAFANA_SERVICE_ACCOUNT_TOKEN_FILE=token\n")
    monkeypatch.setenv("GRAFANA_SERVICE_ACCOUNT_TOKEN", "from the environment")
    token = load_settings().grafana_service_account_token
    assert token is not None
    assert token.get_secret_value() == "from the environment"


def test_a_secret_given_twice_is_an_error(directory):
    (directory / ".env").write_text("GRAFANA_SERVICE_ACCOUNT_TOKEN=x\nGRAFANA_SERVICE_ACCOUNT_TOKEN_FILE=token\n")
    with pytest.raises(ConfigurationError, match=r"TOKEN_FILE: GRAFANA_SERVICE_ACCOUNT_TOKEN is set as well; keep one"):
        load_settings()


def test_an_unreadable_or_empty_secret_file_is_named(directory, monkeypatch):
    variable = "SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN_FILE"
    monkeypatch.setenv(variable, str(directory / "absent"))
    with pytest.raises(ConfigurationError, match=rf"^{variable}: cannot read .*absent"):
        load_settings()
    (directory / "absent").write_text(" \n")
    with pytest.raises(ConfigurationError, match=rf"^{variable}: .*absent is empty"):
        load_settings()
    (directory / "absent").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=rf"^{variable}: cannot read"):
        load_settings()


# --- wrong values


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PROMETHEUS_URL", "media:9090", "PROMETHEUS_URL: 'media:9090' needs a scheme, for instance http://media:9090"),
        ("SRE_GRAFANA_URL", "http://", "SRE_GRAFANA_URL: 'http://' names no host"),
        ("ALERTMANAGER_URL", "ftp://x", "ALERTMANAGER_URL: 'ftp://x' needs a scheme"),
        ("SRE_PORT", "0", "SRE_PORT: "),
        ("SRE_PORT", "many", "SRE_PORT: "),
        ("SRE_SOURCE_TIMEOUT_S", "-1", "SRE_SOURCE_TIMEOUT_S: "),
        ("SRE_VERIFY_TLS", "perhaps", "SRE_VERIFY_TLS: "),
        ("SRE_TIMEZONE", "Amsterdam", "SRE_TIMEZONE: 'Amsterdam' is no zone of the tz database"),
        ("SRE_TIMEZONE", "../../etc/passwd", "SRE_TIMEZONE: "),
        (
            "SRE_API_TOKEN",
            "hunter2",
            "SRE_API_TOKEN: it takes at least 16 characters, ASCII without spaces; `openssl rand",
        ),
        ("SRE_API_TOKEN", "sixteen and more, spaced", "SRE_API_TOKEN: it takes at least 16 characters, ASCII without"),
        ("SRE_LOGIN_PASSWORD", "hunter2", "SRE_LOGIN_PASSWORD: it takes at least 8 characters; `openssl rand -hex 24`"),
        (
            "SRE_ALLOWED_HOSTS",
            "nas, https://sre.home.lan",
            "SRE_ALLOWED_HOSTS: 'https://sre.home.lan' is no name of a host",
        ),
        ("SRE_ALLOWED_HOSTS", "nas:8080", "SRE_ALLOWED_HOSTS: 'nas:8080' is no name of a host; write it like"),
        ("SRE_ALLOWED_HOSTS", "*", "SRE_ALLOWED_HOSTS: '*' is no name of a host"),
        ("SRE_LOG_LEVEL", "loud", "SRE_LOG_LEVEL: 'loud' is none of DEBUG, INFO"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable(monkeypatch, variable, value, says):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["api_token", "login_password"])
def test_a_secret_that_is_too_short_is_not_shown(field):
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None, **{field: "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_wrong_override_is_named_too():
    with pytest.raises(ConfigurationError, match=r"^SRE_PORT: "):
        load_settings(port=0)


def test_a_password_in_a_wrong_url_is_not_shown(monkeypatch):
    monkeypatch.setenv("PROMETHEUS_URL", "ftp://bob:hunter2@media")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_dotenv_that_is_not_text_is_named(directory):
    (directory / ".env").write_bytes(b"SRE_TIMEZONE=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match=r"^\.env: cannot be read: .*UTF-8"):
        load_settings()


def test_log_level_in_any_case(monkeypatch):
    monkeypatch.setenv("SRE_LOG_LEVEL", "debug")
    assert load_settings().log_level == "DEBUG"
