"""Ledger entries become orders and accounts as the detectors see them, or are refused."""

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.detect.observation import AccountSeen, OrderSeen, UnreadableError
from tallystick.watch.detect.orders.reading import entry_seen

AT = "2026-11-22T04:30:00.000000Z"


def changed(entry: bytes, order: dict[str, object], **members: object) -> bytes:
    """The entry with other members, of its own and of its order."""
    known = msgspec.json.decode(entry) | members
    known["order"] |= order
    return msgspec.json.encode(known)


def order_of(position: int, entry: bytes) -> OrderSeen:
    """The entry, which is one of an order."""
    seen = entry_seen(position, entry)
    assert isinstance(seen, OrderSeen)
    return seen


def account_of(**members: object) -> AccountSeen | None:
    """What an entry about an account says."""
    seen = entry_seen(3, json.dumps({"at": AT, "v": 1, **members}).encode())
    assert seen is None or isinstance(seen, AccountSeen)
    return seen


def test_an_order_is_read_from_its_entry_bytes(make_entry: Callable[..., bytes]) -> None:
    """Every number a detector uses arrives, and members it does not know are ignored."""
    order = order_of(12, make_entry(12, side="sell", price=1.09, quantity=2_500_000, mid=1.0825))
    assert (order.order_id, order.account, order.pair, order.side) == (
        "O-12", "demo", "EUR/USD", "sell",
    )  # fmt: skip
    assert (order.quantity, order.limit_price, order.state) == (2_500_000, 1.09, "filled")
    assert (order.bid, order.ask) == (1.08249, 1.08251)
    assert order.mid == pytest.approx(1.0825)
    assert (order.filled, order.kind, order.own, order.event) == (
        2_500_000,
        "limit",
        True,
        "decided",
    )
    assert order.at == "2026-09-21T14:13:20.000000Z"
    assert order.at_seconds == 1_790_000_000


def test_an_order_without_quote_or_fill_has_no_mid(make_entry: Callable[..., bytes]) -> None:
    """A rejection before a quote was seen is still an order, and says its code."""
    order = order_of(1, changed(make_entry(1, state="rejected"), {}, quote=None))
    assert (order.mid, order.bid, order.fill_price, order.limit_price) == (None, None, None, None)
    assert (order.filled, order.code) == (0.0, "PRICE_MOVED")


@pytest.mark.parametrize("kind", ["order_trailed", "order_triggered", "kill_switch_set", "new"])
def test_other_kinds_are_nobodys_business(make_entry: Callable[..., bytes], kind: str) -> None:
    """Kinds that no detector looks at, also ones not invented yet, give nothing."""
    assert entry_seen(1, make_entry(1, kind=kind)) is None
    assert entry_seen(1, f'{{"kind":"{kind}","v":9}}'.encode()) is None
    assert entry_seen(1, b"raw bytes of a load test") is None


@pytest.mark.parametrize(
    ("kind", "members", "order"),
    [
        pytest.param("order_decided", {"by": "margin close-out"}, {}, id="the desk's own order"),
        pytest.param("order_decided", {}, {"parent": "O-3"}, id="an order that came with another"),
        pytest.param("order_filled", {}, {"state": "partially_filled"}, id="a part"),
        pytest.param("order_cancelled", {"code": "KILL_SWITCH"}, {}, id="a stop of trading"),
        pytest.param("order_expired", {}, {}, id="the end of its time"),
    ],
)
def test_what_the_client_did_not_do_is_not_its_own(
    make_entry: Callable[..., bytes],
    kind: str,
    members: dict[str, object],
    order: dict[str, object],
) -> None:
    """Such entries move positions, and are no behaviour of the client."""
    assert not order_of(7, changed(make_entry(7, kind=kind), order, **members)).own


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("order_decided", {}),
        ("order_filled", {}),
        ("order_cancelled", {}),
        ("order_cancelled", {"code": "CLIENT_REQUEST", "by": "acme"}),
        ("order_cancelled", {"code": "CANCEL_ALL", "by": "acme"}),
    ],
)
def test_what_the_client_did_is_its_own(
    make_entry: Callable[..., bytes], kind: str, members: dict[str, object]
) -> None:
    """Its order, its whole fill, and what it took back itself."""
    order = order_of(7, changed(make_entry(7, kind=kind), {}, **members))
    assert order.own
    assert order.event == kind.removeprefix("order_")


def test_the_legs_of_a_swap_cancel_out(make_entry: Callable[..., bytes]) -> None:
    """What a swap buys on one date and sells on another moves no position."""
    entry = msgspec.json.decode(make_entry(7, quantity=1_000_000))
    entry["fills"] = [entry["fills"][0], {**entry["fills"][0], "side": "sell"}]
    order = order_of(7, msgspec.json.encode(entry))
    assert order.filled == 0.0
    assert order.fill_price == 1.0825


def test_an_order_cancelled_after_a_part_is_seen_as_it_was_asked_for(
    make_entry: Callable[..., bytes],
) -> None:
    """An IOC that took what there was: its whole quantity counts, and it is no rejection."""
    order = order_of(7, changed(make_entry(7, quantity=9_000_000), {"state": "cancelled"}))
    assert (order.quantity, order.state, order.event) == (9_000_000, "cancelled", "decided")


@pytest.mark.parametrize("kind", ["take_profit", "stop_limit"])
def test_where_a_client_wants_to_leave_is_no_limit_price(
    make_entry: Callable[..., bytes], kind: str
) -> None:
    """The price of an order that waits to be set off is far from the market on purpose."""
    entry = changed(make_entry(7, price=1.2, mid=1.0825, state="new"), {"type": kind})
    assert order_of(7, entry).limit_price is None


@pytest.mark.parametrize(
    "change",
    [
        {"at": "yesterday"},
        {"at": "2026-11-22T04:30:00"},
        {"order": None},
        {"quote": {"bid": "0", "ask": "1"}},
        {"fills": [{"price": "1e999", "quantity": "1"}]},
    ],
    ids=["no stamp", "no zone", "no order", "no price", "infinite"],
)
def test_a_broken_order_says_so(
    make_entry: Callable[..., bytes], change: dict[str, object]
) -> None:
    """A known kind with impossible contents is an error, never a silent gap."""
    entry = msgspec.json.decode(make_entry(7)) | change
    with pytest.raises(UnreadableError, match="entry 7"):
        entry_seen(7, msgspec.json.encode(entry))


@pytest.mark.parametrize("quantity", ["", "nan", "inf", "-1", "0", "1e400", "abc"])
def test_an_impossible_quantity_is_refused(make_entry: Callable[..., bytes], quantity: str) -> None:
    """No NaN and no infinity ever reaches a detector."""
    with pytest.raises(UnreadableError):
        entry_seen(7, changed(make_entry(7), {"quantity": quantity}))


def test_an_account_says_its_limit_and_its_desk() -> None:
    """Opening and new limits of an account; limits of anything else are not an account's."""
    limits = {"position_usd_max": "5000000", "order_quantity_max": "1000000"}
    opened = account_of(kind="account_opened", account="acme", desk="fx", limits=limits)
    assert opened is not None
    assert (opened.event, opened.account, opened.desk) == ("opened", "acme", "fx")
    assert opened.position_usd_max == 5_000_000
    moved = account_of(kind="limits_set", scope="account", id="acme", limits=limits, by="risk")
    assert moved is not None
    assert (moved.event, moved.account, moved.position_usd_max) == ("limits", "acme", 5_000_000)
    assert account_of(kind="limits_set", scope="all", id=None, limits=limits) is None
    assert account_of(kind="limits_set", scope="desk", id="fx", limits=limits) is None


def test_an_account_says_its_money_and_its_margin() -> None:
    """Of money moved the account's own dollars count; a margin event says what is used."""
    postings = [
        {"account": "acme", "currency": "USD", "amount": "-250.50"},
        {"account": "house", "currency": "USD", "amount": "250.50"},
        {"account": "acme", "currency": "EUR", "amount": "9.00"},
    ]
    moved = account_of(kind="funds_moved", account="acme", postings=postings, by="ops", reason="x")
    assert moved is not None
    assert (moved.event, moved.funds_usd) == ("funds", -250.5)
    called = account_of(
        kind="margin_changed", account="acme", event="call_entered", equity="100.00", used="120.00"
    )
    assert called is not None
    assert (called.event, called.code) == ("margin", "call_entered")
    assert (called.equity_usd, called.used_usd) == (100.0, 120.0)


@pytest.mark.parametrize(
    "members",
    [
        {"kind": "account_opened"},
        {
            "kind": "funds_moved", "account": "a",
            "postings": [{"account": "a", "currency": "USD", "amount": "x"}],
        },
        {"kind": "margin_changed", "account": "a", "equity": "1e400"},
    ],
    ids=["nobody", "no amount", "infinite"],
)  # fmt: skip
def test_a_broken_account_says_so(members: dict[str, object]) -> None:
    """An account's entry with impossible contents is an error."""
    with pytest.raises(UnreadableError, match="entry 3"):
        account_of(**members)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but `UnreadableError` comes out of hostile bytes."""
    for body in (data, b"{" + data):
        try:
            entry_seen(0, body)
        except UnreadableError:
            continue
