"""Signals: what the exporters report is computed from these, each a closed function of time.

A signal of an entity is `base * (1 + sum of sines)`: a daily and a weekly rhythm and five noise periods between a minute and three
hours. Its integral is closed too, so a counter at any time needs no history. Faults modulate single rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from scenarios.shapes import Floats, Modulation

DAY_S, WEEK_S = 86400.0, 604800.0
NOISE_PERIODS_S = (71.0, 337.0, 1409.0, 4793.0, 10357.0)
BUSIEST_HOUR = 20.0
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True)
class Signal:
    """`daily`, `weekly`, `noise` and `jitter` are amplitudes relative to the base. Jitter is white noise, for gauges only.

    `stops`: goes to zero while its entity is down. `usual` is the base of whatever has one of the traits `among` (see
    `fault_kinds.traits`), where it is the same for all of them; the other bases are worked out in baseline.py.
    """

    name: str
    unit: str
    daily: float = 0.0
    weekly: float = 0.0
    noise: float = 0.0
    jitter: float = 0.0
    stops: bool = True
    usual: float | None = None
    among: tuple[str, ...] = ()


SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("up", "1 while it runs", stops=False),
        Signal("healthy", "1 while it answers requests", stops=False),
        Signal("cpu", "cores in use", 0.22, 0.04, 0.12),
        Signal("memory", "bytes", 0.02, 0.005, 0.012, 0.003),
        Signal("net_rx", "bytes per second", 0.3, 0.05, 0.2),
        Signal("net_tx", "bytes per second", 0.3, 0.05, 0.2),
        Signal("disk_read", "bytes per second", 0.25, 0.05, 0.2),
        Signal("disk_write", "bytes per second", 0.2, 0.05, 0.15),
        Signal("disk_used", "bytes", 0.0, 0.004, 0.0006, stops=False),
        Signal("served", "requests per second answered well", 0.35, 0.06, 0.15),
        Signal("errors", "requests per second answered with 5xx", 0.35, 0.06, 0.15, stops=False),
        Signal("latency", "seconds", 0.06, 0.0, 0.05, 0.12, stops=False),
        Signal("lookup", "seconds to resolve its name", 0.05, 0.0, 0.05, 0.2, stops=False),
        Signal("certificate_expires", "unix seconds", stops=False),
        Signal("queries", "DNS queries per second", 0.35, 0.06, 0.15),
        Signal("resolve_time", "seconds to answer a DNS query", 0.08, 0.0, 0.06, 0.1, stops=False),
        Signal("iowait", "cores waiting for a disk", 0.15, 0.0, 0.15),
        Signal("steal", "cores taken by other guests", 0.15, 0.0, 0.15),
        Signal("queue", "tasks waiting for a core", 0.2, 0.0, 0.2, 0.1),
        Signal("blocked", "tasks blocked on I/O", 0.2, 0.0, 0.2, 0.1),
        Signal("disk_busy", "share of time the disk is busy", 0.2, 0.0, 0.15),
        Signal("read_wait", "seconds spent in reads, per second", 0.25, 0.05, 0.2),
        Signal("write_wait", "seconds spent in writes, per second", 0.2, 0.05, 0.15),
        Signal("disk_errors", "sectors that the worst disk gave up on", stops=False),
        Signal("disk_passed", "1 while the worst disk passes its self-assessment", stops=False),
        Signal("disk_temperature", "degrees Celsius", 0.03, 0.0, 0.01, stops=False),
        Signal("nfs_ops", "NFS calls per second", 0.25, 0.05, 0.15),
        Signal("nfs_retransmissions", "NFS calls sent again, per second", 0.2, 0.0, 0.2),
        Signal("connections", "TCP connections", 0.2, 0.04, 0.1, usual=30, among=("node", "guest", "nas", "database")),
        Signal("pool_missing", "disks that the pool misses", stops=False, usual=0, among=("nas",)),
        Signal("silent", "1 while it runs but answers nobody", stops=False, usual=0, among=("guest", "service")),
        Signal("clock_offset", "seconds", 0.0, 0.0, 0.4, 0.3, stops=False),
        Signal("on_battery", "1 while the mains is gone", stops=False),
        Signal("battery_charge", "percent", stops=False),
        Signal("input_voltage", "volts", 0.006, 0.0, 0.004, 0.002, stops=False),
        Signal("ups_load", "percent", 0.12, 0.02, 0.05, 0.02, stops=False),
    )
}


def unit_interval(*parts: object) -> float:
    """A number in 0..1 that depends on nothing but `parts`, the same in every process."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class SignalTable:
    """One signal for all entities that have it. Arrays are entities × times; `origin` is the unix time where integrals are 0."""

    def __init__(self, signal: Signal, bases: dict[str, float], *, seed: int, origin: float) -> None:
        self.signal = signal
        self.origin = origin
        self.entities = tuple(bases)
        self.index = {entity: row for row, entity in enumerate(self.entities)}
        self.base = np.array(list(bases.values()), dtype=float)
        self._modulations: dict[int, Modulation] = {}
        self._areas: dict[int, Floats] = {}
        digest = hashlib.blake2b(f"{seed}/{signal.name}".encode(), digest_size=8).digest()
        # Drawn per entity, so that adding one to the homelab leaves the others as they were.
        draws = np.array([_draws(digest, entity) for entity in self.entities]).reshape(len(bases), -1)
        self._salt = (draws[:, 0] * 2**63).astype(np.uint64)
        self._set_rhythm(draws)

    def _set_rhythm(self, draws: Floats) -> None:
        signal, count = self.signal, len(NOISE_PERIODS_S)
        noise = 0.5 + draws[:, 1 : 1 + count]
        noise *= signal.noise / np.maximum(noise.sum(axis=1, keepdims=True), 1e-9)
        periods = np.array(NOISE_PERIODS_S) * (0.85 + 0.3 * draws[:, 1 + count : 1 + 2 * count])
        phases = 2 * np.pi * draws[:, 1 + 2 * count : 1 + 3 * count]
        hours = BUSIEST_HOUR + 4 * (draws[:, -1:] - 0.5)
        daily_phase = np.pi / 2 - 2 * np.pi * hours / 24 + 2 * np.pi * (self.origin % DAY_S) / DAY_S
        weekly_phase = 2 * np.pi * (draws[:, -2:-1] + (self.origin % WEEK_S) / WEEK_S)
        ones = np.ones((len(self.entities), 1))
        self._amplitude = np.hstack([signal.daily * (0.7 + 0.3 * draws[:, -3:-2]), signal.weekly * ones, noise])
        self._omega = 2 * np.pi / np.hstack([DAY_S * ones, WEEK_S * ones, periods])
        self._phase = np.hstack([daily_phase, weekly_phase, phases])
        used = (signal.daily > 0, signal.weekly > 0, *(signal.noise > 0,) * count)
        self._terms = [term for term, is_used in enumerate(used) if is_used]

    def modulate(self, entity: str, modulation: Modulation) -> None:
        row = self.index[entity]
        self._modulations[row] = modulation
        self._areas[row] = self._areas_at_knots(row, modulation)

    def modulation(self, entity: str) -> Modulation:
        return self._modulations.get(self.index[entity], Modulation.none())

    def values(self, times: Floats) -> Floats:
        """The signal itself at unix `times`."""
        ahead = times - self.origin
        found = np.ones((len(self.entities), len(times)))
        for term in self._terms:
            found += self._amplitude[:, term, None] * np.sin(self._angle(term, ahead))
        if self.signal.jitter:
            found *= 1 + self.signal.jitter * self._white(times)
        found *= self.base[:, None]
        for row, modulation in self._modulations.items():
            scale, offset = modulation.at(times)
            found[row] = found[row] * scale + offset
        return found

    def integrals(self, times: Floats) -> Floats:
        """The integral from `origin` to each of `times`, in unit-seconds; jitter averages out and is left aside."""
        ahead = times - self.origin
        found = np.repeat(ahead[None, :], len(self.entities), axis=0)
        for term in self._terms:
            ratio = self._amplitude[:, term, None] / self._omega[:, term, None]
            found += ratio * (np.cos(self._phase[:, term, None]) - np.cos(self._angle(term, ahead)))
        found *= self.base[:, None]
        for row in self._modulations:
            found[row] = self._modulated_integral(row, times, found[row])
        return found

    def integral(self, entity: str, times: Floats) -> Floats:
        """As `integrals`, of one entity."""
        row = self.index[entity]
        plain = self._plain(row, times)[0]
        return self._modulated_integral(row, times, plain) if row in self._modulations else plain

    def _angle(self, term: int, ahead: Floats) -> Floats:
        angle: Floats = self._omega[:, term, None] * ahead[None, :] + self._phase[:, term, None]
        return angle

    def _plain(self, row: int, times: Floats) -> tuple[Floats, Floats]:
        """First and second integral of the unmodulated row."""
        ahead = times - self.origin
        first, second = ahead.copy(), ahead**2 / 2
        for term in self._terms:
            size, omega, phase = self._amplitude[row, term], self._omega[row, term], self._phase[row, term]
            first += size / omega * (np.cos(phase) - np.cos(omega * ahead + phase))
            second += size / omega * np.cos(phase) * ahead
            second -= size / omega**2 * (np.sin(omega * ahead + phase) - np.sin(phase))
        return self.base[row] * first, self.base[row] * second

    def _modulated_integral(self, row: int, times: Floats, plain: Floats) -> Floats:
        modulation = self._modulations[row]
        index = np.searchsorted(modulation.start, times, side="right") - 1
        if not len(modulation.start) or (index < 0).all():
            return plain
        inside = self._areas[row][index] + self._area_within(row, modulation, index, times)
        return np.where(index >= 0, inside, plain)

    def _areas_at_knots(self, row: int, modulation: Modulation) -> Floats:
        """The integral from `origin` up to each knot."""
        if not len(modulation.start):
            return np.zeros(0)
        first = self._plain(row, modulation.start[:1])[0]
        steps = self._area_within(row, modulation, np.arange(len(modulation.start) - 1), modulation.start[1:])
        return np.cumsum(np.concatenate([first, steps]))

    def _area_within(self, row: int, modulation: Modulation, index: NDArrayInt, times: Floats) -> Floats:
        """The integral from knot `index` to `times`, by parts: the scale is linear there."""
        knot = modulation.start[index]
        ahead = times - knot
        scale, slope = modulation.scale[index], modulation.scale_slope[index]
        area_end, twice_end = self._plain(row, times)
        area_knot, twice_knot = self._plain(row, knot)
        area = (scale + slope * ahead) * area_end - scale * area_knot - slope * (twice_end - twice_knot)
        added: Floats = area + modulation.offset[index] * ahead + modulation.offset_slope[index] * ahead**2 / 2
        return added

    def _white(self, times: Floats) -> Floats:
        """Uniform in -1..1, a hash of the row and the millisecond."""
        mixed = self._salt[:, None] + np.round(times * 1000).astype(np.uint64)[None, :] * _MIX[0]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[1]
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[2]
        white: Floats = (mixed >> np.uint64(11)).astype(np.float64) / 2**52 - 1.0
        return white


NDArrayInt = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def _draws(digest: bytes, entity: str) -> Floats:
    """Uniform numbers for one row: a salt, then weights, periods and phases of the noise, then of the rhythms."""
    wanted = 4 + 3 * len(NOISE_PERIODS_S)
    raw = b"".join(
        hashlib.blake2b(entity.encode(), key=digest, salt=bytes([n])).digest() for n in range(wanted // 8 + 1)
    )
    draws: Floats = np.frombuffer(raw, dtype=">u8")[:wanted].astype(np.float64) / 2**64
    return draws
