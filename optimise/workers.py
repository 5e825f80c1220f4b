"""Asks the cases of an evaluation in two processes: a question is mostly Python, which does one thing at a time."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from optimise.cases import LoadedCase
from optimise.report import CaseResult

if TYPE_CHECKING:
    from optimise.evaluate import Run, Workbench

PROCESSES = 2
FEWEST = 60
"""Cases for which starting the processes, some five seconds, is worth while."""
LOOK_EVERY_S = 0.5

Bench = Callable[[], AbstractContextManager["Workbench"]]
"""Builds a workbench; sent to the processes, so it has to be picklable."""
Asked = tuple[list[CaseResult], tuple[str, str]]
"""The results in the order of the cases, and the program that answered."""

_done: Any = None
"""Of a process: how many cases all of them have asked."""


def ask_in_processes(cases: Sequence[LoadedCase], run: Run, bench: Bench, progress: Callable[[int], None]) -> Asked:
    """Every process takes each second case. An error of one of them is raised here."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks as they happen to be
    done = context.Value("i", 0)
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_remember, initargs=(done,)) as pool:
        shares = [pool.submit(_ask, cases[place::PROCESSES], run, bench) for place in range(PROCESSES)]
        left = set(shares)
        while left:
            _, left = wait(left, timeout=LOOK_EVERY_S, return_when="FIRST_EXCEPTION")
            progress(done.value)
            if any(share.done() and share.exception() for share in shares):
                break
        asked = [share.result() for share in shares]
    found: list[CaseResult | None] = [None] * len(cases)
    for place, (results, _) in enumerate(asked):
        found[place::PROCESSES] = results
    return [each for each in found if each is not None], asked[0][1]


def _remember(done: Any) -> None:
    global _done  # noqa: PLW0603  how a pool hands something to its processes
    _done = done


def _ask(cases: Sequence[LoadedCase], run: Run, bench: Bench) -> Asked:
    from optimise.evaluate import ask_all

    def count(_: int) -> None:
        with _done.get_lock():
            _done.value += 1

    with bench() as own:
        return asyncio.run(ask_all(cases, run, own, count))
