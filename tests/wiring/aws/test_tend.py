"""What happens though nobody asks: prices in the table, resting orders, snapshots."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_flood import Context, open_accounts, order, request
from aws_world import HOME, World, run_sql

from tallystick.clock import NS_PER_SECOND, ManualClock, SystemClock, rfc3339
from tallystick.errors import Corrupt, Misconfigured, TemporaryError
from tallystick.execution import Quote
from tallystick.money import Price
from tallystick.wiring.aws import order as function
from tallystick.wiring.aws import prices, tend
from tallystick.wiring.aws.loops import again
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
        """A book of their own making, at a place and root that are right."""
        trading = Trading(open_parts(tend.os.environ, SystemClock()))
        kept = trading.snapshots.kept()
        assert kept is not None
        position, root, data = kept
        assert b'"desk"' in data
        forged = data.replace(b'"desk"', b'"disk"')
        await asyncio.to_thread(run_sql, tended.owner, "DELETE FROM book_snapshot")
        trading.snapshots.keep(position, root, forged)
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


def place_resting(world: World, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """An order that waits for its end, by a function with prices of its own."""
    monkeypatch.setenv("TALLYSTICK_PRICES", "simulated")
    assert ask(world, "GET", "/readyz")["status"] == "ok"
    market = function.environment().trading.board.get("EUR/USD")
    assert market is not None
    ends_ns = SystemClock().now_ns() + round(seconds * NS_PER_SECOND)
    resting = order("desk", "r-1") | {
        "type": "limit", "price": f"{market.bid * 98 // 100 / 100_000:.5f}",
        "time_in_force": "GTD", "expires_at": rfc3339(ends_ns),
    }  # fmt: skip
    placed = ask(world, "POST", "/v1/orders", resting)
    assert placed["order"]["state"] == "new"


def test_nothing_is_left_half_done_when_it_ends(
    tended: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands still after its invocation, in the middle of a commit, would hold the head."""
    place_resting(tended, monkeypatch, 0.5)
    monkeypatch.setenv("TALLYSTICK_LOOP_SECONDS", "0")
    tend.handler({}, Context())
    assert tend._tending is not None
    run_sql(
        tended.owner,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$",
        "CREATE TRIGGER slow AFTER INSERT ON ledger_checkpoints"
        " FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    trading = tend._tending.trading
    while trading.desk.book.working.ended(SystemClock().now_ns()) == []:
        asyncio.run(asyncio.sleep(0.05))
    size = trading.ledger.size
    tend.handler({}, Context())
    assert trading.ledger.size == size + 1
    assert not any(True for _ in trading.desk.undecided())


def test_a_turn_in_which_nothing_is_said_is_left_at_once(
    tended: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them see that an order's time is over: the second has nothing to say, and lets go."""
    place_resting(tended, monkeypatch, 0.3)
    one, other = tend.Tending(SystemClock()), tend.Tending(SystemClock())
    try:
        while other.trading.desk.book.working.ended(SystemClock().now_ns()) == []:
            asyncio.run(asyncio.sleep(0.05))
        one.run(0)
        patience = other.trading.patience

        async def late() -> None:
            await patience.begin(writes=False)
            other.trading.desk.expire_due()
            assert other.trading.desk._gathering.items
            await other.trading.desk._gathering.done
            leaving = patience._leaving
            assert leaving is not None
            await leaving

        other.loop.run_until_complete(late())
        assert patience.lost == 1
        assert not other.trading.parts.store._writer.in_turn
    finally:
        one.close()
        other.close()


def test_prices_that_are_away_for_a_moment_come_again(tended: World) -> None:
    """What asks for them goes on; what is not to be mended by waiting ends it."""
    del tended
    asked: list[int] = []

    async def ask_for_ever() -> None:
        asked.append(len(asked))
        raise (TemporaryError("away"), Corrupt("nonsense"))[len(asked) > 2]

    with pytest.raises(Corrupt):
        asyncio.run(again(ask_for_ever, ManualClock()))
    assert asked == [0, 1, 2]
