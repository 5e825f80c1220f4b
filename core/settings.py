"""The one settings object. Built once, in `app/wiring.py`, and passed down; nothing else reads the environment.

Every setting is `SRE_<NAME>` in the environment or in `.env`, and documented in `.env.example` (a test compares the two).
Names that people already have are accepted without the prefix. A secret may come from a file: `<NAME>_FILE`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import ConfigurationError


def _known_as(name: str) -> AliasChoices:
    """Accept both SRE_<NAME> and the name that other tools use."""
    return AliasChoices(f"SRE_{name}", name)


class Settings(BaseSettings):
    """What can be set. Each description is what `.env.example` says."""

    model_config = SettingsConfigDict(
        env_prefix="SRE_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    prometheus_url: str | None = Field(None, validation_alias=_known_as("PROMETHEUS_URL"))
    alertmanager_url: str | None = Field(None, validation_alias=_known_as("ALERTMANAGER_URL"))
    grafana_url: str | None = Field(None, validation_alias=_known_as("GRAFANA_URL"))
    grafana_service_account_token: SecretStr | None = Field(
        None, validation_alias=_known_as("GRAFANA_SERVICE_ACCOUNT_TOKEN")
    )
    prometheus_external_url: str | None = None
    log_files: Annotated[tuple[str, ...], NoDecode] = ()
    runbooks: Annotated[tuple[Path, ...], NoDecode] = (Path(__file__).resolve().parent.parent / "runbooks",)
    data_dir: Path = Field(default_factory=lambda: user_data_path("homelab-sre"))
    timezone: str = "UTC"
    source_timeout_s: float = Field(5.0, gt=0, le=120)
    question_deadline_s: float = Field(15.0, gt=0, le=300)
    source_concurrency: int = Field(8, ge=1, le=64)
    verify_tls: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=1, le=65535)
    log_level: str = "INFO"

    @field_validator("prometheus_url", "alertmanager_url", "grafana_url", "prometheus_external_url")
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if not value or not value.strip():
            return None
        value = value.strip().rstrip("/")
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"{value[:60]!r} needs a scheme, for instance http://{value[:60]}")
        return value

    @field_validator("log_files", "runbooks", mode="before")
    @classmethod
    def _split_on_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no zone of the tz database; write it like Europe/Amsterdam") from None
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; raises ConfigurationError naming the first wrong setting."""
    try:
        return Settings(**{**_secrets_from_files(), **overrides})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        setting = name if name.isupper() else f"SRE_{name.upper()}"
        raise ConfigurationError(f"{setting}: {first['msg'].removeprefix('Value error, ')}") from None


def _secrets_from_files() -> dict[str, str]:
    """The value of each `<NAME>_FILE` that is set, for settings that are secrets."""
    found: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        if SecretStr not in getattr(info.annotation, "__args__", (info.annotation,)):
            continue
        for variable in (f"SRE_{field.upper()}_FILE", f"{field.upper()}_FILE"):
            if path := os.environ.get(variable):
                try:
                    found[field] = Path(path).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    raise ConfigurationError(f"{variable}: cannot read {path}: {error}") from None
                break
    return found
