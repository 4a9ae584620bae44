"""Bytes to values: decode a body or a query, or refuse it in words of the trade."""

import re
from typing import TypeVar, get_args

import msgspec

from tallystick.errors import Refused
from tallystick.execution.entries import (
    OrderState,
    OrderType,
    PositionFill,
    Side,
    TimeInForce,
    Trigger,
)

T = TypeVar("T")
ALLOWED: dict[str, tuple[str, ...]] = {
    "side": get_args(Side),
    "type": get_args(OrderType),
    "time_in_force": get_args(TimeInForce),
    "trigger": get_args(Trigger),
    "position_fill": get_args(PositionFill),
    "state": (*get_args(OrderState), "open"),
}
"""Members with a closed list of values, so that a refusal can name them."""
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The value in a JSON body.

    Raises:
        Refused: `BAD_JSON`, `UNKNOWN_FIELD`, `VALUE_NOT_ALLOWED`, `BAD_REQUEST`.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise refusal_of(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("BAD_JSON", f"The body is not JSON: {error}.") from error


def decode_query(query: dict[str, str], kind: type[T]) -> T:
    """The value in query parameters.

    Raises:
        Refused: `UNKNOWN_FIELD`, `VALUE_NOT_ALLOWED`, `BAD_REQUEST`.
    """
    try:
        return msgspec.convert(query, kind, strict=False)
    except msgspec.ValidationError as error:
        raise refusal_of(str(error)) from error


def refusal_of(message: str) -> Refused:
    """The codec's complaint as a refusal that a trader understands."""
    where = _AT.search(message)
    field = where[1] if where else None
    inside = f"{field}." if field else ""
    if unknown := _UNKNOWN.search(message):
        name = unknown[1]
        sentence = f"There is no member {name!r} here."
        return Refused("UNKNOWN_FIELD", sentence, field=inside + name)
    if missing := _MISSING.search(message):
        name = missing[1]
        return Refused("BAD_REQUEST", f"The member {name!r} is missing.", field=inside + name)
    text = _AT.sub("", message)
    if text in {"Expected `str`, got `int`", "Expected `str`, got `float`"}:
        return Refused(
            "VALUE_NOT_ALLOWED",
            f'{field} must be a string, such as "1000000"; JSON numbers are not exact.',
            field=field,
        )
    known = ALLOWED.get((field or "").rpartition(".")[2])  # also in an order inside another
    if text.startswith("Invalid enum value") and known is not None:
        allowed = ", ".join(known)
        return Refused("VALUE_NOT_ALLOWED", f"{field} must be one of {allowed}.", field=field)
    subject = field or "The body"
    return Refused("VALUE_NOT_ALLOWED", f"{subject}: {text[:1].lower()}{text[1:]}.", field=field)
