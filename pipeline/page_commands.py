"""The commands that a page of documentation tells its reader to type, taken apart the way a shell would."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

MAX_CHARS = 200_000
"""Of a page; what follows is not read for commands."""
MAX_JOINED_LINES = 30
"""A quote that does not close within so many lines is an apostrophe in some output, not a quote."""
MAX_DEPTH = 3
"""Commands inside commands: `ssh media "sudo sh -c '…'"`."""

PLACEHOLDER = "…"
SHELLS = frozenset({"", "bash", "sh", "shell", "zsh", "fish"})
SESSIONS = frozenset({"console", "shell-session", "shellsession", "sh-session", "terminal"})
NOT_SET_UP = frozenset({"promql", "logql", "sql"})
"""Fences in these languages ask; fences in any other that is no shell (yaml, ini …) show what the page sets up."""

_PROMPT = re.compile(r"^\s*(?:\(\S+\)\s*)?(?:[\w.-]+@[\w.-]+[^$#]{0,80})?[$#%]\s+")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_BLANKS = re.compile(r"<(?!<)[A-Za-z][^<>|&;\n]*>|\{\{-?\s*[A-Za-z_][^{}\n]*\}\}|\$\{[^{}\n]*\}")
"""`<host>`, `{{ host }}`, `${HOST}`. A Go template such as `{{.State.Status}}` is no blank."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_KEYWORDS = frozenset(
    {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "nohup", "exec", "command"}
)
_WRAPPERS = {
    "sudo": "ugpCTUrthD",
    "doas": "uC",
    "env": "uCS",
    "nice": "n",
    "ionice": "cnp",
    "watch": "n",
    "timeout": "ks",
    "stdbuf": "ioe",
    "xargs": "IndPLsEa",
}
"""Commands that run the command after their options, with those options that take a value."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command. `words[0]` is the tool without its path; `on` the host or guest id that it is sent to, `inside` the
    directory of the last `cd` before it.
    """

    words: tuple[str, ...]
    on: str = ""
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """`set_up` is what the page has its reader write into files: configuration blocks and here-documents."""

    commands: tuple[Command, ...]
    set_up: str


def read_page(text: str) -> Page:
    """The commands in fenced, indented and inline code of a Markdown page, in its order."""
    # Only needed once a page is cited.
    from markdown_it import MarkdownIt

    commands: list[Command] = []
    set_up: list[str] = []
    for token in MarkdownIt().parse(text[:MAX_CHARS]):
        language = (token.info.split() or [""])[0].lower().strip("{}.")
        if token.type == "fence" and language not in SHELLS | SESSIONS:
            set_up += [] if language in NOT_SET_UP else [token.content]
        elif token.type in ("fence", "code_block"):
            commands += _commands(token.content, set_up, session=language in SESSIONS)
        for child in token.children or ():
            if child.type == "code_inline":
                commands += _commands(child.content, set_up, session=False)
    return Page(tuple(commands), "\n".join(set_up))


def arguments(
    words: Sequence[str], short: str = "", long: Collection[str] = ()
) -> tuple[list[tuple[str, str]], list[str]]:
    """Options with their values ("" for a flag) and positional words of a command's words without the tool.

    `short` are the letters, `long` the names of options that take a value as the next word.
    """
    options: list[tuple[str, str]] = []
    positional: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return options, [*positional, *rest]
        if word.startswith("--"):
            name, has_value, value = word.partition("=")
            options.append((name, value if has_value or name not in long else next(rest, "")))
        elif word.startswith("-") and len(word) > 1:
            place = next((place for place, letter in enumerate(word) if place and letter in short), None)
            options += [(f"-{letter}", "") for letter in word[1:place]]
            if place is not None:
                options.append((f"-{word[place]}", word[place + 1 :] or next(rest, "")))
        else:
            positional.append(word)
    return options, positional


def leading_options(words: Sequence[str], short: str) -> int:
    """How many words at the start are options and their values."""
    count = 0
    while count < len(words) and words[count].startswith("-") and words[count] != "-":
        word = words[count]
        count += 1
        if word == "--":
            break
        letters = "" if word.startswith("--") else word[1:]
        takes = next((place for place, letter in enumerate(letters) if letter in short), None)
        count += takes is not None and takes == len(letters) - 1
    return min(count, len(words))


def _commands(block: str, set_up: list[str], *, session: bool) -> Iterator[Command]:
    directory = ""
    for words in _simple(_lines(block, set_up, session=session)):
        for command in _expand(words, "", directory, 0):
            if command.words[0] == "cd" and not command.on:
                directory = command.words[1] if len(command.words) > 1 else ""
            yield command


def _lines(block: str, set_up: list[str], *, session: bool) -> Iterator[str]:
    """Lines as typed: without prompts, without output where prompts tell it, without here-documents."""
    lines = block.replace("\\\n", " ").split("\n")
    prompted = session and any(_PROMPT.match(line) for line in lines)
    until: str | None = None
    for line in lines:
        if until is not None:
            set_up.append(line)
            until = None if line.strip() == until else until
        elif not prompted or _PROMPT.match(line):
            # A lone "# " begins a comment unless the block is a session; "$ " is a prompt anywhere.
            typed = _PROMPT.sub("", line) if prompted or line.lstrip().startswith("$ ") else line
            if (heredoc := _HEREDOC.search(typed)) and "<<<" not in typed:
                until = heredoc[2]
            yield _BLANKS.sub(PLACEHOLDER, typed)


def _simple(lines: Iterator[str]) -> Iterator[list[str]]:
    """Simple commands as words: cut at pipes, `&&`, `;` and parentheses, redirections left out."""
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        tokens = _split("\n".join(waiting))
        if tokens is None and len(waiting) < MAX_JOINED_LINES:
            continue
        waiting = []
        words: list[str] = []
        redirected = False
        for token in tokens or ():
            if set(token) <= set("<>&|") and set(token) & set("<>"):
                if words and words[-1].isdigit():  # the 2 of 2>&1
                    words.pop()
                redirected = True
            elif set(token) <= set(";|&()"):
                yield words
                words, redirected = [], False
            elif redirected:
                redirected = False
            else:
                words.append(token)
        yield words


def _split(line: str) -> list[str] | None:
    """Words and operators of a line; None while a quote is open."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return None


def _expand(words: Sequence[str], on: str, inside: str, depth: int) -> Iterator[Command]:
    """The command itself and the one that it carries to another place."""
    words = _unwrapped(words)
    if not words or depth > MAX_DEPTH:
        return
    tool = words[0].rpartition("/")[2]
    yield Command((tool, *words[1:]), on, inside)
    if tool in ("sh", "bash") and len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
        yield from _sent(words[2], on, inside, depth)
    elif tool == "ssh":
        host, *remote = words[1 + leading_options(words[1:], SSH) :] or [""]
        # Options may stand behind the host as well.
        yield from _sent(" ".join(remote[leading_options(remote, SSH) :]), host.rpartition("@")[2], "", depth)
    elif tool in ("pct", "qm") and "exec" in words[1:3] and "--" in words:
        guest = next((word for word in words if word.isdigit()), "")
        yield from _expand(words[words.index("--") + 1 :], guest, "", depth + 1)


def _sent(line: str, on: str, inside: str, depth: int) -> Iterator[Command]:
    for words in _simple(iter([line])):
        yield from _expand(words, on, inside, depth + 1)


def _unwrapped(words: Sequence[str]) -> Sequence[str]:
    while words:
        first = words[0].rpartition("/")[2]
        if first in _KEYWORDS or _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif first in _WRAPPERS:
            words = words[1 + leading_options(words[1:], _WRAPPERS[first]) :]
            words = words[1:] if first == "timeout" else words
        else:
            break
    return words


SSH = "BbcDEeFIiJLlmOopQRSWw"
"""ssh's options that take a value."""
