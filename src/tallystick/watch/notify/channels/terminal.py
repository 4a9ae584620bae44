"""The terminal: one line a message, on standard error or wherever it is told to write."""

import sys
from collections.abc import Mapping
from typing import ClassVar, Self, TextIO

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.errors import TemporaryError
from tallystick.watch.notify.channel import Secrets, options_of
from tallystick.watch.notify.channels.writing.sentences import is_absolute, one_line, state_word
from tallystick.watch.notify.message import Message

LINE_CHARACTERS_MAX = 2_000


class TerminalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It has none."""


class TerminalChannel:
    """Writes `time SEVERITY sentence link`, with nothing that could steer a terminal.

    A terminal ends up in a log: the links that act without a login are not written.
    """

    options: ClassVar[type[msgspec.Struct]] = TerminalOptions

    def __init__(self, writer: TextIO | None = None) -> None:
        self._writer = writer

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:  # noqa: ARG003  the port's
        """Standard error."""
        options_of(options, TerminalOptions)
        return cls()

    async def send(self, message: Message) -> str:
        """Write and flush one line."""
        writer = self._writer or sys.stderr
        words = [rfc3339(message.at_ns), f"{state_word(message):8}", message.title]
        words += [*_by(message), *_link(message)]
        try:
            writer.write(one_line_kept(" ".join(words)) + "\n")
            writer.flush()
        except (OSError, ValueError) as error:
            raise TemporaryError(f"The terminal cannot be written to: {error}.") from error
        return ""

    async def close(self) -> None:
        """The writer belongs to whoever gave it."""


def one_line_kept(text: str) -> str:
    """One line with its spaces as they are; what does not print is a question mark."""
    return "".join(each if each.isprintable() else "?" for each in text)[:LINE_CHARACTERS_MAX]


def _by(message: Message) -> list[str]:
    return [] if message.action == "trigger" or not message.by else [f"(by {message.by})"]


def _link(message: Message) -> list[str]:
    """To the incident; without a public address, to what its first alert is about."""
    if is_absolute(message.ways.incident):
        return [message.ways.incident]
    paths = [link for alert in message.alerts[:1] for link in alert.links.values()]
    return [one_line(link, 200) for link in paths[:1]]
