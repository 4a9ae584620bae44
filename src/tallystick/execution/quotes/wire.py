"""What is said between us and a liquidity provider: JSON objects, told apart by `type`.

From the provider: `quote` (`arrival.QuoteMessage`), `heartbeat` when there is nothing else to say,
`withdraw` when nothing that it quoted stands any more. Each may carry `seq`,
which begins anywhere with each connection and grows by one: a jump is a gap. To the provider:
`subscribe`, once, after connecting. Members that are not named here are ignored.
"""

import msgspec

from tallystick.execution.quotes.arrival import QuoteMessage


class HeartbeatMessage(msgspec.Struct, frozen=True, tag_field="type", tag="heartbeat"):
    """The provider is there."""

    seq: int | None = None


class WithdrawMessage(msgspec.Struct, frozen=True, tag_field="type", tag="withdraw"):
    """Nothing that the provider quoted stands any more."""

    seq: int | None = None


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    """Quote these pairs, beginning with what stands now."""

    pairs: tuple[str, ...]


Message = QuoteMessage | HeartbeatMessage | WithdrawMessage


class Page(msgspec.Struct, frozen=True):
    """What polling over HTTP gives: the newest quote of every pair."""

    quotes: tuple[msgspec.Raw, ...]


decode_message = msgspec.json.Decoder(Message).decode
decode_page = msgspec.json.Decoder(Page).decode
decode_quote = msgspec.json.Decoder(QuoteMessage).decode
encode = msgspec.json.Encoder().encode
