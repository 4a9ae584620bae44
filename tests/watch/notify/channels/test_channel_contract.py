"""The contract of the port, held by every channel of the registry against a real peer."""

import asyncio
import io
import logging
import os
import traceback
from collections.abc import Callable, Coroutine, Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
import structlog

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels import CHANNELS, TerminalChannel
from tallystick.watch.notify.message import Message

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
BEARER = "bearer-of-this-link"
"""Part of the links that act without a login (conftest)."""
FAILS = {"busy", "broken", "drop"}
EVERY = sorted(CHANNELS)
FAR = [name for name in EVERY if name != "terminal"]
"""Channels with somebody on the other side."""
Open = Callable[..., Channel]
Make = Callable[..., Message]


@pytest.fixture
def peer(
    request: pytest.FixtureRequest, kind: str, peers: ModuleType, serve: Callable[[type[Any]], Any]
) -> Iterator[Any]:
    """Whoever is at the other side of a channel of this kind."""
    if kind == "apprise":
        pytest.importorskip("apprise", reason="the extra notify is not installed")
    if kind == "sns":
        request.getfixturevalue("aws")
    if kind == "terminal":
        yield peers.Terminal()
    elif kind == "email":
        smtp = request.getfixturevalue("smtp")
        authority = request.getfixturevalue("authority")
        with smtp.serving(smtp.SmtpPeer(authority.ca_file), authority.server_context()) as served:
            yield served
    else:
        (found,) = (each for each in peers.HTTP_PEERS if each.kind == kind)
        yield serve(found)


@pytest.fixture
def channel(kind: str, peer: Any, open_channel: Open) -> Channel:
    """The channel, as a configuration would open it."""
    return open_channel(kind, peer.options(), peer.secrets(), SystemClock())


def run(channel: Channel, story: Coroutine[object, object, None]) -> None:
    """Run on one loop, and close the channel."""

    async def main() -> None:
        try:
            await story
        finally:
            await channel.close()

    asyncio.run(main())


def messages(make: Make, hostile: Message) -> list[Message]:
    """An incident's life, and the worst that can be said."""
    over = {"at_ns": hostile.at_ns + 10**9, "by": "ann", "number": 4}
    return [
        make(),
        make(why="escalated", number=2, severity="error", recipient="ann"),
        make(why="acknowledged", action="acknowledge", by="ann", number=3),
        make(why="resolved", action="resolve", firing=0, **over),
        make(why="test", incident="", number=0, alerts=(), chart=None, labels={}, firing=0),
        make(alerts=(msgspec.structs.replace(hostile.alerts[0], summary="\n", labels={}),)),
        hostile,
        msgspec.structs.replace(hostile, action="resolve", why="resolved", firing=0),
    ]


def test_every_channel_has_a_peer(peers: ModuleType) -> None:
    """A new channel without a peer in this suite fails it."""
    kinds = {each.kind for each in peers.HTTP_PEERS} | {"email", "terminal"}

    assert kinds == set(CHANNELS)


@pytest.mark.parametrize("kind", EVERY)
def test_whatever_there_is_to_say_is_taken(
    channel: Channel, peer: Any, make_message: Make, hostile: Message
) -> None:
    """Every form of message keeps to what the other side documents, with hostile text too."""

    async def story() -> None:
        for message in messages(make_message, hostile):
            assert isinstance(await channel.send(message), str)
        assert peer.complaints == []

    run(channel, story())


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_key_twice_is_the_same_thing_said(
    channel: Channel, peer: Any, make_message: Make
) -> None:
    """An attempt that is made again is the same bytes; the id, where there is one, the same."""

    async def story() -> None:
        first = await channel.send(make_message())
        second = await channel.send(make_message())
        if peer.kind != "terminal":
            said = {getattr(each, "body", None) or each.content for each in peer.taken}
            assert len(said) == 1
        assert first == second

    run(channel, story())


@pytest.mark.parametrize("way", sorted(FAILS))
@pytest.mark.parametrize("kind", FAR)
def test_trouble_of_theirs_is_temporary_and_passes(
    channel: Channel, peer: Any, make_message: Make, way: str
) -> None:
    """Busy, broken or cut off: try again, not before they asked; then it is taken."""

    async def story() -> None:
        peer.plan.append(way)
        with pytest.raises(TemporaryError) as caught:
            await channel.send(make_message())
        if way == "busy" and peer.says_when:
            assert caught.value.retry_after_seconds == 7
        assert peer.came == 1  # nothing is tried again behind the outbox's back
        await channel.send(make_message())
        assert (len(peer.taken), peer.complaints) == (1, [])

    run(channel, story())


@pytest.mark.parametrize("kind", FAR)
def test_a_refusal_is_permanent(channel: Channel, peer: Any, make_message: Make) -> None:
    """What they will never take is not tried again; apprise cannot tell."""

    async def story() -> None:
        peer.plan.append("refusal")
        with pytest.raises(PermanentError if peer.refuses else TemporaryError):
            await channel.send(make_message())
        assert peer.came == 1

    run(channel, story())


@pytest.mark.parametrize("kind", FAR)
def test_a_slow_answer_can_be_cut_off(channel: Channel, peer: Any, make_message: Make) -> None:
    """Cancelled while it waits, and fit to be used again."""

    async def story() -> None:
        peer.plan.append("hang")
        attempt = asyncio.create_task(channel.send(make_message()))
        async with asyncio.timeout(30):
            while not peer.came:  # noqa: ASYNC110  the peer is a thread
                await asyncio.sleep(0.005)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        peer.released.set()
        async with asyncio.timeout(30):
            while not peer.taken:
                # Apprise's thread is still at the first attempt for a moment.
                try:
                    await channel.send(make_message())
                except TemporaryError:
                    await asyncio.sleep(0.01)

    run(channel, story())


@pytest.mark.parametrize("kind", FAR)
def test_nobody_there_is_temporary(
    kind: str, peer: Any, nobody: int, open_channel: Open, make_message: Make
) -> None:
    """A refused connection is worth another attempt; opening needs nobody there."""
    origin = getattr(peer, "origin", "127.0.0.1:1")
    away = f"http://127.0.0.1:{nobody}"
    options = _replaced(peer.options(), origin, away) | (
        {"port": nobody} if kind == "email" else {}
    )
    secrets = _replaced(peer.secrets(), origin, away)
    secrets = _replaced(secrets, origin.removeprefix("http://"), f"127.0.0.1:{nobody}")
    lost = open_channel(kind, options, secrets)

    async def story() -> None:
        with pytest.raises(TemporaryError, match=r"(cannot be reached \(.*\)|did not take it)\."):
            await lost.send(make_message())

    run(lost, story())


def test_a_terminal_that_has_gone_is_temporary(make_message: Make) -> None:
    """A pipe whose reader has gone: the terminal's way to be away."""
    reader, writer = os.pipe()
    os.close(reader)
    raw = os.fdopen(writer, "wb", buffering=0)
    text = io.TextIOWrapper(raw, write_through=True)
    with pytest.raises(TemporaryError, match=r"cannot be written to: .*\."):
        asyncio.run(TerminalChannel(text).send(make_message()))
    text.detach()
    raw.close()


@pytest.mark.parametrize("kind", EVERY)
def test_nothing_secret_is_said(
    channel: Channel, peer: Any, make_message: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in errors with their causes, log lines or `repr`, though the peer repeats them all.

    Nor are links that act without a login, which a peer repeats with the rest.
    """
    caplog.set_level(logging.INFO)
    said = [repr(channel)]

    async def story() -> None:
        for way in ("busy", "broken", "refusal", "drop"):
            peer.plan.append(way)
            try:
                await channel.send(make_message())
            except (TemporaryError, PermanentError) as error:
                said.extend(traceback.format_exception(error))
                said.append(repr(error))

    with structlog.testing.capture_logs() as lines:
        run(channel, story())
    said += [str(lines), *(r.getMessage() for r in caplog.records if r.name != "mail.log")]
    whole = "\n".join(said)
    for secret in [BEARER, *peer.secrets().values(), "hidden-", "SECRET", "the-signature"]:
        assert secret not in whole


@pytest.mark.parametrize("kind", EVERY)
def test_an_option_nobody_knows_is_said(kind: str, peer: Any, open_channel: Open) -> None:
    """A typing error is not passed over: a pager that is not set up is worse than none."""
    with pytest.raises(Misconfigured, match="routng_key"):
        open_channel(kind, {**peer.options(), "routng_key": 1}, peer.secrets())


@pytest.mark.parametrize("kind", [name for name in FAR if name != "sns"])
def test_a_secret_does_not_stand_in_the_file(kind: str, peer: Any, open_channel: Open) -> None:
    """Written there as text it is refused, and the sentence does not repeat it."""
    options = peer.options()
    named = [name for name, value in options.items() if isinstance(value, dict)]
    if kind == "webhook":
        named.remove("url")  # which may be a secret, and may be none
    for name in named:
        with pytest.raises(Misconfigured, match=f"{name} is a secret") as caught:
            open_channel(kind, {**options, name: "plain-text-secret"}, peer.secrets())
        assert "plain-text-secret" not in str(caught.value)


@pytest.mark.parametrize("kind", [name for name in FAR if name != "sns"])
def test_a_secret_that_is_nowhere_is_said(kind: str, peer: Any, open_channel: Open) -> None:
    """At start, by its name."""
    with pytest.raises(Misconfigured, match=r"There is no secret (env|file):"):
        open_channel(kind, peer.options(), {})


def _replaced(values: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {
        name: value.replace(old, new) if isinstance(value, str) else value
        for name, value in values.items()
    }
