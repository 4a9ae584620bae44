"""Canonical JSON: the one spelling of a value that the ledger hashes (RFC 8785, integers only)."""

import json
from typing import Any

import msgspec


def _refuse_float(text: str) -> float:
    raise ValueError(f"{text} is not an integer")


_DECODER = msgspec.json.Decoder(float_hook=_refuse_float)
_ENCODER = msgspec.json.Encoder(order="sorted")


def decode_canonical(data: bytes) -> Any:
    """The JSON value whose canonical bytes these are: sorted keys, no white space, no floats.

    Raises:
        ValueError: they are not JSON, or another spelling of it.
    """
    try:
        value = _DECODER.decode(data)
        if _ENCODER.encode(value) == data:
            return value
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    raise ValueError("not in canonical form")


def decode_strict(data: bytes) -> Any:
    """The JSON value in any spelling, where no two readers could see different things.

    Raises:
        ValueError: it is not JSON in UTF-8, or has a key twice, a float, NaN or Infinity.
    """
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_float=_refuse_float,
            parse_constant=_refuse_float,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return members
