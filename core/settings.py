"""The one settings object. Built once, in `app/wiring.py`, and passed down; nothing else reads the environment.

Every setting is `SRE_<NAME>` in the environment or in `.env`, and documented in `.env.example` (a test compares the two).
Names that people already have are accepted without the prefix. A secret may come from a file: `<NAME>_FILE`, in the environment
or in `.env`. The environment wins over `.env`, and a name set to nothing counts as not set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import ConfigurationError
from core.redact import redact

ENV_FILE = ".env"
MODEL_KEYS = frozenset({"lm_api_key", "anthropic_api_key"})
"""An empty one is told where the model is built: without a model, everything else still works."""
TOKEN = re.compile(r"[!-~]{16,}")
"""What a header can carry unchanged: printable ASCII without spaces."""
MIN_PASSWORD = 8
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _known_as(name: str) -> AliasChoices:
    """Accept both SRE_<NAME> and the name that other tools use."""
    return AliasChoices(f"SRE_{name}", name)


class Settings(BaseSettings):
    """What can be set. Each description is what `.env.example` says."""

    model_config = SettingsConfigDict(
        env_prefix="SRE_",
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may be a secret
        populate_by_name=True,
    )

    prometheus_url: str | None = Field(None, validation_alias=_known_as("PROMETHEUS_URL"))
    alertmanager_url: str | None = Field(None, validation_alias=_known_as("ALERTMANAGER_URL"))
    grafana_url: str | None = Field(None, validation_alias=_known_as("GRAFANA_URL"))
    grafana_service_account_token: SecretStr | None = Field(
        None, validation_alias=_known_as("GRAFANA_SERVICE_ACCOUNT_TOKEN")
    )
    prometheus_external_url: str | None = None
    loki_url: str | None = Field(None, validation_alias=_known_as("LOKI_URL"))
    loki_tenant: str | None = None
    loki_token: SecretStr | None = None
    log_files: Annotated[tuple[str, ...], NoDecode] = ()
    ara_url: str | None = None
    ara_password: SecretStr | None = None
    ara_username: str | None = None
    ansible_logs: Annotated[tuple[str, ...], NoDecode] = ()
    infra_repos: Annotated[tuple[Path, ...], NoDecode] = ()
    change_files: Annotated[tuple[str, ...], NoDecode] = ()
    runbooks: Annotated[tuple[Path, ...], NoDecode] = (Path(__file__).resolve().parent.parent / "runbooks",)
    ansible: Annotated[tuple[Path, ...], NoDecode] = (Path(__file__).resolve().parent.parent / "ansible",)
    data_dir: Path = Field(default_factory=lambda: user_data_path("homelab-sre"))
    lm: str | None = None
    lm_small: str | None = None
    lm_base_url: str | None = None
    lm_api_key: SecretStr | None = Field(None, validation_alias=AliasChoices("SRE_LM_API_KEY", "OPENAI_API_KEY"))
    anthropic_api_key: SecretStr | None = Field(None, validation_alias=_known_as("ANTHROPIC_API_KEY"))
    lm_context_tokens: int | None = Field(None, ge=4096, le=1_000_000)
    lm_timeout_s: float = Field(12.0, gt=0, le=300)
    lm_prices: Path = Path(__file__).with_name("prices.yaml")
    daily_budget_usd: float = Field(1.0, ge=0)
    program: Path | None = None
    mlflow_tracking_uri: str | None = Field(None, validation_alias=_known_as("MLFLOW_TRACKING_URI"))
    mlflow_traces: bool = False
    timezone: str = "UTC"
    source_timeout_s: float = Field(5.0, gt=0, le=120)
    question_deadline_s: float = Field(15.0, gt=0, le=300)
    source_concurrency: int = Field(8, ge=1, le=64)
    verify_tls: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=1, le=65535)
    api_token: SecretStr | None = None
    login_user: str = "admin"
    login_password: SecretStr | None = None
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    log_level: str = "INFO"

    @field_validator(
        "prometheus_url", "alertmanager_url", "grafana_url", "prometheus_external_url", "loki_url", "ara_url"
    )
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if not value or not value.strip():
            return None
        value = value.strip()
        shown = redact(value)[:60]
        if not value.lower().startswith(("http://", "https://")):
            raise ValueError(f"{shown!r} needs a scheme, for instance http://{shown}")
        if not urlsplit(value).hostname:
            raise ValueError(f"{shown!r} names no host; write it like http://prometheus.home.lan:9090")
        return value.rstrip("/")

    @field_validator(
        "log_files",
        "runbooks",
        "ansible",
        "ansible_logs",
        "infra_repos",
        "change_files",
        "allowed_hosts",
        mode="before",
    )
    @classmethod
    def _split_on_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("runbooks", "ansible", "infra_repos", "data_dir", "lm_prices", "program")
    @classmethod
    def _expand_home(cls, value: Any) -> Any:
        """`~` stands for the home directory in `.env` too, where no shell expands it."""
        if value is None:
            return None
        return tuple(path.expanduser() for path in value) if isinstance(value, tuple) else value.expanduser()

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"{value!r} is none of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no zone of the tz database; write it like Europe/Amsterdam") from None
        return value

    @field_validator("api_token")
    @classmethod
    def _is_hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("it takes at least 16 characters, ASCII without spaces; `openssl rand -hex 24` makes one")
        return value

    @field_validator("login_password")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_PASSWORD:
            raise ValueError(f"it takes at least {MIN_PASSWORD} characters; `openssl rand -hex 24` makes one")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not HOST_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name of a host; write it like sre.home.lan or [fd00::5], without scheme and port"
                )
        return tuple(name.lower() for name in value)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def documents(self) -> tuple[Path, ...]:
        """What `sre ingest` indexes: runbooks and Ansible trees. The example tree is left out beside somebody's own runbooks."""
        own_runbooks = "runbooks" in self.model_fields_set and "ansible" not in self.model_fields_set
        return self.runbooks if own_runbooks else (*self.runbooks, *self.ansible)

    @property
    def ansible_inventories(self) -> tuple[Path, ...]:
        """The trees whose hosts stand in the inventory: only those that somebody named.

        The default is an example to read and to search; its hosts are nobody's, and would pass for the user's own.
        """
        return self.ansible if "ansible" in self.model_fields_set else ()


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; raises ConfigurationError naming the first wrong setting, or the unreadable file."""
    places = (os.environ, _dotenv())
    try:
        return Settings(**{**_secrets_from_files(places), **overrides})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{_variable(str(first['loc'][0]), places)}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


def _dotenv() -> Mapping[str, str | None]:
    """What `.env` in the working directory says; pydantic-settings reads the same file, but not its `<NAME>_FILE` lines."""
    try:
        return dotenv_values(ENV_FILE, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{ENV_FILE}: cannot be read: {error}; write it as UTF-8 text") from None


def _variable(location: str, places: tuple[Mapping[str, str | None], ...]) -> str:
    """The name under which a wrong setting was given: SRE_PROMETHEUS_URL or PROMETHEUS_URL."""
    name = location.upper().removeprefix("SRE_")
    return next((each for place in places for each in (f"SRE_{name}", name) if place.get(each)), f"SRE_{name}")


def _secrets_from_files(places: tuple[Mapping[str, str | None], ...]) -> dict[str, str]:
    """The value of each secret that is given as a file, unless a place with precedence gives the value itself."""
    found: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        if SecretStr not in getattr(info.annotation, "__args__", (info.annotation,)):
            continue
        for place in places:
            set_here = [name for name in (f"SRE_{field}".upper(), field.upper()) if place.get(name)]
            files = [f"{name}_FILE" for name in (f"SRE_{field}".upper(), field.upper()) if place.get(f"{name}_FILE")]
            if set_here and files:
                raise ConfigurationError(f"{files[0]}: {set_here[0]} is set as well; keep one of the two")
            if files:
                found[field] = _read_secret(files[0], place[files[0]] or "", may_be_empty=field in MODEL_KEYS)
            if set_here or files:
                break
    return found


def _read_secret(variable: str, path: str, *, may_be_empty: bool) -> str:
    try:
        secret = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: cannot read {path}: {error}") from None
    if not secret and not may_be_empty:
        raise ConfigurationError(f"{variable}: {path} is empty")
    return secret
