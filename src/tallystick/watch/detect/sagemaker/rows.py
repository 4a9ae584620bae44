"""Requests and training data as rows of numbers: CSV, JSON, JSON Lines, RecordIO-protobuf.

The forms are those of "Common data formats for inference" in the vendor's developer guide.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.recordio import FEATURES, LABEL, dense, frames, read_record

CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
CONTENT_TYPES = (CSV, JSON, JSONLINES, RECORDIO)
_ALSO_JSONLINES = {"application/x-jsonlines", "application/jsonlines"}
REQUEST_ROWS_MAX = 200_000
"""Most rows in one request: more could not be scored in time."""
VALUES = "values"
"""The name of the tensor in a record's features and labels."""

Rows = NDArray[np.float64]


class Vector(msgspec.Struct):
    """A vector: dense, or sparse where it has keys."""

    values: list[float]
    keys: list[int] = []
    shape: list[int] = []


class _Data(msgspec.Struct):
    features: Vector | list[float]


class _Instance(msgspec.Struct):
    features: Vector | list[float] | None = None
    data: _Data | None = None


class _Instances(msgspec.Struct):
    instances: list[_Instance]


_INSTANCES = msgspec.json.Decoder(_Instances)
_INSTANCE = msgspec.json.Decoder(_Instance)


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """A content type and its parameters: `text/csv; label_size=1`; lower case."""
    name, *rest = (part.strip() for part in header.lower().split(";"))
    pairs = (part.partition("=") for part in rest if part)
    parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
    return (JSONLINES if name in _ALSO_JSONLINES else name), parameters


def read_rows(content_type: str, body: bytes, dimensions: int) -> Rows:
    """The rows of a request, each with as many numbers as the model has features.

    Raises:
        ClientError: 415, no such content type; 413, too many rows; 400, the body is not that, or
            has other rows.
    """
    kind, _ = media_type(content_type)
    if kind in {CSV, JSONLINES} and body.count(b"\n") > REQUEST_ROWS_MAX:
        raise ClientError(f"A request may have at most {REQUEST_ROWS_MAX:,} rows.", 413)
    if kind == CSV:
        rows = read_csv(body.splitlines(), dimensions)
    elif kind == JSON:
        rows = _together([_vector(each) for each in _decoded(body).instances], dimensions)
    elif kind == JSONLINES:
        lines = (line for line in body.splitlines() if line.strip())
        rows = _together([_vector(_line(line)) for line in lines], dimensions)
    elif kind == RECORDIO:
        rows = read_recordio(body, dimensions)[0]
    else:
        sentence = f"Content type {content_type!r} is none of {', '.join(CONTENT_TYPES)}."
        raise ClientError(sentence, 415)
    if not len(rows):
        raise ClientError("The request has no rows.")
    return rows


def read_csv(lines: Sequence[bytes], columns: int, first: int = 1) -> Rows:
    """Rows of CSV without a header; empty lines are left out. `first` is the first line's number.

    Raises:
        ClientError: a line has not as many finite numbers.
    """
    fields = [line.split(b",") for line in lines if line.strip()]
    if all(len(each) == columns for each in fields):
        try:
            count = len(fields) * columns
            numbers = np.fromiter(map(float, chain.from_iterable(fields)), np.float64, count)
        except ValueError:
            numbers = np.full(1, np.nan)
        if np.isfinite(numbers).all():
            return numbers.reshape(-1, columns)
    raise ClientError(_wrong_line(lines, columns, first))


def _wrong_line(lines: Iterable[bytes], columns: int, first: int) -> str:
    """A sentence about the first line that is wrong."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        fields = line.split(b",")
        if len(fields) != columns:
            return f"Line {number} has {len(fields)} values; {columns} are wanted."
        for field in fields:
            try:
                finite = bool(np.isfinite(float(field)))
            except ValueError:
                finite = False
            if not finite:
                said = field.decode("utf-8", "replace").strip()[:40]
                return f"Line {number} has {said!r}, which is no finite number."
    return "The CSV cannot be read."


def read_recordio(data: bytes, dimensions: int) -> tuple[Rows, list[float | None]]:
    """Rows of RecordIO-protobuf, and the label of each where it has one.

    Raises:
        ClientError: the bytes are not that, or a row has not as many finite numbers.
    """
    rows, labels = [], []
    for each in frames(data):
        record = read_record(each)
        rows.append(record[FEATURES].get(VALUES, np.zeros(0)))
        label = record[LABEL].get(VALUES)
        labels.append(None if label is None or not len(label) else float(label[0]))
    return _together(rows, dimensions), labels


def _decoded(body: bytes) -> _Instances:
    try:
        return _INSTANCES.decode(body)
    except ValueError as error:
        sentence = f'The body is no JSON such as {{"instances":[{{"features":[1.5]}}]}}: {error}.'
        raise ClientError(sentence) from error


def _line(line: bytes) -> _Instance:
    try:
        return _INSTANCE.decode(line)
    except ValueError as error:
        raise ClientError(f'A line is no JSON such as {{"features":[1.5]}}: {error}.') from error


def _vector(instance: _Instance) -> Rows:
    found = instance.features if instance.data is None else instance.data.features
    if found is None:
        raise ClientError("An instance has neither features nor data.")
    if isinstance(found, list):
        return np.array(found, np.float64)
    values = np.array(found.values, np.float64)
    if not found.keys:
        return values
    keys, shape = np.array(found.keys, np.float64), np.array(found.shape, np.float64)
    return dense(values, keys, shape)


def _together(rows: list[Rows], dimensions: int) -> Rows:
    for number, row in enumerate(rows, 1):
        if len(row) != dimensions:
            raise ClientError(f"Row {number} has {len(row)} values; {dimensions} are wanted.")
    found = np.array(rows, np.float64).reshape(-1, dimensions)
    if not np.isfinite(found).all():
        raise ClientError("A value is no finite number.")
    return found
