"""Splunk's HTTP Event Collector as a destination."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tallystick.clock import SystemClock
from tallystick.errors import PermanentError, TallystickError, TemporaryError
from tallystick.watch.collect.forward import Numbered
from tallystick.watch.collect.forward.splunk import Splunk, SplunkSettings

Numbers = Callable[..., list[Numbered]]
Serve = Callable[[Any], AbstractAsyncContextManager[str]]


def _send(serve: Serve, peer: Any, lines: list[Numbered], **settings: Any) -> int:
    async def story() -> int:
        async with serve(peer) as url:
            given = {"token": "of-the-test"} | settings
            splunk = Splunk(SplunkSettings("splunk", url, **given), SystemClock())
            try:
                return await splunk.send(lines)
            finally:
                await splunk.close()

    return asyncio.run(story())


def test_names_go_back_the_way_they_came(
    hec_peer: Any, serve_peer: Serve, numbered: Numbers
) -> None:
    """host, source, sourcetype and index leave the event; the time keeps its digits."""
    line = numbered(
        8,
        1,
        **{
            "host.name": "api-1",
            "com.splunk.source": "gateway",
            "com.splunk.sourcetype": "fx:api",
            "com.splunk.index": "web",
        },
    )

    assert _send(serve_peer, hec_peer, line) == 0

    assert hec_peer.events == [
        {
            "time": hec_peer.events[0]["time"],
            "host": "api-1",
            "source": "gateway",
            "sourcetype": "fx:api",
            "index": "web",
            "event": {
                "severity_text": "INFO",
                "event_name": "api.request_answered",
                "service.name": "tallystick",
                "number": 8,
            },
            "fields": {"event_id": "tallystick-8"},
        }
    ]
    assert str(hec_peer.events[0]["time"]) == "1795320000.123456"


def test_an_index_of_the_settings_wins(hec_peer: Any, serve_peer: Serve, numbered: Numbers) -> None:
    """A team's token is often bound to one index."""
    line = numbered(1, 1, **{"com.splunk.index": "web"})

    _send(serve_peer, hec_peer, line, index="fx", sourcetype="tally")

    assert [(e["index"], e["sourcetype"]) for e in hec_peer.events] == [("fx", "tally")]


def test_events_behind_a_refused_one_are_not_doubled(
    hec_peer: Any, serve_peer: Serve, numbered: Numbers
) -> None:
    """Splunk keeps what stood before the event that it names: only the rest is sent again."""
    hec_peer.refuse = lambda event: event["event"]["number"] in {3, 6, 7}

    refused = _send(serve_peer, hec_peer, numbered(1, 9))

    assert refused == 3
    assert hec_peer.seqs() == [1, 2, 4, 5, 8, 9]


def test_a_batch_is_taken_when_it_is_acknowledged(
    hec_peer: Any, serve_peer: Serve, numbered: Numbers
) -> None:
    """False first, then true: asked until it is."""
    hec_peer.acks = [False, True]

    assert _send(serve_peer, hec_peer, numbered(1, 1), acknowledge=True) == 0
    assert hec_peer.acks == []


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Response(b"", 503, {"Retry-After": "9"}), TemporaryError, "answered 503"),
        (JSONResponse({"text": "Server is busy", "code": 9}, 503), TemporaryError, "busy"),
        (JSONResponse({"text": "Invalid token", "code": 4}, 403), TemporaryError, "Invalid token"),
        (JSONResponse({"text": "Incorrect index", "code": 7}, 400), PermanentError, "index"),
        (Response(b"<html>", 413), PermanentError, "answered 413"),
        (Response(b"<html>hello", 200), TemporaryError, "does not speak HEC"),
        (Response(b"", 302, {"Location": "/elsewhere"}), PermanentError, "answered 302"),
    ],
)
def test_answers_are_judged(
    answer: Response,
    error: type[TallystickError],
    said: str,
    hec_peer: Any,
    serve_peer: Serve,
    numbered: Numbers,
) -> None:
    """What may be mended is tried again; what never will be taken is not."""
    hec_peer.answers = [answer]

    with pytest.raises(error, match=said) as caught:
        _send(serve_peer, hec_peer, numbered(1, 1))

    if "retry-after" in answer.headers:
        assert isinstance(caught.value, TemporaryError)
        assert caught.value.retry_after_seconds == 9


def test_nobody_listens(numbered: Numbers) -> None:
    """The sentence names the host and not the token."""

    async def story() -> None:
        splunk = Splunk(SplunkSettings("s", "http://127.0.0.1:1", "of-the-test"), SystemClock())
        with pytest.raises(TemporaryError, match=r"127\.0\.0\.1 cannot be reached") as caught:
            await splunk.send(numbered(1, 1))
        assert "of-the-test" not in str(caught.value)
        await splunk.close()

    asyncio.run(story())
