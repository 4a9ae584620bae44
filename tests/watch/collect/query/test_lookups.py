"""Tables beside the log, from CSV files."""

from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.collect.query import CsvLookups, NoLookups, lookups


def test_files_are_tables(tmp_path: Path, log: Any) -> None:
    """RFC 4180: quotes, commas and line feeds in values; short rows are filled."""
    text = '\ufefforder.id,desk,note\r\nO-1,"fx, majors","two\nlines"\r\nO-2\r\n,x,y\r\n'
    (tmp_path / "desks.csv").write_text(text, encoding="utf-8", newline="")
    tables = CsvLookups(tmp_path)
    assert tables.names() == ["desks"]
    table = tables.table("desks")
    assert table.fields == ("order.id", "desk", "note")
    assert table.rows == [
        ("O-1", "fx, majors", "two\nlines"),
        ("O-2", None, None),
        (None, "x", "y"),
    ]
    rows = log.table("| lookup desks order.id | stats count BY desk, note", lookups=tables)
    assert rows == [{"desk": "fx, majors", "note": "two\nlines", "count": 4}]


@pytest.mark.parametrize("content", [b"", b"a,b\n\xff\n"])
def test_a_file_that_is_no_table_is_told(tmp_path: Path, content: bytes) -> None:
    """With its name."""
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"The lookup table bad\.csv cannot be read"):
        CsvLookups(tmp_path).table("bad")


def test_a_table_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is handed to each query."""
    monkeypatch.setattr(lookups, "LOOKUP_ROWS_MAX", 2)
    (tmp_path / "long.csv").write_text("a\n1\n2\n3\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match="more than 2 rows"):
        CsvLookups(tmp_path).table("long")


def test_there_may_be_none() -> None:
    """The default."""
    assert NoLookups().names() == ()
    with pytest.raises(KeyError):
        NoLookups().table("x")
