"""What an operator does with streams, beside a running server: look, move a group, count."""

from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.ledger import Ledger
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.dead import event_of
from tallystick.stream.event import Event
from tallystick.stream.message import Envelope, Message
from tallystick.stream.open import RELAYS, Streams
from tallystick.stream.stream import BEGIN, END, NOBODY, At, Stream, Target

READ_SECONDS = 1.0
"""How long it is waited for a message before there is taken to be none."""

Where = Literal["begin", "end"] | At | int
"""A place in the stream as people say it; an integer is a ledger position."""


class GroupLag(msgspec.Struct, frozen=True):
    """How far one consumer is behind; `place` is the ledger position where it goes on.

    `messages` and `behind_ms` are by partition as in `Lag`; of a consumer that keeps its place here
    there is one row, against what the relay has said.
    """

    group: str
    partition: str
    place: int | None
    committed: int | None
    messages: int | None
    behind_ms: int | None


def parse_where(text: str) -> Where:
    """`begin`, `end`, a ledger position, or an RFC 3339 time.

    Raises:
        Refused: it is none of these.
    """
    if text == BEGIN:
        return BEGIN
    if text == END:
        return END
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    try:
        return At(parse_rfc3339(text))
    except ValueError as error:
        raise Refused(
            "BAD_PLACE",
            f"{text[:64]!r} is no place: say begin, end, a ledger position, or a time such as"
            " 2026-11-22T04:08:16Z.",
        ) from error


async def lags(streams: Streams, groups: tuple[str, ...]) -> list[GroupLag]:
    """Of these groups, or of all that keep their place in the data folder."""
    kept = [name for name in streams.cursors.names() if not name.startswith(RELAYS)]
    found: list[GroupLag] = []
    for group in groups or tuple(kept):
        if group in kept:
            place = streams.cursors.peek(group)
            behind = max(0, streams.said - place)
            found.append(GroupLag(group, "", place, None, behind, None))
        if group not in kept or (groups and streams.remote):
            found += [
                GroupLag(group, one.partition, None, one.committed, one.messages, one.behind_ms)
                for one in await streams.entries.lag(group)
            ]
    return found


async def move(streams: Streams, ledger: Ledger, group: str, where: Where) -> None:
    """Move a group, whoever reads it.

    One that keeps its place in the data folder goes on there at once, in a running server too.

    Raises:
        Refused: the ledger has no such position; nobody reads as `group`; or the brokers move no
            group that is read.
    """
    if isinstance(where, int) and where > ledger.size:
        raise Refused("BAD_PLACE", f"The ledger has {ledger.size:,} entries.")
    if not streams.remote and group not in streams.cursors.names():
        known = ", ".join(sorted(n for n in streams.cursors.names() if not n.startswith(RELAYS)))
        raise Refused("UNKNOWN_CONSUMER", f"Nobody reads as {group!r}; those who do are {known}.")
    if group in streams.cursors.names():
        streams.cursors.move(group, await _position(streams, ledger, where))
    elif isinstance(where, int):
        await streams.entries.seek(group, _target(ledger, where, streams.envelope))
    else:
        await streams.entries.seek(group, where)


async def tail(
    stream: Stream, envelope: Envelope, where: Literal["begin", "end"] | At, *, follow: bool
) -> AsyncIterator[Event]:
    """The events from a place on; without `follow` it ends where there are no more for now."""
    await stream.seek(NOBODY, where)
    while True:
        batches = await stream.read(NOBODY, STREAM_READ_MAX, READ_SECONDS)
        for batch in batches:
            for message in batch.messages:
                yield event_of(message, envelope)
        if not batches and not follow:
            return


async def _position(streams: Streams, ledger: Ledger, where: Where) -> int:
    if isinstance(where, At):
        return _first_since(ledger, where, streams.envelope)
    if isinstance(where, int):
        return where
    return 0 if where == BEGIN else streams.said


def _first_since(ledger: Ledger, at: At, envelope: Envelope) -> int:
    """The first entry of this time or later; entries' times hardly ever go back."""
    low, high = 0, ledger.size
    while low < high:
        middle = (low + high) // 2
        entry_ns = _entry_ns(ledger, middle, envelope)
        if entry_ns is not None and entry_ns < at.time_ns:
            low = middle + 1
        else:
            high = middle
    return low


def _entry_ns(ledger: Ledger, position: int, envelope: Envelope) -> int | None:
    """When the entry was decided, if it says so."""
    said = envelope(Message(position, ledger.rows(position, 1)[0].entry)).time
    try:
        return None if said is None else parse_rfc3339(said)
    except ValueError:
        return None


def _target(ledger: Ledger, position: int, envelope: Envelope) -> Target:
    """A place before which nothing from this entry on was said."""
    if position == ledger.size:
        return END
    at_ns = _entry_ns(ledger, position, envelope)
    return BEGIN if at_ns is None else At(at_ns)
