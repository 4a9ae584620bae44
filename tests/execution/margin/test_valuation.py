"""Valuation against a slow model in `decimal`, over real trades in all three modes."""

import asyncio
import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pytest

from tallystick.execution.margin import valuation
from tallystick.execution.margin.valuation import Prices

PAIRS = {"EUR/USD": "1.08", "USD/JPY": "151.5", "GBP/USD": "1.27", "EUR/JPY": "163.7"}
DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0}


class SlowBook:
    """Positions as a person with paper keeps them: a list of (units, price paid in all)."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.lots: dict[str, list[list[Decimal]]] = defaultdict(list)
        self.realised: dict[str, Decimal] = defaultdict(Decimal)
        self.balances: dict[str, Decimal] = defaultdict(Decimal)

    def trade(self, pair: str, units: Decimal, amount: Decimal) -> None:
        """`units` (signed) for `amount`, which is paid or got."""
        base, quoted = pair.split("/")
        self.balances[base] += units
        self.balances[quoted] -= amount if units > 0 else -amount
        lots = self.lots[pair]
        opposing = [lot for lot in lots if (lot[0] > 0) != (units > 0)]
        if self.mode == "hedging":
            opposing = []
        if self.mode == "netting" and opposing:
            opposing = [self._merged(pair)]
        left, unpaid = abs(units), amount
        for lot in opposing:
            if not left:
                break
            size = min(left, abs(lot[0]))
            paid = unpaid if size == left else _round(unpaid * size / left, quoted)
            cost = lot[1] if size == abs(lot[0]) else _round(lot[1] * size / abs(lot[0]), quoted)
            self.realised[pair] += (paid - cost) if lot[0] > 0 else (cost - paid)
            lot[0] -= size if lot[0] > 0 else -size
            lot[1] -= cost
            left, unpaid = left - size, unpaid - paid
        self.lots[pair] = [lot for lot in self.lots[pair] if lot[0]]
        if left:
            self.lots[pair].append([left if units > 0 else -left, unpaid])

    def _merged(self, pair: str) -> list[Decimal]:
        lots = self.lots[pair]
        whole = [sum((lot[0] for lot in lots), Decimal()), sum((lot[1] for lot in lots), Decimal())]
        self.lots[pair] = [whole]
        return whole

    def unrealised(self, pair: str, mid: Decimal) -> Decimal:
        """At the mid, exact."""
        return sum(
            (
                lot[0] * mid - (lot[1] if lot[0] > 0 else -lot[1])
                for lot in self.lots[pair]
            ),
            Decimal(),
        )  # fmt: skip


def _round(amount: Decimal, code: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-DIGITS[code]), ROUND_HALF_UP)


@pytest.mark.parametrize("mode", ["netting", "fifo", "hedging"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_positions_profit_and_worth_are_those_of_the_slow_model(
    words: Any, mode: str, seed: int
) -> None:
    """Two hundred trades in four pairs; every figure, to the last digit."""

    async def run() -> None:
        chance = random.Random(seed)  # noqa: S311  trades, not secrets
        floor, slow = words.Floor(), SlowBook(mode)
        with localcontext() as exact:
            exact.prec = 80
            async with floor:
                await floor.desk.open_account("demo", words.LIMITS, mode=mode, home="GBP")
                for _ in range(200):
                    await _trade(floor, slow, chance)
            account = floor.desk.book.account("demo")
            prices = Prices(floor.board.get, floor.board.rate, floor.board.usd)
            mids = {pair: _mid(floor, pair) for pair in PAIRS}
            for pair in PAIRS:
                _require_same(account, pair, slow, mids[pair], prices)
            pounds = {"GBP": Decimal(1), "USD": 1 / mids["GBP/USD"]}
            pounds["EUR"] = mids["EUR/USD"] * pounds["USD"]
            pounds["JPY"] = 1 / mids["USD/JPY"] * pounds["USD"]
            worth = sum(slow.balances[code] * pounds[code] for code in DIGITS)
            summary = valuation.summary(account, prices)
            assert summary.home == "GBP"
            assert Decimal(summary.nav or "") == _round(worth, "GBP")
            result = sum(slow.unrealised(p, mids[p]) * pounds[p[4:]] for p in PAIRS)
            assert Decimal(summary.unrealised or "") == _round(result, "GBP")

    asyncio.run(run())


def _require_same(account: Any, pair: str, slow: SlowBook, mid: Decimal, prices: Prices) -> None:
    view = valuation.position_view(account, pair, prices)
    quoted = pair[4:]
    long = [lot for lot in slow.lots[pair] if lot[0] > 0]
    short = [lot for lot in slow.lots[pair] if lot[0] < 0]
    assert Decimal(view.long) == sum((lot[0] for lot in long), Decimal())
    assert Decimal(view.short) == -sum((lot[0] for lot in short), Decimal())
    assert Decimal(view.realised) == slow.realised[pair]
    assert Decimal(view.unrealised or "") == _round(slow.unrealised(pair, mid), quoted)
    if long:
        average = sum(lot[1] for lot in long) / sum(lot[0] for lot in long)
        said = Decimal(view.long_average or "")
        assert said == average.quantize(said, ROUND_HALF_UP)
    assert Decimal(view.price or "") == mid


async def _trade(floor: Any, slow: SlowBook, chance: random.Random) -> None:
    floor.clock.advance(1)
    for symbol, start in PAIRS.items():
        if symbol == "EUR/JPY":
            continue  # a cross: nobody quotes it
        step = Decimal("0.001") if symbol == "USD/JPY" else Decimal("0.00001")
        bid = Decimal(start) + step * chance.randint(-300, 300)
        floor.price(symbol, str(bid), str(bid + chance.randint(1, 4) * step))
    pair = chance.choice(sorted(PAIRS))
    side = chance.choice(["buy", "sell"])
    placed = await floor.place(
        pair=pair, side=side, quantity=f"{chance.randint(1, 10**8) / 100:.2f}"
    )
    for fill in placed.entry.fills:
        units = Decimal(fill.quantity) if side == "buy" else -Decimal(fill.quantity)
        slow.trade(pair, units, Decimal(fill.amount))


def _mid(floor: Any, pair: str) -> Decimal:
    quote = floor.board.get(pair)
    digits = 3 if pair.endswith("JPY") else 5
    return Decimal(quote.bid + quote.ask) / 2 / 10**digits


def test_what_has_settled_and_what_is_to_come(words: Any) -> None:
    """A trade of today settles on its value date: until then it is a flow."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await floor.open("demo")
            await floor.place(quantity="1000000")
            account = floor.desk.book.account("demo")
            prices = Prices(floor.board.get, floor.board.rate, floor.board.usd)
            before = valuation.balances(account, prices, "2026-11-24")
            assert [(each.currency, each.settled) for each in before] == [
                ("EUR", "0.00"), ("USD", "0.00"),
            ]  # fmt: skip
            coming = valuation.flows(account, "2026-11-24")
            assert [(each.currency, each.value_date, each.amount) for each in coming] == [
                ("EUR", "2026-11-27", "1000000.00"), ("USD", "2026-11-27", "-1082510.00"),
            ]  # fmt: skip
            assert before[0].home == "1082500.00", "US dollars where the account has no home"
            after = valuation.balances(account, prices, "2026-11-27")
            assert [each.settled for each in after] == ["1000000.00", "-1082510.00"]
            assert valuation.flows(account, "2026-11-27") == []

    asyncio.run(run())


def test_a_price_that_is_missing_is_no_zero(words: Any) -> None:
    """Without a rate to the home currency a figure is null, the others are said."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await floor.desk.open_account("demo", words.LIMITS, home="SEK")
            floor.price()
            await floor.place(quantity="1000000")
            account = floor.desk.book.account("demo")
            prices = Prices(floor.board.get, floor.board.rate, floor.board.usd)
            summary = valuation.summary(account, prices)
            assert (summary.nav, summary.unrealised) == (None, None)
            view = valuation.position_view(account, "EUR/USD", prices)
            assert (view.unrealised, view.unrealised_home) == ("-10.00", None)
            # A result that nothing led home stays in the pair's own currency, it is not mistaken.
            await floor.place(quantity="1000000", side="sell")
            assert valuation.summary(account, prices).realised == "0.00"
            assert account.positions["EUR/USD"].realised == -2_000

    asyncio.run(run())
