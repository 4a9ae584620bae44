"""Positions: what was paid is what is left and what was realised, to the minor unit."""

from collections import Counter
from fractions import Fraction
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution import Book
from tallystick.execution.book import FLAT, Lot
from tallystick.execution.book.positions import net, share
from tallystick.execution.entries import (
    AccountOpened,
    Fill,
    Order,
    OrderDecided,
    PositionFill,
    Posting,
)
from tallystick.money import divide_half_up, format_decimal

Mode = Literal["netting", "fifo", "hedging"]
MODES: tuple[Mode, ...] = ("netting", "fifo", "hedging")
FILLS: tuple[PositionFill, ...] = ("default", "open_only", "reduce_first")
DATES = ["2026-11-25", "2026-11-27"]


class Trade(msgspec.Struct, frozen=True):
    """Signed `units` for `amount`, both in cents."""

    units: int
    amount: int
    fill: PositionFill
    value_date: str
    parts: int


TRADES = st.lists(
    st.builds(
        Trade,
        units=st.integers(-60, 60).filter(bool),
        amount=st.integers(1, 10_000),
        fill=st.sampled_from(FILLS),
        value_date=st.sampled_from(DATES),
        parts=st.integers(1, 3),
    ),
    max_size=15,
)


class Model:
    """The same in `Fraction`, unit by unit: every unit is one with the price that it was had at."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.long: list[Fraction] = []
        self.short: list[Fraction] = []
        self.realised = Fraction(0)

    def trade(self, units: int, amount: int, fill: PositionFill) -> None:
        """Buy or sell so many, one after another."""
        price = Fraction(amount, abs(units))
        mine, theirs = (self.long, self.short) if units > 0 else (self.short, self.long)
        closes = self.mode != "hedging" or fill == "reduce_first"
        for _ in range(abs(units)):
            if closes and theirs:
                had = self._close(theirs)
                self.realised += had - price if units > 0 else price - had
            else:
                mine.append(price)

    def merge(self, long: int, short: int) -> None:
        """What one order opened, behind so many units, is one trade of whoever hedges."""
        for side, old in ((self.long, long), (self.short, short)):
            new = side[old:]
            if self.mode == "hedging" and new:
                side[old:] = [sum(new, Fraction(0)) / len(new)] * len(new)

    def _close(self, side: list[Fraction]) -> Fraction:
        if self.mode != "netting":
            return side.pop(0)
        average = sum(side, Fraction(0)) / len(side)
        side[:] = [average] * (len(side) - 1)
        return average


def pieces(trade: Trade) -> list[tuple[int, int]]:
    """The trade in up to three fills, as through depth; each is worth something."""
    size, sign = abs(trade.units), 1 if trade.units > 0 else -1
    parts = min(trade.parts, size, trade.amount)
    found = [(sign, 1)] * (parts - 1)
    return [*found, (trade.units - sign * (parts - 1), trade.amount - (parts - 1))]


def entry_of(words: Any, trade: Trade, number: int) -> OrderDecided:
    """A market order that was filled like this."""
    side: Any = "buy" if trade.units > 0 else "sell"
    sign = 1 if trade.units > 0 else -1
    quantity, amount = abs(trade.units), trade.amount
    order = Order(
        f"O-{number}", "demo", f"c-{number}", "EUR/USD", side, format_decimal(quantity, 2),
        "market", "FOK", None, "filled", position_fill=trade.fill,
    )  # fmt: skip
    fills = tuple(
        Fill(
            f"F-{number}-{part}", "1.00000", format_decimal(abs(units), 2),
            format_decimal(paid, 2), trade.value_date,
        )
        for part, (units, paid) in enumerate(pieces(trade), 1)
    )  # fmt: skip
    lines = [
        ("demo", "EUR", sign * quantity), ("house", "EUR", -sign * quantity),
        ("demo", "USD", -sign * amount), ("house", "USD", sign * amount),
    ]  # fmt: skip
    postings = tuple(Posting(name, code, format_decimal(each, 2)) for name, code, each in lines)
    return OrderDecided(words.START, order, "ab" * 32, fills=fills, postings=postings, v=2)


def played(words: Any, mode: Mode, trades: list[Trade]) -> Book:
    """The book after these trades."""
    book = Book()
    book.apply(AccountOpened(words.START, "demo", words.LIMITS, 2, mode=mode))
    for trade in trades:
        book.apply(entry_of(words, trade, book.size))
    return book


@pytest.mark.parametrize("mode", MODES)
@given(trades=TRADES)
def test_nothing_is_won_or_lost_by_counting(words: Any, mode: Mode, trades: list[Trade]) -> None:
    """Realised and what is left are what was paid: exactly, however often a cost was divided."""
    book = played(words, mode, trades)

    account = book.account("demo")
    held = account.positions.get("EUR/USD", FLAT)
    cash = account.balances.get("USD", 0)
    assert held.realised - held.long_cost + held.short_cost == cash
    assert held.net == account.balances.get("EUR", 0)
    if not held.long and not held.short:
        assert held.realised == cash
    if mode != "hedging":
        assert not (held.long and held.short)


@pytest.mark.parametrize("mode", MODES)
@given(trades=TRADES)
def test_against_a_slow_model(words: Any, mode: Mode, trades: list[Trade]) -> None:
    """Every unit counted alone, in fractions: equal units, costs within a rounding a closing."""
    model = Model(mode)
    pieces_all = 0
    for trade in trades:
        before = len(model.long), len(model.short)
        for units, paid in pieces(trade):
            model.trade(units, paid, trade.fill)
            pieces_all += 1
        model.merge(*before)
    book = played(words, mode, trades)

    held = book.account("demo").positions.get("EUR/USD", FLAT)

    assert (held.long, held.short) == (len(model.long), len(model.short))
    lots = book.account("demo").lots.get("EUR/USD", {})
    bound = 2 * pieces_all  # a closing uses up an open trade or the piece; it rounds twice by 1/2
    assert abs(held.long_cost - sum(model.long)) <= bound
    assert abs(held.short_cost - sum(model.short)) <= bound
    assert abs(held.realised - model.realised) <= 2 * bound
    if mode == "netting":
        assert not lots


@pytest.mark.parametrize("mode", ["fifo", "hedging"])
@given(trades=TRADES)
def test_open_trades_are_the_position(words: Any, mode: Mode, trades: list[Trade]) -> None:
    """Their units and costs add up to it, the oldest stands first, and none is empty."""
    account = played(words, mode, trades).account("demo")

    held = account.positions.get("EUR/USD", FLAT)
    lots = list(account.lots.get("EUR/USD", {}).values())
    longs = [lot for lot in lots if lot.units > 0]
    shorts = [lot for lot in lots if lot.units < 0]
    assert len(longs) + len(shorts) == len(lots)
    assert sum(lot.units for lot in longs) == held.long
    assert -sum(lot.units for lot in shorts) == held.short
    assert sum(lot.cost for lot in longs) == held.long_cost
    assert sum(lot.cost for lot in shorts) == held.short_cost
    places = [(lot.position, int(lot.id.rpartition("-")[2])) for lot in lots]
    assert places == sorted(places)
    if mode == "fifo":
        assert not (longs and shorts)


@pytest.mark.parametrize("mode", MODES)
@given(trades=TRADES)
def test_conservation(words: Any, mode: Mode, trades: list[Trade]) -> None:
    """In every currency: flows over all value dates are the balance, and the house mirrors it."""
    book = played(words, mode, trades)

    account = book.account("demo")
    by_code: Counter[str] = Counter()
    by_date: Counter[tuple[str, str]] = Counter()
    for (code, date), amount in account.flows.items():
        by_code[code] += amount
        by_date[code, date] += amount
    assert {code: amount for code, amount in account.balances.items() if amount} == {
        code: amount for code, amount in by_code.items() if amount
    }
    for code, amount in account.balances.items():
        assert book.house[code] == -amount
    wanted: Counter[tuple[str, str]] = Counter()
    for trade in trades:
        wanted["EUR", trade.value_date] += trade.units
        wanted["USD", trade.value_date] -= trade.amount if trade.units > 0 else -trade.amount
    assert by_date == wanted


@given(cost=st.integers(0, 10**15), whole=st.integers(1, 10**9), data=st.data())
def test_a_share_is_rounded_once(cost: int, whole: int, data: st.DataObject) -> None:
    """Half up to the minor unit; all of it when all is closed; the rest keeps the remainder."""
    part = data.draw(st.integers(1, whole))

    gone = share(cost, part, whole)

    assert abs(Fraction(cost * part, whole) - gone) <= Fraction(1, 2)
    assert gone == (cost if part == whole else divide_half_up(cost * part, whole))
    assert 0 <= gone <= cost


def test_through_flat() -> None:
    """Long 3 for 10, sold 5 for 20: 3 of them close (12 of 20), 2 open short for the rest."""
    held = net(net(FLAT, 3, 10), -5, 20)

    assert (held.long, held.long_cost, held.short, held.short_cost) == (0, 0, 2, 8)
    assert held.realised == 2


def test_a_lot_of_a_named_trade(words: Any) -> None:
    """Only who hedges keeps trades apart; each is known by the fill that opened it."""
    trades = [Trade(100, 110, "default", DATES[0], 1), Trade(-100, 90, "default", DATES[0], 1)]

    kept = {mode: played(words, mode, trades).account("demo").lots for mode in MODES}

    assert not kept["netting"]
    assert not kept["fifo"]["EUR/USD"]
    assert kept["hedging"]["EUR/USD"] == {
        "F-1-1": Lot("F-1-1", 100, 110, 1, "O-1"),
        "F-2-1": Lot("F-2-1", -100, 90, 2, "O-2"),
    }
