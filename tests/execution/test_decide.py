"""The decision is pure, exact and balanced, for every pair."""

import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.execution import Book, Quote, QuoteBoard
from tallystick.execution.decide import Market, decide
from tallystick.execution.entries import AccountOpened, Entry, KillSwitchSet, OrderDecided, encode
from tallystick.execution.orders import working_of
from tallystick.execution.worked import cancel, meet
from tallystick.fx import PAIRS, currency, spot_date, trade_date
from tallystick.money import Amount, Price, format_decimal

POSITION = 12
ANY_PAIR = st.sampled_from(list(PAIRS.values()))
SIDES = st.sampled_from(["buy", "sell"])


def worthless(_code: str, _amount: int) -> Amount:
    """Whatever it is, it is worth no dollars: positions have no limit then."""
    return Amount(0)


def book_of(words: Any, **limits: Any) -> Book:
    """A book with the account `demo`."""
    book = Book()
    book.apply(AccountOpened(words.START, "demo", msgspec.structs.replace(words.LIMITS, **limits)))
    return book


def market_of(quote: Quote | None, usd: Any = worthless) -> Market:
    """A market of one quote, in which nothing has a worth in any other currency."""
    return Market(quote, usd, lambda _first, _second: None)


def decided(
    words: Any, request: Any, quote: Quote | None, *, key: str | None = None,
    book: Book | None = None, usd: Any = worthless,
) -> OrderDecided:  # fmt: skip
    """The decision as the entry at `POSITION`."""
    book = book or book_of(words, order_quantity_max="1000000000", collar_bps=10_000)
    market = market_of(quote, usd)
    return decide(request, key, position=POSITION, at_ns=words.START_NS, market=market, book=book)


def met(words: Any, resting: OrderDecided, quote: Quote) -> list[Any]:
    """What a quote does to an order that rests: the entries behind its own."""
    book = book_of(words, order_quantity_max="1000000000", collar_bps=10_000)
    book.size = POSITION
    book.apply(resting)
    working = working_of(resting.order)
    found = []
    market = market_of(quote)
    for entry in meet(working, quote, book=book, at_ns=words.START_NS, market=market):
        book.apply(entry)
        found.append(entry)
    return found


def quoted(words: Any, traded: Any, bid: int, ask: int) -> Quote:
    """A quote in points."""
    return Quote(traded.symbol, Price(bid), Price(ask), words.START_NS, "test floor")


def floats_in(value: Any) -> bool:
    """Whether there is a float anywhere inside."""
    if isinstance(value, dict):
        return any(map(floats_in, value.values()))
    return any(map(floats_in, value)) if isinstance(value, list) else isinstance(value, float)


def require_balanced(entry: Entry) -> None:
    """The fill's amount is the oracle's, and its postings sum to zero in both currencies."""
    facts = json.loads(encode(entry))
    assert not floats_in(facts)
    (fill,), order = facts["fills"], facts["order"]
    base, quote = order["pair"].split("/")
    sign = 1 if order["side"] == "buy" else -1
    totals = dict.fromkeys((base, quote), Decimal(0))
    mine = dict.fromkeys((base, quote), Decimal(0))
    with localcontext() as exact:
        exact.prec = 60
        unit = Decimal(1).scaleb(-currency(quote).minor_digits)
        product = Decimal(fill["quantity"]) * Decimal(fill["price"])
        assert Decimal(fill["amount"]) == product.quantize(unit, ROUND_HALF_UP)
        for posting in facts["postings"]:
            amount = Decimal(posting["amount"])
            assert posting["amount"] == f"{amount:.{currency(posting['currency']).minor_digits}f}"
            totals[posting["currency"]] += amount
            if posting["account"] == order["account"]:
                mine[posting["currency"]] += amount
        bought, paid = sign * Decimal(fill["quantity"]), sign * Decimal(fill["amount"])
    assert not any(totals.values())
    assert mine == {base: bought, quote: -paid}
    assert (order["quantity"], order["state"]) == (fill["quantity"], "filled")


@given(
    traded=ANY_PAIR,
    side=SIDES,
    kind=st.sampled_from(["market", "limit"]),
    units=st.integers(1, 10**11),
    bid=st.integers(1, 10**9),
    spread=st.integers(1, 1_000),
)
def test_every_fill_balances_in_both_currencies(
    words: Any, traded: Any, side: str, kind: str, units: int, bid: int, spread: int
) -> None:
    """Any real pair, size and price: exact, half up, zero in sum; or too small to be booked."""
    quote = quoted(words, traded, bid, bid + spread)
    market = quote.ask if side == "buy" else quote.bid
    price = {"price": format_decimal(market, traded.price_digits)} if kind == "limit" else {}
    quantity = format_decimal(units, traded.base_digits)
    request = words.request(pair=traded.symbol, side=side, quantity=quantity, **price)

    entry = decided(words, request, quote)

    if entry.rejection is None:
        require_balanced(entry)
    else:
        assert entry.rejection.code == "AMOUNT_TOO_SMALL"
        assert not entry.fills
        assert not entry.postings


@given(
    traded=ANY_PAIR,
    side=SIDES,
    units=st.integers(1_000, 10**11),
    limit=st.integers(10_000, 10**7),
    better=st.integers(0, 5_000),
)
def test_a_resting_order_fills_balanced_too(
    words: Any, traded: Any, side: str, units: int, limit: int, better: int
) -> None:
    """At the quote that met it: its limit or better; a quote that misses it fills nothing."""
    towards = -1 if side == "buy" else 1
    reached, missed = limit + towards * better, limit - towards
    price = format_decimal(limit, traded.price_digits)
    quantity = format_decimal(units, traded.base_digits)
    request = words.request(pair=traded.symbol, side=side, quantity=quantity, price=price)
    rejected = decided(words, request, None)
    order = msgspec.structs.replace(rejected.order, state="new")
    resting = msgspec.structs.replace(rejected, order=order, rejection=None)

    def fill(points: int) -> Any:
        bid, ask = (points - 1, points) if side == "buy" else (points, points + 1)
        return met(words, resting, quoted(words, traded, bid, ask))

    (filled,) = fill(reached)
    require_balanced(filled)
    assert (filled.order.id, filled.fills[0].id) == (order.id, f"F-{POSITION + 1}-1")
    assert filled.fills[0].price == format_decimal(reached, traded.price_digits)
    assert fill(missed) == []


def test_what_an_entry_says(words: Any) -> None:
    """Ids are made of the position; the quote, the digest and the value date are on record.

    Dealt on Tuesday; New York is closed on Thursday (Thanksgiving), so it settles on Friday.
    """
    request = words.request(client_order_id="c-7", time_in_force="IOC")

    entry = decided(words, request, words.quote(), key="header-1")

    assert entry.at == words.START
    assert entry.key == "header-1"
    assert entry.request == request.digest
    assert entry.order.id == f"O-{POSITION}"
    assert entry.order.client_order_id == "c-7"
    assert entry.order.time_in_force == "IOC"
    assert entry.order.price is None
    assert entry.quote is not None
    assert (entry.quote.bid, entry.quote.ask) == ("1.08249", "1.08251")
    assert (entry.quote.at, entry.quote.source) == (words.START, "test floor")
    settles = spot_date(request.pair, trade_date(words.START_NS, request.pair))
    assert entry.fills[0].value_date == settles.isoformat() == "2026-11-27"
    assert entry.fills[0].amount == "1082510.00"


def test_nothing_is_given_away(words: Any) -> None:
    """Three cents of a krone are one yen at a limit of 16.700, but none at 16.650: no fill.

    What rested is cancelled then: it would be worth nothing at any better price.
    """
    members = {"pair": "NOK/JPY", "quantity": "0.03", "price": "16.700"}
    request, cheap = words.request(**members), words.quote("NOK/JPY", "16.640", "16.650")

    at_once = decided(words, request, cheap)
    rests = decided(words, request, words.quote("NOK/JPY", "16.800", "16.810"))

    assert at_once.rejection is not None
    assert (at_once.order.state, at_once.rejection.code) == ("rejected", "AMOUNT_TOO_SMALL")
    assert rests.order.state == "new"
    (cancelled,) = met(words, rests, cheap)
    assert (cancelled.order.state, cancelled.code) == ("cancelled", "AMOUNT_TOO_SMALL")
    dear = words.quote("NOK/JPY", "16.690", "16.700")
    (filled,) = met(words, rests, dear)
    assert filled.fills[0].amount == "1"


def test_without_a_quote(words: Any) -> None:
    """A rejection with nothing beside it."""
    entry = decided(words, words.request(), None)

    assert entry.rejection is not None
    assert entry.rejection.code == "NO_PRICE"
    assert (entry.order.state, entry.fills, entry.postings) == ("rejected", (), ())
    assert entry.quote is None


def test_the_first_rejection_stands(words: Any) -> None:
    """Stopped, too large and out of collar: stopped is what the client hears."""
    book = book_of(words, order_quantity_max="1", collar_bps=1)
    request = words.request(price="2")
    first = decided(words, request, words.quote(), book=book)
    book.apply(KillSwitchSet(words.START, "demo", active=True, by="risk", reason="test"))

    then = decided(words, request, words.quote(), book=book)

    assert first.rejection is not None
    assert first.rejection.code == "QUANTITY_TOO_LARGE"
    assert then.rejection is not None
    assert then.rejection.code == "KILL_SWITCH_ACTIVE"


def test_a_limit_order_is_weighed_at_its_limit(words: Any) -> None:
    """It would be filled at 1.08251, within the position limit; it allows itself 1.09."""
    board = QuoteBoard()
    board.update([words.quote()])
    book = book_of(words, position_usd_max="1085000.00")

    codes = []
    for members in ({}, {"price": "1.08500"}, {"price": "1.08501"}):
        entry = decided(words, words.request(**members), words.quote(), book=book, usd=board.usd)
        codes.append(entry.rejection and entry.rejection.code)

    assert codes == [None, None, "POSITION_LIMIT"]


def test_unknown_accounts_are_refused(words: Any) -> None:
    """No account, no entry."""
    with pytest.raises(Refused) as caught:
        decided(words, words.request(account="nobody"), words.quote())

    assert (caught.value.code, caught.value.field) == ("UNKNOWN_ACCOUNT", "account")


def test_deciding_changes_nothing(words: Any) -> None:
    """The same arguments give the same entry, and the book is as before."""
    book = book_of(words)
    before = words.book_state(book)

    entries = [decided(words, words.request(), words.quote(), book=book) for _ in range(2)]

    assert entries[0] == entries[1]
    assert words.book_state(book) == before


def test_a_cancelled_order_keeps_its_words(words: Any) -> None:
    """Only the state is another one; who and why is on record."""
    order = decided(words, words.request(price="1.08"), words.quote()).order

    entry = cancel(
        working_of(order), at_ns=words.START_NS, by="a trader", code="CLIENT_REQUEST",
        reason="changed my mind",
    )  # fmt: skip

    assert order.state == "new"
    assert entry.order == msgspec.structs.replace(order, state="cancelled")
    assert (entry.by, entry.reason, entry.at) == ("a trader", "changed my mind", words.START)
