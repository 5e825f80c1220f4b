"""Settings for a model: what is understood, and what is refused with a line that names the setting."""

from __future__ import annotations

import pytest
from dspy import lm15
from dspy.clients.engines.lm15_engine import AsyncLM15Engine

from core.errors import ConfigurationError
from core.settings import Settings
from pipeline.model_endpoint import KEYLESS, PROVIDERS, endpoints

CLAUDE_KEY = "sk-ant-api03-Jx3mPq7VbT5nYw2R"
OTHER_KEY = "sk-proj-Kd8sLc4HfZ6gUa1e0b1c"


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def test_no_model_is_no_endpoint() -> None:
    assert endpoints(settings(lm_small="ollama/qwen3:4b", lm_api_key=OTHER_KEY)) is None


def test_claude_needs_only_a_model_and_a_key() -> None:
    large, small = endpoints(settings(lm="anthropic/claude-x", anthropic_api_key=CLAUDE_KEY)) or ()
    assert (large.name, large.base_url, large.key) == ("anthropic/claude-x", "https://api.anthropic.com", CLAUDE_KEY)
    assert small is large


def test_ollama_needs_only_a_model() -> None:
    large, _ = endpoints(settings(lm="ollama/qwen3:8b")) or ()
    assert (large.name, large.base_url, large.key) == ("ollama/qwen3:8b", "http://127.0.0.1:11434/v1", KEYLESS)


def test_a_model_may_have_slashes() -> None:
    large, _ = endpoints(settings(lm="openrouter/qwen/qwen3-8b", lm_api_key=OTHER_KEY)) or ()
    assert (large.provider, large.model) == ("openrouter", "qwen/qwen3-8b")


def test_the_small_model_may_live_elsewhere() -> None:
    """The base URL belongs to the provider of SRE_LM."""
    large, small = (
        endpoints(
            settings(
                lm="openai/big", lm_small="ollama/tiny", lm_base_url="http://gpu.home.lan:8000/v1", lm_api_key=OTHER_KEY
            )
        )
        or ()
    )
    assert (large.base_url, large.key) == ("http://gpu.home.lan:8000/v1", OTHER_KEY)
    assert (small.base_url, small.key) == ("http://127.0.0.1:11434/v1", KEYLESS)


@pytest.mark.parametrize(
    ("lm", "given", "used"),
    [
        ("ollama/m", "http://nas:11434", "http://nas:11434/v1"),
        ("ollama/m", "http://nas:11434/v1/", "http://nas:11434/v1"),
        ("openai/m", "http://nas:8000/v1/chat/completions", "http://nas:8000/v1"),
        ("openai/m", "https://gateway.lan/openai", "https://gateway.lan/openai"),
        ("anthropic/m", "https://gateway.lan/v1", "https://gateway.lan"),
        ("anthropic/m", "https://gateway.lan/claude/v1/messages", "https://gateway.lan/claude"),
    ],
)
def test_a_base_url_is_completed(lm: str, given: str, used: str) -> None:
    large, _ = endpoints(settings(lm=lm, lm_base_url=given, lm_api_key=OTHER_KEY)) or ()
    assert large.base_url == used


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"lm": "claude-x"}, r"SRE_LM: 'claude-x' names no model; write <provider>/<model>"),
        ({"lm": "anthropic/"}, r"SRE_LM: 'anthropic/' names no model"),
        ({"lm": "acme/model"}, r"SRE_LM: 'acme' is no provider .* anthropic, ollama, openai"),
        ({"lm": "ollama/my model"}, r"SRE_LM: 'my model' is not a model's name"),
        ({"lm": "ollama/m", "lm_small": "tiny"}, r"SRE_LM_SMALL: 'tiny' names no model"),
        ({"lm": "anthropic/m"}, r"ANTHROPIC_API_KEY: is not set"),
        ({"lm": "groq/m"}, r"SRE_LM_API_KEY: is not set, and groq needs a key"),
        ({"lm": "openai/m"}, r"SRE_LM_API_KEY: is not set, and openai needs a key"),
        ({"lm": "anthropic/m", "anthropic_api_key": ""}, r"ANTHROPIC_API_KEY: is empty"),
        ({"lm": "anthropic/m", "anthropic_api_key": " \n"}, r"ANTHROPIC_API_KEY: is empty"),
        (
            {"lm": "anthropic/m", "anthropic_api_key": CLAUDE_KEY + "\n"},
            r"ANTHROPIC_API_KEY: holds a space, a line break",
        ),
        ({"lm": "openai/m", "lm_api_key": "sk proj"}, r"SRE_LM_API_KEY: holds a space"),
        ({"lm": "openai/m", "lm_api_key": "sk-prøj"}, r"SRE_LM_API_KEY: holds a space"),
        ({"lm": "openai/m", "lm_api_key": '"sk-proj"'}, r"SRE_LM_API_KEY: holds a space, a line break, a quote"),
        ({"lm": "ollama/m", "lm_base_url": "nas:11434"}, r"SRE_LM_BASE_URL: 'nas:11434' needs a scheme"),
        ({"lm": "ollama/m", "lm_base_url": "http://"}, r"SRE_LM_BASE_URL: names no host"),
        ({"lm": "ollama/m", "lm_base_url": "http://na s/"}, r"SRE_LM_BASE_URL: names no host"),
        (
            {"lm": "ollama/m", "lm_base_url": "http://nas:port/v1"},
            r"SRE_LM_BASE_URL: names no host, or no port that can be",
        ),
        (
            {"lm": "ollama/m", "lm_base_url": "ftp://me:hunter2secret@nas/v1"},
            r"SRE_LM_BASE_URL: 'nas/v1' needs a scheme",
        ),
        ({"lm": "ollama/m", "lm_base_url": "http://[::1/v1"}, r"SRE_LM_BASE_URL: names no host"),
        ({"lm": "ollama/m", "lm_base_url": "http://me:hunter2secret@nas/v1"}, r"SRE_LM_BASE_URL: holds credentials"),
    ],
)
def test_what_cannot_work_is_named(values: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        endpoints(settings(**values))
    message = str(caught.value)
    assert "\n" not in message
    assert not any(secret in message for secret in (CLAUDE_KEY, "sk-proj", "sk proj", "hunter2secret"))


def test_a_key_made_for_another_provider_is_not_sent_to_anthropic() -> None:
    """OPENAI_API_KEY is often set for something else."""
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY: is not set"):
        endpoints(settings(lm="anthropic/m", lm_api_key=OTHER_KEY))


def test_a_key_is_not_sent_to_the_local_ollama() -> None:
    large, _ = endpoints(settings(lm="ollama/m", lm_api_key=OTHER_KEY)) or ()
    assert large.key == KEYLESS


def test_a_gateway_gets_the_general_key() -> None:
    large, _ = endpoints(settings(lm="anthropic/m", lm_api_key=OTHER_KEY, lm_base_url="https://gateway.lan")) or ()
    assert large.key == OTHER_KEY


def test_an_endpoint_shown_shows_no_key() -> None:
    large, _ = endpoints(settings(lm="anthropic/m", anthropic_api_key=CLAUDE_KEY)) or ()
    assert CLAUDE_KEY not in repr(large)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_dspy_knows_each_provider(provider: str) -> None:
    resolution = AsyncLM15Engine(lm15.RouterConfig(env={})).resolve(f"{provider}/some-model:7b")
    assert resolution.model == "some-model:7b"
