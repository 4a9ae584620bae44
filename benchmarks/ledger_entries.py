"""What the ledger's benchmarks append: entries of filled market orders, as the desk makes them."""

import random
from typing import Literal

from tallystick.clock import SystemClock, rfc3339
from tallystick.execution import (
    Book,
    LimitsText,
    OrderRequest,
    PlaceOrder,
    Quote,
    QuoteBoard,
    encode,
    parse_request,
)
from tallystick.execution.decide import Market, decide
from tallystick.execution.entries import AccountOpened, OrderDecided, order_keys
from tallystick.ledger import Sealable
from tallystick.money import Price

KeyForm = Literal["sequential", "random"]
"""How clients number their orders: one after the other, or with 128 bits of chance (UUID)."""
ACCOUNT = "demo"
ID_CHARACTERS = 32
"""Length of a client_order_id, the same in both forms."""
LIMITS = LimitsText(
    order_quantity_max="10000000",
    position_usd_max="1000000000000.00",
    collar_bps=100,
    duplicate_window_ms=1_000,
    duplicates_max=5,
)
_ID_MARK = "0" * ID_CHARACTERS
_POSITION_MARK = 987_654_321
"""Stands for the entry's position while the form is made; no other number in it looks alike."""


class Orders:
    """Entries for any position, made from one real decision: only ids and position differ.

    `run` (at most 16 characters) keeps the keys of several runs on one ledger apart; within a run
    no two positions share one, so a ledger whose growing was broken off can go on. Orders that
    are not `filled` are rejected: real entries, half as long.
    """

    def __init__(self, keys: KeyForm, run: str, *, filled: bool = True) -> None:
        self.keys = keys
        self._run = run
        decided = encode(_decision(filled=filled))
        escaped = decided.replace(b"%", b"%%")
        with_id = escaped.replace(_ID_MARK.encode(), b"%(id)b")
        self._form = with_id.replace(str(_POSITION_MARK).encode(), b"%(position)d")
        self._prefix = order_keys(ACCOUNT, "", None)[0]

    @property
    def entry_bytes(self) -> int:
        """Bytes of the entry at position 100,000."""
        return len(self.batch(100_000, 1)[0].entry)

    def batch(self, first: int, count: int) -> list[Sealable]:
        """The entries of the positions `first`, `first` + 1, ..."""
        form, prefix = self._form, self._prefix
        ids = self._ids(first, count)
        return [
            Sealable(form % {b"id": name.encode(), b"position": position}, (prefix + name,))
            for position, name in enumerate(ids, first)
        ]

    def batches(self, first: int, count: int, size: int) -> list[list[Sealable]]:
        """`count` entries from `first` on, in batches of `size`; the last may be smaller."""
        end = first + count
        return [self.batch(at, min(size, end - at)) for at in range(first, end, size)]

    def _ids(self, first: int, count: int) -> list[str]:
        if self.keys == "sequential":
            width = ID_CHARACTERS - len(self._run) - 1
            return [f"{self._run}-{position:0{width}}" for position in range(first, first + count)]
        chance = random.Random(f"{self._run} {first}")
        return [f"{chance.getrandbits(128):032x}" for _ in range(count)]


def opening() -> Sealable:
    """The entry that opens the account: the first of a ledger whose orders are folded."""
    entry = AccountOpened(rfc3339(SystemClock().now_ns()), ACCOUNT, LIMITS)
    return Sealable(encode(entry))


def _decision(*, filled: bool) -> OrderDecided:
    """A market order at the marked position, filled, or rejected because there is no price."""
    at_ns = SystemClock().now_ns()
    board, book = QuoteBoard(), Book()
    board.update([Quote("EUR/USD", Price(108_240), Price(108_250), at_ns, "bench")])
    book.apply(AccountOpened(rfc3339(at_ns), ACCOUNT, LIMITS))
    book.cut()
    market = Market(board.get("EUR/USD") if filled else None, board.usd, board.rate)
    entry = decide(_request(), None, position=_POSITION_MARK, at_ns=at_ns, market=market, book=book)
    assert (entry.rejection is None) is filled, "what was asked for"
    return entry


def _request() -> OrderRequest:
    return parse_request(
        PlaceOrder(
            client_order_id=_ID_MARK,
            account=ACCOUNT,
            pair="EUR/USD",
            side="buy",
            quantity="100000",
            type="market",
            time_in_force="FOK",
        )
    )
