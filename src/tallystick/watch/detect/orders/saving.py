"""A snapshot of all that the looks know: a header, and the arrays' own bytes behind it.

A hundred thousand accounts are half a gigabyte: each array is written and read once, without being
wrapped or copied on the way.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.orders.slots import SlotsSaved

Array = NDArray[np.generic]
_LENGTH_BYTES = 8


class Header(msgspec.Struct):
    """What stands before the arrays; `shapes` are theirs, in order."""

    what: str
    limit: int
    moment: int
    currencies: dict[str, int]
    tables: dict[str, SlotsSaved]
    shapes: list[tuple[str, list[int]]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Header)


def pack(header: Header, arrays: Iterable[Array]) -> bytes:
    """The header and the arrays; their shapes are written into it."""
    parts = [np.ascontiguousarray(array) for array in arrays]
    header.shapes = [(part.dtype.str, list(part.shape)) for part in parts]
    head = _ENCODER.encode(header)
    views = [part.reshape(-1).view(np.uint8).data for part in parts]
    return b"".join((len(head).to_bytes(_LENGTH_BYTES), head, *views))


def unpack(data: bytes) -> tuple[Header, memoryview]:
    """The header, and the bytes of the arrays.

    Raises:
        ValueError: these bytes were not packed here.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES])
    if len(data) < _LENGTH_BYTES + length:
        raise ValueError("the bytes end too soon")
    view = memoryview(data)[_LENGTH_BYTES:]
    return _DECODER.decode(view[:length]), view[length:]


def fill(arrays: Sequence[Array], header: Header, body: memoryview) -> None:
    """Write the saved arrays into these.

    Raises:
        ValueError: they are others, or hold what is no number.
    """
    shapes = [(array.dtype.str, list(array.shape)) for array in arrays]
    if shapes != header.shapes or sum(array.nbytes for array in arrays) != len(body):
        raise ValueError("these arrays were learnt by another detector")
    at = 0
    for array in arrays:
        values = np.frombuffer(body[at : at + array.nbytes], array.dtype)
        if array.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError("an array holds what is no number")
        array[...] = values.reshape(array.shape)
        at += array.nbytes
