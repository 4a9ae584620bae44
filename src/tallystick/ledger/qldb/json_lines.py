"""Reads JSON exports: what QLDB's down-conversion lost is put back where it is known.

The members of a block have documented Ion types, so their hashes can be computed again. A
document's own values have lost theirs (a timestamp is a string, a float is a number), so `readings`
tries the few that occur. Source: the developer guide, export-journal.output.html, "Down-converting
to JSON".
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import IO, TypeAlias

from tallystick.errors import Refused
from tallystick.ledger.qldb.values import IonValue, Struct, Timestamp

BLOCK_BYTES_MAX = 64 * 1024 * 1024
"""Longest line of a JSON export; a QLDB transaction was at most 4 MB."""
DEPTH_MAX = 100
"""Deepest nesting of a block; the Ion library has the same limit."""

_Shape: TypeAlias = "Callable[[str], IonValue] | list[_Shape] | dict[str, _Shape]"


def _blob(text: str) -> bytes:
    return b64decode(text, validate=True)


_BLOCK: _Shape = {
    "blockTimestamp": Timestamp.parse,
    "blockHash": _blob,
    "entriesHash": _blob,
    "previousBlockHash": _blob,
    "entriesHashList": [_blob],
    "transactionInfo": {"statements": [{"startTime": Timestamp.parse, "statementDigest": _blob}]},
    "revisions": [{"hash": _blob, "dataHash": _blob, "metadata": {"txTime": Timestamp.parse}}],
}
"""Which members of a block are no strings although JSON spells them so."""


def read_json_lines(file: IO[bytes]) -> Iterator[IonValue]:
    """The blocks of a JSON export, one a line.

    Raises:
        Refused: `QLDB_UNREADABLE`, a line is no JSON object or too long.
    """
    while line := file.readline(BLOCK_BYTES_MAX + 1):
        if len(line) > BLOCK_BYTES_MAX:
            raise Refused("QLDB_UNREADABLE", f"A line is longer than {BLOCK_BYTES_MAX:,} bytes.")
        if line.strip():
            try:
                yield _typed(_BLOCK, parse_json(line))
            except ValueError as error:
                raise Refused(
                    "QLDB_UNREADABLE", f"This block is not as documented: {error}."
                ) from (error)


def parse_json(data: bytes) -> IonValue:
    """JSON as Ion reads it: numbers with a point or an exponent are decimals.

    Raises:
        ValueError: it is not JSON in UTF-8.
    """
    try:
        value: IonValue = json.loads(
            data.decode(),
            object_pairs_hook=lambda pairs: Struct(tuple(pairs)),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _require_sound(value)
    return value


def _require_sound(value: IonValue) -> None:
    """No deeper than the limit, and every string is one of Unicode; raises `ValueError`."""
    level: list[IonValue] = [value]
    for _ in range(DEPTH_MAX):
        deeper: list[IonValue] = []
        for each in level:
            match each:
                case str():
                    each.encode()
                case list():
                    deeper += each
                case Struct():
                    deeper += (part for field in each.fields for part in field)
        if not deeper:
            return
        level = deeper
    raise ValueError(f"it is nested more than {DEPTH_MAX} deep")


def readings(data: IonValue) -> Iterator[IonValue]:
    """What a document from JSON may have been in Ion: as it stands, then with likely types.

    Either all strings that look like timestamps were some, or none; either all numbers with a
    point were floats, or none.
    """
    for string in (_same, _perhaps_timestamp):
        for number in (_same, _to_float):
            yield _mapped(data, string, number)


def _refuse_constant(text: str) -> IonValue:
    raise ValueError(f"{text} is not JSON")


def _typed(shape: _Shape, value: IonValue) -> IonValue:
    """The value with the types that the shape knows of."""
    match shape, value:
        case dict(), Struct():
            return Struct(
                tuple(
                    (name, _typed(shape[name], each) if name in shape else each)
                    for name, each in value.fields
                )
            )
        case list(), list():
            return [_typed(shape[0], each) for each in value]
        case _, str() if callable(shape):
            return shape(value)
    return value


def _mapped(
    value: IonValue, string: Callable[[str], IonValue], number: Callable[[Decimal], IonValue]
) -> IonValue:
    match value:
        case Struct():
            return Struct(tuple((n, _mapped(each, string, number)) for n, each in value.fields))
        case list():
            return [_mapped(each, string, number) for each in value]
        case str():
            return string(value)
        case Decimal():
            return number(value)
    return value


def _same(value: IonValue) -> IonValue:
    return value


def _perhaps_timestamp(text: str) -> IonValue:
    try:
        return Timestamp.parse(text)
    except ValueError:
        return text


def _to_float(number: Decimal) -> IonValue:
    return float(number)
