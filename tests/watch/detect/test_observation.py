"""What the detectors look at travels whole between the server and its detection process."""

import msgspec
import pytest

from tallystick.watch.detect.observation import (
    AccountSeen,
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
    UnreadableError,
)

AT = "2026-11-22T04:30:00.123456Z"
SEEN: list[Observation] = [
    OrderSeen(7, AT, 1.5, "decided", "O-7", "acme", "EUR/USD", "buy", "new", 1e6, 1.08, None, 1.09),
    AccountSeen(8, AT, 1.5, "limits", "acme", position_usd_max=5e6),
    CallSeen(AT, 1.5, "GET /v1/orders", 200, 812.0, "acme", "203.0.113.0/24", "ab12"),
    QuoteSeen(AT, 1.5, "EUR/USD", 1.08, 1.0801, "feed"),
    LogSeen(AT, 1.5, "app", "tallystick", 12),
    TimeSeen(AT, 1.5),
]


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: type(seen).__name__)
def test_an_observation_comes_back_as_it_was(seen: Observation) -> None:
    """Every kind says which it is, so that a union of them is read again without a hint."""
    data = msgspec.msgpack.encode(seen)
    assert msgspec.msgpack.Decoder(Observation).decode(data) == seen


def test_what_an_older_form_did_not_say_has_a_default() -> None:
    """An order without the newer members is the client's own and filled nothing."""
    order = SEEN[0]
    assert isinstance(order, OrderSeen)
    assert (order.own, order.filled, order.code, order.bid) == (True, 0.0, "", None)


def test_unreadable_is_an_error_with_a_sentence() -> None:
    """It says which entry or line."""
    assert "entry 7" in str(UnreadableError("entry 7 cannot be read"))
