"""Commands of a page, taken apart as a shell would."""

from __future__ import annotations

import pytest

from pipeline.page_commands import Command, arguments, read_page


def words(line: str) -> list[tuple[str, ...]]:
    return [command.words for command in read_page(f"```sh\n{line}\n```").commands]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a b | c && d; (e) || f &", [("a", "b"), ("c",), ("d",), ("e",), ("f",)]),
        ("a 'b | c' \"d;e\"", [("a", "b | c", "d;e")]),
        ("a b 2>&1 >/dev/null <in c", [("a", "b", "c")]),
        ("X=1 sudo -u me env -i Y=2 /usr/bin/a b", [("a", "b")]),
        ("a \\\n  b # c", [("a", "b")]),
        ("a 'b\nc'\nd", [("a", "b\nc"), ("d",)]),
        ("while ! a; do b; done", [("a",), ("b",), ("done",)]),
        ("timeout -k 5 10 nice -n 5 a -n 1", [("a", "-n", "1")]),
        ("a <b c> {{ d }} ${e}", [("a", "…", "…", "…")]),
        ("a -f '{{.State.Status}}'", [("a", "-f", "{{.State.Status}}")]),
        ("", []),
    ],
)
def test_a_line_becomes_simple_commands(line: str, expected: list[tuple[str, ...]]) -> None:
    assert words(line) == expected


def test_a_command_knows_where_it_runs() -> None:
    page = read_page("```\ncd /opt/x && a\nssh -p 22 me@media -t 'b; c'\npct exec 101 -- d\n```\n\n`e`")
    assert [command for command in page.commands if len(command.words) == 1] == [
        Command(("a",), inside="/opt/x"),
        Command(("b",), on="media"),
        Command(("c",), on="media"),
        Command(("d",), on="101"),
        Command(("e",)),
    ]


def test_what_goes_into_files_is_no_command() -> None:
    page = read_page("```sh\ncat >x <<-'END'\nssh a\nEND\nb\n```\n```yaml\nname: c\n```\n```promql\nup\n```\n")
    assert [command.words for command in page.commands] == [("cat",), ("b",)]
    assert "ssh a" in page.set_up
    assert "name: c" in page.set_up
    assert "up" not in page.set_up.split()


def test_options_are_told_from_names() -> None:
    options, positional = arguments(
        ["-itu", "me", "--tail", "5", "--since=1h", "-n7", "a", "--", "-b"], "un", ("--tail",)
    )
    assert options == [("-i", ""), ("-t", ""), ("-u", "me"), ("--tail", "5"), ("--since", "1h"), ("-n", "7")]
    assert positional == ["a", "-b"]
