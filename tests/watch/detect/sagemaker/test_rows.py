"""Requests as rows, in every documented form."""

import json

import numpy as np
import pytest

from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.recordio import frame, write_record
from tallystick.watch.detect.sagemaker.rows import (
    REQUEST_ROWS_MAX,
    media_type,
    read_csv,
    read_recordio,
    read_rows,
)

ROWS = [[1.5, 16.0, 14.0], [-2.0, 100.2, 15.2]]
SPARSE = {"keys": [0, 2], "shape": [3], "values": [1.5, 14.0]}
FORMS = {
    "csv": ("text/csv", b"1.5,16.0,14.0\n-2.0,100.2,15.2\n"),
    "csv, spaces and no last newline": ("text/csv; charset=utf-8", b"1.5, 16, 14\r\n-2,100.2,15.2"),
    "json": (
        "application/json",
        json.dumps({"instances": [{"features": row} for row in ROWS]}).encode(),
    ),
    "json, values": (
        "application/json",
        json.dumps(
            {"instances": [{"data": {"features": {"values": row}}} for row in ROWS]}
        ).encode(),
    ),
    "jsonlines": (
        "application/jsonlines",
        b"".join(json.dumps({"features": row}).encode() + b"\n" for row in ROWS),
    ),
    "jsonlines, values": (
        "application/x-jsonlines",
        b"\n".join(json.dumps({"data": {"features": {"values": row}}}).encode() for row in ROWS),
    ),
    "recordio": (
        "application/x-recordio-protobuf",
        b"".join(frame(write_record(np.array(row))) for row in ROWS),
    ),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_gives_the_same_rows(form: str) -> None:
    """Two rows of three features."""
    assert read_rows(*FORMS[form], 3) == pytest.approx(np.array(ROWS), rel=1e-6)


@pytest.mark.parametrize("inside", [{"features": SPARSE}, {"data": {"features": SPARSE}}])
def test_sparse_rows_are_spread_out(inside: object) -> None:
    """What is not given is 0."""
    body = json.dumps({"instances": [inside]}).encode()
    assert read_rows("application/json", body, 3).tolist() == [[1.5, 0.0, 14.0]]


BAD = {
    "csv, columns": ("text/csv", b"1,2,3\n1,2\n", "Line 2 has 2 values; 3 are wanted"),
    "csv, word": ("text/csv", b"1,2,3\n\n1,x,3\n", "Line 3 has 'x', which is no finite number"),
    "csv, header": ("text/csv", b"a,b,c\n1,2,3\n", "Line 1 has 'a'"),
    "csv, nan": ("text/csv", b"1,nan,3\n", "Line 1 has 'nan'"),
    "csv, no utf-8": ("text/csv", b"1,\xff,3\n", "Line 1 has"),
    "csv, nothing": ("text/csv", b"\n\n", "no rows"),
    "json": ("application/json", b"{", "no JSON"),
    "json, nothing": ("application/json", b'{"instances":[]}', "no rows"),
    "json, no features": ("application/json", b'{"instances":[{}]}', "neither features nor data"),
    "json, columns": ("application/json", b'{"instances":[{"features":[1]}]}', "Row 1 has 1 val"),
    "json, word": ("application/json", b'{"instances":[{"features":["x",1,1]}]}', "no JSON"),
    "json, huge": ("application/json", b'{"instances":[{"features":[1e999,1,1]}]}', "JSON|finite"),
    "jsonlines": ("application/jsonlines", b'{"features":[1,2,3]}\n}\n', "A line is no JSON"),
    "recordio": ("application/x-recordio-protobuf", b"1,2,3", "RecordIO"),
    "recordio, columns": (
        "application/x-recordio-protobuf", frame(write_record(np.zeros(2))), "Row 1 has 2 values",
    ),
    "recordio, nan": (
        "application/x-recordio-protobuf", frame(write_record(np.full(3, np.nan))), "finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_is_wrong_is_said_in_a_sentence(case: str) -> None:
    """Which line or row, and what was wanted."""
    content_type, body, said = BAD[case]
    with pytest.raises(ClientError, match=said) as caught:
        read_rows(content_type, body, 3)
    assert caught.value.status == 400


def test_another_content_type_is_refused() -> None:
    """With HTTP's own status for that."""
    with pytest.raises(ClientError, match="none of text/csv") as caught:
        read_rows("image/png", b"1,2,3", 3)
    assert caught.value.status == 415


@pytest.mark.parametrize("kind", ["text/csv", "application/jsonlines"])
def test_too_many_rows_are_refused_before_they_are_read(kind: str) -> None:
    """They could not be scored in time."""
    with pytest.raises(ClientError, match="at most 200,000 rows") as caught:
        read_rows(kind, b"1\n" * (REQUEST_ROWS_MAX + 1), 1)
    assert caught.value.status == 413


def test_lines_are_counted_from_where_the_chunk_begins() -> None:
    """A file is read in chunks; the sentence has the file's line."""
    with pytest.raises(ClientError, match="Line 1001 "):
        read_csv([b"1,x\n"], 2, first=1_001)


def test_labels_come_with_recordio_rows() -> None:
    """None where a record has no label."""
    data = frame(write_record(np.array([1.0]), 1.0)) + frame(write_record(np.array([2.0])))
    rows, labels = read_recordio(data, 1)
    assert rows.tolist() == [[1.0], [2.0]]
    assert labels == [1.0, None]


def test_media_types_have_parameters() -> None:
    """Case and quotes do not matter."""
    assert media_type('Text/CSV; Label_Size="1" ;x') == ("text/csv", {"label_size": "1", "x": ""})
