"""The book is the fold of the entries: it goes back exactly, and survives a snapshot."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.execution import Book, Quote, QuoteBoard, balances_text
from tallystick.execution import accounts as accounts_module
from tallystick.execution.accounts import (
    REPEATS_KEPT_MAX,
    Limits,
    restore,
    snapshot,
)
from tallystick.execution.decide import cancel_resting, decide, fill_resting
from tallystick.execution.entries import AccountOpened, Entry, KillSwitchSet, OrderDecided
from tallystick.money import Amount, Price

ACCOUNTS = ("demo", "other")
PAIRS = {"EUR/USD": 108_250, "USD/JPY": 150_120, "EUR/GBP": 85_200, "GBP/USD": 127_000}


class Flow:
    """A seeded flow of entries, each decided on the book as it stands."""

    def __init__(self, words: Any, seed: int) -> None:
        self.words = words
        self.chance = random.Random(seed)  # noqa: S311  a seeded flow
        self.at_ns = words.START_NS
        self.number = 0
        self.board = QuoteBoard()
        self.move()

    def move(self) -> None:
        """Fresh quotes; a tenth of a second later."""
        self.at_ns += 100_000_000
        for symbol, mid in PAIRS.items():
            bid = mid + self.chance.randint(-20, 20)
            ask = bid + self.chance.randint(1, 5)
            self.board.update([Quote(symbol, Price(bid), Price(ask), self.at_ns, "flow")])

    def entries_for(self, book: Book, count: int) -> list[Entry]:
        """So many entries, applied to the book as they come."""
        found: list[Entry] = []
        while len(found) < count:
            entry = self.next(book)
            if entry is not None:
                book.apply(entry)
                found.append(entry)
        return found

    def next(self, book: Book) -> Entry | None:
        """What may come next."""
        self.move()
        at = {"at_ns": self.at_ns}
        if not book.accounts or self.chance.random() < 0.03:
            limits = msgspec.structs.replace(
                self.words.LIMITS, duplicate_window_ms=self.chance.choice([200, 1_000])
            )
            return AccountOpened(self.words.START, self.chance.choice(ACCOUNTS), limits)
        account = book.accounts[self.chance.choice(sorted(book.accounts))]
        resting = list(account.open_orders.values())
        act = self.chance.random()
        if act < 0.05:
            stopped = self.chance.choice([None, *book.accounts])
            active = self.chance.random() < 0.3
            return KillSwitchSet(self.words.START, stopped, active, "risk", "test")
        if resting and act < 0.2:
            return cancel_resting(self.chance.choice(resting), by="demo", reason="test", **at)
        if resting and act < 0.5:
            order = self.chance.choice(resting)
            quote = self.board.get(order.order.pair)
            assert quote is not None
            return fill_resting(order, quote, position=book.size, **at)
        return self._order(account.id, book)

    def _order(self, account: str, book: Book) -> OrderDecided:
        self.number += 1
        symbol = self.chance.choice(sorted(PAIRS))
        digits = 3 if symbol.endswith("JPY") else 5
        points = PAIRS[symbol] + self.chance.randint(-30, 30)
        price = f"{points / 10**digits:.{digits}f}"
        limit = {"price": price} if self.chance.random() < 0.6 else {}
        request = self.words.request(
            client_order_id=f"c-{self.number}",
            account=account,
            pair=symbol,
            side=self.chance.choice(["buy", "sell"]),
            quantity=self.chance.choice(["1", "0.01", "250000", "1234567.89", "20000000"]),
            **limit,
        )
        return decide(
            request,
            None,
            position=book.size,
            at_ns=self.at_ns,
            quote=self.board.get(symbol),
            book=book,
            usd=self.board.usd,
        )


@given(seed=st.integers(0, 2**32), before=st.integers(1, 60), after=st.integers(0, 60))
def test_rewinding_restores_exactly(words: Any, seed: int, before: int, after: int) -> None:
    """Whatever was applied since the cut is as if it had never been, order in the line included."""
    flow, book = Flow(words, seed), Book()
    flow.entries_for(book, before)
    book.cut()
    state = words.book_state(book)
    ahead = flow.entries_for(book, after)

    book.rewind(book.cut())

    assert words.book_state(book) == state
    for entry in ahead:  # and it can go on from there
        book.apply(entry)
    assert book.size == before + after


@given(seed=st.integers(0, 2**32), parts=st.lists(st.integers(0, 15), min_size=2, max_size=5))
def test_cuts_are_taken_back_one_by_one(words: Any, seed: int, parts: list[int]) -> None:
    """The newest first, as the desk does when a commit fails while the next gathers."""
    flow, book = Flow(words, seed), Book()
    undo, states = [], []
    for count in parts:
        states.append(words.book_state(book))
        flow.entries_for(book, count)
        undo.append(book.cut())

    while undo:
        book.rewind(undo.pop())
        assert words.book_state(book) == states.pop()


@given(seed=st.integers(0, 2**32), before=st.integers(1, 60), after=st.integers(0, 30))
def test_a_snapshot_is_the_book(words: Any, seed: int, before: int, after: int) -> None:
    """It comes back equal, and stays equal while both fold the same entries."""
    flow, book = Flow(words, seed), Book()
    flow.entries_for(book, before)

    again = restore(snapshot(book))

    assert words.book_state(again) == words.book_state(book)
    for entry in flow.entries_for(book, after):
        again.apply(entry)
    assert words.book_state(again) == words.book_state(book)
    assert words.book_balances(again) == words.book_balances(book)


@given(seed=st.integers(0, 2**32), count=st.integers(1, 80))
def test_a_refold_is_the_running_book(words: Any, seed: int, count: int) -> None:
    """Entries are all there is: folding them again, from nothing, gives the same book."""
    flow, book = Flow(words, seed), Book()
    entries = flow.entries_for(book, count)

    again = Book()
    for entry in entries:
        again.apply(entry)

    assert words.book_state(again) == words.book_state(book)


def test_other_bytes_are_no_snapshot() -> None:
    """The caller can tell, and fold from the start instead."""
    for data in (b"", b"{}", b'{"size":1,"accounts":[{}],"house":{},"stopped":[]}'):
        with pytest.raises(msgspec.DecodeError):
            restore(data)


def test_new_limits_take_nothing_away(words: Any) -> None:
    """An account that is opened again keeps its balances, its resting orders and its repeats."""
    flow, book = Flow(words, 7), Book()
    book.apply(AccountOpened(words.START, "demo", words.LIMITS))
    flow.entries_for(book, 200)
    before = book.account("demo")
    assert before.balances
    assert before.open_orders

    lower = msgspec.structs.replace(words.LIMITS, order_quantity_max="7")
    book.cut()
    book.apply(AccountOpened(words.START, "demo", lower))

    after = book.account("demo")
    assert after.limits.order_quantity_max == 7
    assert (after.balances, after.open_orders, after.repeats) == (
        before.balances,
        before.open_orders,
        before.repeats,
    )
    book.rewind(book.cut())
    assert book.account("demo").limits == before.limits


def decide_at(book: Book, request: Any, quote: Quote | None, at_ns: int) -> OrderDecided:
    """The decision as the book's next entry, where nothing has a worth in dollars."""
    return decide(
        request,
        None,
        position=book.size,
        at_ns=at_ns,
        quote=quote,
        book=book,
        usd=lambda _code, _amount: Amount(0),
    )


def test_remembered_orders_are_bounded(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whose window began first goes first, and comes back in its place by a rewind."""
    monkeypatch.setattr(accounts_module, "REPEATS_KEPT_MAX", 3)
    book = Book()
    book.apply(AccountOpened(words.START, "demo", words.LIMITS))
    repeats = book.account("demo").repeats

    def sizes() -> list[int]:
        return [economics[2] // 100 for economics in repeats]

    def come(quantities: list[int], at_ns: int = words.START_NS) -> list[int]:
        for quantity in quantities:
            request = words.request(quantity=str(quantity))
            book.apply(decide_at(book, request, None, at_ns))
        return sizes()

    assert come([1, 2, 3, 1]) == [1, 2, 3]
    book.cut()
    assert come([4, 5]) == [3, 4, 5]
    book.rewind(book.cut())
    assert sizes() == [1, 2, 3]
    assert come([1], words.START_NS + 1_000_000_000) == [2, 3, 1]  # a window of its own
    assert REPEATS_KEPT_MAX > 1_000


@pytest.mark.parametrize("units", ["1.5", "a million", "", "1e6"])
def test_limits_that_cannot_be_read(words: Any, units: str) -> None:
    """Refused before the book is touched."""
    book = Book()
    limits = msgspec.structs.replace(words.LIMITS, order_quantity_max=units)

    with pytest.raises(Refused):
        book.apply(AccountOpened(words.START, "demo", limits))

    assert words.book_state(book) == words.book_state(Book())


def test_the_largest_numbers_can_be_booked(words: Any) -> None:
    """As long as the door lets numbers be, at the highest price: every digit is in the book."""
    book = Book()
    limits = msgspec.structs.replace(words.LIMITS, order_quantity_max="9" * 24)
    book.apply(AccountOpened(words.START, "demo", limits))
    request = words.request(quantity="9" * 24)
    quote = words.quote("EUR/USD", "99999.99998", "99999.99999")

    book.apply(decide_at(book, request, quote, words.START_NS))

    again = restore(snapshot(book))
    assert again.account("demo").balances["EUR"] == int("9" * 24) * 100
    assert words.book_balances(again)["house", "EUR"] == -int("9" * 24)


def test_limits_in_units(words: Any) -> None:
    """Whole units, US cents, basis points, milliseconds."""
    assert Limits.of(words.LIMITS) == Limits(10_000_000, 100_000_000_00, 100, 1_000, 1_000_000)


def test_unknown_accounts_are_refused() -> None:
    """The book knows whom the ledger opened."""
    with pytest.raises(Refused) as caught:
        Book().account("nobody")

    assert caught.value.code == "UNKNOWN_ACCOUNT"


def test_balances_as_text() -> None:
    """Each currency's digits, in order of its code; what is zero is left out."""
    balances = {"USD": -108_251_000, "JPY": 150, "EUR": 100_000_000, "GBP": 0, "CHF": -5}

    assert list(balances_text(balances).items()) == [
        ("CHF", "-0.05"),
        ("EUR", "1000000.00"),
        ("JPY", "150"),
        ("USD", "-1082510.00"),
    ]
