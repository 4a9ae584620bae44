"""RecordIO with protobuf records, against Google's own reader and writer of protobuf."""

import struct
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.recordio import (
    FEATURES,
    LABEL,
    MAGIC,
    frame,
    frames,
    read_record,
    score_record,
    write_record,
)

_TYPES = descriptor_pb2.FieldDescriptorProto
_REPEATED, _OPTIONAL = _TYPES.LABEL_REPEATED, _TYPES.LABEL_OPTIONAL


def _field(message: Any, name: str, number: int, kind: int, label: int, type_name: str = "") -> Any:
    field = message.field.add(name=name, number=number, type=kind, label=label)
    if type_name:
        field.type_name = type_name
    return field


def _record_class() -> Any:
    """Amazon's `record.proto`, as far as it is documented, made by hand."""
    file = descriptor_pb2.FileDescriptorProto(name="record.proto", package="aialgs.data")
    file.syntax = "proto2"
    kinds = (("Float32Tensor", _TYPES.TYPE_FLOAT), ("Float64Tensor", _TYPES.TYPE_DOUBLE),
             ("Int32Tensor", _TYPES.TYPE_INT32))  # fmt: skip
    for name, kind in kinds:
        tensor = file.message_type.add(name=name)
        for field, number, type_ in (("values", 1, kind), ("keys", 2, _TYPES.TYPE_UINT64),
                                     ("shape", 3, _TYPES.TYPE_UINT64)):  # fmt: skip
            _field(tensor, field, number, type_, _REPEATED).options.packed = True
    value = file.message_type.add(name="Value")
    for field, number, type_name in (("float32_tensor", 2, "Float32Tensor"),
                                     ("float64_tensor", 3, "Float64Tensor"),
                                     ("int32_tensor", 7, "Int32Tensor")):  # fmt: skip
        place = f".aialgs.data.{type_name}"
        _field(value, field, number, _TYPES.TYPE_MESSAGE, _OPTIONAL, place)
    record = file.message_type.add(name="Record")
    for name, number in (("features", 1), ("label", 2)):
        entry = record.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        _field(entry, "key", 1, _TYPES.TYPE_STRING, _OPTIONAL)
        _field(entry, "value", 2, _TYPES.TYPE_MESSAGE, _OPTIONAL, ".aialgs.data.Value")
        place = f".aialgs.data.Record.{name.capitalize()}Entry"
        _field(record, name, number, _TYPES.TYPE_MESSAGE, _REPEATED, place)
    _field(record, "uid", 3, _TYPES.TYPE_STRING, _OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


Record = _record_class()


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=40),
    st.sampled_from(["float32_tensor", "float64_tensor"]),
)
def test_it_reads_what_google_writes(values: list[float], kind: str) -> None:
    """Dense tensors of both widths, and the label, of a record by the reference library."""
    record = Record(uid="x")
    getattr(record.features["values"], kind).values.extend(values)
    record.label["values"].float32_tensor.values.append(1.0)

    found = read_record(record.SerializeToString())

    assert found[FEATURES]["values"].tolist() == values
    assert found[LABEL]["values"].tolist() == [1.0]


def test_it_reads_whole_numbers_and_sparse_vectors() -> None:
    """Integers, negative ones too; and a vector of which only some are given."""
    record = Record()
    record.features["values"].int32_tensor.values.extend([3, -7, 0])
    assert read_record(record.SerializeToString())[FEATURES]["values"].tolist() == [3.0, -7.0, 0.0]

    record = Record()
    tensor = record.features["values"].float32_tensor
    tensor.values.extend([1.5, 2.5])
    tensor.keys.extend([0, 300])
    tensor.shape.append(400)
    found = read_record(record.SerializeToString())[FEATURES]["values"]
    assert (found[0], found[300], found.sum(), len(found)) == (1.5, 2.5, 4.0, 400)


def test_google_reads_what_it_writes() -> None:
    """The answer's record has the label `score`, float32, and no features."""
    record = Record.FromString(score_record(0.25))
    assert list(record.label["score"].float32_tensor.values) == [0.25]
    assert not record.features

    record = Record.FromString(write_record(np.arange(300.0), label=1.0))
    assert list(record.features["values"].float32_tensor.values) == list(range(300))
    assert list(record.label["values"].float32_tensor.values) == [1.0]


def test_numbers_that_are_not_packed_are_read_too() -> None:
    """Writers of proto2 may give each number by itself."""
    tensor = b"".join(b"\x0d" + struct.pack("<f", each) for each in (1.5, -2.0))
    value = b"\x12" + bytes([len(tensor)]) + tensor
    entry = b"\x0a\x06values\x12" + bytes([len(value)]) + value
    found = read_record(b"\x0a" + bytes([len(entry)]) + entry)
    assert found[FEATURES]["values"].tolist() == [1.5, -2.0]


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_frames_come_back(records: list[bytes]) -> None:
    """Each record is padded to four bytes and found again."""
    data = b"".join(map(frame, records))
    assert len(data) % 4 == 0
    assert list(frames(data)) == records


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 8,
        struct.pack("<II", MAGIC, 100) + b"x",
        struct.pack("<I", MAGIC),
        struct.pack("<II", MAGIC, 1 << 29) + bytes(4),
    ],
    ids=["magic", "short", "head", "split"],
)
def test_other_bytes_are_no_recordio(data: bytes) -> None:
    """A sentence instead of a crash."""
    with pytest.raises(ClientError, match="RecordIO"):
        list(frames(data))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_refused(data: bytes) -> None:
    """Nothing but ClientError comes out of bytes that are no protobuf."""
    try:
        read_record(data)
    except ClientError:
        pass
    else:
        return


@pytest.mark.parametrize(
    ("keys", "shape"), [([5], [3]), ([0, 1], [3]), ([0], []), ([0], [10**9])],
    ids=["outside", "more keys", "no shape", "huge"],
)  # fmt: skip
def test_sparse_vectors_that_do_not_fit_are_refused(keys: list[int], shape: list[int]) -> None:
    """A key outside of the shape would write somewhere else."""
    record = Record()
    tensor = record.features["values"].float32_tensor
    tensor.values.append(1.0)
    tensor.keys.extend(keys)
    tensor.shape.extend(shape)
    with pytest.raises(ClientError, match="sparse"):
        read_record(record.SerializeToString())
