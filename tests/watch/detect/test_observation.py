"""Entries and log lines become observations, or are refused with a reason."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.detect.observation import UnreadableError, call_seen, order_seen

LINE: dict[str, object] = {
    "timestamp": "2026-11-22T04:30:00.123456Z",
    "event_name": "api.request_answered",
    "http.request.method": "POST",
    "http.route": "/v1/orders",
    "http.response.status_code": 201,
    "duration_us": 812,
    "account": "demo",
    "severity_text": "INFO",
}


def test_an_order_is_read_from_its_entry_bytes(make_entry: Callable[..., bytes]) -> None:
    """Every number a detector uses arrives, and members it does not know are ignored."""
    order = order_seen(12, make_entry(12, side="sell", price=1.09, quantity=2_500_000, mid=1.0825))
    assert order is not None
    assert (order.order_id, order.account, order.pair, order.side) == (
        "O-12",
        "demo",
        "EUR/USD",
        "sell",
    )
    assert (order.quantity, order.limit_price, order.state) == (2_500_000, 1.09, "filled")
    assert order.mid == pytest.approx(1.0825)
    assert order.at == "2026-09-21T14:13:20.000000Z"
    assert order.at_seconds == 1_790_000_000


def test_an_order_without_quote_or_fill_has_no_mid(make_entry: Callable[..., bytes]) -> None:
    """A rejection before a quote was seen is still an order."""
    entry = msgspec.json.decode(make_entry(1, state="rejected"))
    entry["quote"] = None
    order = order_seen(1, msgspec.json.encode(entry))
    assert order is not None
    assert (order.mid, order.fill_price, order.limit_price) == (None, None, None)


@pytest.mark.parametrize("kind", ["order_cancelled", "account_opened", "kill_switch_set", "new"])
def test_other_kinds_are_nobodys_business(make_entry: Callable[..., bytes], kind: str) -> None:
    """Kinds that no detector looks at, also ones not invented yet, give nothing."""
    assert order_seen(1, make_entry(1, kind=kind)) is None
    assert order_seen(1, f'{{"kind":"{kind}","v":9}}'.encode()) is None


@pytest.mark.parametrize(
    ("kind", "members", "order_members"),
    [
        pytest.param("order_decided", {"by": "margin close-out"}, {}, id="the desk's own order"),
        pytest.param("order_decided", {}, {"parent": "O-3"}, id="an order that came with another"),
        pytest.param(
            "order_filled", {}, {"state": "partially_filled", "filled": "1.00"}, id="a part"
        ),
    ],
)
def test_what_the_client_did_not_do_is_not_its_behaviour(
    make_entry: Callable[..., bytes],
    kind: str,
    members: dict[str, object],
    order_members: dict[str, object],
) -> None:
    """Close-outs, if-done orders and fills in part are left out of a client's profile."""
    entry = msgspec.json.decode(make_entry(7, kind=kind)) | members
    entry["order"] |= order_members
    assert order_seen(7, msgspec.json.encode(entry)) is None

    whole = msgspec.json.decode(make_entry(7, kind=kind))
    assert order_seen(7, msgspec.json.encode(whole)) is not None


def test_an_order_cancelled_after_a_part_is_seen_as_it_was_asked_for(
    make_entry: Callable[..., bytes],
) -> None:
    """An IOC that took what there was: its whole quantity counts, and it is no rejection."""
    entry = msgspec.json.decode(make_entry(7, quantity=9_000_000))
    entry["order"] |= {"state": "cancelled", "filled": "2000000.00", "time_in_force": "IOC"}
    order = order_seen(7, msgspec.json.encode(entry))
    assert order is not None
    assert (order.quantity, order.state, order.event) == (9_000_000, "cancelled", "decided")


@pytest.mark.parametrize("kind", ["take_profit", "stop_limit"])
def test_where_a_client_wants_to_leave_is_no_limit_price(
    make_entry: Callable[..., bytes], kind: str
) -> None:
    """The price of an order that waits to be set off is far from the market on purpose."""
    entry = msgspec.json.decode(make_entry(7, price=1.2, mid=1.0825, state="new"))
    entry["order"]["type"] = kind
    order = order_seen(7, msgspec.json.encode(entry))
    assert order is not None
    assert order.limit_price is None


@pytest.mark.parametrize(
    "change",
    [
        {"at": "yesterday"},
        {"at": "2026-11-22T04:30:00"},
        {"order": None},
        {"quote": {"bid": "0", "ask": "1"}},
        {"fills": [{"price": "1e999"}]},
    ],
)
def test_a_broken_order_says_so(
    make_entry: Callable[..., bytes], change: dict[str, object]
) -> None:
    """A known kind with impossible contents is an error, never a silent gap."""
    entry = msgspec.json.decode(make_entry(7)) | change
    with pytest.raises(UnreadableError, match="entry 7"):
        order_seen(7, msgspec.json.encode(entry))


@pytest.mark.parametrize("quantity", ["", "nan", "inf", "-1", "0", "1e400", "abc"])
def test_an_impossible_quantity_is_refused(make_entry: Callable[..., bytes], quantity: str) -> None:
    """No NaN and no infinity ever reaches a profile."""
    entry = msgspec.json.decode(make_entry(7))
    entry["order"]["quantity"] = quantity
    with pytest.raises(UnreadableError):
        order_seen(7, msgspec.json.encode(entry))


def test_a_call_is_read_from_its_log_line() -> None:
    """Both forms of the timestamp mean the same moment."""
    call = call_seen(LINE)
    assert call is not None
    assert (call.route, call.status, call.duration_us) == ("POST /v1/orders", 201, 812)
    assert call_seen(LINE | {"timestamp": 1_795_321_800_123_456_000}) == call


def test_other_lines_are_ignored() -> None:
    """Only the canonical line of an answered request is an API call."""
    assert call_seen(LINE | {"event_name": "execution.order_decided"}) is None
    assert call_seen({}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"http.response.status_code": "x"},
        {"http.route": None},
        {"duration_us": -1},
        {"duration_us": float("nan")},
    ]
    + [{"timestamp": stamp} for stamp in ("", "now", 10**30, -(10**30), None)],
)
def test_a_broken_call_says_so(change: dict[str, object]) -> None:
    """A call line with impossible members is an error."""
    with pytest.raises(UnreadableError):
        call_seen(LINE | change)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but `UnreadableError` comes out of hostile bytes."""
    try:
        order_seen(0, data)
    except UnreadableError:
        return


@given(
    st.dictionaries(
        st.sampled_from(sorted(LINE)),
        st.none() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=9),
    )
)
def test_any_line_is_read_or_refused(line: dict[str, object]) -> None:
    """Nothing but `UnreadableError` comes out of a hostile line."""
    try:
        call_seen(LINE | line)
    except UnreadableError:
        return
