"""Server-sent events: when a stream wakes, and where it goes on."""

import asyncio

import pytest

from tallystick.api.event_stream import EVENT_STREAM, EventStream, resumed, wait_for
from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused


def test_the_head_says_that_nobody_may_keep_it_back() -> None:
    """Its media type; no cache and no proxy's buffer."""
    headers = EventStream().headers

    assert headers["content-type"].startswith(EVENT_STREAM)
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")


def test_a_stream_wakes_for_news_or_for_its_heartbeat() -> None:
    """Whichever comes first; a time that has passed is no wait."""

    async def main() -> None:
        news = asyncio.Event()
        await wait_for(news, -1)
        await wait_for(news, 1_000)
        news.set()
        await wait_for(news, 3_600 * NS_PER_SECOND)

    asyncio.run(main())


@pytest.mark.parametrize(("text", "number"), [(None, None), ("", None), ("0", 1), ("41", 42)])
def test_a_follower_that_comes_back_goes_on(text: str | None, number: int | None) -> None:
    """Behind what it has seen, where it says so."""
    assert resumed(text, "a position") == number


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "\u0661", "1" * 16])
def test_an_id_that_is_none_is_refused(text: str) -> None:
    """The sentence says what it would be."""
    with pytest.raises(Refused, match=r"^Last-Event-ID is a position\.$") as refused:
        resumed(text, "a position")
    assert refused.value.code == "BAD_REQUEST"
