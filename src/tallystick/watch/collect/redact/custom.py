r"""Patterns of the operator's own, in a syntax so small that none can take long.

A pattern begins with at least three letters, digits or signs that stand for themselves; then come
signs, `\d`, `\w`, `\s` and classes (`[A-Z0-9]`), each with an optional `?`, `{n}` or `{m,n}`.
There is no `*` or `+`, no group and no alternative: Python's `re` goes back and tries again, which
takes for ever where repetitions can share a text in many ways. Here it begins only where the first
signs stand, and how often it may go back is bounded by `STEPS_MAX`.
"""

import re

from tallystick.errors import Misconfigured
from tallystick.watch.collect.redact.finder import Finder, Severity, by_pattern
from tallystick.watch.collect.redact.sieve import spelled

PATTERN_CHARACTERS_MAX = 200
BEGINNING_CHARACTERS_MIN = 3
REPEATS_MAX = 64
STEPS_MAX = 256
"""Most ways in which the repetitions of one pattern may share a text."""
_ITEM = re.compile(
    r"(?P<class>\[\^?(?:\\[dwsDWS\\\]\[^-]|[^\\\[\]])+\])|(?P<any>\\[dws])|\\(?P<escaped>[^\w\s])"
    r"|(?P<plain>[^\\\[\]{}()*+?|.^$])"
)
_COUNT = re.compile(r"\?|\{(\d{1,3})(?:,(\d{1,3}))?\}")


def custom_finder(kind: str, severity: Severity, pattern: str) -> Finder:
    """The finder of an operator's pattern; what it finds becomes `[KIND]`.

    Raises:
        Misconfigured: the pattern is none of this syntax, or may take too long.
    """
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise _refused(kind, f"is longer than {PATTERN_CHARACTERS_MAX} characters")
    place, steps, beginning, begun = 0, 1, "", False
    while place < len(pattern):
        item = _ITEM.match(pattern, place)
        if item is None:
            raise _refused(kind, f"cannot be used from character {place + 1} on: {pattern[place:]}")
        count = _COUNT.match(pattern, item.end())
        ways = _ways(kind, count) if count else 1
        sign = item["plain"] or item["escaped"]
        begun = begun or not sign or count is not None
        if not begun:
            beginning += sign
        steps *= ways
        place = count.end() if count else item.end()
    if len(beginning) < BEGINNING_CHARACTERS_MIN:
        raise _refused(
            kind, f"must begin with {BEGINNING_CHARACTERS_MIN} signs that stand for themselves"
        )
    if steps > STEPS_MAX:
        raise _refused(kind, "has too many repetitions of different lengths")
    mask, compiled = f"[{kind}]", _compiled(kind, pattern)
    if compiled.search(mask):
        raise _refused(kind, f"would find {mask}, which is put in its place")
    return Finder(kind, severity, spelled(beginning), by_pattern(compiled, mask))


def _ways(kind: str, count: re.Match[str]) -> int:
    if count[0] == "?":
        return 2
    least = int(count[1])
    most = int(count[2] or least)
    if not least <= most <= REPEATS_MAX:
        raise _refused(kind, f"repeats something {count[0]} times; {REPEATS_MAX} is the most")
    return most - least + 1


def _compiled(kind: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.ASCII)
    except re.error as error:
        raise _refused(kind, f"cannot be used: {error}") from error


def _refused(kind: str, why: str) -> Misconfigured:
    return Misconfigured(f"The pattern of {kind} {why}.")
