"""The book is the fold of the entries: it goes back exactly, and survives a snapshot."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.execution import Book, Quote, balances_text
from tallystick.execution.book import REPEATS_KEPT_MAX, Limits, restore, snapshot
from tallystick.execution.book import counting as counting_module
from tallystick.execution.decide import Market, decide
from tallystick.execution.entries import AccountOpened, OrderDecided
from tallystick.money import Amount


@given(seed=st.integers(0, 2**32), before=st.integers(1, 60), after=st.integers(0, 60))
def test_rewinding_restores_exactly(
    words: Any, flows: Any, seed: int, before: int, after: int
) -> None:
    """Whatever was applied since the cut is as if it had never been, order in the line included."""
    flow, book = flows(words, seed), Book()
    flow.entries_for(book, before)
    book.cut()
    state, size = words.book_state(book), book.size
    ahead = flow.entries_for(book, after)

    book.rewind(book.cut())

    assert words.book_state(book) == state
    for entry in ahead:  # and it can go on from there
        book.apply(entry)
    assert book.size == size + len(ahead)


@given(seed=st.integers(0, 2**32), parts=st.lists(st.integers(0, 15), min_size=2, max_size=5))
def test_cuts_are_taken_back_one_by_one(
    words: Any, flows: Any, seed: int, parts: list[int]
) -> None:
    """The newest first, as the desk does when a commit fails while the next gathers."""
    flow, book = flows(words, seed), Book()
    undo, states = [], []
    for count in parts:
        states.append(words.book_state(book))
        flow.entries_for(book, count)
        undo.append(book.cut())

    while undo:
        book.rewind(undo.pop())
        assert words.book_state(book) == states.pop()


@given(seed=st.integers(0, 2**32), count=st.integers(1, 80))
def test_a_refold_is_the_running_book(words: Any, flows: Any, seed: int, count: int) -> None:
    """Entries are all there is: folding them again, from nothing, gives the same book."""
    flow, book = flows(words, seed), Book()
    entries = flow.entries_for(book, count)

    again = Book()
    for entry in entries:
        again.apply(entry)

    assert words.book_state(again) == words.book_state(book)


def test_new_limits_take_nothing_away(words: Any, flows: Any) -> None:
    """An account that is opened again keeps its balances, its resting orders and its repeats."""
    flow, book = flows(words, 8), Book()
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
    market = Market(quote, lambda _code, _amount: Amount(0), lambda _first, _second: None)
    return decide(request, None, position=book.size, at_ns=at_ns, market=market, book=book)


def test_remembered_orders_are_bounded(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whose window began first goes first, and comes back in its place by a rewind."""
    monkeypatch.setattr(counting_module, "REPEATS_KEPT_MAX", 3)
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
