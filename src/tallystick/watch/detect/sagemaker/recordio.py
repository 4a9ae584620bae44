"""RecordIO with protobuf records: the framing and the message of Amazon's `record.proto`.

A frame is a magic number, a length and the record, padded to four bytes (MXNet RecordIO). A record
maps names to tensors: `features` (field 1) has one named `values`; `label` (2) one named `values`
in training data and one named `score` in answers. Tensors are of 32 or 64 bit floats, or of 32 bit
integers; those with `keys` are sparse.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.sagemaker.errors import ClientError

MAGIC = 0xCED7230A
_HEAD = struct.Struct("<II")
_LENGTH_BITS = 29
"""The three bits above tell the parts of a record that was split; ours never are."""
DENSE_MAX = 10_000
"""Longest vector that a sparse tensor may stand for: the most features of a model."""
FEATURES, LABEL = 1, 2
"""Fields of a Record."""
_FLOAT32, _FLOAT64, _INT32 = 2, 3, 7
"""Fields of a Value."""
_VALUES, _KEYS, _SHAPE = 1, 2, 3
"""Fields of a tensor."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types."""
_FLOATS = {_FLOAT32: "<f4", _FLOAT64: "<f8"}

Record = dict[int, dict[str, NDArray[np.float64]]]
"""Dense tensors by name, of FEATURES and of LABEL."""


def frames(data: bytes) -> Iterator[bytes]:
    """The records in the bytes, one after the other.

    Raises:
        ClientError: they are no RecordIO.
    """
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise ClientError("The RecordIO data end in the middle of a record.")
        magic, head = _HEAD.unpack_from(data, at)
        length = head & ((1 << _LENGTH_BITS) - 1)
        at += _HEAD.size
        if magic != MAGIC or head >> _LENGTH_BITS:
            raise ClientError(f"The data are no RecordIO: record at byte {at - _HEAD.size}.")
        if len(data) - at < length:
            raise ClientError("The RecordIO data end in the middle of a record.")
        yield data[at : at + length]
        at += length + -length % 4


def frame(record: bytes) -> bytes:
    """The record as RecordIO holds it."""
    return _HEAD.pack(MAGIC, len(record)) + record + bytes(-len(record) % 4)


def read_record(data: bytes) -> Record:
    """The dense tensors of a record.

    Raises:
        ClientError: the bytes are no such record.
    """
    try:
        record: Record = {FEATURES: {}, LABEL: {}}
        for field, value in _fields(data):
            if field in record and isinstance(value, bytes):
                entry = dict(_fields(value))
                name, tensor = entry.get(1, b""), entry.get(2, b"")
                if isinstance(name, bytes) and isinstance(tensor, bytes):
                    record[field][name.decode()] = _tensor(tensor)
    except (ValueError, IndexError, struct.error) as error:
        raise ClientError(f"A record is no protobuf record: {error}.") from error
    return record


def score_record(score: float) -> bytes:
    """A record whose label `score` is this number, in 32 bits, as RCF answers."""
    packed = struct.pack("<f", score)
    tensor = _lengthed(_FLOAT32, _lengthed(_VALUES, packed))
    return _lengthed(LABEL, _lengthed(1, b"score") + _lengthed(2, tensor))


def write_record(features: NDArray[np.float64], label: float | None = None) -> bytes:
    """A record of dense 32-bit features, as training data and requests have them."""
    values = np.asarray(features, "<f4").tobytes()
    tensor = _lengthed(_FLOAT32, _lengthed(_VALUES, values))
    record = _lengthed(FEATURES, _lengthed(1, b"values") + _lengthed(2, tensor))
    if label is not None:
        tensor = _lengthed(_FLOAT32, _lengthed(_VALUES, struct.pack("<f", label)))
        record += _lengthed(LABEL, _lengthed(1, b"values") + _lengthed(2, tensor))
    return record


def _tensor(value: bytes) -> NDArray[np.float64]:
    """The numbers of a Value, dense."""
    for kind, body in _fields(value):
        if kind not in {_FLOAT32, _FLOAT64, _INT32} or not isinstance(body, bytes):
            continue
        parts: dict[int, list[NDArray[np.float64]]] = {_VALUES: [], _KEYS: [], _SHAPE: []}
        for field, data in _fields(body):
            if field == _VALUES and kind in _FLOATS:
                parts[field].append(_floats(kind, data))
            elif field in parts:
                parts[field].append(_integers(data))
        values, keys, shape = (_joined(parts[each]) for each in (_VALUES, _KEYS, _SHAPE))
        return dense(values, keys, shape) if len(keys) else values
    return np.zeros(0)


def dense(
    values: NDArray[np.float64], keys: NDArray[np.float64], shape: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A sparse tensor of one dimension, spread out.

    Raises:
        ClientError: a key lies outside of the shape, or there are not as many keys as values.
    """
    size = int(shape[-1]) if len(shape) else 0
    wrong = len(keys) != len(values) or not 0 < size <= DENSE_MAX
    if wrong or (len(keys) and (keys.min() < 0 or keys.max() >= size)):
        raise ClientError("A sparse vector's keys do not fit its values and its shape.")
    spread = np.zeros(size)
    spread[keys.astype(np.int64)] = values
    return spread


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _floats(kind: int, data: bytes | int) -> NDArray[np.float64]:
    """Packed, or one by itself in its wire form."""
    if isinstance(data, int):
        size = 4 if kind == _FLOAT32 else 8
        data = data.to_bytes(size, "little")
    return np.frombuffer(data, _FLOATS[kind]).astype(np.float64)


def _integers(data: bytes | int) -> NDArray[np.float64]:
    if isinstance(data, int):
        return np.array([_signed(data)], np.float64)
    numbers, at = [], 0
    while at < len(data):
        number, at = _varint(data, at)
        numbers.append(_signed(number))
    return np.array(numbers, np.float64)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Number and content of each field of a message; fixed ones as unsigned integers."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            number, at = _varint(data, at)
            yield field, number
        elif wire == _BYTES:
            length, at = _varint(data, at)
            if length > len(data) - at:
                raise ValueError("a field is longer than its message")
            yield field, data[at : at + length]
            at += length
        elif wire in {_FIXED32, _FIXED64}:
            size = 4 if wire == _FIXED32 else 8
            if size > len(data) - at:
                raise ValueError("a field is longer than its message")
            yield field, int.from_bytes(data[at : at + size], "little")
            at += size
        else:
            raise ValueError(f"a field has the wire type {wire}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _lengthed(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | _BYTES]) + _as_varint(len(data)) + data


def _as_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
