"""Label matchers: written for PromQL, and read back to tell which entity a series belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from core.vocabulary import Entity

_MATCHER = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(=~|=)"((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_UNESCAPE = re.compile(r"\\(.)")
_RE2_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ORDER = ("node", "pve", "probe", "dns", "nut", "traefik", "adguard", "unbound", "containers", "smartctl")
"""When two entities claim the same labels, the one whose claim stands first here gets them."""

LabelSets = Sequence[Mapping[str, str]]


def quote(value: str) -> str:
    """`value` as a double-quoted PromQL string."""
    return '"' + "".join(_ESCAPES.get(char, char) for char in value) + '"'


def render(choices: LabelSets) -> str:
    """Matchers for series that carry any of `choices`, which differ in one label at most (else the first is taken)."""
    first = dict(choices[0])
    differing = {label for labels in choices for label in first if labels.get(label) != first[label]}
    if len(differing) == 1:
        (label,) = differing
        values = sorted({labels[label] for labels in choices if labels.get(label)})
        pattern = "|".join(_RE2_SPECIAL.sub(r"\\\g<0>", value) for value in values)
        return ",".join(
            f"{name}=~{quote(pattern)}" if name == label else f"{name}={quote(value)}" for name, value in first.items()
        )
    return ",".join(f"{name}={quote(value)}" for name, value in first.items())


def parse(text: str) -> dict[str, tuple[str, str]]:
    """`{label: (operator, value)}` of what `render` wrote."""
    return {
        label: (operator, _UNESCAPE.sub(lambda m: "\n" if m.group(1) == "n" else m.group(1), value))
        for label, operator, value in _MATCHER.findall(text)
    }


class LabelIndex:
    """Finds the entity whose matchers a label set satisfies; the most specific claim wins."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._exact: dict[tuple[str, ...], dict[tuple[str, ...], str]] = {}
        self._patterns: list[tuple[dict[str, re.Pattern[str]], str]] = []
        claims = [
            (_ORDER.index(exporter) if exporter in _ORDER else len(_ORDER), entity.name, parse(matchers))
            for entity in entities
            for exporter, matchers in entity.matchers.items()
        ]
        for _, name, parsed in sorted(claims, key=lambda claim: claim[:2]):
            self._add(name, parsed)
        self._shapes = sorted(self._exact, key=_specificity, reverse=True)

    def _add(self, name: str, parsed: Mapping[str, tuple[str, str]]) -> None:
        if not parsed:
            return
        if any(operator == "=~" for operator, _ in parsed.values()):
            compiled = {
                label: re.compile(value if operator == "=~" else re.escape(value))
                for label, (operator, value) in parsed.items()
            }
            self._patterns.append((compiled, name))
            return
        shape = tuple(sorted(parsed))
        self._exact.setdefault(shape, {}).setdefault(tuple(parsed[label][1] for label in shape), name)

    def find(self, labels: Mapping[str, str]) -> str | None:
        """The name of the entity, or None when nothing claims these labels."""
        for shape in self._shapes:
            if all(label in labels for label in shape):
                found = self._exact[shape].get(tuple(labels[label] for label in shape))
                if found is not None:
                    return found
        for patterns, name in self._patterns:
            if all(pattern.fullmatch(labels.get(label, "")) for label, pattern in patterns.items()):
                return name
        return None


def _specificity(shape: tuple[str, ...]) -> tuple[int, int]:
    """`instance` says where a series was scraped; every other label says more about whose it is."""
    return (sum(label != "instance" for label in shape), len(shape))
