"""The desk: idempotency, quote, decide, append, answer; group commit.

Orders are decided one after another in memory, each on the book that the one before it left.
What is decided gathers in a batch; while one batch is being committed the next gathers. An order
is answered when its batch is durable. The append names the size it was decided on: when another
writer was first, the book takes its decisions back, folds what is new and decides again. When a
commit fails, everything decided since is taken back and answered with a temporary error.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.errors import (
    Forked,
    HeadMoved,
    KeyTaken,
    Overloaded,
    Refused,
    ShuttingDown,
    TallystickError,
    TemporaryError,
)
from tallystick.execution.accounts import HOUSE, Book, Resting, Undo, snapshot
from tallystick.execution.batch import Batch, Item, Propose, Recorded
from tallystick.execution.decide import cancel_resting, decide, fill_resting
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    KillSwitchSet,
    LimitsText,
    OrderDecided,
    Raw,
    decode,
    encode,
    order_keys,
    raw_key,
)
from tallystick.execution.quotes import Quote, QuoteBoard
from tallystick.execution.request import OrderRequest
from tallystick.ledger import Ledger, Receipt, Sealable
from tallystick.ledger.notices import Notice
from tallystick.limits import ENTRY_BYTES_MAX, REASON_CHARACTERS_MAX, WAITING_ORDERS_MAX
from tallystick.money import parse_own

FOLD_ROWS = 1_024
"""Entries read at once when the book catches up."""
RECENT_KEYS_MAX = 65_536
"""Newest idempotency keys kept in memory; at least half as many."""
WARY_ORDERS = 256
"""Orders whose keys are looked up in the store after a start or a retry of an old key."""
SNAPSHOT_ENTRIES = 50_000
"""A snapshot of the book each so many entries: a start folds at most about as many."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An answered order: its entry and receipt; `replayed` when it was answered before."""

    entry: OrderDecided
    receipt: Receipt
    replayed: bool = False


class Desk:
    """Places orders. Only its own task (`run`) appends to the ledger."""

    def __init__(self, ledger: Ledger, book: Book, board: QuoteBoard, clock: Clock) -> None:
        self._ledger = ledger
        self.book = book
        self._board = board
        self._clock = clock
        self._gathering = Batch()
        self._committing: Batch | None = None
        self._pending: dict[str, Item] = {}
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._wary = WARY_ORDERS
        self._waiting = 0
        self._work = asyncio.Event()
        self._closing = False
        self._last_ns = 0
        self._snapshot_size = book.size
        self.on_snapshot: Callable[[int, bytes], None] = lambda _size, _book: None
        self.catch_up()

    def catch_up(self) -> None:
        """Fold what the ledger holds and the book does not."""
        while rows := self._ledger.rows(self.book.size, FOLD_ROWS):
            for row in rows:
                self.book.apply(decode(row.entry))
            self.book.cut()

    def refresh(self) -> None:
        """Fold what other writers appended, unless decisions of our own are on their way.

        Those are decided again when they are committed.
        """
        if self._committing is None and not self._gathering.items:
            self.catch_up()

    async def place(self, request: OrderRequest, key: str | None = None) -> Placed:
        """Decide an order and answer when it is durable; a retry gets the stored answer.

        Raises:
            Refused: `IDEMPOTENCY_CONFLICT`, `UNKNOWN_ACCOUNT`.
            TemporaryError: nothing was done; try again with the same keys.
        """
        keys = _keys(request, key)
        for known in keys:
            item = self._pending.get(known)
            if item is not None:
                recorded = await item.recorded()
                if recorded is None:
                    return await self._place_again(request, key)
                return _replay(recorded.entry, recorded.receipt, request)
            position = self._settled(known)
            # Another writer's newest entries may be found too early: the append then says so.
            if position is not None and position < self._ledger.size:
                receipt = self._ledger.receipt(position)
                return _replay(decode(receipt.entry), receipt, request)

        def propose(position: int, at_ns: int) -> Entry:
            return decide(
                request,
                key,
                position=position,
                at_ns=at_ns,
                quote=self._board.get(request.pair.symbol),
                book=self.book,
                usd=self._board.usd,
            )

        recorded = await self._submit(propose, keys).recorded()
        if recorded is None:
            return await self._place_again(request, key)
        assert isinstance(recorded.entry, OrderDecided)  # noqa: S101  what `propose` gives
        return Placed(recorded.entry, recorded.receipt)

    async def _place_again(self, request: OrderRequest, key: str | None) -> Placed:
        """An older entry or another writer settled one of its keys: now it will be found."""
        self._wary += len(_keys(request, key))
        return await self.place(request, key)

    def _settled(self, key: str) -> int | None:
        """The position that settled a key, if it is known to.

        Almost every key is new, and asking the store about each would cost more than deciding the
        order. So the newest keys are kept in memory, and an older one comes to light when the
        append refuses it (`KeyTaken`): its batch is decided again, and for a while every key is
        asked about.
        """
        position = self._recent.get(key)
        if position is None:
            position = self._older.get(key)
        if position is None and self._wary > 0:
            self._wary -= 1
            position = self._ledger.find(key)
        return position

    async def cancel(self, order_id: str, account: str, *, by: str, reason: str) -> Recorded:
        """Take back a resting order of `account`.

        Raises:
            Refused: `ORDER_NOT_OPEN`.
        """

        def propose(_position: int, at_ns: int) -> Entry:
            resting = self.book.account(account).open_orders.get(order_id)
            if resting is None:
                raise Refused("ORDER_NOT_OPEN", f"Order {order_id} is not resting.")
            return cancel_resting(resting, at_ns=at_ns, by=by, reason=reason)

        return await self._record(propose)

    async def set_kill_switch(
        self, account: str | None, *, active: bool, by: str, reason: str
    ) -> Recorded:
        """Stop or resume trading of one account, or of all (None).

        A resting order stays while trading is stopped, and is not filled; it can be cancelled.

        Raises:
            Refused: `UNKNOWN_ACCOUNT`; `VALUE_NOT_ALLOWED`, the reason is too long.
        """
        if account is not None:
            self.book.account(account)
        if len(reason) > REASON_CHARACTERS_MAX:
            sentence = f"A reason may have at most {REASON_CHARACTERS_MAX} characters."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field="reason")
        return await self._record(
            lambda _position, at_ns: KillSwitchSet(rfc3339(at_ns), account, active, by, reason)
        )

    async def open_account(self, account: str, limits: LimitsText) -> Recorded:
        """Let an account exist, or give it new limits.

        Raises:
            Refused: `VALUE_NOT_ALLOWED`, the name is the house's; `AMOUNT_MALFORMED`,
                `AMOUNT_TOO_PRECISE`, a limit cannot be read.
        """
        if account == HOUSE:
            sentence = f"{HOUSE!r} is the other side of every trade and no client's account."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field="account")
        return await self._record(
            lambda _position, at_ns: AccountOpened(rfc3339(at_ns), account, limits)
        )

    async def record(self, make: Callable[[str], Notice], key: str | None = None) -> Recorded:
        """Append what is about the ledger itself; `make` gets the time (RFC 3339).

        What `key` settled already is not appended again: the entry that did is given back.

        Raises:
            TemporaryError: nothing was done; try again.
        """
        return await self._once(lambda _position, at_ns: make(rfc3339(at_ns)), key)

    async def append_raw(self, data: bytes) -> int:
        """Append bytes as they are, once, and give their position: for load tests.

        Raises:
            Refused: `ENTRY_NOT_RAW`, they are too long, or could be taken for an entry of ours.
        """
        if len(data) > ENTRY_BYTES_MAX or data.startswith(b"{"):
            sentence = f"At most {ENTRY_BYTES_MAX} bytes that do not begin with {{ can be added."
            raise Refused("ENTRY_NOT_RAW", sentence)
        recorded = await self._once(lambda _position, _at: Raw(data), raw_key(data))
        return recorded.receipt.position

    def on_quotes(self, quotes: Sequence[Quote]) -> None:
        """Fill the resting orders whose price has come; called with every batch of quotes."""
        for quote in quotes:
            for resting in list(self.book.open_by_pair.get(quote.pair, {}).values()):
                self._trigger(resting, quote)

    async def run(self) -> None:
        """Commit batches for ever; ends by itself after `close`, when nothing waits."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                while self._gathering.items:
                    await self._commit()
                if self._closing:
                    return
        finally:  # whatever ended it: nobody may wait for a commit that will never be
            self._closing = True
            self._lose_gathering(ShuttingDown())

    def balances(self, account: str) -> tuple[int, dict[str, int]]:
        """(ledger size, minor units by currency) of an account, as far as it is durable.

        The book is ahead by the batches on their way; what they changed is taken off again.

        Raises:
            Refused: `UNKNOWN_ACCOUNT`.
        """
        balances = dict(self.book.account(account).balances)
        on_their_way = self._committing.items if self._committing else []
        for item in (*on_their_way, *self._gathering.items):
            for posting in getattr(item.entry, "postings", ()):
                if posting.account == account:
                    balances[posting.currency] -= parse_own(posting.amount)
        return self._ledger.size, balances

    def close(self) -> None:
        """Take no new work; `run` ends when what waits is durable."""
        self._closing = True
        self._work.set()

    def _trigger(self, resting: Resting, quote: Quote) -> None:
        order = resting.order

        def propose(position: int, at_ns: int) -> Entry | None:
            # Decided again after another writer, the id may be another order's by now.
            if self.book.account(order.account).open_orders.get(order.id) != resting:
                return None
            if self.book.is_stopped(order.account):
                return None
            return fill_resting(resting, quote, position=position, at_ns=at_ns)

        if not self._closing and self._waiting < WAITING_ORDERS_MAX:
            self._submit(propose, ())

    async def _record(self, propose: Propose) -> Recorded:
        recorded = await self._submit(propose, ()).recorded()
        assert recorded is not None  # noqa: S101  these proposals always say something
        return recorded

    async def _once(self, propose: Propose, key: str | None) -> Recorded:
        """Append the proposal, or give back the entry that settled its key before."""
        if key is None:
            return await self._record(propose)
        while True:
            item = self._pending.get(key)
            if item is None:
                position = self._ledger.find(key)
                if position is not None and position < self._ledger.size:
                    receipt = self._ledger.receipt(position)
                    return Recorded(decode(receipt.entry), receipt)
                item = self._submit(propose, (key,))
            recorded = await item.recorded()
            if recorded is not None:
                return recorded

    def _submit(self, propose: Propose, keys: tuple[str, ...]) -> Item:
        """Decide now, on the book as it stands, and let it gather for the next commit."""
        if self._closing:
            raise ShuttingDown
        if self._waiting >= WAITING_ORDERS_MAX:
            raise Overloaded
        batch = self._gathering
        item = Item(propose, keys, batch)
        if self._decide(item):
            batch.items.append(item)
            for key in keys:
                self._pending[key] = item
            self._waiting += 1
            self._work.set()
        return item

    def _decide(self, item: Item) -> bool:
        self._last_ns = max(self._last_ns, self._clock.now_ns())
        entry = item.propose(self.book.size, self._last_ns)
        item.entry = entry
        if entry is None:
            return False
        sealable = Sealable(encode(entry), item.keys)
        self.book.apply(entry)
        sealables = item.batch.sealables
        item.number = len(sealables)
        sealables.append(sealable)
        return True

    async def _commit(self) -> None:
        batch, self._gathering = self._gathering, Batch()
        self._committing = batch
        first = self.book.size - len(batch.sealables)
        undo = self.book.cut()
        try:
            while True:
                try:
                    sealed = await self._ledger.append(first, batch.sealables)
                    break
                except (HeadMoved, KeyTaken):
                    self._wary = WARY_ORDERS
                    self.book.rewind(self.book.cut())
                    self.book.rewind(undo)
                    undo = self.book.cut()
                    first = self._again(batch)
                    undo = self.book.cut()
                    self._again(self._gathering)
        except TallystickError as error:
            self._lose(batch, undo, error)
            if isinstance(error, Forked):
                raise  # nothing may be signed any more: the process ends and says why
            with suppress(TemporaryError):  # the store is away: the next append finds out
                self.catch_up()
            return
        except BaseException:
            self._lose(batch, undo, ShuttingDown())
            raise
        self._committing = None
        self._settle(batch)
        self._remember(batch, first)
        batch.done.set_result(sealed)
        if self._ledger.size - self._snapshot_size >= SNAPSHOT_ENTRIES:
            self.snapshot()

    def _remember(self, batch: Batch, first: int) -> None:
        recent = self._recent
        for item in batch.items:
            if item.entry is not None:
                for key in item.keys:
                    recent[key] = first + item.number
        if len(recent) > RECENT_KEYS_MAX // 2:  # two generations: dropping one costs nothing
            self._older, self._recent = recent, {}

    def snapshot(self) -> None:
        """Hand out the book as it is at the ledger's size; nothing while a commit is under way."""
        gathering = self._gathering
        if self.book.size - len(gathering.sealables) != self._ledger.size:
            return
        self.book.rewind(self.book.cut())
        self._snapshot_size = self._ledger.size
        self.on_snapshot(self._ledger.size, snapshot(self.book))
        for item in gathering.items:
            if item.entry is not None:
                self.book.apply(item.entry)

    def _lose(self, batch: Batch, undo: Undo, error: TallystickError) -> None:
        """Take back a batch and what gathers on top of it, and say why to those who wait."""
        self._committing = None
        self._lose_gathering(error)
        self.book.rewind(undo)
        self._fail(batch, error)

    def _lose_gathering(self, error: TallystickError) -> None:
        lost, self._gathering = self._gathering, Batch()
        self.book.rewind(self.book.cut())
        self._fail(lost, error)

    def _again(self, batch: Batch) -> int:
        """Decide a batch's items again, on the ledger as another writer left it."""
        self.catch_up()
        first = self.book.size
        batch.sealables = []
        keys = [key for item in batch.items for key in item.keys]
        found = zip(keys, self._ledger.find_all(keys), strict=True)
        settled = {key for key, position in found if position is not None}
        for item in batch.items:
            item.entry = item.refusal = None
            if not settled.isdisjoint(item.keys):
                continue
            try:
                self._decide(item)
            except Refused as refusal:
                item.refusal = refusal
        return first

    def _fail(self, batch: Batch, error: TallystickError) -> None:
        self._settle(batch)
        batch.done.set_exception(error)
        batch.done.exception()  # seen: nobody may be waiting for a trigger's fill

    def _settle(self, batch: Batch) -> None:
        self._waiting -= len(batch.items)
        for item in batch.items:
            for key in item.keys:
                del self._pending[key]


def _keys(request: OrderRequest, key: str | None) -> tuple[str, ...]:
    return order_keys(request.account, request.client_order_id, key)


def _replay(entry: Entry | None, receipt: Receipt, request: OrderRequest) -> Placed:
    """The stored answer, unless the request is another one than was answered.

    Raises:
        Refused: `IDEMPOTENCY_CONFLICT`.
    """
    if not isinstance(entry, OrderDecided) or entry.request != request.digest:
        raise Refused(
            "IDEMPOTENCY_CONFLICT",
            f"Another order was already placed under {request.client_order_id!r} or its"
            " Idempotency-Key; use a new key for a new order.",
        )
    return Placed(entry, receipt, replayed=True)
