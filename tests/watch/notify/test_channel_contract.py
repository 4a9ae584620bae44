"""The contract of the port, held by every channel of the registry."""

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import TemporaryError
from tallystick.watch.notify import CHANNELS, Alert, Channel, TerminalChannel, WebhookChannel

SECRET = b"a shared secret of enough bytes"
Build = Callable[[object], tuple[Channel, Channel]]


def _terminal(broken: TextIO, _: object) -> tuple[Channel, Channel]:
    return TerminalChannel(io.StringIO()), TerminalChannel(broken)


def _webhook(_: TextIO, receiver: object) -> tuple[Channel, Channel]:
    url: str = receiver.url  # type: ignore[attr-defined]
    # Port 9 of loopback: nobody listens, the connection is refused.
    return (
        WebhookChannel(url, SECRET, SystemClock()),
        WebhookChannel("http://127.0.0.1:9/", SECRET, SystemClock()),
    )


ROWS = {"terminal": _terminal, "webhook": _webhook}


@pytest.fixture
def broken_pipe() -> Iterator[TextIO]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    raw = os.fdopen(writer, "wb", buffering=0)
    text = io.TextIOWrapper(raw, write_through=True)
    yield text
    text.detach()
    raw.close()


def test_every_channel_has_a_row() -> None:
    """A new channel without a row in this suite fails it."""
    assert set(ROWS) == set(CHANNELS)


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_it_may_be_called_again_and_closed(
    name: str, receiver: object, broken_pipe: TextIO, make_alert: Callable[..., Alert]
) -> None:
    """The same alert twice under the same key is taken twice without complaint."""

    async def main() -> None:
        """Run on one loop."""
        working, other = ROWS[name](broken_pipe, receiver)
        assert isinstance(working, CHANNELS[name])
        await working.send(make_alert("a"), "key")
        await working.send(make_alert("a"), "key")
        await working.close()
        await other.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_nobody_on_the_other_side_is_temporary(
    name: str, receiver: object, broken_pipe: TextIO, make_alert: Callable[..., Alert]
) -> None:
    """A broken pipe, a refused connection: worth trying again, with a sentence."""

    async def main() -> None:
        """Run on one loop."""
        other, lost = ROWS[name](broken_pipe, receiver)
        with pytest.raises(TemporaryError, match=r"cannot be .*\."):
            await lost.send(make_alert("a"), "key")
        await lost.close()
        await other.close()

    asyncio.run(main())
