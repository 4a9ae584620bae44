"""The terminal: one line an alert, on standard error or wherever it is told to write."""

import sys
from typing import TextIO

from tallystick.errors import TemporaryError
from tallystick.watch.notify.alert import Alert


class TerminalChannel:
    """Writes `time SEVERITY sentence link`, with nothing that could steer a terminal."""

    def __init__(self, writer: TextIO | None = None) -> None:
        self._writer = writer

    async def send(self, alert: Alert, idempotency_key: str) -> None:  # noqa: ARG002  the port's
        """Write and flush one line."""
        writer = self._writer or sys.stderr
        words = [alert.starts_at, f"{alert.severity.upper():8}", alert.summary, *_link(alert)]
        line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(words))
        try:
            writer.write(line + "\n")
            writer.flush()
        except (OSError, ValueError) as error:
            raise TemporaryError(f"The terminal cannot be written to: {error}.") from error

    async def close(self) -> None:
        """The writer belongs to whoever gave it."""


def _link(alert: Alert) -> list[str]:
    return list(alert.links.values())[:1]
