"""Keeps what was learnt: a row per Prometheus and signal, its arrays as compressed bytes of numpy's own format (never pickled).

Imports SQLAlchemy. Calls block: from async code they belong into a thread.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Column, Float, Integer, LargeBinary, String, Table, delete, func, insert, select

from core.errors import StoreError
from core.store import METADATA, Store
from core.vocabulary import Window
from pipeline.baselines import HOURS, SHARES, Bands, Baseline
from pipeline.signals import Signal

KEPT_FOR = timedelta(days=60)
"""What was learnt of a Prometheus that nobody asks any more goes after so long."""

_BASELINES = Table(
    "baselines",
    METADATA,
    Column("source", String, primary_key=True),  # the URL of the Prometheus: another one has other machines
    Column("signal", String, primary_key=True),
    Column("learnt_at", Float, nullable=False, index=True),  # seconds since 1970, UTC, as are the next two
    Column("start", Float, nullable=False),
    Column("end", Float, nullable=False),
    Column("definition", String, nullable=False),  # of what the bands are: see `definition_of`
    Column("series", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


@dataclass(frozen=True)
class Kept:
    """What is known of a row without reading its arrays. `size` is in bytes."""

    signal: str
    learnt_at: datetime
    window: Window
    definition: str
    series: int
    size: int

    @property
    def days(self) -> float:
        """How long a past it was learnt from."""
        return self.window.length.total_seconds() / 86_400


def definition_of(signal: Signal, zone: ZoneInfo) -> str:
    """Changes with anything that makes older bands those of something else: the queries, what is notable, the clock on the wall."""
    told = [signal.queries, signal.unit, signal.notable, signal.relative, str(zone), HOURS, SHARES]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


class BaselineStore:
    """The baselines of one Prometheus, `source` being its URL. Safe to use from many threads and processes."""

    def __init__(self, store: Store, source: str) -> None:
        self._store = store
        self._source = source

    def keep(self, baseline: Baseline, definition: str, now: datetime) -> None:
        """Replaces what was learnt of that signal before. Raises StoreError."""
        row = {
            "source": self._source,
            "signal": baseline.signal,
            "learnt_at": now.timestamp(),
            "start": baseline.window.start.timestamp(),
            "end": baseline.window.end.timestamp(),
            "definition": definition,
            "series": len(baseline.keys),
            "body": _packed(baseline),
        }
        same = (_BASELINES.c.source == self._source) & (_BASELINES.c.signal == baseline.signal)
        forgotten = _BASELINES.c.learnt_at < (now - KEPT_FOR).timestamp()
        with self._store.begin() as connection:
            connection.execute(delete(_BASELINES).where(same | forgotten))
            connection.execute(insert(_BASELINES).values(**row))

    def kept(self) -> dict[str, Kept]:
        """By signal. Raises StoreError."""
        columns = [c for c in _BASELINES.c if c.name not in {"source", "body"}]
        wanted = select(*columns, func.length(_BASELINES.c.body).label("size"))
        with self._store.read() as connection:
            rows = connection.execute(wanted.where(_BASELINES.c.source == self._source)).all()
        return {
            row.signal: Kept(
                row.signal, _utc(row.learnt_at), _window(row.start, row.end), row.definition, row.series, row.size
            )
            for row in rows
        }

    def load(self, signal: str, zone: ZoneInfo) -> Baseline | None:
        """None when nothing was learnt. Raises StoreError, also for a row that is damaged."""
        wanted = select(_BASELINES.c.start, _BASELINES.c.end, _BASELINES.c.body)
        with self._store.read() as connection:
            row = connection.execute(
                wanted.where(_BASELINES.c.source == self._source, _BASELINES.c.signal == signal)
            ).first()
        if row is None:
            return None
        try:
            keys, bands = _unpacked(row.body)
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise StoreError(
                f"baselines: what was learnt of {signal} is damaged ({type(error).__name__}); learn it anew with: sre baselines learn"
            ) from None
        return Baseline(signal, keys, bands, _window(row.start, row.end), zone)


def _packed(baseline: Baseline) -> bytes:
    keys = np.frombuffer(json.dumps(baseline.keys).encode(), dtype=np.uint8)
    packed = io.BytesIO()
    bands = baseline.bands
    np.savez_compressed(packed, keys=keys, quantiles=bands.quantiles, seen=bands.seen, weekly=bands.weekly)
    return packed.getvalue()


def _unpacked(body: bytes) -> tuple[tuple[str, ...], Bands]:
    """Raises ValueError for arrays that do not fit each other."""
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        keys = tuple(str(key) for key in json.loads(arrays["keys"].tobytes()))
        bands = Bands(arrays["quantiles"], arrays["seen"], arrays["weekly"])
    cells = (len(keys), HOURS)
    if bands.quantiles.shape != (*cells, len(SHARES)) or bands.seen.shape != cells or bands.weekly.shape != cells:
        raise ValueError("the arrays have other shapes")
    return keys, bands


def _window(start: float, end: float) -> Window:
    return Window(start=_utc(start), end=_utc(end))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
