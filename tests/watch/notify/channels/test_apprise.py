"""Everything else, through apprise, against its own JSON service."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.message import Message

pytest.importorskip("apprise", reason="the extra notify is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
Make = Callable[..., Message]
Open = Callable[..., Channel]


@pytest.fixture
def service(serve: Callable[[type[Any]], Any], peers: ModuleType) -> Any:
    """One of apprise's services on loopback."""
    return serve(peers.Apprise)


def test_a_service_gets_headline_and_text(
    service: Any, open_channel: Open, make_message: Make
) -> None:
    """What an e-mail's text says; its type follows the severity."""

    async def story() -> None:
        channel = open_channel("apprise", service.options(), service.secrets())
        await channel.send(make_message())
        await channel.send(make_message(action="resolve", why="resolved", number=2))
        await channel.close()

    asyncio.run(story())
    first, last = (msgspec.json.decode(request.body) for request in service.taken)
    assert first["title"] == "CRITICAL I-12: Latency of POST /v1/orders is above 250 ms"
    assert "order O-1042 · ledger position 1041" in first["message"]
    assert (first["type"], last["type"]) == ("failure", "success")


def test_what_was_cut_off_and_arrived_is_not_said_twice(
    service: Any, open_channel: Open, make_message: Make
) -> None:
    """The thread goes on after the attempt was cut off; the next attempt asks how it went."""

    async def story() -> None:
        channel = open_channel("apprise", service.options(), service.secrets())
        service.plan.append("late")
        attempt = asyncio.create_task(channel.send(make_message()))
        await _until(lambda: service.came == 1)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        with pytest.raises(TemporaryError, match="an attempt is under way"):
            await channel.send(make_message(number=2))
        again = asyncio.create_task(channel.send(make_message()))
        await asyncio.sleep(0)
        service.released.set()
        await again
        await channel.send(make_message())
        assert service.came == 1
        await channel.close()

    asyncio.run(story())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  the service is a thread
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("url", ["nothing://here", "no url", "https:/"])
def test_a_url_that_no_service_has_is_said_at_start(url: str, open_channel: Open) -> None:
    """And not repeated."""
    with pytest.raises(Misconfigured, match=r"^apprise knows no service by this url\.$"):
        open_channel("apprise", {"url": {"env": "U"}}, {"U": url})
