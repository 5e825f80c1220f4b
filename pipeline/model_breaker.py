"""Fail fast while a provider is down, and try it again with one request at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from purgatory.domain.model import HALF_OPENED, Context, OpenedState

from core.errors import ModelError, ModelUnavailable


class CutShort(ModelUnavailable):
    """The question's own deadline left the provider too little time; that says nothing about the provider."""


class Breaker:
    """Opens after `threshold` failures in a row, for `reset_s` seconds; then a single probe decides.

    Only ModelUnavailable is a failure. A cancelled request, and one that was cut short, count nothing. Safe to use from several
    threads: this is purgatory's state machine, whose factory would let every waiting request through as a probe.
    """

    def __init__(self, name: str, *, threshold: int = 3, reset_s: float = 30.0) -> None:
        self._name = name
        self._lock = Lock()
        self._state = Context(name, threshold, reset_s)
        self._probing = False

    def refusal(self) -> str | None:
        """Why a request would not be sent now."""
        with self._lock:
            return self._refusal()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Raises ModelUnavailable instead of running the body while the provider is down."""
        probe = self._admit()
        try:
            yield
        except CutShort:
            raise
        except ModelError as error:
            self._settle(error if isinstance(error, ModelUnavailable) else None)
            raise
        else:
            self._settle(None)
        finally:
            if probe:
                self._probing = False

    def _admit(self) -> bool:
        """Whether the request that may now be sent is a probe."""
        with self._lock:
            reason = self._refusal()
            if reason is None:
                try:
                    self._state.handle_new_request()
                except OpenedState as state:  # the clock was set back meanwhile
                    state.__traceback__ = None  # one instance is raised each time and would collect them all
                    reason = f"{self._name}: failed {self._state.threshold} times in a row"
            if reason is not None:
                raise ModelUnavailable(reason)
            probe = self._state.state == HALF_OPENED
            self._probing = self._probing or probe
            return probe

    def _refusal(self) -> str | None:
        if self._state.state == HALF_OPENED and self._probing:
            return f"{self._name}: was down, and is being tried again by another request"
        opened_at = self._state.opened_at
        left = 0.0 if opened_at is None else opened_at + self._state.ttl - time.time()
        if left > 0:
            return f"{self._name}: failed {self._state.threshold} times in a row; not asked again for {left:.0f} s"
        return None

    def _settle(self, error: ModelUnavailable | None) -> None:
        with self._lock:
            if error is None:
                self._state.handle_end_request()
            else:
                self._state.handle_exception(error)
            self._state.messages.clear()  # events, for a factory's listeners; there are none
