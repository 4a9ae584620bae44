"""Every route of Splunk's REST that is here: who may, what is refused, nothing that breaks it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.api.splunk.routes import OPEN, ROOTS, ROUTES

pytestmark = pytest.mark.server
CALLS = [(method, path) for path, handlers in ROUTES.items() for method in handlers]
NAMES = (
    "search", "earliest_time", "latest_time", "exec_mode", "output_mode", "count", "offset", "f",
    "name", "q", "action", "ttl", "priority", "timeout", "username", "password", "description",
)  # fmt: skip
WORDS = (
    "search *", "| stats count", "search * | head 3", "json", "csv", "xml", "oneshot", "blocking",
    "rt", "-1h", "now", "0", "-1", "99999999999999", "cancel", "\x00", "é", "*", "%", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def stranger(log_app: Any) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=log_app.url, timeout=30) as client:
        yield client


def filled(path: str) -> str:
    """A path with names in it."""
    return path.format(sid="1423855196.339", name="x", owner="nobody", app="search")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_nobody_gets_in_without_a_token(stranger: httpx.Client, method: str, path: str) -> None:
    """401 in Splunk's form, but where Splunk too answers anybody; a slash at the end is nothing."""
    for root in map(filled, ROOTS):
        for slash in ("", "/"):
            url = f"{root}/{filled(path)}{slash}"
            response = stranger.request(method, url, params={"output_mode": "json"})
            if path in OPEN:
                assert response.status_code in {200, 401}, url
            else:
                assert response.status_code == 401, url
                said = {"type": "WARN", "text": "call not properly authenticated"}
                assert response.json() == {"messages": [said]}


@pytest.mark.parametrize("authorization", ["Splunk", "Basic !!", "Basic eA==", "Bearer x", "x y z"])
def test_what_is_no_token(stranger: httpx.Client, authorization: str) -> None:
    """401, whatever stands in the header."""
    headers = {"Authorization": authorization}
    assert stranger.get("/services/search/jobs", headers=headers).status_code == 401


def test_a_form_that_cannot_be_read(log_app: Any, stranger: httpx.Client) -> None:
    """400 and 413 in Splunk's form: no UTF-8, too many members, too long."""
    url = "/services/search/jobs?output_mode=json"
    headers = {"Authorization": f"Splunk {log_app.token}"}
    many = urlencode([("f", "x")] * 1_000).encode()
    for body, status in ((b"search=%ff", 400), (b"\xff", 400), (many, 400), (b"x" * 70_000, 413)):
        response = stranger.post(url, content=body, headers=headers)
        assert response.status_code == status, body[:20]
        assert response.json()["messages"][0]["text"]


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    call=st.sampled_from(CALLS),
    form=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(WORDS) | st.text(max_size=20)),
        max_size=5,
    ),
)
def test_no_form_breaks_it(
    log_app: Any, stranger: httpx.Client, call: tuple[str, str], form: list[tuple[str, str]]
) -> None:
    """Any members with any values: an answer that is no 5xx, and JSON where it was asked for."""
    method, path = call
    live = any(value == "rt" for _name, value in form)
    if path.endswith("/export") and live:
        return  # it has no end
    encoded = urlencode([(name, value.encode(errors="replace")) for name, value in form])
    headers = {"Authorization": f"Splunk {log_app.token}"}
    url = f"/services/{filled(path)}"
    if method == "POST":
        response = stranger.post(url, content=encoded.encode(), headers=headers)
    else:
        response = stranger.request(method, f"{url}?{encoded}", headers=headers)
    assert response.status_code < 500, (call, form, response.text)
    if response.headers.get("content-type", "").startswith("application/json") and response.content:
        for line in (
            response.text.strip().splitlines() if path.endswith("export") else [response.text]
        ):
            json.loads(line)
