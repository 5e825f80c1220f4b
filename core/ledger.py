"""The ledger of what language models cost, and the daily budget. Days, weeks and months are those of UTC."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Literal, get_args
from uuid import uuid4

from sqlalchemy import Column, Float, Integer, Select, String, Table, delete, func, insert, select

from core.costs import ModelCall, Prices
from core.errors import StoreError
from core.store import METADATA, Store

LOG = logging.getLogger(__name__)

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
KEPT = timedelta(days=400)
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
MAX_TOKENS = 10**12
"""Of one call; a provider that counts more than the database can hold must not stop the ledger."""
MAX_UNWRITTEN = 10_000
"""Calls that wait while the database cannot be written; what comes then is lost, and it is logged."""
MAX_DAYS = 3
"""Whose costs are kept in memory: today's, and those around it."""

_CALLS = Table(
    "model_calls",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),  # seconds since 1970, UTC
    Column("model", String, nullable=False),
    Column("step", String, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("cache_read_tokens", Integer, nullable=False),
    Column("cache_write_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("outcome", String, nullable=False),
    Column("writer", String, nullable=False),  # which ledger, of which process
    Column("cost_usd", Float),  # NULL: the table of prices did not know the model
)


@dataclass(frozen=True)
class Spent:
    """The calls of one model in one period; `unpriced` of them are of a model without a price."""

    calls: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    seconds: float
    cost_usd: float
    unpriced: int


class Ledger:
    """Records calls without making anybody wait: they are written in a thread of its own, in order.

    Safe to use from many threads and event loops. What a killed process had not written yet (milliseconds' worth) is lost.
    """

    def __init__(self, store: Store, prices: Prices, daily_budget_usd: float) -> None:
        """A budget of 0 is no limit."""
        self._store = store
        self._prices = prices
        self._budget = daily_budget_usd
        self._writer = uuid4().hex
        self._spent: dict[datetime, float] = {}  # by day, by this ledger
        self._unwritten: deque[ModelCall] = deque()
        self._writing = False
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    def record(self, call: ModelCall) -> ModelCall:
        """The call with its cost."""
        priced = replace(call, cost_usd=self._prices.cost(call))
        day = beginnings(call.at)["day"]
        with self._lock:
            self._spent[day] = self._spent.pop(day, 0.0) + (priced.cost_usd or 0.0)
            if len(self._spent) > MAX_DAYS:
                del self._spent[min(self._spent)]
            if len(self._unwritten) >= MAX_UNWRITTEN:
                LOG.error("the ledger cannot be written; the cost of a call is lost")
                return priced
            self._unwritten.append(priced)
            if not self._writing:
                self._writing = True
                self._thread.submit(self._write)
        return priced

    def flush(self) -> None:
        """Wait until what was recorded is written. Raises StoreError when it cannot be."""
        if problem := self._thread.submit(self._write).result():
            raise problem

    def spent_today(self, now: datetime) -> float:
        """US dollars since midnight, of all processes on this database. Raises StoreError."""
        day = beginnings(now)["day"]
        others = select(func.sum(_CALLS.c.cost_usd)).where(
            _CALLS.c.at >= day.timestamp(), _CALLS.c.writer != self._writer
        )
        with self._store.read() as connection:
            spent: float = connection.scalar(others) or 0.0
        with self._lock:
            return spent + sum(dollars for since, dollars in self._spent.items() if since >= day)

    def over_budget(self, now: datetime) -> str | None:
        """Why no model may be called today: the budget is spent, or nobody can tell whether it is."""
        if not self._budget:
            return None
        try:
            spent = self.spent_today(now)
        except StoreError as error:
            return f"budget: it cannot be told what was spent today ({error})"
        if spent < self._budget:
            return None
        return f"budget: ${spent:.2f} of ${self._budget:.2f} a day are spent (SRE_DAILY_BUDGET_USD); models are asked again after midnight UTC"

    def totals(self, now: datetime) -> Mapping[Period, Mapping[str, Spent]]:
        """By period (this day, this week since Monday, this month) and model, the dearest first. Raises StoreError."""
        self.flush()
        with self._store.read() as connection:
            return {
                period: {row[0]: Spent(*row[1:]) for row in connection.execute(_total_since(start))}
                for period, start in beginnings(now).items()
            }

    def _write(self) -> StoreError | None:
        """Everything that waits, until nothing does. What cannot be written stays for the next time."""
        while True:
            with self._lock:
                calls = list(self._unwritten)
                self._writing = bool(calls)
            if not calls:
                return None
            try:
                self._insert(calls)
            except StoreError as error:
                LOG.warning("the ledger could not be written", extra={"problem": str(error), "calls": len(calls)})
                with self._lock:
                    self._writing = False
                return error
            with self._lock:
                for _ in calls:
                    self._unwritten.popleft()

    def _insert(self, calls: list[ModelCall]) -> None:
        oldest = max(call.at for call in calls) - KEPT
        with self._store.begin() as connection:
            connection.execute(insert(_CALLS), [self._row(call) for call in calls])
            connection.execute(delete(_CALLS).where(_CALLS.c.at < oldest.timestamp()))

    def _row(self, call: ModelCall) -> dict[str, Any]:
        counted = {name: min(max(int(getattr(call, name)), 0), MAX_TOKENS) for name in TOKENS}
        return {**asdict(call), **counted, "at": call.at.timestamp(), "writer": self._writer}


def _total_since(start: datetime) -> Select[Any]:
    """One row a model, in the order of the fields of `Spent`."""
    sums = (
        func.sum(_CALLS.c[name])
        for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "seconds")
    )
    cost = func.coalesce(func.sum(_CALLS.c.cost_usd), 0.0)
    unpriced = func.count() - func.count(_CALLS.c.cost_usd)
    return (
        select(_CALLS.c.model, func.count(), *sums, cost, unpriced)
        .where(_CALLS.c.at >= start.timestamp())
        .group_by(_CALLS.c.model)
        .order_by(cost.desc(), _CALLS.c.model)
    )


def beginnings(now: datetime) -> dict[Period, datetime]:
    """When this day, this week (Monday) and this month began, in UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}
