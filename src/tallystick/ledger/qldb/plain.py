"""Ion values as canonical JSON and back, losing nothing: the entry alone proves the QLDB hash.

Strings, booleans, nulls, lists, structs and integers that every JSON reader can hold are
themselves. Everything else is an object with one member whose name begins with `$`; the table is in
docs/guides/import-from-qldb.md. There are no JSON numbers but integers.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from tallystick.ledger.qldb.ionhash import NULL_TYPES
from tallystick.ledger.qldb.values import (
    Annotated,
    Clob,
    IonValue,
    Null,
    Sexp,
    Struct,
    Symbol,
    Timestamp,
)

Plain: TypeAlias = "str | bool | int | list[Plain] | dict[str, Plain] | None"

INTEGER_MAX = 2**53 - 1
"""The largest integer that an entry spells as a number (RFC 8785); larger ones are `$int`."""


def to_plain(value: IonValue) -> Plain:  # noqa: PLR0911  one line a type
    """The value in JSON."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= INTEGER_MAX else {"$int": str(value)}
        case list():
            return [to_plain(each) for each in value]
        case Struct():
            return _struct(value)
        case Annotated():
            return {"$annotated": [list(value.annotations), to_plain(value.value)]}
        case Sexp():
            return {"$sexp": [to_plain(each) for each in value.items]}
    return _tagged(value)


def _struct(value: Struct) -> Plain:
    """An object; a list of pairs where a name is unknown, stands twice or could be one of ours."""
    names = [name for name, _ in value.fields]
    plain = {name: to_plain(each) for name, each in value.fields if name is not None}
    if len(plain) == len(names) and not any(name.startswith("$") for name in plain):
        return plain
    return {"$struct": [[name, to_plain(each)] for name, each in value.fields]}


def _tagged(  # noqa: PLR0911  one line a type
    value: float | Decimal | bytes | Null | Symbol | Clob | Timestamp,
) -> dict[str, Plain]:
    match value:
        case float():
            return {"$float": repr(value)}
        case Decimal():
            return {"$decimal": str(value)}
        case bytes():
            return {"$blob": b64encode(value).decode()}
        case Null():
            return {"$null": value.type}
        case Symbol():
            return {"$symbol": value.text}
        case Clob():
            return {"$clob": b64encode(value.data).decode()}
        case Timestamp():
            return {"$timestamp": value.text}


def from_plain(plain: Plain) -> IonValue:
    """The value that `to_plain` spelled so.

    Raises:
        ValueError: nothing is spelled so.
    """
    try:
        value = _from(plain)
        if to_plain(value) == plain:
            return value
    except ArithmeticError as error:
        raise ValueError("a decimal is not a number") from error
    raise ValueError("a tagged value is spelled otherwise")


def _from(plain: Plain) -> IonValue:
    match plain:
        case list():
            return [_from(each) for each in plain]
        case dict() if any(name.startswith("$") for name in plain):
            return _from_tagged(plain)
        case dict():
            return Struct(tuple((name, _from(each)) for name, each in plain.items()))
    return plain


def _from_tagged(plain: dict[str, Plain]) -> IonValue:
    if len(plain) != 1:
        raise ValueError("a tagged value has one member")
    tag, inner = next(iter(plain.items()))
    match tag, inner:
        case _, str() if tag in _FROM_TEXT:
            return _FROM_TEXT[tag](inner)
        case "$symbol", None:
            return Symbol(None)
        case "$sexp", list():
            return Sexp([_from(each) for each in inner])
        case "$annotated", [list() as names, value]:
            return Annotated(tuple(_name(name) for name in names), _from(value))
        case "$struct", list():
            return Struct(tuple(_pair(each) for each in inner))
    raise ValueError(f"there is no tagged value {tag[:20]!r} of this form")


def _pair(plain: Plain) -> tuple[str | None, IonValue]:
    if not isinstance(plain, list) or len(plain) != 2:
        raise ValueError("a field is a name and a value")
    return _name(plain[0]), _from(plain[1])


def _name(plain: Plain) -> str | None:
    if plain is None or isinstance(plain, str):
        return plain
    raise ValueError("a name is a string")


def _null(text: str) -> Null:
    if text not in NULL_TYPES:
        raise ValueError(f"{text[:20]!r} is not a type of null")
    return Null(text)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError("Ion has no decimal infinity")
    return number


_FROM_TEXT: dict[str, Callable[[str], IonValue]] = {
    "$int": int,
    "$float": float,
    "$decimal": _decimal,
    "$blob": lambda text: b64decode(text, validate=True),
    "$clob": lambda text: Clob(b64decode(text, validate=True)),
    "$null": _null,
    "$symbol": Symbol,
    "$timestamp": Timestamp.parse,
}
