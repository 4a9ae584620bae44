"""The trial balance: whole flows balance at every position, and a changed entry is found."""

import asyncio
import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallystick.clock import ManualClock, parse_rfc3339, rfc3339
from tallystick.errors import Corrupt
from tallystick.execution import Book, decode
from tallystick.execution.entries import FundsMoved, Posting
from tallystick.execution.financing import SHIPPED, EndOfDay
from tallystick.execution.margin_call import MarginMonitor
from tallystick.execution.quotes.quote import Level, Quote
from tallystick.execution.trial import Totals, TrialBalances, check_book, check_ledger_book
from tallystick.money import Price, Quantity

Flow = list[bytes]
MODES = ("netting", "fifo", "hedging")


@pytest.fixture(scope="module")
def flow(words: Any) -> Flow:
    """Three days of a small desk: all modes, partial fills, a close-out, rolls, money, rejects."""

    async def run() -> Flow:
        chance = random.Random(4)  # noqa: S311  orders, not secrets
        floor = words.Floor(clock=ManualClock(parse_rfc3339("2026-12-01T15:00:00Z")))
        async with floor:
            for mode in MODES:
                await floor.desk.open_account(
                    mode, words.LIMITS, mode=mode, home="EUR", financing="daily",
                    margin="esma_retail",
                )  # fmt: skip
                await floor.desk.say(_deposit(mode))
            monitor = MarginMonitor(floor.desk)
            floor.board.listen(monitor.on_quotes)
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            mids = {"EUR/USD": 108_250, "USD/JPY": 151_500, "GBP/USD": 127_000}
            for number in range(240):
                floor.clock.advance(900)
                symbol = chance.choice(sorted(mids))
                mids[symbol] += chance.randint(-60, 60)
                mids["EUR/USD"] += {120: -8_000, 180: 8_000}.get(number, 0)
                floor.board.update([_depth(name, mids[name], floor) for name in sorted(mids)])
                await _order(floor, chance, symbol, mids[symbol])
                monitor.check_due()
                await end_of_day.roll_due()
                await floor.settle()
            return list(floor.entries())

    return asyncio.run(run())


def test_the_flow_has_what_a_flow_can_have(flow: Flow) -> None:
    """Every kind of entry that posts, fills in part, and a close-out."""
    facts = [json.loads(entry) for entry in flow]
    kinds = {fact["kind"] for fact in facts}
    assert kinds >= {"order_decided", "order_filled", "position_rolled", "funds_moved"}
    assert any(fact.get("event") == "closed_out" for fact in facts)
    assert any(fact.get("order", {}).get("state") == "partially_filled" for fact in facts)
    assert any(len(fact.get("fills", ())) > 1 for fact in facts)


def test_it_balances_at_every_position_and_the_desks_book_agrees(flow: Flow) -> None:
    """The book of the first n entries and the trial balance of the same, for every n."""
    book = Book()
    for stop in range(len(flow) + 1):
        if stop % 7 == 0 or stop > len(flow) - 20:
            balance = check_book(flow, stop, book=book)
            assert balance.size == stop
            for line in balance.lines:
                assert Decimal(line.clients) == -Decimal(line.house)
        if stop < len(flow):
            book.apply(decode(flow[stop]))


def test_the_lines_are_what_decimal_adds_up(flow: Flow) -> None:
    """The same sums, made with `decimal` from the bytes alone."""
    sums: dict[tuple[str, str], Decimal] = {}
    for data in flow:
        fact = json.loads(data)
        for posting in fact.get("postings", ()):
            if posting["account"] == "house":
                continue
            fills = fact.get("fills") or [{}]
            settles = fills[0].get("value_date") or fact.get("to_date") or fact["at"][:10]
            place = posting["currency"], posting.get("value_date", settles)
            sums[place] = sums.get(place, Decimal(0)) + Decimal(posting["amount"])
    lines = check_book(flow).lines
    found = {(line.currency, line.value_date): Decimal(line.clients) for line in lines}
    assert found == {place: amount for place, amount in sums.items() if amount}


def test_what_settled_before_a_day_is_one_line(flow: Flow) -> None:
    """The sums by currency stay the same."""
    totals = Totals()
    for data in flow:
        totals.fold(data)
    whole, short = totals.trial_balance(), totals.trial_balance("2026-12-05")
    assert len(short.lines) < len(whole.lines)
    assert all(line.value_date is None or line.value_date >= "2026-12-05" for line in short.lines)
    for code in ("EUR", "USD"):
        by = [
            sum(Decimal(line.house) for line in each.lines if line.currency == code)
            for each in (whole, short)
        ]
        assert by[0] == by[1]


def test_any_position_is_reached_from_what_is_remembered(words: Any, flow: Flow) -> None:
    """Forwards, backwards and twice: always what adding up from the start gives."""

    async def run() -> None:
        floor = await _replayed(words, flow)
        balances = TrialBalances(floor.ledger)
        for stop in (len(flow), 10, 0, len(flow) - 1, len(flow)):
            assert _end(balances.fold(stop)).trial_balance() == check_book(flow, stop)
        assert _end(check_ledger_book(floor.ledger)) == check_book(flow)

    asyncio.run(run())


def _tamper(kind: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Flow], tuple]:  # type: ignore[type-arg]
    def tampered(flow: Flow) -> tuple[Flow, int]:
        changed = list(flow)
        for position, data in enumerate(flow):
            fact = json.loads(data)
            if fact["kind"] == kind and fact.get("postings") and position > 20:
                change(fact)
                changed[position] = msgspec.json.encode(fact, order="sorted")
                return changed, position
        raise AssertionError(kind)

    return tampered


def _more(fact: dict[str, Any], *places: Any) -> None:
    """A cent (or a yen) more at a place of the entry."""
    target: Any = fact
    for place in places[:-1]:
        target = target[place]
    text = target[places[-1]]
    digits = len(text.partition(".")[2])
    number = Decimal(text) + Decimal(1).scaleb(-digits)
    target[places[-1]] = f"{number:.{digits}f}"


def _both(fact: dict[str, Any]) -> None:
    """A cent more for the account and less for the house: it balances, and is wrong."""
    _more(fact, "postings", 0, "amount")
    text = fact["postings"][1]["amount"]
    digits = len(text.partition(".")[2])
    fact["postings"][1]["amount"] = f"{Decimal(text) - Decimal(1).scaleb(-digits):.{digits}f}"


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_tamper("order_decided", lambda f: _more(f, "postings", 0, "amount")), "sum to"),
        (_tamper("order_decided", _both), "is not what it says"),
        (_tamper("order_decided", lambda f: _more(f, "fills", 0, "amount")), "is not worth"),
        (_tamper("order_decided", lambda f: _more(f, "fills", 0, "price")), "is not worth"),
        (_tamper("order_decided", lambda f: _more(f, "order", "quantity")), "another quantity"),
        (_tamper("order_decided", lambda f: f["postings"].pop()), "sum to"),
        (_tamper("position_rolled", _both), "is not what it says"),
        (_tamper("position_rolled", lambda f: _more(f, "financing")), "financing"),
        (_tamper("position_rolled", lambda f: f.update(days=9)), "are not 9 days"),
        (
            _tamper("position_rolled", lambda f: f["postings"][0].update(value_date="2026-01-01")),
            "sum to",
        ),
        (
            _tamper("order_decided", lambda f: f["postings"][0].update(account="fifth")),
            "is not what it says",
        ),
        (_tamper("order_decided", lambda f: f["postings"][0].update(amount="x")), "read"),
    ],
    ids=[
        "posting", "both postings", "amount", "price", "quantity", "missing", "roll", "financing",
        "days", "value date", "account", "no number",
    ],
)  # fmt: skip
def test_a_changed_entry_is_found_and_named(flow: Flow, tamper: Any, said: str) -> None:
    """Whatever is changed in one entry, the check says which entry it is."""
    changed, position = tamper(flow)
    with pytest.raises(Corrupt, match=f"Entry {position}.*{said}"):
        check_book(changed)


def test_a_book_that_says_something_else_is_found(flow: Flow) -> None:
    """A cent, a position or a value date that the entries do not make."""
    for spoil, said in (
        (lambda book: book.accounts["fifo"].balances.update(USD=1), "fifo: balances"),
        (lambda book: book.accounts["fifo"].flows.update({("USD", "2026-12-04"): 1}), "flows"),
        (lambda book: book.house.update(USD=1), "house"),
        (lambda book: book.accounts["hedging"].positions.clear(), "positions"),
    ):
        book = Book()
        for data in flow:
            book.apply(decode(data))
        spoil(book)
        with pytest.raises(Corrupt, match=said):
            check_book(flow, book=book)


def _deposit(account: str) -> Any:
    def propose(_position: int, at_ns: int) -> tuple[FundsMoved, ...]:
        postings = (Posting(account, "EUR", "50000.00"), Posting("house", "EUR", "-50000.00"))
        return (FundsMoved(rfc3339(at_ns), account, postings, by="operator", reason="deposit"),)

    return propose


async def _order(floor: Any, chance: random.Random, symbol: str, mid: int) -> None:
    digits = 3 if symbol == "USD/JPY" else 5
    members: dict[str, Any] = {
        "account": chance.choice(MODES),
        "pair": symbol,
        "side": chance.choice(["buy", "sell"]),
        "quantity": str(chance.randrange(1, 40) * 10_000),
        "time_in_force": "IOC",
    }
    if chance.random() < 0.5:
        level = (mid + chance.randint(-30, 30)) / 10**digits
        members |= {"type": "limit", "price": f"{level:.{digits}f}", "time_in_force": "GTC"}
    await floor.place(**members)


def _depth(symbol: str, mid: int, floor: Any) -> Quote:
    sizes = (10_000_000, 20_000_000, 40_000_000)
    bids = tuple(Level(Price(mid - 1 - n), Quantity(size)) for n, size in enumerate(sizes))
    asks = tuple(Level(Price(mid + 1 + n), Quantity(size)) for n, size in enumerate(sizes))
    return Quote(symbol, bids[0].price, asks[0].price, floor.clock.now_ns(), "test", bids, asks)


async def _replayed(words: Any, flow: Flow) -> Any:
    """A ledger with the same entries."""
    floor = words.Floor()
    async with floor:
        for data in flow:
            await floor.desk.say(lambda _position, _at, data=data: (decode(data),))
    return floor


def _end(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value
