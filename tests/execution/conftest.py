"""A trading floor of real parts that is moved by hand, and what its tests compare it with."""

import asyncio
import json
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from hypothesis import settings

from tallystick.clock import ManualClock, rfc3339
from tallystick.execution import (
    Book,
    Desk,
    LimitsText,
    OrderRequest,
    Placed,
    PlaceOrder,
    Quote,
    QuoteBoard,
    decode,
    parse_request,
)
from tallystick.execution.book import Account, Limits, snapshot
from tallystick.execution.cancelling import cancel_working
from tallystick.execution.decide import Market
from tallystick.execution.entries import Entry, TradingStateSet
from tallystick.execution.reach import reach_of
from tallystick.execution.rules import Case
from tallystick.fx import pair
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Receipt
from tallystick.ledger.store import Batch, Store
from tallystick.ledger.verify import verify_receipt
from tallystick.money import Amount, Price, parse_decimal

sys.path.insert(0, str(Path(__file__).parent))  # the model beside its tests
pytest.register_assert_rewrite("modelled.sides")

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # a slow machine is no defect

START_NS = 1_795_514_400_000_000_000
"""Tuesday 2026-11-24, 10:00 UTC."""
TURNS_MAX = 10_000
"""Turns of the event loop within which every commit comes to its end."""
LIMITS = LimitsText(
    order_quantity_max="10000000",
    position_usd_max="100000000.00",
    collar_bps=100,
    duplicate_window_ms=1_000,
    duplicates_max=1_000_000,
)


def make_quote(
    symbol: str = "EUR/USD", bid: str = "1.08249", ask: str = "1.08251", at_ns: int = START_NS
) -> Quote:
    """A quote in the words of a screen."""
    digits = pair(symbol).price_digits
    return Quote(
        symbol,
        Price(parse_decimal(bid, digits)),
        Price(parse_decimal(ask, digits)),
        at_ns,
        "test floor",
    )


def make_order(**members: Any) -> PlaceOrder:
    """Buy a million euro at the market, but for what is said."""
    body = {
        "client_order_id": "c-1",
        "account": "demo",
        "pair": "EUR/USD",
        "side": "buy",
        "quantity": "1000000",
        "type": "limit" if "price" in members else "market",
    }
    return msgspec.convert({**body, **members}, PlaceOrder)


def make_request(**members: Any) -> OrderRequest:
    """The same, parsed."""
    return parse_request(make_order(**members))


def make_account(**limits: Any) -> Account:
    """An account with nothing in it."""
    return Account("demo", Limits.of(msgspec.structs.replace(LIMITS, **limits)))


def make_case(
    request: OrderRequest,
    *,
    account: Account | None = None,
    quote: Quote | None = None,
    at_ns: int = START_NS,
    stopped: bool = False,
    quotes: Iterable[Quote] = (),
) -> Case:
    """One order in front of the rules; `quotes` lead to US dollars, `quote` among them."""
    board = QuoteBoard()
    board.update([*quotes, *([quote] if quote else [])])
    account = account or make_account()
    amount = Amount(0) if quote is None else amount_of(request, quote)
    reach = reach_of(request, account)
    return Case(
        request, account, quote, amount, at_ns, "halted" if stopped else "active", board.usd,
        account.limits, reach.quantity, reach.opens,
    )  # fmt: skip


def make_market(quote: Quote | None, board: QuoteBoard | None = None) -> Market:
    """What is known of the market: one quote, or a whole board's."""
    if board is None:
        board = QuoteBoard()
        board.update([quote] if quote else [])
    return Market(quote, board.usd, board.rate)


def amount_of(request: OrderRequest, quote: Quote) -> Amount:
    """The whole order at its limit, or at its side of the market; `decimal` is the oracle."""
    market = quote.ask if request.side == "buy" else quote.bid
    traded = request.pair
    price = Decimal(request.price or market).scaleb(-traded.price_digits)
    with localcontext() as exact:
        exact.prec = 60
        product = Decimal(request.quantity_text) * price
        return Amount(int(product.scaleb(traded.quote_digits).to_integral_value(ROUND_HALF_UP)))


def naive_balances(entries: Iterable[bytes]) -> dict[tuple[str, str], Decimal]:
    """(account, currency) -> balance, folded from the fills in the bytes with `decimal` alone."""
    balances: Counter[tuple[str, str]] = Counter()
    for data in entries:
        entry = json.loads(data)
        for fill in entry.get("fills", ()):
            order = entry["order"]
            base, quoted = order["pair"].split("/")
            sign = 1 if order["side"] == "buy" else -1
            quantity, amount = sign * Decimal(fill["quantity"]), sign * Decimal(fill["amount"])
            for account, side in ((order["account"], 1), ("house", -1)):
                balances[account, base] += side * quantity  # type: ignore[assignment]
                balances[account, quoted] -= side * amount  # type: ignore[assignment]
    return {key: Decimal(value) for key, value in balances.items() if value}


def book_balances(book: Book) -> dict[tuple[str, str], Decimal]:
    """What the book says, in the same words."""
    held = {account.id: account.balances for account in book.accounts.values()}
    held["house"] = book.house
    return {
        (account, code): Decimal(amount).scaleb(-(0 if code == "JPY" else 2))
        for account, balances in held.items()
        for code, amount in balances.items()
        if amount
    }


def book_state(book: Book) -> Any:
    """All that a book is, the order of what rests included."""
    waiting = sorted(book.working._orders)
    lines = {
        line: [place[:2] for place in places]
        for line, places in sorted(book.working._lines.items())
        if places
    }
    state = json.loads(snapshot(book))
    state["asked"].sort(key=json.dumps)  # by scope: which was first does not matter
    return state, waiting, lines, [place[:2] for place in book.working._ends]


class Disk(MemoryStore):
    """The memory store whose commits take their time, and fail when they are told to."""

    def __init__(self) -> None:
        """A commit takes `turns` of the event loop, before and after it is stored.

        A closed `gate` holds it up; each of `failures` is raised by one commit, which stores
        nothing.
        """
        super().__init__()
        self.turns = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures: list[BaseException] = []
        self.batches: list[int] = []

    async def append(self, batch: Batch) -> None:
        """Store the batch whole, after a while, or raise and store nothing."""
        await self._turn()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        await super().append(batch)
        self.batches.append(len(batch.rows))
        await self._turn()

    async def _turn(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)


async def cancel_all(desk: Desk, account: str) -> Any:
    """All working orders of an account are taken back by `desk`; there are some."""
    return await desk.say(
        lambda _position, at_ns: cancel_working(account, None, book=desk.book, at_ns=at_ns, by="x")
    )


class Floor:
    """A desk on a ledger, with prices; `async with` runs it and lets it end in order."""

    def __init__(
        self, store: Store | None = None, clock: Any = None, book: Book | None = None
    ) -> None:
        """To be made inside an event loop."""
        self.store = Disk() if store is None else store
        self.clock = clock or ManualClock(START_NS)
        self.ledger = Ledger(self.store, FileKeyring("tallystick.test/floor", bytes(32)))
        self.board = QuoteBoard()
        self.desk = Desk(self.ledger, book or Book(), self.board, self.clock)
        self.board.listen(self.desk.on_quotes)
        self.task: asyncio.Task[None] | None = None
        self._orders = 0

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.desk.close()
        assert self.task is not None
        await asyncio.wait_for(self.task, timeout=60)

    def start(self) -> None:
        """Let the desk commit."""
        self.task = asyncio.create_task(self.desk.run())

    async def settle(self) -> None:
        """Until nothing is on its way."""
        for _turn in range(TURNS_MAX):
            if not self.desk._waiting:
                return
            await asyncio.sleep(0)
        pytest.fail("something waits for ever")

    async def open(self, *accounts: str, **limits: Any) -> None:
        """Accounts, and a price for the euro."""
        for account in accounts:
            await self.desk.open_account(account, msgspec.structs.replace(LIMITS, **limits))
        self.price()

    async def cancel_all(self, account: str) -> Any:
        """All working orders of an account are taken back; there are some."""
        return await cancel_all(self.desk, account)

    async def switch(self, account: str | None, *, active: bool) -> Any:
        """Trading is halted, or goes on, for an account or (None) all; nobody is asked."""
        scope: Any = "all" if account is None else "account"
        state: Any = "halted" if active else "active"

        def propose(_position: int, at_ns: int) -> tuple[Entry, ...]:
            at = rfc3339(at_ns)
            return (TradingStateSet(at, scope, account, state, "risk", "a test"),)

        return await self.desk.say(propose)

    def price(self, symbol: str = "EUR/USD", bid: str = "1.08249", ask: str = "1.08251") -> None:
        """A fresh quote on the board."""
        self.board.update([make_quote(symbol, bid, ask, self.clock.now_ns())])

    async def place(self, key: str | None = None, **members: Any) -> Placed:
        """An order; without a `client_order_id` it gets one of its own."""
        self._orders += 1
        named = {"client_order_id": f"n-{id(self)}-{self._orders}", **members}
        return await self.desk.place(make_request(**named), key)

    def entries(self) -> list[bytes]:
        """The bytes of every durable entry."""
        return [row.entry for row in self.ledger.rows(0, self.ledger.size)]

    def facts(self) -> list[dict[str, Any]]:
        """The same, read."""
        return [json.loads(entry) for entry in self.entries()]

    def refold(self, size: int | None = None) -> Book:
        """The book as the ledger alone (its first `size` entries) says it is."""
        book = Book()
        for entry in self.entries()[:size]:
            book.apply(decode(entry))
        return book

    def require_truth(self) -> None:
        """With nothing on its way: the book is what the entries say, the money is all there."""
        assert book_state(self.desk.book) == book_state(self.refold())
        entries = self.entries()
        naive = naive_balances(entries)
        assert book_balances(self.desk.book) == naive
        totals: Counter[str] = Counter()
        for (_account, code), amount in naive.items():
            totals[code] += amount  # type: ignore[assignment]
        assert not any(totals.values())
        decided = 0
        keys: Counter[tuple[str, str]] = Counter()
        for position, entry in enumerate(map(json.loads, entries)):
            if entry["kind"] == "order_decided":
                decided += 1
                order = entry["order"]
                assert order["id"] == f"O-{position}"
                keys[order["account"], order["client_order_id"]] += 1
        assert len(keys) == decided, "an order was decided twice"

    def require_proved(self, receipt: Receipt) -> None:
        """The receipt convinces a verifier that has nothing but the key."""
        travelled = {
            "position": receipt.position,
            "entry": b64encode(receipt.entry).decode(),
            "leaf_hash": receipt.leaf_hash,
            "inclusion": [b64encode(node).decode() for node in receipt.inclusion],
            "checkpoint": receipt.checkpoint,
        }
        report = verify_receipt(json.dumps(travelled).encode(), self.ledger.vkey)
        assert report.verdict == "clean", report.reason


class Words:
    """What the tests of this room are written in."""

    START_NS = START_NS
    START = rfc3339(START_NS)
    LIMITS = LIMITS
    Disk = Disk
    Floor = Floor
    quote = staticmethod(make_quote)
    order = staticmethod(make_order)
    request = staticmethod(make_request)
    account = staticmethod(make_account)
    case = staticmethod(make_case)
    market = staticmethod(make_market)
    cancel_all = staticmethod(cancel_all)
    naive_balances = staticmethod(naive_balances)
    book_balances = staticmethod(book_balances)
    book_state = staticmethod(book_state)


@pytest.fixture(scope="session")
def words() -> type[Words]:
    """The words of this room: `words.quote(...)`, `words.Floor(...)`."""
    return Words


@pytest.fixture(scope="session")
def refused() -> Callable[[Callable[[], object]], str]:
    """`refused(lambda: ...)` gives the code with which it is refused."""
    from tallystick.errors import Refused  # noqa: PLC0415

    def code_of(act: Callable[[], object]) -> str:
        with pytest.raises(Refused) as caught:
            act()
        assert str(caught.value).strip().endswith(".")
        return caught.value.code

    return code_of
