"""Exporting logs: every format over HTTP, streamed, ended when the client leaves."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallystick.api.log_export import form_of

RANGE = {"earliest": "2026-03-02T14:00:00Z", "latest": "2026-03-02T15:00:00Z"}
Until = Callable[[Callable[[], Any]], Any]
pytestmark = pytest.mark.server


def export(log_app: Any, headers: dict[str, str] | None = None, **params: str) -> Any:
    """The response of an export."""
    response = log_app.client.get("/v1/logs/export", params=RANGE | params, headers=headers or {})
    assert response.status_code == 200, response.text
    return response


def test_ndjson_has_every_line(log_app: Any) -> None:
    """What the pages have, in their order."""
    response = export(log_app)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"] == 'attachment; filename="logs.ndjson"'
    lines = [json.loads(line) for line in response.text.splitlines()]
    pages = log_app.client.get("/v1/logs", params=RANGE | {"limit": 1_000}).json()["logs"]
    assert lines == pages


def test_csv_and_parquet_by_format_or_accept(log_app: Any, tmp_path: Path) -> None:
    """The same rows in both."""
    text = export(log_app, format="csv", fields="http.route,duration_us").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 62
    assert rows[0]["duration_us"] == "59000"
    accepted = export(log_app, {"Accept": "application/vnd.apache.parquet"})
    path = tmp_path / "x.parquet"
    path.write_bytes(accepted.content)
    with duckdb.connect() as connection:
        found = connection.sql(
            'SELECT count(*), sum(duration_us), max("log.seq") FROM read_parquet(?)',
            params=[str(path)],
        ).fetchall()
    assert found == [(62, sum(range(60)) * 1_000, 62)]


def test_a_table_can_be_exported(log_app: Any) -> None:
    """What the query ends in, in any format."""
    text = export(log_app, q="* | stats count by host.name | sort host.name", format="csv").text
    assert text.splitlines()[:3] == ["host.name,count", "h0,30", "h1,30"] or "h0,30" in text


def test_more_lines_than_a_page(new_log_app: Callable[..., Any]) -> None:
    """No cap: over parts and pages, each line once, newest first."""
    log_app = new_log_app()
    count = 25_000
    for start in range(0, count, 5_000):
        log_app.store.append(
            [
                b'{"n":%d,"timestamp":"2026-03-02T%02d:00:00Z"}' % (n, n // 2_000)
                for n in range(start, start + 5_000)
            ]
        )
        if start < 15_000:
            log_app.store.seal()
    lines = [json.loads(line) for line in export_all(log_app).splitlines()]
    assert sorted(line["n"] for line in lines) == list(range(count))
    keys = [(line["timestamp"], line["log.seq"]) for line in lines]
    assert keys == sorted(keys, reverse=True)


def export_all(log_app: Any) -> str:
    """Everything as NDJSON."""
    text: str = log_app.client.get("/v1/logs/export").text
    return text


def test_who_leaves_gives_the_place_back(new_log_app: Callable[..., Any], until: Until) -> None:
    """The search of a client that went away is ended."""
    log_app = new_log_app()
    filler = b"x" * 5_000
    for _ in range(8):
        log_app.store.append([b'{"body":"%b"}' % filler for _ in range(2_000)])
    with log_app.client.stream("GET", "/v1/logs/export") as response:
        next(response.iter_raw())
        until(lambda: log_app.search.streams.taken == 1)
    log_app.client.close()
    until(lambda: log_app.search.streams.taken == 0)
    log_app.client = log_app.client_of(log_app.token)
    assert log_app.client.get("/v1/logs", params={"limit": 1}).status_code == 200


def test_a_refusal_is_no_file(log_app: Any) -> None:
    """What cannot be understood is 422 before the first byte, and its place is free."""
    response = log_app.client.get("/v1/logs/export", params={"q": '"open'})
    assert (response.status_code, response.json()["code"]) == (422, "BAD_QUERY")
    assert log_app.search.streams.taken == 0


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "ndjson"),
        ("*/*", "ndjson"),
        ("text/csv", "csv"),
        ("text/html, Text/CSV;q=0.5", "csv"),
        ("application/vnd.apache.parquet, text/csv", "parquet"),
    ],
)
def test_the_format_that_is_accepted(accept: str, expected: str) -> None:
    """The first known one."""
    assert form_of(accept) == expected
