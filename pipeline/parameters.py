"""Every number that the optimiser may change, declared with its bounds. They are saved with the program, and loaded with it.

The defaults are the start: set by hand, or fitted where the comment of their module says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError

from core.errors import ConfigurationError
from core.vocabulary import Frozen, Intent
from pipeline.ranking.change_weights import NONE_SIGNS, SIGNS, ChangeWeights, load_weights
from pipeline.ranking.entities import EntityWeights
from pipeline.router import RouterWeights, load_examples
from tools.knowledge.ranking import SearchWeights

Part = Literal["changes", "entities", "search", "router"]


class Bounds(Frozen):
    """Where a tuner may look for a number. `scale`: by factors rather than by steps."""

    low: float
    high: float
    scale: bool = False


class Parameters(Frozen):
    """`changes` ranks changes, `entities` what moved, `search` the pages; `router` how
    `router_examples` tell what a question is after.
    """

    changes: ChangeWeights = Field(default_factory=load_weights)
    entities: EntityWeights = EntityWeights()
    search: SearchWeights = SearchWeights()
    router: RouterWeights = RouterWeights()
    router_examples: dict[Intent, tuple[str, ...]] = Field(default_factory=load_examples)

    def flat(self) -> dict[str, float]:
        """Every declared number by its dotted name."""
        return {name: _at(self, name) for name in declared()}

    def changed(self, values: Mapping[str, float]) -> Parameters:
        """With other values for some names. Raises ConfigurationError for a name that is not declared, or a value beyond its bounds."""
        found = self
        for name, value in values.items():
            bounds = declared().get(name)
            if bounds is None:
                raise ConfigurationError(f"parameters: {name} is not declared in pipeline/parameters.py")
            if not bounds.low <= value <= bounds.high:
                raise ConfigurationError(f"parameters: {name} is {value:g}, outside {bounds.low:g} to {bounds.high:g}")
            found = _with(found, name, value)
        return found

    def saved(self) -> dict[str, Any]:
        """As a program's state holds them."""
        examples = {intent: list(texts) for intent, texts in self.router_examples.items()}
        return {**{name: asdict(getattr(self, name)) for name in get_args(Part)}, "router_examples": examples}


def read_parameters(saved: object) -> Parameters:
    """What `Parameters.saved` gave. Raises ConfigurationError naming the first field that does not fit."""
    try:
        return Parameters.model_validate(saved)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"parameters: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def declared() -> dict[str, Bounds]:
    """All names with their bounds."""
    found = {f"changes.signs.{name}": Bounds(low=-5, high=5) for name in SIGNS}
    found |= {f"changes.none.{name}": Bounds(low=-3, high=3) for name in NONE_SIGNS}
    found["changes.bar"] = Bounds(low=0.2, high=0.8)
    found["changes.accumulating_opaque"] = Bounds(low=1, high=24, scale=True)
    found |= {f"changes.delay_s.{kind}": Bounds(low=60, high=86_400, scale=True) for kind in load_weights().delay_s}
    found |= {
        f"changes.accumulating.{topic}": Bounds(low=1, high=72, scale=True) for topic in load_weights().accumulating
    }
    found |= {f"entities.{each.name}": Bounds(low=0, high=2) for each in fields(EntityWeights)}
    found |= {f"entities.{name}": Bounds(low=1, high=60, scale=True) for name in ("steps", "clear")}
    found |= {f"search.{each.name}": Bounds(low=0, high=4) for each in fields(SearchWeights)}
    found |= {"search.slope": Bounds(low=1, high=20, scale=True), "search.intercept": Bounds(low=-20, high=0)}
    found["search.bar"] = Bounds(low=0.1, high=0.9)
    found["router.ridge"] = Bounds(low=0.1, high=10, scale=True)
    found["router.threshold"] = Bounds(low=0, high=0.9)
    found |= {f"router.{each}": Bounds(low=0, high=0.5) for each in ("weak", "guess")}
    return found


def _at(parameters: Parameters, name: str) -> float:
    value: Any = parameters
    for part in name.split("."):
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return float(value)


def _with(parameters: Parameters, name: str, value: float) -> Parameters:
    part, _, rest = name.partition(".")
    weights = getattr(parameters, part)
    field, _, key = rest.partition(".")
    new = {**getattr(weights, field), key: value} if key else value
    return parameters.model_copy(update={part: replace(weights, **{field: new})})
