"""Dead letters: messages that a consumer could not deal with, on a stream of their own.

A dead letter is the message's own CloudEvent, and extensions that say whose it is and why. Sent
again (`replay`), it comes to that group once more, and to no other.
"""

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Refused
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.event import Event
from tallystick.stream.message import Envelope, Message, message_of
from tallystick.stream.stream import BEGIN, NOBODY, Stream

REASON_CHARACTERS_MAX = 1_000
"""The reason is cut to this length."""
SCAN_MESSAGES_MAX = 100_000
"""Most dead letters looked at for one list."""


class DeadLetter(msgspec.Struct, frozen=True):
    """One dead letter; `number` names it: `<partition>-<offset>` in the dead-letter stream."""

    number: str
    group: str
    reason: str
    attempts: int
    at: str
    partition: str
    offset: int
    event: Event


def dead_message(
    event: Event, group: str, reason: str, attempts: int, where: tuple[str, int], clock: Clock
) -> Message:
    """The dead letter to append: the event as it was, with why it is here."""
    said = {
        "deadgroup": group,
        "deadreason": reason[:REASON_CHARACTERS_MAX],
        "deadattempts": str(attempts),
        "deadtime": rfc3339(clock.now_ns()),
        "deadpartition": where[0],
        "deadoffset": str(where[1]),
    }
    kept = {name: text for name, text in event.extensions.items() if name != "replay"}
    whole = msgspec.structs.replace(event, extensions={**kept, **said})
    return message_of(whole)


def is_replay(message: Message, group: str) -> bool:
    """Whether this is on the dead-letter stream so that `group` tries it again."""
    return message.event is not None and message.event.extensions.get("replay") == group


def letter_of(message: Message, partition: str, offset: int) -> DeadLetter | None:
    """The dead letter that a message is; None for one sent again, or a stranger."""
    event = message.event
    if event is None or "deadgroup" not in event.extensions or "replay" in event.extensions:
        return None
    said = event.extensions
    return DeadLetter(
        f"{partition}-{offset}",
        said["deadgroup"],
        said.get("deadreason", ""),
        int(said.get("deadattempts", "0")),
        said.get("deadtime", ""),
        said.get("deadpartition", ""),
        int(said.get("deadoffset", "-1")),
        event,
    )


async def dead_letters(dead: Stream, group: str | None = None) -> list[DeadLetter]:
    """Those of a group, or all that the stream holds, oldest first within a partition."""
    await dead.seek(NOBODY, BEGIN)
    found: list[DeadLetter] = []
    looked_at = 0
    while looked_at < SCAN_MESSAGES_MAX:
        batches = await dead.read(NOBODY, STREAM_READ_MAX, wait_seconds=1.0)
        if not batches:
            break
        for batch in batches:
            looked_at += len(batch.messages)
            for message, offset in zip(batch.messages, batch.offsets, strict=True):
                letter = letter_of(message, batch.partition, offset)
                if letter is not None and group in {None, letter.group}:
                    found.append(letter)
    return found


async def replay(dead: Stream, letter: DeadLetter) -> None:
    """Send it again to the group that could not deal with it."""
    again = {**letter.event.extensions, "replay": letter.group}
    event = msgspec.structs.replace(letter.event, extensions=again)
    await dead.append([message_of(event)])


async def replay_numbers(dead: Stream, numbers: list[str]) -> list[DeadLetter]:
    """Send these again.

    Raises:
        Refused: there is no dead letter of one of these numbers; nothing was sent.
    """
    there = {letter.number: letter for letter in await dead_letters(dead)}
    for number in numbers:
        if number not in there:
            raise Refused("UNKNOWN_DEAD_LETTER", f"There is no dead letter {number[:100]}.")
    chosen = [there[number] for number in dict.fromkeys(numbers)]
    for letter in chosen:
        await replay(dead, letter)
    return chosen


def whole_envelope(message: Message) -> Event:
    """For streams whose messages all come with their event."""
    assert message.event is not None, "a dead letter has its event"  # noqa: S101
    return message.event


def event_of(message: Message, envelope: Envelope) -> Event:
    """The message's CloudEvent."""
    return message.event or envelope(message)
