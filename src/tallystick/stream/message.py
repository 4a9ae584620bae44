"""A message: the unit in which the stream speaks."""

import msgspec


class Message(msgspec.Struct, frozen=True, gc=False):
    """One ledger entry on its way to those who watch.

    `position` is the entry's ledger position and the message's id: consumers drop what they have
    seen by it. `body` is the entry's exact bytes.
    """

    position: int
    body: bytes
