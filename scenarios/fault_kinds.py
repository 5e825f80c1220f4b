"""The kinds of fault, read from fault_kinds.yaml: what each does to which signal of whom."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigurationError
from core.vocabulary import CauseKind
from scenarios.shapes import ShapeName
from scenarios.signals import SIGNALS
from scenarios.topology import Homelab

KINDS_FILE = Path(__file__).with_name("fault_kinds.yaml")
_OFFSET = re.compile(r"([+-])?(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")

Affected = Literal[
    "self", "host", "node", "inside", "colocated", "neighbours", "clients", "direct_clients", "users", "peers"
]
Capacity = Literal["cores", "memory", "disk", "share", "days_after_onset"]
"""`share` is 1: the level is one already, and no rhythm may lift it above."""
Amount = float | Literal["magnitude"]


def parse_offset(value: object) -> timedelta:
    """ "+20m", "+1h30m", "+90s", "2d": a length of time. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    match = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if match is None or len(str(value)) > 32:
        raise ValueError(f"{str(value)[:40]!r} is not an offset; write it like +20m, +1h30m or +90s")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups()[1:])
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if match[1] == "-" else length


Offset = Annotated[timedelta, BeforeValidator(parse_offset)]


class ShapeSpec(BaseModel):
    """See `shapes.Shape`; what is left out comes from the scenario, then from the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: ShapeName | None = None
    length: Offset | None = None
    hold: Offset | None = None
    pause: Offset | None = None
    delay: Offset = timedelta(0)


class Effect(ShapeSpec):
    """What happens to one signal of the affected entities that have it. Exactly one amount.

    level   it goes to this much (times the capacity that `of` names)
    add     it rises by this much
    factor  it is multiplied by this
    fill    the machine's total of this signal goes to this share of the capacity, the affected entity making up the difference
    """

    affects: Affected
    signal: str
    level: Amount | None = None
    add: Amount | None = None
    factor: Amount | None = None
    fill: Amount | None = None
    of: Capacity | None = None
    keep: float | None = Field(None, ge=0, le=1)
    """How much of the signal's own rhythm stays. By default all of it for a factor, little for a share of a capacity."""
    among: str | None = None
    """Only those affected entities that have this trait."""
    only: tuple[str, ...] = ()
    """Only these of the affected entities, by name; those that a homelab has not are skipped."""
    when_self: str | None = None
    """Only if the faulty entity has this trait."""
    scope: Literal["one", "all"] | None = None
    restarts: bool = False
    """The affected entity starts afresh whenever a cycle ends."""
    oom_kill: bool = False
    runs: bool = False
    """Only of `up`: out of reach, but what it does goes on."""

    @model_validator(mode="after")
    def _one_amount(self) -> Effect:
        if sum(amount is not None for amount in (self.level, self.add, self.factor, self.fill)) != 1:
            raise ValueError("needs exactly one of level, add, factor, fill")
        if self.signal not in SIGNALS:
            raise ValueError(f"no signal named {self.signal!r}; there are {', '.join(sorted(SIGNALS))}")
        if self.fill is not None and self.of not in ("cores", "memory", "disk"):
            raise ValueError("fill needs `of: cores`, memory or disk")
        return self


class FaultKind(BaseModel):
    """`applies_to` lists traits (see `traits`), any of which makes an entity suitable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str
    cause_kind: CauseKind
    applies_to: tuple[str, ...]
    magnitude: float = 1.0
    magnitude_range: tuple[float, float] = (0.0, 1.0)
    scopes: tuple[Literal["one", "all"], ...] = ("one",)
    timing: ShapeSpec
    effects: tuple[Effect, ...]


def traits(homelab: Homelab, entity: str) -> set[str]:
    """Words that effects and `applies_to` use: the kind of entity, and container, web, dns, resolver, database, proxy, app, exporter,
    nfs, vm, lxc.
    """
    kind = homelab.entities[entity]
    found: set[str] = {kind}
    if kind == "guest":
        guest = homelab.guests[entity]
        found |= {"vm" if guest.type == "qemu" else "lxc"} | ({"nfs"} if guest.nfs else set())
    if kind == "service":
        service = homelab.services[entity]
        marks = {
            "container": service.image,
            "web": service.web,
            "nfs": service.nfs,
            "exporter": entity.endswith("-exporter"),
            "resolver": entity in homelab.resolvers,
        }
        found |= {service.kind} | {mark for mark, present in marks.items() if present}
    return found


@cache
def load_fault_kinds() -> dict[str, FaultKind]:
    """Every kind by name. A wrong fault_kinds.yaml is our own mistake: ConfigurationError."""
    document: dict[str, Any] = yaml.safe_load(KINDS_FILE.read_text(encoding="utf-8"))
    try:
        return {name: FaultKind.model_validate(fields) for name, fields in document.items()}
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{KINDS_FILE.name}: {field}: {first['msg']}") from None
