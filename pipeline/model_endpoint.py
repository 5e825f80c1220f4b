"""Which language model was asked for, where it is reached and with which key: settings checked before anything is imported or sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from core.errors import ConfigurationError
from core.settings import Settings

Dialect = Literal["anthropic", "openai", "gemini"]


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider needs. `default_url` is set where we know better than the library (loopback without a name lookup)."""

    dialect: Dialect = "openai"
    needs_key: bool = True
    default_url: str | None = None


PROVIDERS = {
    "anthropic": Provider("anthropic", default_url="https://api.anthropic.com"),
    "ollama": Provider(needs_key=False, default_url="http://127.0.0.1:11434/v1"),
    "openai": Provider(),
    "deepseek": Provider(),
    "gemini": Provider("gemini"),
    "groq": Provider(),
    "hosted_vllm": Provider(needs_key=False),
    "moonshot": Provider(),
    "openrouter": Provider(),
    "xai": Provider(),
}
"""Those of DSPy's native engine that a key and a URL are enough for, and Anthropic through its own SDK."""
KEYLESS = "none"
"""Sent as the key where none is needed; the clients insist on one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one provider. `base_url` None is the provider's own address."""

    provider: str
    model: str
    base_url: str | None
    key: str = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def dialect(self) -> Dialect:
        return PROVIDERS[self.provider].dialect


def endpoints(settings: Settings) -> tuple[Endpoint, Endpoint] | None:
    """The model that reasons and the one for small steps (the same, unless SRE_LM_SMALL is set); None when SRE_LM is not.

    SRE_LM_BASE_URL belongs to the provider of SRE_LM. Raises ConfigurationError.
    """
    if settings.lm is None:
        return None
    provider, model = _split(settings.lm, setting="SRE_LM")
    large = _endpoint(settings, provider, model, settings.lm_base_url)
    if settings.lm_small is None:
        return large, large
    small_provider, small_model = _split(settings.lm_small, setting="SRE_LM_SMALL")
    base_url = settings.lm_base_url if small_provider == provider else None
    return large, _endpoint(settings, small_provider, small_model, base_url)


def _split(text: str, *, setting: str) -> tuple[str, str]:
    provider, slash, model = text.strip().partition("/")
    known = ", ".join(PROVIDERS)
    if not slash or not model:
        raise ConfigurationError(
            f"{setting}: {text[:60]!r} names no model; write <provider>/<model>, provider one of {known}"
        )
    if not model.isascii() or not model.isprintable() or " " in model:
        raise ConfigurationError(
            f"{setting}: {model[:60]!r} is not a model's name; it holds a space or a special character"
        )
    if provider not in PROVIDERS:
        raise ConfigurationError(
            f"{setting}: {provider[:30]!r} is no provider that is supported; use one of {known} "
            "(openai/<model> with SRE_LM_BASE_URL for any server that speaks OpenAI's chat API)"
        )
    return provider, model


def _endpoint(settings: Settings, provider: str, model: str, base_url: str | None) -> Endpoint:
    known = PROVIDERS[provider]
    url = None if base_url is None else _base_url(base_url, known.dialect)
    return Endpoint(provider, model, url or known.default_url, _key(settings, provider, has_own_url=url is not None))


def _base_url(text: str, dialect: Dialect) -> str:
    """Anthropic's SDK adds /v1 itself; OpenAI's clients expect it in the URL, where people tend to forget it."""
    url = text.strip()
    example = "write it like http://127.0.0.1:11434/v1"
    if not url.lower().startswith(("http://", "https://")):
        shown = url.rpartition("@")[2][:60]
        raise ConfigurationError(f"SRE_LM_BASE_URL: {shown!r} needs a scheme; {example}")
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigurationError(f"SRE_LM_BASE_URL: names no host, or no port that can be, or holds a space; {example}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("SRE_LM_BASE_URL: holds credentials or a query; put the key into SRE_LM_API_KEY")
    path = parts.path.rstrip("/")
    if dialect == "anthropic":
        path = path.removesuffix("/messages").removesuffix("/v1")
    elif dialect == "openai":
        path = path.removesuffix("/chat/completions") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _key(settings: Settings, provider: str, *, has_own_url: bool) -> str:
    """The key for a provider. A key is never sent to a provider that it was evidently not made for."""
    if provider == "anthropic":
        return _anthropic_key(settings, has_own_url=has_own_url)
    known = PROVIDERS[provider]
    if settings.lm_api_key is None or (not known.needs_key and not has_own_url):
        if known.needs_key and not (provider == "openai" and has_own_url):
            raise ConfigurationError(f"SRE_LM_API_KEY: is not set, and {provider} needs a key")
        return KEYLESS
    return _checked(settings.lm_api_key, setting="SRE_LM_API_KEY")


def _anthropic_key(settings: Settings, *, has_own_url: bool) -> str:
    if settings.anthropic_api_key is not None:
        return _checked(settings.anthropic_api_key, setting="ANTHROPIC_API_KEY")
    # SRE_LM_API_KEY may have come as OPENAI_API_KEY, which a gateway may want and Anthropic itself must not see.
    key = settings.lm_api_key
    if key is None or not (has_own_url or key.get_secret_value().startswith("sk-ant-")):
        raise ConfigurationError(
            "ANTHROPIC_API_KEY: is not set; anthropic/<model> needs a key from console.anthropic.com"
        )
    return _checked(key, setting="SRE_LM_API_KEY")


def _checked(secret: SecretStr, *, setting: str) -> str:
    key = secret.get_secret_value()
    if not key.strip():
        raise ConfigurationError(f"{setting}: is empty; set it to the provider's key")
    if not key.isascii() or not key.isprintable() or any(mark in key for mark in " \"'"):
        raise ConfigurationError(
            f"{setting}: holds a space, a line break, a quote or a special character; copy the key again, without what surrounds it"
        )
    return key
