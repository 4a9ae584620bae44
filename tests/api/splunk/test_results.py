"""Results in every output mode, from the same rows."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tallystick.api.splunk.results import MEDIA_TYPES, Shown, export_json, mode_of, written
from tallystick.api.splunk.rows import Results, event_result, splunk_time, without_seq
from tallystick.errors import Refused

ROWS: list[list[object]] = [["a<b", 1, None, ["x", "y"]], ["c,d", 2.5, True, []]]
FIELDS = ("name", "n", "maybe", "many")


def shown(**more: Any) -> Shown:
    """Two rows of a table."""
    return Shown(Results("table", FIELDS, [ROWS]), 5, messages=[("WARN", "mind")], **more)


def text(mode: str, what: Shown | None = None) -> str:
    """The whole answer."""
    return b"".join(written(what or shown(), mode_of(mode))).decode()


def test_json_has_results_and_fields() -> None:
    """Every value is text, what is missing is left out, several values are a list."""
    answer = json.loads(text("json"))
    assert answer["init_offset"] == 5
    assert answer["messages"] == [{"type": "WARN", "text": "mind"}]
    assert answer["results"] == [
        {"name": "a<b", "n": "1", "many": ["x", "y"]},
        {"name": "c,d", "n": "2.5", "maybe": "true", "many": []},
    ]
    assert [field["name"] for field in answer["fields"]] == list(FIELDS)


def test_json_rows_and_columns() -> None:
    """The names once."""
    rows = json.loads(text("json_rows"))
    assert rows["fields"] == list(FIELDS)
    assert rows["rows"][0] == ["a<b", "1", None, ["x", "y"]]
    columns = json.loads(text("json_cols"))
    assert columns["columns"][0] == ["a<b", "c,d"]


def test_csv_and_raw() -> None:
    """CSV joins several values with line feeds; raw has the lines of events."""
    rows = list(csv.reader(io.StringIO(text("csv"))))
    assert rows == [list(FIELDS), ["a<b", "1", "", "x\ny"], ["c,d", "2.5", "true", ""]]
    events: list[list[object]] = [[7, 0, '{"a":1,"log.seq":7}'], [8, 0, '{"log.seq":8}']]
    found = Shown(Results("events", (), [events]))
    assert text("raw", found) == '{"a":1}\n{}\n'
    assert json.loads(text("raw").splitlines()[0])["name"] == "a<b"


def test_xml_escapes_everything() -> None:
    """Offsets count on; the order of the fields is told first."""
    root = ET.fromstring(text("xml"))  # noqa: S314  our own
    assert [each.text for each in root.findall("meta/fieldOrder/field")] == list(FIELDS)
    assert [each.attrib["offset"] for each in root.findall("result")] == ["5", "6"]
    assert root.findtext("result/field[@k='name']/value/text") == "a<b"


def test_an_export_marks_its_last_row() -> None:
    """One object a line, and one also where nothing was found."""
    lines = [json.loads(line) for line in b"".join(export_json(shown())).splitlines()]
    assert [line["offset"] for line in lines] == [5, 6]
    assert [line.get("lastrow") for line in lines] == [None, True]
    assert lines[-1]["messages"][0]["text"] == "mind"
    nothing = Shown(Results("table", FIELDS, []))
    (line,) = b"".join(export_json(nothing)).splitlines()
    assert json.loads(line) == {"preview": False, "lastrow": True}


@pytest.mark.parametrize("mode", [None, "", *MEDIA_TYPES])
def test_every_mode_is_known(mode: str | None) -> None:
    """XML where none is named."""
    assert mode_of(mode) == (mode or "xml")


def test_another_mode_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(Refused, match="json_rows"):
        mode_of("yaml")


def test_an_event_takes_splunks_names_from_where_they_are() -> None:
    """Its own member wins, then OpenTelemetry's name; a line of ours has defaults."""
    own = event_result([1, 0, '{"body":"x","log.seq":1}'])
    assert (own["host"], own["sourcetype"], own["index"]) == (
        "tallystick", "tallystick", "tallystick",
    )  # fmt: skip
    line = (
        '{"host.name":"h","com.splunk.source":"s","com.splunk.index":"i","tags":["a",1],'
        '"o":{"p":1},"log.seq":2}'
    )
    sent = event_result([2, 1_700_000_000_123_456_789, line])
    assert (sent["host"], sent["source"], sent["index"]) == ("h", "s", "i")
    assert (sent["tags"], sent["o"], sent["_cd"]) == (["a", "1"], '{"p":1}', "0:2")
    assert sent["_time"] == "2023-11-14T22:13:20.123+00:00"
    assert splunk_time(None) == ""
    assert without_seq('{"a":1}', 5) == '{"a":1}'
