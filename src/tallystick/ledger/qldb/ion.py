"""Reads Ion text and binary through `amazon.ion`, which comes with `tallystick[qldb]`.

The only module that knows the library; it is loaded when the first Ion file is opened.
"""

from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

from tallystick.errors import Refused
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

_LIBRARY = "amazon.ion"
_DAY, _MINUTE = 2, 3
"""How the library counts precision, from 0, the year."""


def has_ion() -> bool:
    """Whether the library is installed."""
    return find_spec("amazon") is not None and find_spec(_LIBRARY) is not None


def read_ion(file: IO[bytes]) -> Iterator[IonValue]:
    """The top-level values of an Ion file, text or binary, one at a time.

    Raises:
        Refused: `QLDB_NEEDS_ION`, the library is not installed; `QLDB_UNREADABLE`, no Ion.
    """
    if not has_ion():
        raise Refused(
            "QLDB_NEEDS_ION", "This export is in Ion; to read it, pip install 'tallystick[qldb]'."
        )
    library = import_module(f"{_LIBRARY}.simpleion")
    broken: type[Exception] = import_module(f"{_LIBRARY}.exceptions").IonException
    try:
        for value in library.load(file, single_value=False, parse_eagerly=False):
            yield _value(value)
    except (broken, ValueError, ArithmeticError, RecursionError) as error:
        raise Refused("QLDB_UNREADABLE", f"This is not Ion: {error}") from error


def _value(value: Any) -> IonValue:
    """The library's value as one of ours, with its annotations."""
    kind = "null" if value is None else _type_name(value)
    annotations = getattr(value, "ion_annotations", ())
    plain = _without_annotations(kind, value)
    if not annotations:
        return plain
    return Annotated(tuple(token.text for token in annotations), plain)


def _type_name(value: Any) -> str:
    name: str = value.ion_type.name
    return name.lower()


def _without_annotations(kind: str, value: Any) -> IonValue:  # noqa: C901, PLR0911  one line a type
    if value is None or type(value).__name__ == "IonPyNull":
        return Null(kind) if kind in NULL_TYPES else None
    match kind:
        case "bool":
            return bool(value)
        case "int":
            return int(value)
        case "float":
            return float(value)
        case "decimal":
            return Decimal(value)
        case "timestamp":
            return _timestamp(value)
        case "symbol":
            return Symbol(value.text)
        case "string":
            return str(value)
        case "clob":
            return Clob(bytes(value))
        case "blob":
            return bytes(value)
        case "struct":
            return Struct(tuple((name, _value(each)) for name, each in value.items()))
    items = [_value(each) for each in value]
    return Sexp(items) if kind == "sexp" else items


def _timestamp(value: Any) -> Timestamp:
    """The library's timestamp in the precision that it was written in.

    Digits beyond the nanosecond are lost in the library; a document with such a timestamp does
    not hash to its revision hash any more.
    """
    precision = int(value.precision)
    text = f"{value.year:04}"
    if precision < _DAY:
        return Timestamp.parse(f"{text}-{value.month:02}T" if precision else f"{text}T")
    text += f"-{value.month:02}-{value.day:02}"
    if precision == _DAY:
        return Timestamp.parse(text)
    text += f"T{value.hour:02}:{value.minute:02}"
    if precision > _MINUTE:
        text += f":{value.second:02}{_fraction(value.fractional_seconds)}"
    return Timestamp.parse(text + _offset(value))


def _fraction(fraction: Decimal) -> str:
    """`.120` for 0.120; nothing where there are no digits after the point."""
    _, _, point = f"{fraction:f}".partition(".")
    return f".{point}" if point else ""


def _offset(value: Any) -> str:
    offset = value.utcoffset()
    if offset is None:
        return "-00:00"
    minutes = int(offset.total_seconds()) // 60
    if not minutes:
        return "Z"
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
