"""Matchers: conditions on labels, as silences, routes and inhibitions have them (Alertmanager's).

Written as text they are `severity=~"critical|error"`; the quotes may be left out.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, cast

import msgspec

from tallystick.errors import Refused

PATTERN_CHARACTERS_MAX = 200
"""Longest value or pattern of a matcher."""
LABEL_CHARACTERS_MAX = 256
"""A label is matched by its first so many characters."""
_REPEATS = re.compile(r"[*+{]|(?<!\()\?")
_TANGLED = re.compile(r"\)[*+{?]|\\[1-9]|\(\?P=")
_REPEATS_MAX = 3
_GROUPS_MAX = 3
_TEXT = re.compile(r'\s*([^\s=!~"{},]+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*')
_ESCAPED = re.compile(r"\\(.)")

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label; a label that is not there counts as empty.

    `=~` and `!~` are regular expressions that must match the whole label. `severity` and `source`
    of the alert can be matched like labels.
    """

    label: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet the condition."""
        found = labels.get(self.label, "")[:LABEL_CHARACTERS_MAX]
        if self.operator in {"=", "!="}:
            return (found == self.value) is (self.operator == "=")
        return (re.fullmatch(self.value, found) is not None) is (self.operator == "=~")


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every one of them holds."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse_matcher(text: str) -> Matcher:
    """A matcher from its text.

    Raises:
        Refused: `MATCHER_PATTERN`, with a sentence.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise Refused(
            "MATCHER_PATTERN",
            f'{text[:PATTERN_CHARACTERS_MAX]!r} is no matcher such as severity=~"critical|error".',
        )
    label, operator, quoted, bare = found.groups()
    # Alertmanager's escapes are \" \\ \n; a regular expression keeps its own backslashes.
    value = bare if quoted is None else _ESCAPED.sub(_unescaped, quoted)
    matcher = Matcher(label, cast("Operator", operator), value)
    check_matcher(matcher)
    return matcher


def check_matcher(matcher: Matcher) -> None:
    """A matcher that can be asked without hanging.

    Raises:
        Refused: `MATCHER_PATTERN`.
    """
    value = matcher.value
    if not matcher.label or len(value) > PATTERN_CHARACTERS_MAX:
        raise Refused(
            "MATCHER_PATTERN",
            f"A matcher needs a label and at most {PATTERN_CHARACTERS_MAX} characters of value.",
        )
    if matcher.operator in {"=", "!="}:
        return
    # Python's engine backtracks: what could take for ever on one label is refused.
    repeats, groups = len(_REPEATS.findall(value)), value.count("(")
    if repeats > _REPEATS_MAX or groups > _GROUPS_MAX or _TANGLED.search(value):
        raise Refused(
            "MATCHER_PATTERN",
            f"The pattern {value!r} is too complex: at most {_REPEATS_MAX} repetitions and "
            f"{_GROUPS_MAX} groups, no repeated groups, no back-references.",
        )
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused("MATCHER_PATTERN", f"{value!r} is no regular expression: {error}.") from error


def _unescaped(found: re.Match[str]) -> str:
    letter = found[1]
    if letter in {'"', "\\"}:
        return letter
    return "\n" if letter == "n" else found[0]
