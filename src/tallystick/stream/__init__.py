"""The voice: follows the ledger and says each entry in order, at least once."""

from tallystick.stream.bus import Bus
from tallystick.stream.embedded import EmbeddedBus
from tallystick.stream.message import Message
from tallystick.stream.relay import Relay

__all__ = ["Bus", "EmbeddedBus", "Message", "Relay"]
