"""The dry run says what the desk then does, with every reason, and changes nothing."""

import asyncio
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.execution import Quote
from tallystick.execution.precheck import Precheck, precheck
from tallystick.execution.quotes.quote import Level
from tallystick.money import Price, Quantity


def check(floor: Any, request: Any) -> Precheck:
    """The dry run on a floor as it stands."""
    at_ns = floor.desk.now_ns()
    market = floor.desk.market(request.pair.symbol, at_ns)
    return precheck(request, at_ns=at_ns, market=market, book=floor.desk.book)


def on_floor(words: Any, story: Any, **limits: Any) -> Any:
    """What `story(floor)` gives on a floor with the account `demo`."""

    async def run() -> Any:
        """Open, and tell."""
        async with words.Floor() as floor:
            await floor.open("demo", **limits)
            floor.price("GBP/USD", "1.26000", "1.26002")
            return await story(floor)

    return asyncio.run(run())


def deep(words: Any, at_ns: int) -> Quote:
    """EUR/USD, a million at 1.08251, two more at 1.08253, and no more."""
    asks = (
        Level(Price(108251), Quantity(100_000_000)),
        Level(Price(108253), Quantity(200_000_000)),
    )
    bids = (Level(Price(108249), Quantity(100_000_000)),)
    quote: Quote = words.quote(at_ns=at_ns)
    return msgspec.structs.replace(quote, bids=bids, asks=asks)


def test_what_it_costs_through_depth(words: Any) -> None:
    """Each level with its amount, the average, and the spread against the mid, by hand."""

    async def story(floor: Any) -> Precheck:
        """Two and a half million euro at a market of three."""
        floor.board.update([deep(words, floor.clock.now_ns())])
        return check(floor, words.request(quantity="2500000"))

    found = on_floor(words, story)
    assert (found.accepted, found.state, found.rejections) == (True, "filled", ())
    assert [(f.price, f.quantity, f.amount) for f in found.fills] == [
        ("1.08251", "1000000.00", "1082510.00"),
        ("1.08253", "1500000.00", "1623795.00"),
    ]
    assert found.average_price == "1.08252"  # 1.082522
    assert found.amount is not None
    assert (found.amount.currency, found.amount.amount) == ("USD", "2706305.00")
    assert found.cost is not None
    assert (found.cost.currency, found.cost.amount) == ("USD", "55.00")  # 10 x 1 + 15 x 3
    assert found.value_date == "2026-11-27"  # Thanksgiving is no settlement day in New York
    assert (found.net_position.before, found.net_position.after) == ("0.00", "2500000.00")
    assert found.margin is None


def test_more_than_the_market_deals(words: Any) -> None:
    """It would be rejected for want of liquidity, and the levels that are there are shown."""

    async def story(floor: Any) -> Precheck:
        """Four million euro at a market of three."""
        floor.board.update([deep(words, floor.clock.now_ns())])
        return check(floor, words.request(quantity="4000000"))

    found = on_floor(words, story)
    assert (found.accepted, found.state) == (False, "rejected")
    assert [each.code for each in found.rejections] == ["INSUFFICIENT_LIQUIDITY"]


def test_all_reasons_are_told(words: Any) -> None:
    """Too large, out of the collar and over the position limit at once; the first would stand."""

    async def story(floor: Any) -> tuple[Precheck, str]:
        """A hopeless order, tried and then placed."""
        members = {"quantity": "20000000", "price": "1.20000", "time_in_force": "GTC"}
        found = check(floor, words.request(**members))
        placed = await floor.place(**members)
        return found, placed.entry.rejection.code

    found, code = on_floor(words, story, position_usd_max="1000.00")
    codes = [each.code for each in found.rejections]
    assert {"QUANTITY_TOO_LARGE", "PRICE_OUT_OF_COLLAR", "POSITION_LIMIT"} <= set(codes)
    assert codes[0] == code
    assert len(set(codes)) == len(codes)


def test_the_nearest_limit_comes_first(words: Any) -> None:
    """Used and allowed in their units, in percent, rounded up."""

    async def story(floor: Any) -> Precheck:
        """Nine of ten million that an order may have."""
        return check(floor, words.request(quantity="9000001", price="1.08000"))

    found = on_floor(words, story)
    rooms = {each.limit: each for each in found.limits}
    assert [each.percent for each in found.limits] == sorted(
        (each.percent for each in found.limits), reverse=True
    )
    assert found.limits[0].limit == "order_quantity_max"
    assert (rooms["order_quantity_max"].used, rooms["order_quantity_max"].percent) == (
        "9000001.00",
        91,
    )
    assert (rooms["open_orders_max"].used, rooms["open_orders_max"].allowed) == ("1", "1000")
    assert rooms["collar_bps"].used == "23"
    assert rooms["position_usd_max"].percent == 10


def test_the_cost_is_in_the_home_currency(words: Any) -> None:
    """Exact until the one rounding: against `decimal`."""

    async def story(floor: Any) -> Precheck:
        """An account that reckons in sterling."""
        await floor.desk.open_account("gb", words.LIMITS, home="GBP")
        return check(floor, words.request(account="gb", quantity="7654321.09"))

    found = on_floor(words, story)
    spread = Decimal("7654321.09") * Decimal("0.00001") / Decimal("1.26001")
    wanted = spread.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert found.cost is not None
    assert (found.cost.currency, Decimal(found.cost.amount)) == ("GBP", wanted)


def test_what_margin_it_needs(words: Any) -> None:
    """Before, after and needed; as much as the rule would find missing."""

    async def story(floor: Any) -> tuple[Precheck, Precheck]:
        """An account of ESMA's profile: without money, and with a position."""
        await floor.desk.open_account("retail", words.LIMITS, margin="esma_retail", home="USD")
        first = check(floor, words.request(account="retail", quantity="300000"))
        return first, check(floor, words.request(account="retail", quantity="300", side="sell"))

    first, _second = on_floor(words, story)
    assert first.margin is not None
    needed = Decimal(first.margin.needed)
    assert needed == (Decimal(300_000) * Decimal("1.0825") / 30).quantize(Decimal("0.01"))
    assert Decimal(first.margin.used_after) - Decimal(first.margin.used_before) == needed
    before, after = first.margin.available_before, first.margin.available_after
    assert Decimal(before) - Decimal(after) == needed
    assert "INSUFFICIENT_MARGIN" in {each.code for each in first.rejections}


def test_orders_that_come_with_it_are_checked(words: Any) -> None:
    """The first would be rejected because of the second; each says why."""
    far = {"type": "stop_loss", "stop_price": "0.50000"}
    near = {"type": "stop_loss", "stop_price": "1.07000"}

    async def story(floor: Any) -> Precheck:
        """One child is far outside any collar."""
        return check(floor, words.request(if_done=[near, far]))

    found = on_floor(words, story)
    codes = [[each.code for each in linked.rejections] for linked in found.linked]
    assert codes == [[], ["STOP_OUT_OF_COLLAR"]]
    assert [each.code for each in found.rejections] == ["LINKED_ORDER_REJECTED"]
    assert (found.accepted, found.state) == (False, "rejected")
    assert "c-1.2: STOP_OUT_OF_COLLAR, The stop price is" in found.rejections[0].reason


def test_without_a_price_there_is_one_reason(words: Any) -> None:
    """What the other rules would say takes a price for granted."""

    async def story(floor: Any) -> Precheck:
        """A pair that nobody quotes."""
        return check(floor, words.request(pair="USD/MXN"))

    found = on_floor(words, story)
    assert [each.code for each in found.rejections] == ["NO_PRICE"]
    assert (found.quote, found.fills, found.cost, found.average_price) == (None, (), None, None)


def test_an_account_that_does_not_exist(words: Any) -> None:
    """Refused as the order would be."""

    async def story(floor: Any) -> None:
        """Nobody's order."""
        check(floor, words.request(account="nobody"))

    with pytest.raises(Refused, match="nobody"):
        on_floor(words, story)


PRICES = st.integers(106_000, 111_000).map(lambda points: f"1.{points - 100_000:05}")
ORDERS = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["buy", "sell"]),
        "quantity": st.sampled_from(["0.01", "1000", "900000", "3000000", "9000000", "30000000"]),
    }
).flatmap(
    lambda order: st.one_of(
        st.sampled_from(["FOK", "IOC"]).map(lambda t: order | {"time_in_force": t}),
        st.tuples(PRICES, st.sampled_from(["GTC", "IOC", "FOK", "GFD"])).map(
            lambda p: order | {"type": "limit", "price": p[0], "time_in_force": p[1]}
        ),
        st.tuples(PRICES, st.sampled_from(["stop", "market_if_touched", "stop_loss"])).map(
            lambda p: order | {"type": p[1], "stop_price": p[0]}
        ),
        st.sampled_from(["reduce_only", "open_only", "reduce_first"]).map(
            lambda fill: order | {"position_fill": fill}
        ),
    )
)


@given(orders=st.lists(ORDERS, min_size=1, max_size=12), data=st.data())
@settings(max_examples=60)
def test_it_says_what_the_desk_does(words: Any, orders: list[dict[str, Any]], data: Any) -> None:
    """The same state, fills and first reason, whatever the order; and the book stays as it was."""
    quoted = data.draw(st.booleans(), label="with depth")

    async def story(floor: Any) -> None:
        """Try, then place."""
        if quoted:
            floor.board.update([deep(words, floor.clock.now_ns())])
        for number, members in enumerate(orders):
            request = words.request(client_order_id=f"c-{number}", **members)
            before = words.book_state(floor.desk.book)
            found = check(floor, request)
            assert words.book_state(floor.desk.book) == before
            placed = await floor.desk.place(request)
            entry = placed.entry
            assert found.state == entry.order.state
            assert found.accepted == (entry.rejection is None)
            if entry.rejection is not None:
                assert found.rejections[0] == entry.rejection
                continue
            shown = [(each.price, each.quantity, each.amount) for each in found.fills]
            assert shown == [(each.price, each.quantity, each.amount) for each in entry.fills]
            if entry.order.state == "filled" and not entry.order.position_fill:
                held = floor.desk.book.account("demo").positions["EUR/USD"].net
                assert found.net_position.after == f"{Decimal(held).scaleb(-2):.2f}"

    on_floor(words, story, position_usd_max="20000000.00", order_quantity_max="10000000")
