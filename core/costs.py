"""What language models cost: each call, the table of prices, the ledger and the daily budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

CallOutcome = Literal["ok", "unavailable", "refused", "bad"]


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
