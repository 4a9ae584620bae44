"""What happens though nobody asks: prices in the table, resting orders, snapshots."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_flood import Context, open_accounts, order, request
from aws_world import HOME, World

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.errors import Corrupt, Misconfigured, TemporaryError
from tallystick.execution import Quote
from tallystick.money import Price
from tallystick.wiring.aws import order as function
from tallystick.wiring.aws import prices, tend
from tallystick.wiring.aws.runtime import Trading, open_parts
from tallystick.wiring.aws.settings import Table, table_of


@pytest.fixture
def tended(inside: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose accounts are open and whose orders look at the table for prices."""
    function._orders = None
    tend._tending = None
    monkeypatch.setenv("TALLYSTICK_LOOP_SECONDS", "0.5")
    open_accounts(inside)
    assert function._orders is not None
    function._orders.close()
    function._orders = None
    monkeypatch.setenv("TALLYSTICK_PRICES", "table")
    yield inside
    if function._orders is not None:
        function._orders.close()
        function._orders = None
    if tend._tending is not None:
        tend._tending.close()
        tend._tending = None


def ask(world: World, method: str, path: str, body: Any = None) -> Any:
    """The order function's answer, decoded."""
    event = request(method, path, world.tokens["desk"], body)
    return json.loads(function.handler(event, Context())["body"])


def table() -> Table:
    """The state table."""
    return table_of("STATE", tend.os.environ["TALLYSTICK_STATE"])


def test_prices_go_through_the_table(tended: World) -> None:
    """Without them an order is rejected for want of a price; with them it is filled."""
    assert ask(tended, "POST", "/v1/orders", order("desk", "a-1"))["order"]["state"] == "rejected"
    tend.handler({}, Context())
    assert ask(tended, "POST", "/v1/orders", order("desk", "a-2"))["order"]["state"] == "filled"


def test_an_order_whose_time_is_over_ends(tended: World) -> None:
    """Nobody has to send a request for it."""
    ask(tended, "GET", "/readyz")
    tend.handler({}, Context())
    assert ask(tended, "GET", "/readyz")["status"] == "ok"
    market = function.environment().trading.board.get("EUR/USD")
    assert market is not None
    resting = order("desk", "a-1") | {
        "type": "limit", "price": f"{market.bid * 98 // 100 / 100_000:.5f}",
        "time_in_force": "GTD", "expires_at": rfc3339(SystemClock().now_ns() + NS_PER_SECOND),
    }  # fmt: skip
    placed = ask(tended, "POST", "/v1/orders", resting)
    assert placed["order"]["state"] == "new"
    for _ in range(4):
        tend.handler({}, Context())
        story = ask(tended, "GET", f"/v1/orders/{placed['order']['id']}")
        if story["order"]["state"] != "new":
            break
    assert story["order"]["state"] == "expired"


def test_a_snapshot_shortens_the_next_cold_start(
    tended: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book goes on from it; one that does not fit the ledger is not used."""
    monkeypatch.setattr(tend, "SNAPSHOT_ENTRIES", 1)
    size = tend.handler({}, Context())["size"]
    folded: list[int] = []

    async def cold() -> dict[str, Any]:
        trading = Trading(open_parts(tend.os.environ, SystemClock()))
        kept = trading.snapshots.kept()
        assert kept is not None
        folded.append(kept[0])
        accounts = {name: each.limits for name, each in trading.desk.book.accounts.items()}
        await trading.close()
        return accounts

    with_it = asyncio.run(cold())
    assert folded == [size]

    async def spoil() -> None:
        trading = Trading(open_parts(tend.os.environ, SystemClock()))
        trading.snapshots.keep(size + 1, bytes(32), b"not a book")
        await trading.close()

    asyncio.run(spoil())
    without_it = asyncio.run(cold())
    assert with_it == without_it
    assert len(with_it) == len(tended.tokens) - 1


def test_a_desk_that_ended_is_made_anew(tended: World) -> None:
    """As with orders: the next run has a new one."""
    del tended
    tend.handler({}, Context())
    before = tend._tending
    assert before is not None
    before.trading.task.cancel()
    before.loop.run_until_complete(asyncio.gather(before.trading.task, return_exceptions=True))
    assert tend.handler({}, Context())["looks"] >= 1
    assert tend._tending is not before
    before.close()


def quote(at_ns: int, bid: int = 108_411) -> Quote:
    """A quote of EUR/USD."""
    return Quote("EUR/USD", Price(bid), Price(bid + 2), at_ns, "tests")


def test_a_quote_is_new_once(tended: World) -> None:
    """What was seen is not given out again, nor what is from the future."""
    del tended
    clock = SystemClock()
    now = clock.now_ns()
    prices.put_prices(table(), [quote(now), Quote("GBP/USD", Price(1), Price(2), now * 2, "t")])
    source = prices.TablePrices(table(), clock)
    later = now + NS_PER_SECOND
    assert source.quotes(later) == [quote(now)]
    assert source.quotes(later) == []
    prices.put_prices(table(), [quote(now + 1, 108_500)])
    assert source.quotes(later) == []
    assert source.quotes(later + NS_PER_SECOND) == [quote(now + 1, 108_500)]
    assert source.drops.total == 0


def test_a_table_that_cannot_be_read_is_said(tended: World) -> None:
    """Somebody else's item, and no table at all."""
    item = {"id": {"S": "prices"}, "quotes": {"B": b"nonsense"}}
    tended.client("dynamodb").put_item(TableName=table().name, Item=item)
    with pytest.raises(Corrupt):
        prices.TablePrices(table(), SystemClock()).quotes(1)
    with pytest.raises((TemporaryError, Misconfigured)):
        prices.TablePrices(Table(HOME, "nowhere"), SystemClock()).quotes(1)
    with pytest.raises((TemporaryError, Misconfigured)):
        prices.put_prices(Table(HOME, "nowhere"), [])
