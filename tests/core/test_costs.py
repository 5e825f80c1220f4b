"""The table of prices."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from core.costs import ModelCall, load_prices
from core.errors import ConfigurationError
from core.settings import Settings

NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
TABLE = """
as_of: 2026-11-01
source: a list
models:
  anthropic/big: {input: 3, cache_read: 0.3, cache_write: 3.75, output: 15}
  openai/plain: {input: 2, output: 8}
  ollama/*: {input: 0, output: 0}
"""


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE)
    return load_prices(path)


def call(model: str, **tokens: int) -> ModelCall:
    return ModelCall(at=NOW, model=model, step="synthesise", **tokens)


def test_every_kind_of_token_has_its_price(prices) -> None:
    tokens = {"input_tokens": 1_000, "cache_read_tokens": 10_000, "cache_write_tokens": 2_000, "output_tokens": 400}
    assert prices.cost(call("anthropic/big", **tokens)) == pytest.approx(0.003 + 0.003 + 0.0075 + 0.006)


def test_what_is_not_told_of_the_cache_costs_as_much_as_input(prices) -> None:
    tokens = {"input_tokens": 1_000, "cache_read_tokens": 1_000, "cache_write_tokens": 1_000}
    assert prices.cost(call("openai/plain", **tokens)) == pytest.approx(0.006)


@pytest.mark.parametrize(
    "model", ["anthropic/big-20250929", "anthropic/big-latest", "anthropic/big-2025-09-29", "anthropic/big"]
)
def test_a_dated_version_costs_what_its_model_does(prices, model) -> None:
    assert prices.cost(call(model, output_tokens=1_000_000)) == pytest.approx(15)


def test_a_local_model_costs_nothing(prices) -> None:
    assert prices.cost(call("ollama/qwen2.5:7b", input_tokens=5_000, output_tokens=500)) == 0.0
    assert prices.problem("ollama/qwen2.5:7b") is None


@pytest.mark.parametrize("model", ["anthropic/bigger", "anthropic/big-2", "openai/other", "elsewhere/big", "big"])
def test_a_model_that_is_not_in_the_table_has_no_price(prices, model) -> None:
    assert prices.cost(call(model, input_tokens=5)) is None
    assert prices.problem(model) == (
        f"SRE_LM_PRICES: there is no price of {model} (prices as of 2026-11-01), so what it costs is not counted "
        "and the daily budget does not hold it back; add it to the table"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is no table"),
        ("- a\n- b\n", "it is no table"),
        ("a: [", "not YAML"),
        (TABLE.replace("as_of: 2026-11-01", ""), "as_of: Field required"),
        (TABLE.replace("2026-11-01", "soon"), "as_of: "),
        (TABLE.replace("a list", '""'), "source: "),
        (TABLE.replace("input: 2, ", ""), r"models\.openai/plain\.input: Field required"),
        (TABLE.replace("output: 8", "output: -8"), r"models\.openai/plain\.output: "),
        (TABLE.replace("output: 8", "output: much"), r"models\.openai/plain\.output: "),
        (TABLE.replace("output: 8", "output: 8, cached: 1"), r"models\.openai/plain\.cached: "),
        (TABLE.replace("output: 8", "output: .inf"), r"models\.openai/plain\.output: "),
    ],
)
def test_a_broken_table_is_named_with_the_field(tmp_path, text, says) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"^SRE_LM_PRICES: .*prices\.yaml: {says}"):
        load_prices(path)


def test_a_table_that_cannot_be_read_is_named(tmp_path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"as_of: \xff\xfe")
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(ConfigurationError, match=r"^SRE_LM_PRICES: .*cannot be read"):
            load_prices(path)


def test_the_shipped_table_knows_the_models_of_the_documentation() -> None:
    shipped = load_prices(Settings().lm_prices)
    for model in ("anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5-20251001", "openai/gpt-5-mini"):
        price = shipped.of(model)
        assert price is not None
        assert 0 < price.input < price.output
    assert shipped.as_of > date(2026, 1, 1)
    assert "https://" in shipped.source
