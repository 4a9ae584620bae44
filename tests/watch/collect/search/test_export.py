"""Exports: three formats, nothing lost, whatever stands in a line."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tallystick.watch.collect.search.export import MEDIA_TYPES, Export, Format
from tallystick.watch.collect.search.found import Found
from tallystick.watch.collect.search.spool import Row

AT_NS = 1_700_000_000_123_456_789
LINES: list[dict[str, object]] = [
    {"timestamp": "2023-11-14T22:13:20.123456789Z", "severity_text": "INFO", "body": 'a,b\n"c"'},
    {"timestamp": "2023-11-14T22:13:19Z", "status": 200, "duration": 1.5, "ok": True},
    {"timestamp": "2023-11-14T22:13:18Z", "status": 503, "Status": "odd", "tags": ["x", 1]},
    {"body": "=1+1", "status": 9_007_199_254_740_993, "duration": 2},
]
ROWS: list[list[Row]] = [
    [[seq, AT_NS - seq, json.dumps(line | {"log.seq": seq})] for seq, line in enumerate(LINES, 1)]
]


class Ends:
    """Counts how often a search was ended."""

    count = 0

    def __call__(self) -> None:
        """One more."""
        self.count += 1


def events(ends: Ends | None = None) -> Found:
    """The lines above, as a search finds them."""
    return Found("events", (), iter(ROWS), ends or Ends())


def table() -> Found:
    """Two rows of a table."""
    rows: list[Row] = [["a", 1, None], ["b", 2, 0.5]]
    return Found("table", ("name", "count", "share"), iter([rows]), Ends())


def whole(found: Found, form: Format, folder: Path, fields: tuple[str, ...] = ()) -> bytes:
    """The bytes of the export."""
    return b"".join(Export(found, form, folder=folder, fields=fields).pieces)


def test_ndjson_is_the_lines_themselves(tmp_path: Path) -> None:
    """Each line with its number, newest first, byte for byte."""
    text = whole(events(), "ndjson", tmp_path).decode()
    assert text == "".join(f"{row[2]}\n" for row in ROWS[0])


def test_ndjson_of_some_fields_and_of_a_table(tmp_path: Path) -> None:
    """Only what was asked for, and nothing where a line has no such field."""
    some = whole(events(), "ndjson", tmp_path, ("status",)).decode().splitlines()
    assert json.loads(some[1]) == {
        "_time": "2023-11-14T22:13:20.123456Z", "log.seq": 2, "status": 200,
    }  # fmt: skip
    rows = whole(table(), "ndjson", tmp_path).decode().splitlines()
    assert [json.loads(row) for row in rows] == [
        {"name": "a", "count": 1, "share": None},
        {"name": "b", "count": 2, "share": 0.5},
    ]


def test_csv_of_events_has_a_column_for_each_member(tmp_path: Path) -> None:
    """RFC 4180; values come back, and a formula stays text."""
    text = whole(events(), "csv", tmp_path).decode()
    first, *rows = csv.reader(io.StringIO(text))
    assert first[:2] == ["_time", "log.seq"]
    assert first[-1] == "rest"
    found = [dict(zip(first, row, strict=True)) for row in rows]
    assert found[0]["body"] == 'a,b\n"c"'
    assert found[1]["ok"] == "true"
    assert found[2]["tags"] == '["x",1]'
    assert found[3]["body"] == "'=1+1"
    assert found[3]["status"] == "9007199254740993"


def test_csv_of_a_table(tmp_path: Path) -> None:
    """A header and its rows."""
    text = whole(table(), "csv", tmp_path).decode()
    assert text == "name,count,share\r\na,1,\r\nb,2,0.5\r\n"


def read(data: bytes, path: Path) -> tuple[dict[str, str], list[dict[str, object]]]:
    """The columns and rows of a Parquet file, as DuckDB reads it."""
    path.write_bytes(data)
    with duckdb.connect() as connection:
        relation = connection.sql("SELECT * FROM read_parquet(?)", params=[str(path)])
        columns = dict(zip(relation.columns, map(str, relation.types), strict=True))
        return columns, [dict(zip(columns, row, strict=True)) for row in relation.fetchall()]


def test_parquet_has_types_that_hold_every_value(tmp_path: Path) -> None:
    """Numbers are numbers where all are, and text where they would lose digits."""
    columns, rows = read(whole(events(), "parquet", tmp_path), tmp_path / "x.parquet")
    assert columns["_time"] == "TIMESTAMP_NS"
    assert columns["log.seq"] == columns["status"] == "BIGINT"
    assert columns["duration"] == "DOUBLE"
    assert columns["ok"] == "BOOLEAN"
    assert columns["Status_2"] == "VARCHAR"  # names differ whatever the case
    assert [row["status"] for row in rows] == [None, 200, 503, 9_007_199_254_740_993]
    assert rows[0]["body"] == 'a,b\n"c"'
    assert rows[2]["tags"] == '["x",1]'
    assert {path.name for path in tmp_path.iterdir()} == {"x.parquet"}


def test_parquet_of_a_table_and_of_nothing(tmp_path: Path) -> None:
    """Also without a row the columns are there."""
    columns, rows = read(whole(table(), "parquet", tmp_path), tmp_path / "x.parquet")
    assert columns == {"name": "VARCHAR", "count": "BIGINT", "share": "DOUBLE"}
    assert rows[1] == {"name": "b", "count": 2, "share": 0.5}
    nothing = Found("events", (), iter([]), Ends())
    columns, rows = read(whole(nothing, "parquet", tmp_path), tmp_path / "x.parquet")
    assert rows == []
    assert "_time" in columns


@pytest.mark.parametrize("form", sorted(MEDIA_TYPES))
def test_who_leaves_ends_the_search(form: Format, tmp_path: Path) -> None:
    """Before the first piece and after; nothing stays behind."""
    ends = Ends()
    for taken in range(2):
        begun = Export(events(ends), form, folder=tmp_path)
        for _ in range(taken):
            next(begun.pieces)
        begun.close()
        assert ends.count > taken
    assert list(tmp_path.iterdir()) == []


def test_members_beyond_the_first_lines_are_not_lost(tmp_path: Path) -> None:
    """What has no column stands in `rest`; columns are those of the first piece."""

    def pieces() -> Iterator[list[Row]]:
        yield [[1, AT_NS, '{"a":1,"log.seq":1}']]
        yield [[2, AT_NS, '{"a":2,"late":"x","log.seq":2}']]

    text = whole(Found("events", (), pieces(), Ends()), "csv", tmp_path).decode()
    assert text.splitlines()[0] == "_time,log.seq,a,rest"
    assert text.splitlines()[2].endswith('2,2,"{""late"":""x""}"')
