"""What a finder is: it knows one kind of value that may not stand in a log line."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["low", "medium", "high", "critical"]
"""How bad it is when somebody reads the value; the words of OCSF's `severity`."""
Pseudonym = Callable[[str], str]
"""A keyed digest, the same for the same text: what is hidden can still be joined."""

ESCAPE = r"\\(?:[bfnrt]|u[0-9A-Fa-f]{4})"
"""For candidates: a character of a text that JSON spells with letters, such as `\\n`."""
BEFORE = rf"(?:^|[^0-9A-Za-z]|{ESCAPE})"
"""For candidates: what is no ASCII letter and no digit."""
AFTER = r"(?:[^0-9A-Za-z]|$)"
SPACE = rf"(?:[^!-~]|{ESCAPE})"
"""For candidates: at least all white space."""


class Hit(NamedTuple):
    """A finding in a text: where the value stands, and what is put in its place."""

    start: int
    end: int
    mask: str


Find = Callable[[str, Pseudonym], Iterator[Hit]]
"""All findings in a text, in any order; of hits that overlap the first counts.

What a mask leaves is never found again. The time it takes grows with the text's length, however
the text is made.
"""


@dataclass(frozen=True)
class Finder:
    r"""One kind of finding.

    `candidate` is a pattern for `sieve.Sieve` that every line with a finding matches: RE2's syntax,
    over the bytes of the line as it is written. There `"` and `\` have a backslash before them, `/`
    may have one, and white space and what is not ASCII may be an `ESCAPE`; so may what is `BEFORE`.
    The closer it comes to what is found, the fewer innocent lines are read piece by piece.

    A `credential` opens doors: nobody needs to read it again, so it is never sealed.
    """

    kind: str
    severity: Severity
    candidate: str
    find: Find
    credential: bool = False


def by_pattern(pattern: re.Pattern[str], mask: str) -> Find:
    """Finds what the pattern's group 1 holds (the whole match where it has none)."""
    group = 1 if pattern.groups else 0

    def find(text: str, _pseudonym: Pseudonym) -> Iterator[Hit]:
        for match in pattern.finditer(text):
            if match[group] != mask:
                yield Hit(match.start(group), match.end(group), mask)

    return find
