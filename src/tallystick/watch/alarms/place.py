"""Where the runner was, so that a restart counts every event once."""

import msgspec

from tallystick.watch.alarms.sources.tally import Kept


class Place(msgspec.Struct):
    """The next ledger position, what was counted up to it, and what else was counted, by id."""

    position: int
    counted: dict[str, Kept]
    known: list[str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Place).decode


def place_bytes(place: Place) -> bytes:
    """As it is stored."""
    return _encode(place)


def read_place(body: bytes) -> Place:
    """What was stored.

    Raises:
        ValueError: it was not stored by this version.
    """
    try:
        return _decode(body)
    except msgspec.DecodeError as error:
        raise ValueError("These bytes are no place of the alarms.") from error
