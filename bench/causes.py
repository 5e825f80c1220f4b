"""Measures explanations over replayed incidents: is the right entity first, the right change, is no decoy blamed, does it abstain?

    python -m bench.causes [--split test] [--seeds 20] [--noise 1] [--missing 0] [--json FILE]

Every scenario of the split is replayed with that many seeds (entity, hour, noise, magnitude and decoys vary) and asked about without a
language model, two minutes after its alert. The test split is read to report; the ranking is tuned on the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

import app.environment  # noqa: F401  first, before any library that it quiets
from app.cli.screen import say
from app.wiring import build_assistant
from bench.figures import Figure, Part, load_average
from bench.replays import serving
from core.clock import now
from core.settings import load_settings
from core.vocabulary import Answer
from scenarios.index import names
from scenarios.replay_plan import COARSE_STEP_S, Incident, lay_out
from scenarios.schema import load_scenario
from scenarios.topology import load_homelab

SEEDS = 20
AFTER_ALERT = timedelta(minutes=2)
WITHOUT_ALERT = timedelta(minutes=30)
"""How long after the onset an incident is asked about whose alert did not fire."""
RESAMPLED = 2000


@dataclass(frozen=True)
class Explained:
    """What one incident's answer said, beside what is true. `blamed` is the title of the change that was named as the cause."""

    scenario: str
    seed: int
    fired: bool
    entity: str | None
    wanted_entity: str | None
    kind: str | None
    wanted_kind: str | None
    blamed: str | None
    wanted_change: str | None

    @property
    def right_entity(self) -> bool:
        return self.entity == self.wanted_entity

    @property
    def right_change(self) -> bool:
        return self.blamed == self.wanted_change

    @property
    def decoy_blamed(self) -> bool:
        return self.blamed is not None and self.blamed != self.wanted_change


def explain_all(split: str, seeds: int, *, noise: float = 1.0, missing: float = 0.0) -> list[Explained]:
    """One replay for each seed, with every scenario of the split in it."""
    found: list[Explained] = []
    for seed in range(1, seeds + 1):
        found += _explain_seed(split, seed, noise, missing)
        say(
            f"seed {seed}/{seeds}: {sum(e.right_entity for e in found)} entities, {sum(e.right_change for e in found)} changes of {len(found)}"
        )
    return found


def _explain_seed(split: str, seed: int, noise: float, missing: float) -> list[Explained]:
    chosen = [load_scenario(name) for name in names(split)]
    days = max(2.0, 0.36 * len(chosen))
    plan = lay_out(
        chosen, load_homelab(), end=now(), days=days, seed=seed, step_s=COARSE_STEP_S, noise=noise, missing=missing
    )
    with tempfile.TemporaryDirectory(prefix="sre-bench-") as data, serving(plan, Path(data)) as told:
        return asyncio.run(_ask_all(plan.incidents, told))


async def _ask_all(planned: Sequence[Incident], told: Sequence[dict[str, str | None]]) -> list[Explained]:
    found = []
    async with build_assistant(load_settings()) as assistant:
        for incident, ready in zip(planned, told, strict=True):
            fired = datetime.fromisoformat(ready["alert_at"]) if ready["alert_at"] else None
            at = fired + AFTER_ALERT if fired else incident.onset + WITHOUT_ALERT
            question = f"Why is {incident.scenario.expect.alert} firing?" if fired else "What is wrong?"
            found.append(_judged(incident, fired is not None, await assistant.ask(question, at=min(at, now()))))
    return found


def _judged(incident: Incident, fired: bool, answer: Answer) -> Explained:
    expect, cause = incident.scenario.expect, answer.cause
    blamed = next((c.title for c in answer.changes if cause and c.id == cause.change_id), None)
    wanted = next((c.title for c in incident.scenario.changes if c.id == expect.change), None)
    return Explained(
        incident.scenario.name, incident.seed, fired, cause.entity if cause else None, expect.cause_entity,
        cause.kind if cause else None, expect.cause_kind, blamed, wanted,
    )  # fmt: skip


def figures(found: Sequence[Explained], suffix: str = "") -> list[Figure]:
    """Shares over all incidents, with a 95 % interval that is resampled by scenario: incidents of one scenario are alike."""
    with_change = [each for each in found if each.wanted_change is not None]
    without = [each for each in found if each.wanted_change is None]
    return [
        _figure(f"right entity first{suffix}", found, lambda e: e.right_entity, 0.9),
        _figure(f"right change first, where there is one{suffix}", with_change, lambda e: e.right_change, 0.9),
        _figure(f"decoy blamed{suffix}", found, lambda e: e.decoy_blamed, 0.03, more_is_better=False),
        _figure(f"abstains where no change is the cause{suffix}", without, lambda e: e.blamed is None, 0.9),
    ]


def _figure(
    name: str,
    found: Sequence[Explained],
    holds: Callable[[Explained], bool],
    target: float,
    *,
    more_is_better: bool = True,
) -> Figure:
    scenarios = sorted({each.scenario for each in found})
    by_scenario = [np.array([holds(e) for e in found if e.scenario == scenario], dtype=float) for scenario in scenarios]
    draw = np.random.default_rng(0)
    means = np.array([own.mean() for own in by_scenario])
    resampled = np.sort(draw.choice(means, (RESAMPLED, len(means))).mean(axis=1)) if len(means) else np.zeros(1)
    low, high = resampled[int(0.025 * len(resampled))], resampled[int(0.975 * len(resampled))]
    label = f"{name} ({len(found)} incidents of {len(scenarios)} scenarios)"
    middle = float(np.mean([holds(each) for each in found])) if found else 0.0
    return Figure(label, "", target, [float(low), middle, float(high)], more_is_better=more_is_better)


def measure_causes(seeds: int = SEEDS) -> Part:
    """As asked, and with the noise doubled and every tenth sample missing."""
    before = load_average()
    usual = explain_all("test", seeds)
    harder = explain_all("test", max(1, seeds // 4), noise=2.0, missing=0.1)
    about = f"Explanations without a language model over the test scenarios, {seeds} seeds each; spread: 95 % interval, clustered by scenario."
    return Part(about, [*figures(usual), *figures(harder, ", noise doubled, 10 % missing")], before, load_average())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.causes")
    parser.add_argument("--split", default="dev", choices=("train", "dev", "test"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    before = load_average()
    found = explain_all(given.split, given.seeds, noise=given.noise, missing=given.missing)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in found], indent=1), encoding="utf-8")
    if given.split != "test":
        for each in found:
            if not (each.right_entity and each.right_change):
                say(f"missed: {each}")
    print("\n".join(Part(f"Split {given.split}, {given.seeds} seeds.", figures(found), before, load_average()).lines()))


if __name__ == "__main__":
    main()
