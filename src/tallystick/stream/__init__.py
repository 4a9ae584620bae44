"""The voice: follows the ledger and says each entry in order, at least once."""

from tallystick.stream.consume import consume
from tallystick.stream.embedded import EmbeddedStream
from tallystick.stream.event import Event
from tallystick.stream.log_relay import LogRelay
from tallystick.stream.message import Message
from tallystick.stream.open import Streams, open_stream
from tallystick.stream.relay import Relay
from tallystick.stream.stream import BEGIN, END, NOBODY, At, Batch, Lag, Stream

__all__ = [
    "BEGIN",
    "END",
    "NOBODY",
    "At",
    "Batch",
    "EmbeddedStream",
    "Event",
    "Lag",
    "LogRelay",
    "Message",
    "Relay",
    "Stream",
    "Streams",
    "consume",
    "open_stream",
]
