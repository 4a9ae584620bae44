"""A JSON line as a row of texts with their places, without building it.

What is not redacted keeps its bytes: numbers their digits, members their order, even those that are
there twice. Nesting costs no stack. A line that is no JSON gives what can be made out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s"{}\[\],:]++|"', re.DOTALL)


@dataclass(slots=True)
class Frame:
    """An object or list that is open while it is read."""

    is_object: bool
    start: int
    index: int = 0
    name: str = ""
    """Of the member that is read."""
    wants_name: bool = True
    first: int = -1
    """Where the member's name begins."""
    comma: int = -1
    """Where the comma before the member is; -1 before the first."""
    kept: bool = False
    """For the reader: whether a member before this one stays."""


class Item(NamedTuple):
    """A part of a line, `line[start:end]`, in the object or list `frame`.

    A `name` or a `text` with its quotes; another `word`, such as a number; or the `end` of a member
    of an object, whose whole value is `line[start:end]`.
    """

    what: Literal["name", "text", "word", "end"]
    start: int
    end: int
    depth: int
    frame: Frame


class Lexer:
    """Reads one line; `pointer` tells at any time where the reading is."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._open = [Frame(is_object=False, start=0)]
        """Outermost the line itself, as a list of what stands on it."""

    @property
    def outermost(self) -> str:
        """The name of the line's own member that is being read."""
        return self._open[1].name if len(self._open) > 1 else ""

    def pointer(self) -> str:
        """The JSON pointer (RFC 6901) of what was given last."""
        steps = (frame.name if frame.is_object else str(frame.index) for frame in self._open[1:])
        return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)

    def items(self) -> Iterator[Item]:
        """The parts in their order."""
        line, frames = self.line, self._open
        frame, depth = frames[-1], 0
        for match in _TOKEN.finditer(line):
            start, end = match.span()
            mark, is_value = line[start], False
            if mark == ":":
                frame.wants_name = False
            elif mark == ",":
                frame.index += 1
                frame.wants_name, frame.comma = True, start
            elif mark in "{[":
                frame = Frame(mark == "{", start)
                frames.append(frame)
                depth += 1
            elif mark in "}]":
                if depth:
                    start = frames.pop().start
                    frame, depth, is_value = frames[-1], depth - 1, True
            elif frame.wants_name and frame.is_object:
                frame.name, frame.first = unquoted(line[start:end]), start
                yield Item("name", start, end, depth, frame)
            else:
                is_value = True
                yield Item("text" if mark == '"' else "word", start, end, depth, frame)
            if is_value and frame.is_object:
                yield Item("end", start, end, depth, frame)


def unquoted(token: str) -> str:
    """What a JSON string says; what is no JSON string says itself."""
    inner = token[1:-1] if len(token) > 1 and token[0] == token[-1] == '"' else token
    if "\\" not in inner:
        return inner
    try:
        said = json.loads(token, strict=False)
    except ValueError:
        return inner
    return said if isinstance(said, str) else inner


def quoted(text: str) -> str:
    """The text as a JSON string."""
    alone = any("\ud800" <= letter <= "\udfff" for letter in text)
    return json.dumps(text, ensure_ascii=alone)
