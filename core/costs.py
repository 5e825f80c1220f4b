"""What a call of a language model costs: the call itself, and the table of prices. `core/ledger.py` adds them up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from core.errors import ConfigurationError
from core.vocabulary import Frozen

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
CallOutcome = Literal["ok", "unavailable", "refused", "bad"]

_PER_MILLION = 1e-6
_VERSION_SUFFIX = re.compile(r"-(latest|\d{8}|\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request to a provider. `input_tokens` are those that were neither read from nor written to the provider's cache.

    `cost_usd` is None when the table of prices does not know the model.
    """

    at: datetime
    model: str
    step: str
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    outcome: CallOutcome = "ok"
    cost_usd: float | None = None


class Price(Frozen):
    """US dollars per million tokens of one model. What is not told of the cache costs as much as any other input."""

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None

    def of(self, call: ModelCall) -> float:
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        dollars = call.input_tokens * self.input + call.output_tokens * self.output
        return (dollars + call.cache_read_tokens * read + call.cache_write_tokens * write) * _PER_MILLION


class Prices(Frozen):
    """The table: prices as of a day, as a source lists them, by model ("anthropic/claude-…", "ollama/*")."""

    as_of: date
    source: str = Field(min_length=1)
    models: dict[str, Price] = Field(min_length=1)

    def of(self, model: str) -> Price | None:
        """The price of the model itself, else of the name without its date, else of all models of its provider."""
        names = (model, _VERSION_SUFFIX.sub("", model), f"{model.partition('/')[0]}/*")
        return next((self.models[name] for name in names if name in self.models), None)

    def cost(self, call: ModelCall) -> float | None:
        """US dollars for the tokens of the call; None when the table does not know the model."""
        price = self.of(call.model)
        return None if price is None else price.of(call)

    def problem(self, model: str) -> str | None:
        """What to tell people when the model is not in the table."""
        if self.of(model) is not None:
            return None
        return (
            f"SRE_LM_PRICES: there is no price of {model} (prices as of {self.as_of}), so what it costs is not counted "
            "and the daily budget does not hold it back; add it to the table"
        )


def load_prices(path: Path) -> Prices:
    """Raises ConfigurationError that names SRE_LM_PRICES and the field that is wrong."""
    try:
        return Prices.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        wrong = f"{field}: {first['msg']}" if field else "it is no table; it needs as_of, source and models"
    except (OSError, UnicodeDecodeError) as error:
        wrong = f"cannot be read: {error}"
    except yaml.YAMLError as error:
        wrong = f"not YAML: {' '.join(str(error).split())}"
    raise ConfigurationError(f"SRE_LM_PRICES: {path}: {wrong}")
