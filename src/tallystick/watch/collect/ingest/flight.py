"""Back-pressure: bytes of requests under way, counted before they are read."""

from types import TracebackType
from typing import Self

from tallystick.errors import Crowded

APPROACHING = 0.8
"""From this fullness on senders are told that the limit is near."""


class Flight:
    """Counts the bytes of bodies between their first byte and their answer.

    For one thread: that of the event loop.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.used = 0
        self.refused = 0
        """Requests that found no room."""

    @property
    def fullness(self) -> float:
        """From 0, nothing under way, to 1, no room at all."""
        return self.used / self.bytes_max

    def load(self) -> "Load":
        """The bytes of one request, given back at the end of its `with` block."""
        return Load(self)


class Load:
    """What one request has taken of the room."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._size = 0

    def reserve(self, size: int) -> None:
        """Make room for the request to have this many bytes, before it has them.

        Raises:
            Crowded: there is no room now.
        """
        more = size - self._size
        if more <= 0:
            return
        flight = self._flight
        if flight.used + more > flight.bytes_max:
            flight.refused += 1
            raise Crowded("Too many bytes are on their way already; try again in a moment.")
        flight.used += more
        self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flight.used -= self._size
        self._size = 0
