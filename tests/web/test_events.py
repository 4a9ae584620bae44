"""The shapes of the live events, as the page reads them."""

import msgspec

from tallystick.execution import entries
from tallystick.web.events import EVENTS, CancelRow, FillRow, OrderRow, Orders, RejectionRow


def test_an_order_row_takes_what_an_entry_says() -> None:
    """The row has every member of an entry's order, fill and rejection, under the same names."""
    added = {"at", "position", "fills", "rejection", "by", "cancelled"}
    assert set(OrderRow.__struct_fields__) == {*entries.Order.__struct_fields__, *added}
    assert set(CancelRow.__struct_fields__) == {"by", "reason", "code"}
    assert FillRow.__struct_fields__ == entries.Fill.__struct_fields__
    assert RejectionRow.__struct_fields__ == entries.Rejection.__struct_fields__


def test_what_an_order_does_not_have_is_not_said() -> None:
    """A plain order's row is as short as its entry: no stop price, no links, no filled quantity."""
    row = OrderRow(
        "O-1", "demo", "c-1", "EUR/USD", "buy", "5.00", "market", "FOK", None, "filled", "", 1, []
    )
    said = msgspec.to_builtins(row)

    assert set(said) == {*OrderRow.__struct_fields__[:13], "rejection"}


def test_nothing_omitted_is_said_as_zero() -> None:
    """The page need not guess: the count is always there."""
    assert msgspec.json.encode(Orders([])) == b'{"orders":[],"omitted":0}'


def test_the_hub_alone_says_hello_and_gap() -> None:
    """The list of event names is what frontend/src/desk.svelte.ts listens for."""
    assert EVENTS[0] == "hello"
    assert EVENTS[-1] == "gap"
