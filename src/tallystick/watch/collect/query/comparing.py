"""One `field=value` of the first stage as a test: equal, ordered, within a range, or a time."""

import re
from dataclasses import dataclass
from typing import Final, cast

from tallystick.watch.collect.query.nodes import (
    AllOf,
    Differs,
    Happened,
    Is,
    Measures,
    Node,
    Order,
    Pattern,
)
from tallystick.watch.collect.query.patterns import bare_pattern, number_of, quoted_pattern
from tallystick.watch.collect.query.times import parse_time
from tallystick.watch.collect.query.wording import bad, shown

TIME_FIELDS: Final = frozenset({"_time", "timestamp", "@timestamp"})
_RANGE = re.compile(
    r'([\[{])\s*("[^"]*"|[^\s\]}"]+)\s+TO\s+("[^"]*"|[^\s\]}"]+)\s*([\]}])', re.DOTALL
)


@dataclass(frozen=True)
class TimeModifier:
    """`earliest=` or `latest=` among the terms: it bounds the whole search."""

    name: str
    value: str
    at: int
    value_at: int


@dataclass(frozen=True)
class Value:
    """What stands behind the sign, as it was written."""

    token: str
    kind: str
    at: int

    @property
    def pattern(self) -> Pattern:
        """Its text with wildcards."""
        return quoted_pattern(self.token) if self.kind == "QUOTED" else bare_pattern(self.token)


def compared(field: str, sign: str, value: Value, now_ns: int, at: int) -> Node | TimeModifier:
    """The test of one comparison."""
    sign = sign.removeprefix(":") or "="
    if field in {"earliest", "latest"} and sign == "=":
        return TimeModifier(field, value.pattern.exact or value.token, at, value.at)
    if value.kind == "HALF_RANGE":
        raise bad(value.at, "this is no whole range; one is written as [500 TO 599]")
    if value.kind == "RANGE":
        if sign not in {"=", "=="}:
            raise bad(value.at, f"a range stands behind = or :, not behind {sign}")
        return _between(field, value, now_ns)
    if sign in {"=", "=="}:
        return Is(field, (value.pattern,))
    if sign == "!=":
        return Differs(field, value.pattern)
    return _ordered(field, cast("Order", sign), value.pattern.exact or "", now_ns, value.at)


def _between(field: str, value: Value, now_ns: int) -> Node:
    match = _RANGE.fullmatch(value.token)
    assert match is not None  # noqa: S101  the grammar reads the same
    tests: list[Node] = []
    for bound, order in (
        (match[2], ">=" if match[1] == "[" else ">"),
        (match[3], "<=" if match[4] == "]" else "<"),
    ):
        if bound != "*":
            text = bound.strip('"')
            tests.append(_ordered(field, cast("Order", order), text, now_ns, value.at))
    if not tests:
        return Is(field, (Pattern(("", "")),))
    return tests[0] if len(tests) == 1 else AllOf(tuple(tests))


def _ordered(field: str, order: Order, text: str, now_ns: int, at: int) -> Measures | Happened:
    if field in TIME_FIELDS:
        if not text:
            raise bad(at, f"{order} needs a time such as 2026-11-22T04:00:00Z")
        return Happened(order, parse_time(text, now_ns, at))
    number = number_of(text)
    if number is None:
        what = f", and {shown(text)} is none" if text else ""
        raise bad(at, f"{order} needs a number{what}")
    return Measures(field, order, number)
