"""What one value of a pattern asks of one value of an event, as EventBridge defines it.

Source: AWS, "Comparison operators for use in event patterns" (eb-create-pattern-operators), and
the behaviour of the open-source event-ruler where the page is silent. Types count: the text "1" is
not the number 1, and `true` is not 1. Numbers are JSON numbers; in the events of the ledger, where
money is never a JSON number, `numeric` also reads plain decimal texts (`decimals=True`).
"""

import ipaddress
import math
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Test = Callable[[object], bool]
"""Whether one value (text, number, bool, None; never a list or an object) is what was asked for."""
Scalar = str | int | float | bool | None
Reader = Callable[[object, bool], Test]
"""Makes the test of an operator's argument; raises `WrongError`."""

_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
WILDCARDS_MAX = 32
"""Most wildcards in one text."""


class WrongError(ValueError):
    """A pattern asks for something that cannot be asked; its message is the reason."""


def is_number(value: object) -> bool:
    """A JSON number: Python's bools are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equals(wanted: Scalar) -> Test:
    """The same value of the same type; numbers by their worth, so that 3.018e2 is 301.8."""
    if wanted is None:
        return lambda value: value is None
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if isinstance(wanted, str):
        return lambda value: value == wanted
    return lambda value: value == wanted and not isinstance(value, bool)


def literal_key(value: object) -> object:
    """Under which an exact value stands in an index: `true` must not be found as 1."""
    return ("bool", value) if isinstance(value, bool) else value


def operator_of(argument: Mapping[str, object], *, decimals: bool) -> Test | None:
    """The test in `{"operator": argument}`; None for `exists: false`, which asks for no value.

    Raises:
        WrongError: it cannot be asked.
    """
    if len(argument) != 1:
        raise WrongError(
            "Only one key allowed in match expression"
            if argument
            else "Match expression name not found"
        )
    ((name, value),) = argument.items()
    if name == "exists":
        if not isinstance(value, bool):
            raise WrongError("exists match pattern must be either true or false")
        return _anything if value else None
    reader = OPERATORS.get(name)
    if reader is None:
        raise WrongError(f"Unrecognized match type {name}")
    return reader(value, decimals)


def _anything(_value: object) -> bool:
    return True


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise WrongError(f"{name} match pattern must be a string")
    return value


def _folded(name: str, value: object) -> tuple[str, bool]:
    """The text of a prefix or suffix, and whether its case counts."""
    if isinstance(value, Mapping):
        if list(value) != ["equals-ignore-case"]:
            raise WrongError(f"Unsupported {name} pattern: {', '.join(map(str, value)) or 'none'}")
        return _text(name, value["equals-ignore-case"]).lower(), True
    return _text(name, value), False


def _prefix(argument: object, _decimals: bool) -> Test:
    wanted, folded = _folded("prefix", argument)
    if folded:
        return lambda value: isinstance(value, str) and value.lower().startswith(wanted)
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _suffix(argument: object, _decimals: bool) -> Test:
    wanted, folded = _folded("suffix", argument)
    if folded:
        return lambda value: isinstance(value, str) and value.lower().endswith(wanted)
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _ignore_case(argument: object, _decimals: bool) -> Test:
    wanted = _text("equals-ignore-case", argument).lower()
    return lambda value: isinstance(value, str) and value.lower() == wanted


def _wildcard(argument: object, _decimals: bool) -> Test:
    """An asterisk is any text, escaped by a backslash itself. Never goes back: no text is slow."""
    first, *rest = _pieces(_text("wildcard", argument))
    if not rest:
        return lambda value: value == first
    *middle, last = rest
    shortest = len(first) + len(last)

    def test(value: object) -> bool:
        if not isinstance(value, str) or len(value) < shortest:
            return False
        if not (value.startswith(first) and value.endswith(last)):
            return False
        at, end = len(first), len(value) - len(last)
        for piece in middle:
            at = value.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return test


def _pieces(text: str) -> list[str]:
    """The texts between the wildcards."""
    pieces, piece, position = [], "", 0
    while position < len(text):
        letter = text[position]
        if letter == "\\":
            position += 1
            if text[position : position + 1] not in {"*", "\\"}:
                raise WrongError(f"Invalid escape character at pos {position - 1}")
            piece += text[position]
        elif letter == "*":
            if text[position + 1 : position + 2] == "*":
                raise WrongError(f"Consecutive wildcard characters at pos {position}")
            pieces.append(piece)
            piece = ""
        else:
            piece += letter
        position += 1
    if len(pieces) > WILDCARDS_MAX:
        raise WrongError(f"At most {WILDCARDS_MAX} wildcard characters are allowed in a text")
    return [*pieces, piece]


def _numeric(argument: object, decimals: bool) -> Test:
    comparisons = numeric_terms(argument)
    exact = [(_COMPARE[sign], bound, Decimal(repr(bound))) for sign, bound in comparisons]

    def test(value: object) -> bool:
        if is_number(value):
            return all(compare(value, bound) for compare, bound, _ in exact)
        if decimals and isinstance(value, str) and _DECIMAL.fullmatch(value):
            number = Decimal(value)
            return all(compare(number, bound) for compare, _, bound in exact)
        return False

    return test


def numeric_terms(argument: object) -> list[tuple[str, int | float]]:
    """The one or two comparisons of `numeric`.

    Raises:
        WrongError: they are not of EventBridge's form.
    """
    if not isinstance(argument, list):
        raise WrongError("Value of numeric must be an array.")
    if not argument:
        raise WrongError("Invalid member in numeric match: it is empty")
    if len(argument) % 2 or len(argument) > 4:
        raise WrongError("Too many or too few elements in numeric expression")
    terms = []
    for sign, bound in zip(argument[::2], argument[1::2], strict=True):
        if sign not in _COMPARE if isinstance(sign, str) else True:
            raise WrongError(f"Unrecognized numeric range operator: {sign}")
        if not is_number(bound) or not math.isfinite(bound):
            raise WrongError(f"Value of {sign} must be numeric")
        terms.append((sign, bound))
    if len(terms) == 2:
        (low, bottom), (high, top) = terms
        if low not in {">", ">="} or high not in {"<", "<="}:
            raise WrongError(f"Bad numeric range operator: {low if low[0] != '>' else high}")
        if bottom >= top:
            raise WrongError("Bottom must be less than top")
    return terms


def _cidr(argument: object, _decimals: bool) -> Test:
    text = _text("cidr", argument)
    if text.count("/") != 1:
        raise WrongError("Malformed CIDR, one '/' required")
    if not text.partition("/")[2].isdecimal():
        raise WrongError("Malformed CIDR, mask bits must be an integer")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise WrongError(f"Malformed CIDR, {error}") from error

    def test(value: object) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


def _anything_but(argument: object, decimals: bool) -> Test:
    if isinstance(argument, Mapping):
        return _anything_but_like(argument, decimals)
    wanted = argument if isinstance(argument, list) else [argument]
    if not wanted:
        raise WrongError("Empty arrays are not allowed")
    if all(isinstance(each, str) for each in wanted):
        texts = frozenset(wanted)
        return lambda value: value not in texts
    if all(map(is_number, wanted)):
        numbers = frozenset(wanted)
        return lambda value: isinstance(value, bool) or value not in numbers
    raise WrongError(
        "Inside anything but list, either all values are number or string, mixed type is not"
        " supported"
        if isinstance(argument, list)
        else "Value of anything-but must be an array or single string/number value."
    )


def _anything_but_like(argument: Mapping[str, object], decimals: bool) -> Test:
    if len(argument) != 1:
        raise WrongError("Only one key allowed in match expression")
    ((name, value),) = argument.items()
    if name not in _BUT:
        raise WrongError(f"Unsupported anything-but pattern: {name}")
    wanted = value if isinstance(value, list) else [value]
    if not wanted:
        raise WrongError("Empty arrays are not allowed")
    tests = []
    for each in wanted:
        if _text(name, each) == "" and name in {"prefix", "suffix"}:
            raise WrongError("Null prefix/suffix not allowed")
        tests.append(OPERATORS[name](each, decimals))
    return lambda present: not any(test(present) for test in tests)


OPERATORS: dict[str, Reader] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _ignore_case,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
"""Every operator with a test of its own; `exists` asks for a place and no value."""
_BUT = ("equals-ignore-case", "prefix", "suffix", "wildcard")
