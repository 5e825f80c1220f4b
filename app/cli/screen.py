"""What the commands share of the terminal: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from core.errors import InvalidInput, SreError
from core.redact import redact

LOG = logging.getLogger(__name__)


def say(line: str) -> None:
    """One line of progress."""
    print(redact(line), file=sys.stderr, flush=True)


def say_error(line: str) -> None:
    print(f"error: {redact(line)}", file=sys.stderr, flush=True)


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, one plain line elsewhere, for as long as the work inside takes.

    What is yielded shows a line of progress on a terminal, and nothing elsewhere.
    """
    if not sys.stderr.isatty():
        say(f"{what} …")
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status(f"{what} …"):
        yield lambda line: console.print(Text(redact(line), style="dim"), soft_wrap=True)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere; what is yielded is called with (done, in all)."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """The non-empty lines of a file, or of standard input for "-", with their numbers from 1.

    Raises InvalidInput when it cannot be read as UTF-8 text.
    """
    try:
        with nullcontext(sys.stdin) if path == "-" else Path(path).open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--batch: cannot read {path}: {error}") from None


class Batch:
    """Results of many lines: one that fails prints {"error": …}, and the rest go on.

    `exit_code` is 1 after an error that nobody expected, else 2 after a line that could not be answered, else 0.
    """

    def __init__(self) -> None:
        self.exit_code = 0

    @contextmanager
    def line(self) -> Iterator[None]:
        """Around the work for one line, its printing included."""
        try:
            yield
        except SreError as error:
            self._failed(str(error), 2)
        except BrokenPipeError:  # nobody reads on
            raise
        except Exception as error:
            LOG.exception("a line of the batch failed")
            self._failed(f"internal error: {type(error).__name__}", 1)

    def _failed(self, problem: str, code: int) -> None:
        self.exit_code = 1 if 1 in {code, self.exit_code} else code
        print(json.dumps({"error": redact(problem)}), flush=True)
