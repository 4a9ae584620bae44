"""Limits and trading states by scope: the tightest holds, and all of it can be taken back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import parse_own_stamp, rfc3339
from tallystick.execution import Book
from tallystick.execution.book import restore, snapshot
from tallystick.execution.book.limits import LIMIT_NAMES, Bounds, Limits, tightest
from tallystick.execution.decide import decide
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    KillSwitchSet,
    LimitOverridden,
    LimitsSet,
    LimitsText,
    Order,
    OrderCancelled,
    OrderDecided,
    ResumeAsked,
    ScopedLimits,
    TradingStateSet,
    decode,
    encode,
)

SECOND = 1_000_000_000
SCOPES = (
    ("all", None), ("desk", "x"), ("desk", "y"), ("account", "demo"), ("account", "other"),
    ("pair", "EUR/USD"), ("pair", "USD/JPY"),
)  # fmt: skip
NUMBERS = ("collar_bps", "open_orders_max", "executions_max", "execution_window_ms")
STATES = ("active", "reducing", "halted")
WORSE = {"active": 0, "reducing": 1, "halted": 2}


def opened(words: Any, account: str, desk: str) -> AccountOpened:
    """An account of a desk."""
    return AccountOpened(words.START, account, LIMITS, 2, desk=desk)


def with_accounts(words: Any) -> Book:
    """`demo` on desk x, `other` on desk y."""
    book = Book()
    book.apply(opened(words, "demo", "x"))
    book.apply(opened(words, "other", "y"))
    book.cut()
    return book


@st.composite
def risk_entries(draw: st.DrawFn, start_ns: int) -> list[Entry]:
    """Risk entries of every kind, a second apart."""
    entries: list[Entry] = []
    for number in range(draw(st.integers(1, 25))):
        at_ns = start_ns + number * SECOND
        at = rfc3339(at_ns)
        scope, name = draw(st.sampled_from(SCOPES))
        kind = draw(st.sampled_from(["limits", "override", "state", "ask", "switch", "move"]))
        if kind == "limits":
            names = draw(st.sets(st.sampled_from(NUMBERS)))
            values = {each: draw(st.integers(1, 300)) for each in sorted(names)}
            entries.append(LimitsSet(at, scope, name, ScopedLimits(**values), "r", "w"))
        elif kind == "override":
            limit = draw(st.sampled_from(NUMBERS))
            until = rfc3339(at_ns + draw(st.integers(1, 10)) * SECOND)
            value = str(draw(st.integers(1, 300)))
            entries.append(
                LimitOverridden(at, scope, name, limit, value, until, "w", "a", "r", "note")
            )
        elif kind == "state":
            state = draw(st.sampled_from(STATES))
            entries.append(TradingStateSet(at, scope, name, state, "r", "w"))
        elif kind == "ask":
            entries.append(ResumeAsked(at, scope, name, "active", "r", "w"))
        elif kind == "switch":
            account = draw(st.sampled_from(["demo", "other", None]))
            entries.append(KillSwitchSet(at, account, draw(st.booleans()), "r", "w"))
        else:
            desk = draw(st.sampled_from(["x", "y"]))
            account = draw(st.sampled_from(["demo", "other"]))
            entries.append(AccountOpened(at, account, LIMITS, 2, desk=desk))
    return entries


START_NS = 1_795_514_400_000_000_000
LIMITS = LimitsText("10000000", "100000000.00", 100, 1_000, 1_000_000)


def slow_limits(entries: list[Entry], desk: str, account: str, pair: str, at_ns: int) -> Limits:
    """The tightest limits, from the documented rules: for each scope what holds there, then all."""
    result = Limits.of(LIMITS)
    own = {name: getattr(result, name) for name in LIMIT_NAMES}
    tighter: list[dict[str, int]] = []
    for scope in (("all", None), ("desk", desk), ("account", account), ("pair", pair)):
        said: dict[str, int] = {}
        overridden: dict[str, tuple[int, int]] = {}
        for entry in entries:
            if isinstance(entry, LimitsSet) and (entry.scope, entry.id) == scope:
                values = msgspec.structs.asdict(entry.limits)
                said = {name: value for name, value in values.items() if value is not None}
            if isinstance(entry, LimitOverridden) and (entry.scope, entry.id) == scope:
                overridden[entry.limit] = (int(entry.value), parse_own_stamp(entry.until))
        live = {name: value for name, (value, until) in overridden.items() if at_ns < until}
        if scope[0] == "account":
            own |= live
        tighter.append(said | live)
    result = msgspec.structs.replace(result, **own)
    for values in tighter:
        result = tightest(result, Bounds(**values))
    return result


@given(entries=risk_entries(START_NS), pair=st.sampled_from(["EUR/USD", "USD/JPY"]))
def test_the_tightest_of_all_scopes(words: Any, entries: list[Entry], pair: str) -> None:
    """The book's answer, its memo included, is the slow one's, for each account, at each moment.

    And each limit comes from a scope that really says it.
    """
    book = with_accounts(words)
    desks = {"demo": "x", "other": "y"}
    for number, entry in enumerate(entries):
        book.apply(entry)
        if isinstance(entry, AccountOpened):
            desks[entry.account] = str(entry.desk)
        at_ns = START_NS + number * SECOND
        for name, desk in desks.items():
            account = book.account(name)
            slow = slow_limits(entries[: number + 1], desk, name, pair, at_ns)
            assert book.scopes.limits_of(account, pair, at_ns) == slow
            origins = book.scopes.origins(account, pair, at_ns)
            values = {limit: getattr(slow, limit) for limit in LIMIT_NAMES}
            assert {limit: each.value for limit, each in origins.items()} == {
                limit: value for limit, value in values.items() if value is not None
            }
            for each in origins.values():
                assert (each.scope, each.id) in {
                    ("all", None), ("desk", desk), ("account", name), ("pair", pair)
                }  # fmt: skip


@given(entries=risk_entries(START_NS))
def test_the_strictest_state_of_all_scopes(words: Any, entries: list[Entry]) -> None:
    """Whoever is under several scopes may do what the strictest lets pass."""
    book = with_accounts(words)
    states: dict[tuple[str, str | None], str] = {}
    desks = {"demo": "x", "other": "y"}
    for entry in entries:
        book.apply(entry)
        if isinstance(entry, TradingStateSet):
            states[entry.scope, entry.id] = entry.state
        elif isinstance(entry, KillSwitchSet):
            scope = ("all" if entry.account is None else "account", entry.account)
            states[scope] = "halted" if entry.active else "active"
        elif isinstance(entry, AccountOpened):
            desks[entry.account] = str(entry.desk)
    assert book.scopes.states == {key: each for key, each in states.items() if each != "active"}
    for name, desk in desks.items():
        account = book.account(name)
        keys = [("all", None), ("desk", desk), ("account", name), ("pair", "EUR/USD")]
        worst = max((states.get(key, "active") for key in keys), key=WORSE.__getitem__)
        assert book.scopes.state_of(account, "EUR/USD") == worst
        where = book.scopes.where_stopped(account, "EUR/USD", worst)
        assert bool(where) == (worst != "active")
        halted = "halted" in {states.get(key) for key in keys[1:3]}
        assert (name in book.working.parked) == halted == book.scopes.halts_account(account)


@given(entries=risk_entries(START_NS), kept=st.integers(0, 25))
def test_every_risk_entry_can_be_taken_back(words: Any, entries: list[Entry], kept: int) -> None:
    """Rewound, the book is what it was; folded again, what it had become; and so is a snapshot."""
    book = with_accounts(words)
    for entry in entries[:kept]:
        book.apply(entry)
    book.cut()
    before = words.book_state(book)
    for entry in entries[kept:]:
        book.apply(entry)
    after = words.book_state(book)

    book.rewind(book.cut())
    assert words.book_state(book) == before
    for entry in entries[kept:]:
        book.apply(decode(encode(entry)))
    assert words.book_state(book) == after
    restored = restore(snapshot(book))
    assert words.book_state(restored) == after
    restored.rewind(restored.cut())
    assert words.book_state(restored) == after, "there is nothing to take back"


# --- orders of halted accounts wait for nothing ------------------------------------------------


def resting(position: int, account: str, pair: str = "EUR/USD") -> OrderDecided:
    """A limit order that any quote would fill."""
    order = Order(
        f"O-{position}", account, f"c-{position}", pair, "buy", "1.00", "limit", "GTC",
        "2.00000" if pair == "EUR/USD" else "200.000", "new",
    )  # fmt: skip
    return OrderDecided(rfc3339(START_NS), order, "0" * 64)


def state_set(scope: Any, name: str | None, state: Any) -> TradingStateSet:
    """Somebody sets a state."""
    return TradingStateSet(rfc3339(START_NS), scope, name, state, "risk", "test")


def book_with_orders(words: Any) -> Book:
    """An order each of two accounts, in each of two pairs."""
    book = with_accounts(words)
    for account in ("demo", "other"):
        for pair in ("EUR/USD", "USD/JPY"):
            book.apply(resting(book.size, account, pair))
    book.cut()
    return book


def due(words: Any, book: Book) -> list[tuple[str, str]]:
    """(account, pair) of what the market would set off now."""
    quotes = [words.quote(), words.quote("USD/JPY", "150.120", "150.124")]
    found = [each.order for quote in quotes for each in book.working.due(quote)]
    return [(order.account, order.pair) for order in found]


@pytest.mark.parametrize(
    ("scope", "name", "left"),
    [
        ("all", None, set()),
        ("desk", "x", {("other", "EUR/USD"), ("other", "USD/JPY")}),
        ("account", "other", {("demo", "EUR/USD"), ("demo", "USD/JPY")}),
        ("pair", "EUR/USD", {("demo", "USD/JPY"), ("other", "USD/JPY")}),
    ],
)
def test_halted_orders_are_not_looked_at(
    words: Any, scope: str, name: str | None, left: set[tuple[str, str]]
) -> None:
    """No quote finds them while it lasts, and every one afterwards; reducing finds them all."""
    book = book_with_orders(words)
    all_due = due(words, book)
    assert len(all_due) == 4

    book.apply(state_set(scope, name, "reducing"))
    assert due(words, book) == all_due
    book.apply(state_set(scope, name, "halted"))
    assert set(due(words, book)) == left
    book.rewind(book.cut())
    assert due(words, book) == all_due
    book.apply(state_set(scope, name, "halted"))
    book.cut()
    assert set(due(words, restore(snapshot(book)))) == left
    book.apply(state_set(scope, name, "active"))
    assert due(words, book) == all_due
    book.rewind(book.cut())
    assert set(due(words, book)) == left


def test_what_is_parked_can_be_cancelled_and_ends(words: Any) -> None:
    """An order of a halted account leaves the index like any other, and its end still comes."""
    book = book_with_orders(words)
    book.apply(state_set("account", "demo", "halted"))
    order = book.account("demo").open_orders["O-2"].order
    later = msgspec.structs.replace(
        resting(book.size, "demo").order, id=f"O-{book.size}", time_in_force="GTD",
        expires_at=rfc3339(START_NS + SECOND),
    )  # fmt: skip
    book.apply(msgspec.structs.replace(resting(0, "demo"), order=later))
    assert [each.order.id for each in book.working.ended(START_NS + SECOND)] == [later.id]

    gone = msgspec.structs.replace(order, state="cancelled")
    book.apply(OrderCancelled(rfc3339(START_NS), gone, "demo", "no more"))
    assert "O-2" not in book.working
    book.apply(state_set("account", "demo", "active"))
    assert ("demo", "EUR/USD") in due(words, book), "the later one waits again"
    state = words.book_state(book)
    book.rewind(book.cut())
    assert "O-2" in book.working
    assert state != words.book_state(book)


def test_an_account_that_changes_its_desk(words: Any) -> None:
    """It leaves the halt of the desk it was on, or comes under that of its new one."""
    book = book_with_orders(words)
    book.apply(state_set("desk", "x", "halted"))

    book.apply(opened(words, "demo", "y"))
    assert len(due(words, book)) == 4
    book.apply(opened(words, "other", "x"))
    assert {account for account, _pair in due(words, book)} == {"demo"}


def test_a_person_resets_the_throttle(words: Any) -> None:
    """After somebody let the account go on, equal executions are counted from anew."""
    book = with_accounts(words)
    book.apply(
        LimitsSet(
            words.START, "all", None, ScopedLimits(executions_max=2, execution_window_ms=60_000),
            "risk", "test",
        )
    )  # fmt: skip
    market = words.market(words.quote())
    book.apply(
        decide(words.request(), None, position=book.size, at_ns=START_NS, market=market, book=book)
    )
    account = book.account("demo")
    assert [each.count for each in account.executions.values()] == [1]

    book.apply(state_set("account", "demo", "halted"))
    assert account.executions
    book.apply(state_set("account", "demo", "active"))
    assert not account.executions
