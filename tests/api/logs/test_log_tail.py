"""The live tail over HTTP: new lines as they come, resumed, bounded."""

import json
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import pytest

from tallystick.watch.collect.search import tail as tail_module

pytestmark = pytest.mark.server
Event = tuple[str, str, str]
Until = Callable[[Callable[[], Any]], Any]


def events(response: httpx.Response) -> Generator[Event, None, None]:
    """(event, id, data) of a stream, heartbeats included."""
    event, ident, data = "", "", ""
    for text in response.iter_lines():
        name, _, value = text.partition(": ")
        if name == "event":
            event = value
        elif name == "id":
            ident = value
        elif name == "data":
            data = value
        elif not text:
            yield event, ident, data
            event, data = "", ""


def lines(found: Iterator[Event], count: int) -> list[dict[str, Any]]:
    """The next lines that are said."""
    said: list[dict[str, Any]] = []
    while len(said) < count:
        event, ident, data = next(found)
        if event == "line":
            said.append(json.loads(data))
            assert str(said[-1]["log.seq"]) == ident
    return said


@pytest.fixture(scope="module")
def quiet(new_log_app: Callable[..., Any]) -> Any:
    """An app with one old line."""
    app = new_log_app()
    app.store.append([b'{"body":"old match"}'])
    return app


def test_new_lines_that_fit_are_said(quiet: Any) -> None:
    """From now on, with what per-line commands make of them; others are not said."""
    params = {"q": "match | eval loud=upper(body)"}
    with quiet.client.stream("GET", "/v1/logs/tail", params=params) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        found = events(response)
        next(found)  # the first heartbeat: it is connected
        quiet.store.append([b'{"body":"match one"}', b'{"body":"something else"}'])
        quiet.store.append([b'{"body":"match two"}'])
        said = lines(found, 2)
    assert [line["loud"] for line in said] == ["MATCH ONE", "MATCH TWO"]


def test_who_comes_back_gets_what_came_meanwhile(quiet: Any) -> None:
    """`Last-Event-ID` is the number of the last line that was seen."""
    first = quiet.store.append([b'{"body":"resumed %d"}' % n for n in range(3)])
    headers = {"Last-Event-ID": str(first)}
    params = {"q": "resumed"}
    with quiet.client.stream("GET", "/v1/logs/tail", params=params, headers=headers) as response:
        said = lines(events(response), 2)
    assert [line["body"] for line in said] == ["resumed 1", "resumed 2"]


def test_silence_is_broken_by_heartbeats(quiet: Any) -> None:
    """A comment and the number to resume from, again and again."""
    with quiet.client.stream("GET", "/v1/logs/tail", params={"q": "nothing"}) as response:
        found = events(response)
        beats = [next(found) for _ in range(3)]
    assert {event for event, _ident, _data in beats} == {""}
    assert {ident for _event, ident, _data in beats} == {str(quiet.store.end - 1)}


def test_who_is_too_slow_is_told_how_much_was_missed(
    quiet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on with the newest lines; nothing waits in memory for it."""
    monkeypatch.setattr(tail_module, "TAIL_BEHIND_MAX", 5)
    first = quiet.store.append([b'{"body":"flood %d"}' % n for n in range(20)])
    headers = {"Last-Event-ID": str(first - 1)}
    params = {"q": "flood"}
    with quiet.client.stream("GET", "/v1/logs/tail", params=params, headers=headers) as response:
        found = events(response)
        event, _ident, data = next(each for each in found if each[0])
        assert (event, json.loads(data)) == ("missed", {"lines": 15})
        assert [line["body"] for line in lines(found, 5)] == [f"flood {n}" for n in range(15, 20)]
    assert quiet.tails.missed >= 15


def test_only_so_many_follow(quiet: Any, monkeypatch: pytest.MonkeyPatch, until: Until) -> None:
    """The next is told to come back, and may when somebody has left."""
    until(lambda: quiet.tails.count == 0)
    monkeypatch.setattr(quiet.tails, "_tails_max", 1)
    with quiet.client.stream("GET", "/v1/logs/tail") as response:
        found = events(response)
        next(found)
        other = quiet.client_of(quiet.token)
        crowded = other.get("/v1/logs/tail")
        assert (crowded.status_code, crowded.json()["code"]) == (429, "CROWDED")
        other.close()
        found.close()
    until(lambda: quiet.tails.count == 0)


@pytest.mark.parametrize("query", ["* | stats count", "* | head 5", "* | dedup body", '"open'])
def test_a_query_that_cannot_be_followed(quiet: Any, query: str) -> None:
    """What needs all lines before it can say anything is refused."""
    response = quiet.client.get("/v1/logs/tail", params={"q": query})
    assert (response.status_code, response.json()["code"]) == (422, "BAD_QUERY")


def test_a_place_that_is_no_number(quiet: Any) -> None:
    """`Last-Event-ID` is checked."""
    response = quiet.client.get("/v1/logs/tail", headers={"Last-Event-ID": "x"})
    assert (response.status_code, response.json()["code"]) == (422, "BAD_REQUEST")


def test_the_end_of_the_process_ends_the_tails(new_log_app: Callable[..., Any]) -> None:
    """A follower's stream ends; nobody else may begin."""
    app = new_log_app()
    with app.client.stream("GET", "/v1/logs/tail") as response:
        found = events(response)
        next(found)
        threading.Thread(target=app.tails.close).start()
        assert all(event == "" for event, _ident, _data in found)
    assert app.client.get("/v1/logs/tail").status_code == 503
