"""Answers in pieces: the place, the refusals, and the client that leaves."""

import asyncio
import threading
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tallystick.api.log_stream import StreamedResponse
from tallystick.errors import Refused
from tallystick.watch.collect.search import LogSearch, Places

SECONDS_MAX = 20.0
Message = dict[str, Any]


class Stream:
    """Two pieces; `wait` holds the second one back."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.pieces = self._pieces(wait)
        self.closed = 0

    def _pieces(self, wait: Callable[[], None]) -> Generator[bytes, None, None]:
        yield b"one"
        wait()
        yield b"two"

    def close(self) -> None:
        """Count it."""
        self.pieces.close()
        self.closed += 1


@pytest.fixture
def places() -> Any:
    """One place, whose thread has ended after the test."""
    made = Places(1, "tests")
    yield made
    made.close()
    assert made.taken == 0


def respond(
    places: Places, begin: Callable[[], Stream], stop: Callable[[], None], leaves_after: int
) -> list[Message]:
    """What is sent to a client that leaves after so many messages (it never comes to more)."""
    sent: list[Message] = []

    async def run() -> None:
        left = asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) >= leaves_after:
                left.set()
                await asyncio.sleep(0)

        if leaves_after == 0:
            asyncio.get_running_loop().call_later(0.01, left.set)
        search = cast("LogSearch", SimpleNamespace(streams=places))
        response = StreamedResponse(search, begin, stop=stop, media_type="text/plain")
        async with asyncio.timeout(SECONDS_MAX):
            await response({"type": "http"}, receive, send)

    asyncio.run(run())
    return sent


def nothing() -> None:
    """What holds nothing back, and stops nothing."""


def test_every_piece_is_sent(places: Places) -> None:
    """Then it is closed, and the place is free."""
    stream = Stream(nothing)
    sent = respond(places, lambda: stream, nothing, 99)
    assert [each.get("body") for each in sent] == [None, b"one", b"two", b""]
    assert (sent[0]["status"], sent[-1]["more_body"]) == (200, False)
    assert stream.closed == 1


def test_what_is_refused_is_an_answer_of_its_own(places: Places) -> None:
    """While beginning, or because no place is free."""

    def refuse() -> Stream:
        raise Refused("BAD_QUERY", "It cannot be read.")

    sent = respond(places, refuse, nothing, 99)
    assert sent[0]["status"] == 422
    with places.place():
        crowded = respond(places, refuse, nothing, 99)
    assert crowded[0]["status"] == 429


@pytest.mark.parametrize("leaves_after", [0, 2], ids=["before-the-first", "between-two"])
def test_who_leaves_stops_what_runs(places: Places, leaves_after: int) -> None:
    """Also while the search has not given its first piece; it is closed behind what ran."""
    stopped = threading.Event()

    def wait() -> None:
        assert stopped.wait(SECONDS_MAX)

    stream = Stream(wait)

    def begin() -> Stream:
        if leaves_after == 0:
            wait()
        return stream

    sent = respond(places, begin, stopped.set, leaves_after)
    assert len(sent) == leaves_after
    places.close()
    assert stream.closed == 1
