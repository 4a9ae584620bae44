"""The sieve: tells in a moment which lines of a batch may have a finding; most have not.

To search each line for each kind would cost more than all the rest of the way in. So a block of
lines is searched whole and once, for all kinds together: RE2 makes one automaton of all candidates,
which looks at each byte once, whatever the line, and lets other threads work meanwhile.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from sys import maxsize

import re2

_LINES = 256
"""Searched together."""
_APART = b"\n\n"
"""Between two lines: one ends the match before it, the other begins the next one."""
_AUTOMATON_BYTES_MAX = 32 * 1024 * 1024
"""What states may take; they come up as they are needed, usually less than 1 MiB."""
_NOWHERE = (maxsize, maxsize)
ESCAPED = r"\\u00(?:2[0-57-9A-Fa-f]|3[0-9ABDFabdf]|[4-7])"
"""A candidate for lines that spell ASCII characters so that no other candidate sees them.

Without `&`, `;`, `<`, `>` and controls, which end what is found: many programs write them so.
"""


class Sieve:
    """Picks the lines in which something may be found; any thread may use it."""

    def __init__(self, candidates: Sequence[str]) -> None:
        """At least one, in RE2's syntax; characters stand for bytes."""
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _AUTOMATON_BYTES_MAX
        options.never_capture = True
        options.log_errors = False
        self._numbers = range(len(candidates))
        patterns = [f"(?:{candidate})".encode("latin-1") for candidate in candidates]
        self._any = re2.compile(b"|".join(patterns), options)
        self._each = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._each.Add(pattern)
        self._each.Compile()

    def suspects(self, lines: Sequence[bytes]) -> Iterator[int]:
        """The numbers of the lines that have to be looked at, in order."""
        for first in range(0, len(lines), _LINES):
            block = lines[first : first + _LINES]
            text = _APART.join(block)
            match = self._any.search(text)
            if match is None:
                continue
            starts = [0, *accumulate(len(line) + len(_APART) for line in block)]
            while match is not None:
                number = bisect_right(starts, match.start() + 1) - 1
                yield first + number
                match = self._any.search(text, starts[number + 1] - 1)

    def passes(self, line: bytes) -> bool:
        """Whether a single line, or text, has nothing to find."""
        return self._any.search(line) is None

    def matching(self, line: bytes) -> Sequence[int]:
        """The numbers of the candidates for which `line` has to be looked at, in order.

        All of them where the automaton cannot tell them apart.
        """
        return sorted(self._each.Match(line) or ()) or self._numbers

    def spots(self, line: bytes) -> "Spots":
        """Where there may be something in the line; places as in its text."""
        if not line.isascii():  # there bytes are no places
            return Spots([(0, len(line))])
        return Spots(match.span() for match in self._any.finditer(line))


class Spots:
    """Where candidates stand in a line: what is found touches one of them.

    Of candidates that overlap only one is told. Then that one touches what the other would.
    """

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = iter(spans)
        self._start, self._end = next(self._spans, _NOWHERE)

    def touch(self, start: int, end: int) -> bool:
        """Whether one of them does a part of the line, or stands beside it; ask from left to right.

        Beside it: a candidate has what is around a number in it.
        """
        while self._end + 1 < start:
            self._start, self._end = next(self._spans, _NOWHERE)
        return self._start - 1 <= end


def spelled(text: str) -> str:
    """A candidate: this text, as it is and however JSON spells it."""
    return "".join(map(_spelled, text))


def _spelled(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escape = "".join(rf"\\u(?i:{units[n : n + 4]})" for n in range(0, len(units), 4))
    short = json.dumps(character, ensure_ascii=False)[1:-1]
    raw = {character, short, "\\/" if character == "/" else short}
    return f"(?:{'|'.join([*map(_literal, sorted(raw)), escape])})"


def _literal(text: str) -> str:
    quoted: bytes = re2.escape(text.encode("utf-8", "surrogatepass"))
    return quoted.decode("latin-1")
