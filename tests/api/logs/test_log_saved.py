"""Saved searches at the door."""

from typing import Any

import pytest

pytestmark = pytest.mark.server
URL = "/v1/logs/saved/failed%20orders"
BODY = {"query": "severity_text=ERROR", "description": "5xx", "earliest": "2026-03-02T14:00:00Z"}


def test_saved_run_and_forgotten(log_app: Any) -> None:
    """Kept under a name, run by it with its own range or another, and gone when deleted."""
    made = log_app.client.put(URL, json=BODY)
    assert made.status_code == 200
    assert made.json() | BODY == made.json()
    assert made.json()["author"] == "ada"
    assert log_app.client.get(URL).json() == made.json()
    assert log_app.client.get("/v1/logs/saved").json() == {"saved": [made.json()]}

    run = {"saved": "failed orders", "latest": "2026-03-02T15:00:00Z"}
    assert len(log_app.client.get("/v1/logs", params=run).json()["logs"]) == 30
    late = run | {"earliest": "2026-03-02T14:30:00Z"}
    assert log_app.client.get("/v1/logs/histogram", params=late).json()["total"] == 15

    assert log_app.client.delete(URL).json() == made.json()
    for method in ("GET", "DELETE"):
        gone = log_app.client.request(method, URL)
        assert (gone.status_code, gone.json()["code"]) == (404, "UNKNOWN_SEARCH")
    unknown = log_app.client.get("/v1/logs", params={"saved": "failed orders"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_SEARCH")


@pytest.mark.parametrize(
    ("url", "changes", "code"),
    [
        (URL, {"query": '"open'}, "BAD_QUERY"),
        (URL, {"query": ""}, "VALUE_NOT_ALLOWED"),
        (URL, {"earliest": "soonish"}, "BAD_QUERY"),
        (URL, {"owner": "x"}, "UNKNOWN_FIELD"),
        ("/v1/logs/saved/_new", {}, "VALUE_NOT_ALLOWED"),
    ],
)
def test_what_cannot_be_saved(log_app: Any, url: str, changes: dict[str, str], code: str) -> None:
    """422: a query is understood before it is kept."""
    response = log_app.client.put(url, json=BODY | changes)
    assert (response.status_code, response.json()["code"]) == (422, code)
