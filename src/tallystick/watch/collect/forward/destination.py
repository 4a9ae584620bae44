"""The port of a forwarder: somewhere else, where log lines are sent as well.

The contract, which tests/watch/collect/forward/test_destination_contract.py holds every
destination to:

- `send` returns when the peer has answered for every line, in the order given: how many of them it
  refused for good; it has the others.
- `TemporaryError`: some lines may have been taken; the same ones are sent again. Every line carries
  its number in our store (`log.seq`), so that a peer can tell that it has seen it.
- `PermanentError`: this batch as it is will never be taken. The forwarder halves it until the line
  that is wrong stands alone.
- A batch has at most `lines_max` lines and, unless a single line is longer, `bytes_max` bytes.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Numbered(NamedTuple):
    """A line and its number in the store."""

    seq: int
    line: bytes


class Destination(Protocol):
    """Somewhere else; see the module for what it promises."""

    lines_max: int
    bytes_max: int

    async def send(self, lines: Sequence[Numbered]) -> int:
        """Send these lines; how many the peer will never take, it has all others."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
