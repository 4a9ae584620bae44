"""Searching logs at the door: pages, tables, views."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

RANGE = {"earliest": "2026-03-02T14:00:00Z", "latest": "2026-03-02T15:00:00Z"}
Get = Callable[..., Any]
pytestmark = pytest.mark.server


@pytest.fixture
def get(log_app: Any) -> Get:
    """Asks, and gives the JSON of a 200."""

    def ask(path: str, **params: Any) -> Any:
        response = log_app.client.get(path, params=RANGE | params)
        assert response.status_code == 200, response.text
        return response.json()

    return ask


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, which must be this one."""
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    return problem


def test_pages_hang_together(get: Get) -> None:
    """Newest first, without gap or repetition, over sealed and hot lines."""
    whole = get("/v1/logs", limit=100)
    assert len(whole["logs"]) == 62
    assert whole["next_before"] is None
    assert set(whole) == {"logs", "next_before"}
    page = get("/v1/logs", limit=25)
    pages = page["logs"]
    while page["next_before"] is not None:
        page = get("/v1/logs", limit=25, before=page["next_before"])
        pages += page["logs"]
    assert pages == whole["logs"]
    stamps = [line["timestamp"] for line in pages]
    assert stamps == sorted(stamps, reverse=True)


def test_a_table_has_fields_and_rows(get: Get) -> None:
    """In the same answer, without lines."""
    answer = get("/v1/logs", q="* | stats count by http.route | sort http.route")
    assert answer["logs"] == []
    assert answer["next_before"] is None
    assert answer["fields"] == ["http.route", "count"]
    assert [row for row in answer["rows"] if row[0]] == [["/v1/orders", 40], ["/v1/trades", 20]]
    chart = get("/v1/logs", q="* | timechart span=10m count")
    assert chart["charted"] is True
    assert len(chart["rows"]) == 6
    cut = get("/v1/logs", q="* | table _time", limit=3)
    assert (len(cut["rows"]), cut["more"]) == (3, True)


def test_commands_that_keep_lines_give_lines(get: Get) -> None:
    """Computed fields are members of the lines."""
    answer = get("/v1/logs", q="event_name=* | eval half=duration_us/2", limit=2)
    assert [line["half"] for line in answer["logs"]] == [29_500, 29_000]
    assert answer["more"] is True


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"q": '"open'}, "BAD_QUERY"),
        ({"q": "* | nosuch"}, "BAD_QUERY"),
        ({"earliest": "yesterdayish"}, "BAD_QUERY"),
        ({"limit": 0}, "VALUE_NOT_ALLOWED"),
        ({"limit": 1_001}, "VALUE_NOT_ALLOWED"),
        ({"q": "x" * 4_001}, "VALUE_NOT_ALLOWED"),
        ({"q": "x", "saved": "y"}, "VALUE_NOT_ALLOWED"),
        ({"query": "x"}, "UNKNOWN_FIELD"),
    ],
)
def test_a_search_that_cannot_be(log_app: Any, params: dict[str, Any], code: str) -> None:
    """422 with the place in the query, or the parameter."""
    problem = refused(log_app.client.get("/v1/logs", params=params), 422, code)
    assert problem["detail"].endswith(".")


def test_no_token_no_logs(log_app: Any) -> None:
    """401 without one, 403 with one of a trader."""
    assert httpx.get(f"{log_app.url}/v1/logs").status_code == 401
    with log_app.client_of(log_app.tokens.issue("eve", "demo", ("read",))) as reader:
        refused(reader.get("/v1/logs"), 403, "FORBIDDEN")


def test_a_token_sees_its_indexes_only(log_app: Any) -> None:
    """In every view, whatever the query says."""
    with log_app.client_of(
        log_app.tokens.issue("pay", "", ("operate",), indexes=("pay",))
    ) as client:
        for path, member, count in (
            ("/v1/logs?q=index=*", "logs", 2),
            ("/v1/logs?q=index=tallystick", "logs", 0),
            ("/v1/logs/patterns", "patterns", 1),
        ):
            assert len(client.get(path).json()[member]) == count, path
        assert client.get("/v1/logs/histogram").json()["total"] == 2
        assert client.get("/v1/logs/facets").json()["total"] == 2
        found = client.post("/v1/logs/sql", json={"sql": "SELECT count(*) AS n FROM events"})
        assert found.json()["rows"] == [[2]]
        assert len(client.get("/v1/logs/export").text.splitlines()) == 2
        hidden = client.get("/v1/logs/1/around")
        refused(hidden, 404, "UNKNOWN_LINE")


def test_the_histogram_has_no_holes(get: Get) -> None:
    """Equal buckets over the whole range, by severity; what fits is counted once."""
    found = get("/v1/logs/histogram", buckets=60)
    assert (found["total"], len(found["buckets"]), found["bucket_seconds"]) == (62, 60, 60)
    assert found["buckets"][1]["by"] == {"ERROR": 1}
    assert found["buckets"][10] == {
        "at": "2026-03-02T14:10:00.000000Z", "count": 2, "by": {"INFO": 2},
    }  # fmt: skip
    failed = get("/v1/logs/histogram", q="severity_text=ERROR | where duration_us > 30000")
    assert failed["total"] == 15
    table = get("/v1/logs/histogram", q="severity_text=ERROR | stats count")
    assert table["total"] == 30


def test_the_histogram_finds_its_range(log_app: Any) -> None:
    """Without one it is that of the lines; without lines it is empty and whole."""
    found = log_app.client.get("/v1/logs/histogram", params={"q": "http.route=*"}).json()
    assert found["total"] == 60
    assert found["earliest"] <= "2026-03-02T14:00:00.000000Z"
    nothing = log_app.client.get("/v1/logs/histogram", params={"q": "zzzz"}).json()
    assert nothing["total"] == 0
    assert nothing["buckets"]


def test_facets_are_counted_exactly(get: Get) -> None:
    """The interesting fields by themselves; others where they are named, also by an alias."""
    found = get("/v1/logs/facets")
    facets = {each["field"]: each for each in found["facets"]}
    assert found["total"] == 62
    assert [(v["value"], v["count"]) for v in facets["severity_text"]["values"]] == [
        ("INFO", 32), ("ERROR", 30),
    ]  # fmt: skip
    assert facets["http.route"]["coverage"] == pytest.approx(96.77)
    assert facets["http.route"]["values"][0]["percent"] == pytest.approx(66.67)
    assert "duration_us" not in facets  # an id is no facet
    named = get("/v1/logs/facets", field="status,duration_us", limit=3)["facets"]
    assert [each["field"] for each in named] == ["status", "duration_us"]
    assert {v["value"] for v in named[0]["values"]} == {"200", "500"}
    assert len(named[1]["values"]) == 3
    piped = get(
        "/v1/logs/facets", q='* | eval kind=if(duration_us>30000,"slow","fast")', field="kind"
    )
    assert {v["value"] for v in piped["facets"][0]["values"]} == {"slow", "fast"}


def test_what_is_for_machines_is_no_facet(new_log_app: Callable[..., Any]) -> None:
    """Sealed originals and event ids are not interesting, even where they come again."""
    log_app = new_log_app()
    line = b'{"log.sealed":"v1.x","log.record.uid":"u","com.splunk.index":"pay","kind":"card"}'
    log_app.store.append([line, line])
    found = log_app.client.get("/v1/logs/facets").json()["facets"]
    assert [each["field"] for each in found] == ["com.splunk.index", "kind"]


@pytest.mark.parametrize("sealed", [False, True], ids=["hot", "sealed"])
def test_a_number_beyond_any_float_breaks_nothing(
    new_log_app: Callable[..., Any], sealed: bool
) -> None:
    """JSON allows it, so one sender's line must not hide those of the others."""
    log_app = new_log_app()
    log_app.store.append([b'{"a":1e999,"b":{"c":[-1e999]},"k":"x"}', b'{"a":2,"k":"x"}'])
    if sealed:
        log_app.store.seal()
    client, form = log_app.client, {"search": "search k=x", "output_mode": "json"}
    found = client.get("/v1/logs/facets", params={"field": "a,k"}).json()["facets"]
    assert [each["count"] for each in found] == [2, 2]
    assert client.get("/v1/logs/facets").json()["total"] == 2
    for kind in ("ndjson", "csv", "parquet"):
        for fields in ("", "a,b.c"):
            asked = {"format": kind} | ({"fields": fields} if fields else {})
            assert client.get("/v1/logs/export", params=asked).status_code == 200
    assert len(client.get("/v1/logs/1/around").json()["logs"]) == 2
    assert client.get("/v1/logs/1/around", params={"same": "k"}).status_code == 200
    for path in ("/v1/logs", "/v1/logs/histogram", "/v1/logs/patterns?field=a"):
        assert client.get(path).status_code == 200
    exported = client.post("/services/search/jobs/export", data=form)
    assert exported.status_code == 200
    assert '"a":"1e999"' in exported.text.replace(" ", "")


@pytest.mark.parametrize("name", ["earliest", "latest"])
def test_a_time_beside_the_query_is_named(log_app: Any, name: str) -> None:
    """The problem tells which of the parameters it is."""
    for path in ("/v1/logs", "/v1/logs/histogram", "/v1/logs/export"):
        response = log_app.client.get(path, params={name: "yesterdayy"})
        problem = refused(response, 422, "BAD_QUERY")
        assert problem["field"] == name
        assert problem["detail"].startswith(f"{name} cannot be read: yesterdayy is no time")


def test_what_was_around_a_line(get: Get, around: Get) -> None:
    """By time, on both sides of the seal, with the line itself in its place."""
    line = get("/v1/logs", q="O-40")["logs"][0]
    found = around(line, before=2, after=2)
    assert [_minute(each) for each in found["logs"]] == [38, 39, 40, 41, 42]
    assert found["at"] == 2
    alike = around(line, before=2, after=1, same="host.name")
    assert [_minute(each) for each in alike["logs"]] == [36, 38, 40, 42]
    assert around(line, before=2, after=1, same="host,index") == alike
    narrow = around(line, before=1, after=0, q="severity_text=ERROR")
    assert [_minute(each) for each in narrow["logs"]] == [39, 40]
    first = get("/v1/logs", q="O-0")["logs"][0]
    assert around(first, before=5, after=0)["at"] == 0


@pytest.fixture
def around(log_app: Any) -> Get:
    """What is around a line."""

    def ask(line: dict[str, Any], **params: Any) -> Any:
        response = log_app.client.get(f"/v1/logs/{line['log.seq']}/around", params=params)
        assert response.status_code == 200, response.text
        return response.json()

    return ask


def _minute(line: dict[str, Any]) -> int:
    return int(line["timestamp"][14:16])


@pytest.mark.parametrize("seq", ["0", "99999", "x", "1" * 30, "-1"])
def test_a_line_that_is_not_there(log_app: Any, seq: str) -> None:
    """404 that names it."""
    refused(log_app.client.get(f"/v1/logs/{seq}/around"), 404, "UNKNOWN_LINE")


def test_patterns_put_alike_messages_together(get: Get) -> None:
    """Numbers and ids become `<*>`; counts, an example and a sparkline come with each."""
    found = get("/v1/logs/patterns")
    first, second = found["patterns"]
    assert (found["total"], found["distinct"]) == (62, 2)
    assert first["pattern"].startswith("api.request_answered answered order")
    assert "<*>" in first["pattern"]
    assert (first["count"], second["count"]) == (60, 2)
    assert first["example"]["body"] == "answered order O-59 in 590 ms"
    assert sum(first["sparkline"]) == 60
    assert second["pattern"] == "payments settled"
    routes = get("/v1/logs/patterns", field="http.route", limit=1)
    assert (
        routes["patterns"][0]["pattern"] == "/v1/orders"
        or "<*>" in routes["patterns"][0]["pattern"]
    )


def test_diff_names_what_changed(log_app: Any) -> None:
    """New, gone, more: the last stretch against the one before it."""
    params = {"earliest": "2026-03-02T14:20:00Z", "latest": "2026-03-02T14:40:00Z"}
    found = log_app.client.get("/v1/logs/diff", params=params).json()
    changes = {each["value"]: each for each in found["differences"]}
    assert found["previous_earliest"] == "2026-03-02T14:00:00.000000Z"
    assert changes["payments settled"]["count"] == 1
    assert changes["payments settled"]["before"] == 1
    assert changes["payments settled"]["change"] == "same"
    values = log_app.client.get("/v1/logs/diff", params=params | {"field": "severity_text"}).json()
    assert {each["value"] for each in values["differences"]} == {"INFO", "ERROR"}
    params = {
        "earliest": "2026-03-02T14:15:00Z",
        "latest": "2026-03-02T14:30:00Z",
        "q": "index=pay",
    }
    refusal = log_app.client.get("/v1/logs/diff")
    assert "earliest" in refused(refusal, 422, "BAD_QUERY")["detail"]


def test_sql_reads_and_nothing_else(log_app: Any) -> None:
    """A SELECT over the events; files, settings and changes are refused with a sentence."""
    ask = {"sql": 'SELECT "http.route" AS route, count(*) AS n FROM events GROUP BY 1 ORDER BY 2'}
    found = log_app.client.post("/v1/logs/sql", json=ask | RANGE).json()
    assert found["fields"] == ["route", "n"]
    assert found["rows"][-1] == ["/v1/orders", 40]
    for bad in (
        "SELECT * FROM read_text('/etc/passwd')",
        "DROP TABLE events",
        "SET memory_limit='1TB'",
        "SELECT 1; SELECT 2",
        "COPY events TO '/tmp/x'",
        "SELECT nosuch() FROM events",
        "",
    ):
        response = log_app.client.post("/v1/logs/sql", json={"sql": bad})
        assert response.status_code == 422, (bad, response.text)


def test_too_many_searches_are_told_to_come_back(new_log_app: Callable[..., Any]) -> None:
    """429 with Retry-After; when a place is free again the next is answered."""
    log_app = new_log_app(places_max=1)
    log_app.store.append([b'{"body":"x"}'])
    with log_app.search.places.place():
        response = log_app.client.get("/v1/logs")
        refused(response, 429, "CROWDED")
        assert int(response.headers["retry-after"]) >= 1
    assert len(log_app.client.get("/v1/logs").json()["logs"]) == 1
