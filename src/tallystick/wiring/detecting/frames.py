"""What the server and its detection process say to each other through two pipes.

A frame is its length (4 bytes, big-endian) and MessagePack. Both ends are always of one version:
the server starts the other from its own files.
"""

import struct
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from tallystick.errors import Corrupt
from tallystick.limits import DETECT_FRAME_BYTES_MAX
from tallystick.watch.detect.drift.state import DriftState
from tallystick.watch.detect.models.comparison import Comparison
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Anomaly

_LENGTH = struct.Struct(">I")


class Entries(msgspec.Struct, tag="e", array_like=True, gc=False):
    """Ledger entries in order: position and bytes."""

    rows: list[tuple[int, bytes]]


class Seen(msgspec.Struct, tag="s", array_like=True, gc=False):
    """Observations that are not on the ledger."""

    rows: list[Observation]


class Heard(msgspec.Struct, tag="h", array_like=True):
    """All that was found up to this number is on disk."""

    number: int


class Challenge(msgspec.Struct, tag="c", array_like=True):
    """This version is to watch in the shadow; None: nobody."""

    version: str | None


class Begun(msgspec.Struct, tag="b", array_like=True):
    """The process is ready and wants the entries from `position` on."""

    position: int
    model: str
    note: str = ""
    """What the operator should hear of the start; empty if there is nothing."""


class Found(msgspec.Struct, tag="f", array_like=True):
    """Anomalies, oldest first, to be answered by `Heard` of this number."""

    number: int
    anomalies: list[Anomaly]


class State(msgspec.Struct, tag="t", array_like=True):
    """How far detection is; said some times a second."""

    position: int
    observed: int
    unreadable: int
    resident_bytes: int


class Standing(msgspec.Struct, tag="g", array_like=True):
    """What else there is to know of it; said now and then. `notes` are for the operator, once.

    `kept` is false while what was learnt cannot be written to disk.
    """

    model: str
    challenger: str | None
    held_streams: int
    findings: dict[str, int]
    drift: tuple[DriftState, ...]
    comparison: Comparison | None
    notes: list[str]
    kept: bool = True


ToChild = Entries | Seen | Heard | Challenge
ToParent = Begun | Found | State | Standing

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


def frame(value: ToChild | ToParent) -> bytes:
    """The bytes of one frame; of a text that UTF-8 cannot say (a lone surrogate) `?` is sent."""
    try:
        body = _encode(value)
    except UnicodeEncodeError:
        body = _encode(_sayable(msgspec.to_builtins(value, builtin_types=(bytes,))))
    return _LENGTH.pack(len(body)) + body


def _sayable(plain: object) -> object:
    if isinstance(plain, str):
        return plain.encode(errors="replace").decode()
    if isinstance(plain, (list, tuple)):
        return [_sayable(each) for each in plain]
    if isinstance(plain, dict):
        return {_sayable(name): _sayable(each) for name, each in plain.items()}
    return plain


class Frames(Generic[T]):
    """Puts frames together from pieces as they arrive; `kind` is the union of what may come."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[T]:
        """The frames that this piece completes.

        Raises:
            Corrupt: what came is no frame; the pipe is of no use any more.
        """
        held = self._held
        held += piece
        start = 0
        while len(held) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(held, start)
            if length > DETECT_FRAME_BYTES_MAX:
                raise Corrupt(f"A frame of {length} bytes came from the other process.")
            end = start + _LENGTH.size + length
            if len(held) < end:
                break
            try:
                yield self._decoder.decode(bytes(held[start + _LENGTH.size : end]))
            except ValueError as error:  # also what is no UTF-8
                raise Corrupt(f"The other process said what cannot be read: {error}.") from error
            start = end
        del held[:start]
