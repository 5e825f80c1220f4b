"""The domain knowledge of `signals.yaml`, loaded and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import Template
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from core.errors import ConfigurationError
from core.vocabulary import CauseKind, Frozen
from core.yaml_files import load_shipped

SIGNALS_FILE = Path(__file__).with_name("signals.yaml")

Unit = Literal["ratio", "bytes", "bytes_per_second", "seconds", "days", "count", "per_second", "state", "celsius"]
Where = Literal["self", "upstream", "services", "guests", "neighbours", "clients"]


class Signal(Frozen):
    """One thing worth measuring; the fields are documented at the top of `signals.yaml`."""

    name: str
    phrase: str
    unit: Unit
    bad: Literal["up", "down", "both"]
    threshold: float | None = None
    notable: float
    relative: float = 0.0
    state: bool = False
    symptom: bool = False
    accumulates: bool = False
    cause: CauseKind
    cause_while_fine: dict[str, CauseKind] = Field(default_factory=dict)
    family: str
    scope: Literal["host", "service", "node", "device"]
    counted: str | None = None
    says: dict[int, str] = Field(default_factory=dict)
    queries: dict[str, str]

    def promql(self, exporter: str, *, matcher: str = "", rate_window_s: int = 300) -> str:
        """The query for one exporter, over all entities or the one that `matcher` (label matchers) selects."""
        text = Template(self.queries[exporter]).substitute(m=f",{matcher}" if matcher else "", w=f"{rate_window_s}s")
        return text.replace("{,", "{")

    @property
    def is_state(self) -> bool:
        """Bad whenever it is beyond its threshold, whatever is normal for it."""
        return self.state or self.unit == "state"

    def beyond(self, value: float) -> bool:
        """Whether the value is bad on its own."""
        if self.threshold is None:
            return False
        return value < self.threshold if self.bad == "down" else value > self.threshold


class Family(Frozen):
    """The signals that belong to alerts and questions whose words match `pattern`."""

    name: str
    pattern: str
    signals: tuple[str, ...]
    general: bool = False


class Unmeasured(Frozen):
    """Something that people ask for and no signal tells."""

    phrase: str
    pattern: str
    metrics: str
    hides: tuple[str, ...] = ()


class Explanation(Frozen):
    """An abnormal `effect` on one entity may be explained by an abnormal `by` found `where`, seen from it."""

    effect: tuple[str, ...]
    by: tuple[str, ...]
    where: Where
    share: float = 0.0
    kind: CauseKind | None = None


class Domain(Frozen):
    """Everything in `signals.yaml`."""

    signals: dict[str, Signal]
    families: tuple[Family, ...]
    explanations: tuple[Explanation, ...]
    unmeasured: tuple[Unmeasured, ...] = ()

    def unmeasured_in(self, text: str) -> list[Unmeasured]:
        """What a question asks for in vain; none where it speaks of what is measured, too."""
        found = [each for each in self.unmeasured if re.search(each.pattern, text.lower())]
        hidden = {family for each in found for family in each.hides}
        return [] if any(family.name not in hidden for family in self.families_of(text)) else found

    def families_of(self, text: str) -> list[Family]:
        """The families that a text speaks of, in the file's order; CamelCase alert names are split into words first."""
        words = split_camel_case(text).lower()
        return [family for family in self.families if re.search(family.pattern, words)]

    def with_explanations(self, names: Iterable[str]) -> list[str]:
        """The named signals, then every signal that may explain one of them, directly or not."""
        found = list(dict.fromkeys(names))
        for name in found:  # grows while it is walked
            found += [by for rule in self.explanations if name in rule.effect for by in rule.by if by not in found]
        return found

    def pick(self, names: Iterable[str]) -> list[Signal]:
        """The named signals, each once, in the order given."""
        return [self.signals[name] for name in dict.fromkeys(names)]


def split_camel_case(text: str) -> str:
    """ "HostHighCpu" becomes "Host High Cpu"; a run of capitals stays one word."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)


@cache
def load_domain(path: Path = SIGNALS_FILE) -> Domain:
    """Read and check the file. Raises ConfigurationError naming the field that is wrong."""
    try:
        raw = load_shipped(path.read_text(encoding="utf-8"))
        domain = Domain(
            signals={name: Signal(name=name, **body) for name, body in raw["signals"].items()},
            families=tuple(Family(name=name, **body) for name, body in raw["families"].items()),
            explanations=tuple(Explanation(**body) for body in raw["explanations"]),
            unmeasured=tuple(Unmeasured(**body) for body in raw.get("unmeasured", ())),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{path.name}: {error.title}.{'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from None
    used = {s for f in domain.families for s in f.signals} | {
        s for e in domain.explanations for s in (*e.effect, *e.by)
    }
    if unknown := used - domain.signals.keys():
        raise ConfigurationError(f"{path.name}: no such signal: {', '.join(sorted(unknown))}")
    return domain
