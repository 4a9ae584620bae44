"""A whole query: the search, and the commands behind its pipes."""

import re
from dataclasses import dataclass
from typing import Final

from tallystick.watch.collect.query.commands import Command, read_command
from tallystick.watch.collect.query.search import Search, read_search
from tallystick.watch.collect.query.wording import bad

PIPELINE_CHARACTERS_MAX: Final = 10_000
"""Longest query with all its commands."""
PIPELINE_COMMANDS_MAX: Final = 50
"""Most commands in one query."""
PIPELINE_NESTING_MAX: Final = 20
"""Deepest parentheses within parentheses."""

_MARK = re.compile(r'\\["*\\()|]|"(?:\\(?:.|\n)|[^"\\])*("?)|[|()]')
_COMMAND = re.compile(r"\s*([A-Za-z_]\w*)", re.ASCII)


@dataclass(frozen=True)
class Pipeline:
    """A query as it was read; `now_ns` is what its relative times counted from."""

    search: Search
    commands: tuple[Command, ...]
    now_ns: int


def parse(
    text: str, now_ns: int, *, earliest: str | None = None, latest: str | None = None
) -> Pipeline:
    """Read a query; `earliest` and `latest` hold where it does not name its own.

    Raises:
        Refused: `BAD_QUERY`; the sentence names the position, counted from 1.
    """
    _check_text(text)
    pipes = _pipes(text)
    first = pipes[0] if pipes else len(text)
    search = read_search(text, 0, first, now_ns, earliest, latest)
    if len(pipes) > PIPELINE_COMMANDS_MAX:
        at = pipes[PIPELINE_COMMANDS_MAX]
        raise bad(at, f"a query has at most {PIPELINE_COMMANDS_MAX} commands")
    commands: list[Command] = []
    for pipe, end in zip(pipes, [*pipes, len(text)][1:], strict=True):
        match = _COMMAND.match(text, pipe + 1, end)
        if match is None:
            raise bad(pipe + 1, "a command is missing behind the pipe")
        commands.append(read_command(text[:end], match[1], match.start(1), match.end(), now_ns))
    return Pipeline(search, tuple(commands), now_ns)


def _check_text(text: str) -> None:
    if len(text) > PIPELINE_CHARACTERS_MAX:
        reason = f"a query has at most {PIPELINE_CHARACTERS_MAX} characters"
        raise bad(PIPELINE_CHARACTERS_MAX, reason)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise bad(error.start, "this is no character") from None


def _pipes(text: str) -> list[int]:
    """Where the pipes stand that are not quoted."""
    pipes: list[int] = []
    depth = 0
    for match in _MARK.finditer(text):
        mark = match[0]
        if mark[0] == '"' and not match[1]:
            raise bad(match.start(), "the quote is never closed")
        if mark == "|":
            pipes.append(match.start())
            depth = 0
        elif mark == "(":
            depth += 1
            if depth > PIPELINE_NESTING_MAX:
                reason = f"parentheses stand at most {PIPELINE_NESTING_MAX} deep in one another"
                raise bad(match.start(), reason)
        elif mark == ")":
            depth -= 1
    return pipes
