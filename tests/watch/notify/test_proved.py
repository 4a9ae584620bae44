"""What a ledger entry says to whoever is woken by it."""

import msgspec
import pytest

from tallystick.ledger import Receipt
from tallystick.watch.notify.proved import proved, receipt_name

ORDER = {
    "id": "O-12", "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "12000000.00",
    "type": "market", "state": "filled",
}  # fmt: skip
FILLS = [
    {"price": "1.11709", "quantity": "1000000.00", "amount": "1117090.00"},
    {"price": "1.11715", "quantity": "11000000.00", "amount": "12288650.00"},
]


def said(**members: object) -> str:
    """The sentence of an entry."""
    entry = msgspec.json.encode({"kind": "order_decided", "order": ORDER, **members})
    return proved(Receipt(7, entry, "00", [], "")).sentence


def test_a_trade_is_one_sentence() -> None:
    """Who did what, how much, and at which price: the one price, or the average of several."""
    head = "O-12: demo buys 12,000,000.00 EUR/USD market, filled"
    assert said(fills=FILLS) == f"{head} at 1.11714 on average (2 fills)"
    assert said(fills=FILLS[:1]) == f"{head} at 1.11709"
    assert said() == head


def test_a_rejection_says_its_code() -> None:
    """The rule's code stands behind the state."""
    rejected = {**ORDER, "state": "rejected"}
    sentence = said(order=rejected, rejection={"code": "HALTED", "rule": "halt"})
    assert sentence == "O-12: demo buys 12,000,000.00 EUR/USD market, rejected (HALTED)"


@pytest.mark.parametrize(
    "entry", [b"{}", b"\xff", b"[1]", b'{"kind":"margin_changed","account":"demo"}', b""]
)
def test_what_is_about_no_order_has_no_sentence(entry: bytes) -> None:
    """It is proved all the same."""
    found = proved(Receipt(3, entry, "00", [], ""))
    assert (found.sentence, found.position, receipt_name(found)) == ("", 3, "receipt-3.json")


def test_odd_numbers_are_no_reason_to_say_nothing_at_all() -> None:
    """Somebody else's entry may hold anything."""
    assert said(order={**ORDER, "quantity": "much"}) == ""
    assert said(fills=[{"price": "1", "quantity": "0", "amount": "0"}] * 2) == ""
