"""The engine of the desk: decide, append, answer; group commit.

Orders are decided one after another in memory, each on the book that the one before it left.
What is decided gathers in a batch; while one batch is being committed the next gathers. An order
is answered when its batch is durable. The append names the size it was decided on: when another
writer was first, the book takes its decisions back, folds what is new and decides again. When a
commit fails, everything decided since is taken back and answered with a temporary error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

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
from tallystick.execution.batch import Batch, Item, Propose, Recorded, at_once
from tallystick.execution.book import Book, Undo, snapshot
from tallystick.execution.decide import Market
from tallystick.execution.entries import (
    Entry,
    OrderCancelled,
    OrderDecided,
    OrderExpired,
    OrderFilled,
    decode,
    encode,
    keys_of,
)
from tallystick.execution.placing import stands_alone
from tallystick.execution.quotes import Quote, QuoteBoard
from tallystick.execution.recent import RecentKeys
from tallystick.execution.worked import expire, follow_ups, meet
from tallystick.execution.working import Working
from tallystick.ledger import Ledger, Sealable
from tallystick.ledger.notices import Notice
from tallystick.limits import WAITING_ORDERS_MAX
from tallystick.money import parse_own

FOLD_ROWS = 1_024
"""Entries read at once when the book catches up."""
SNAPSHOT_ENTRIES = 50_000
"""A snapshot of the book each so many entries: a start folds at most about as many."""
_ENDING = (OrderDecided, OrderFilled, OrderCancelled, OrderExpired)
"""Entries that may do something to linked orders."""


class Engine:
    """Decides proposals and records them. Only its own task (`run`) appends to the ledger.

    What may be asked of the desk is in `desk`; all of it goes through `submit`.
    """

    def __init__(
        self,
        ledger: Ledger,
        book: Book,
        board: QuoteBoard,
        clock: Clock,
        is_open: Callable[[int], bool] = lambda _at_ns: True,
    ) -> None:
        """`is_open`: whether the market that the prices come from is open at a moment (ns)."""
        self.ledger = ledger
        self.book = book
        self.board = board
        self.recent = RecentKeys(ledger)
        self.pending: dict[str, Item] = {}
        self._clock = clock
        self._is_open = is_open
        self._gathering = Batch()
        self._committing: Batch | None = None
        self._waiting = 0
        self._work = asyncio.Event()
        self._closing = False
        self._last_ns = 0
        self._snapshot_size = book.size
        self.on_snapshot: Callable[[int, bytes], None] = lambda _size, _book: None
        self.on_head_moved: Callable[[], Awaitable[None]] = at_once
        """Awaited before what lost to another writer is decided again; may raise TemporaryError."""
        for pair in book.working.pairs():
            board.want(pair)
        book.working.on_pair = board.want  # nobody may quote it itself
        self.catch_up()

    def catch_up(self) -> None:
        """Fold what the ledger holds and the book does not."""
        while rows := self.ledger.rows(self.book.size, FOLD_ROWS):
            for row in rows:
                self.book.apply(decode(row.entry))
            self.book.cut()

    def refresh(self) -> None:
        """Fold what other writers appended, unless decisions of our own are on their way.

        Those are decided again when they are committed.
        """
        if self._committing is None and not self._gathering.items:
            self.catch_up()

    def market(self, pair: str, at_ns: int) -> Market:
        """What is known of a pair's market now."""
        board = self.board
        return Market(board.get(pair), board.usd, board.rate, self._is_open(at_ns))

    def now_ns(self) -> int:
        """The time of the next decision: it never goes back."""
        self._last_ns = max(self._last_ns, self._clock.now_ns())
        return self._last_ns

    async def record(self, make: Callable[[str], Notice], key: str | None = None) -> Recorded:
        """Append what is about the ledger itself; `make` gets the time (RFC 3339).

        What `key` settled already is not appended again: the entry that did is given back.

        Raises:
            TemporaryError: nothing was done; try again.
        """
        return await self.once(lambda _position, at_ns: (make(rfc3339(at_ns)),), key)

    async def say(self, propose: Propose) -> Recorded:
        """Append a proposal that always says something.

        Raises:
            Refused: the proposal refuses.
            TemporaryError: nothing was done; try again.
        """
        recorded = await self.submit(propose, ()).recorded()
        assert recorded is not None  # noqa: S101  as promised
        return recorded

    async def once(
        self,
        propose: Propose,
        key: str | None,
        check: Callable[[Entry], None] = lambda _entry: None,
    ) -> Recorded:
        """Append the proposal, or give back the entry that settled its key before.

        `check` is asked about such an entry, and raises where it is not the answer.
        """
        if key is None:
            return await self.say(propose)
        while True:
            known, replayed = self.pending.get(key), False
            if known is None:
                position = self.ledger.find(key)
                if position is not None and position < self.ledger.size:
                    receipt = self.ledger.receipt(position)
                    entry = decode(receipt.entry)
                    check(entry)
                    return Recorded(entry, receipt, replayed=True)
                item = self.submit(propose, (key,))
            else:
                item, replayed = known, True
            recorded = await item.recorded()
            if recorded is not None:
                check(recorded.entry)
                return Recorded(recorded.entry, recorded.receipt, recorded.more, replayed)

    def on_quotes(self, quotes: Sequence[Quote]) -> None:
        """Meet the working orders whose price has come; called with every batch of quotes."""
        for quote in quotes:
            for working in self.book.working.due(quote):
                self._trigger(working, quote)

    def expire_due(self) -> int:
        """End the orders whose time is over; how many."""
        ended = self.book.working.ended(self.now_ns())
        for working in ended:
            self._expire(working)
        return len(ended)

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

    def undecided(self) -> Iterable[Entry]:
        """What the book holds and the disk does not: the entries of batches on their way."""
        on_their_way = self._committing.items if self._committing else []
        for item in (*on_their_way, *self._gathering.items):
            yield from item.entries

    def balances(self, account: str) -> tuple[int, dict[str, int]]:
        """(ledger size, minor units by currency) of an account, as far as it is durable.

        The book is ahead by the batches on their way; what they changed is taken off again.

        Raises:
            Refused: `UNKNOWN_ACCOUNT`.
        """
        balances = dict(self.book.account(account).balances)
        for entry in self.undecided():
            for posting in getattr(entry, "postings", ()):
                if posting.account == account:
                    balances[posting.currency] -= parse_own(posting.amount)
        return self.ledger.size, balances

    def close(self) -> None:
        """Take no new work; `run` ends when what waits is durable."""
        self._closing = True
        self._work.set()

    def submit(self, propose: Propose, keys: tuple[str, ...], *, single: bool = True) -> Item:
        """Decide now, on the book as it stands, and let it gather for the next commit.

        `single`: all of `keys` are those of the proposal's first entry.

        Raises:
            Refused: the proposal refuses.
            Overloaded, ShuttingDown: nothing was done.
        """
        if self._closing:
            raise ShuttingDown
        if self._waiting >= WAITING_ORDERS_MAX:
            raise Overloaded
        batch = self._gathering
        item = Item(propose, keys, batch, single=single)
        self._decide(item)
        if item.entries:
            batch.items.append(item)
            for key in keys:
                self.pending[key] = item
            self._waiting += 1
            self._work.set()
        return item

    def snapshot(self) -> None:
        """Hand out the book as it is at the ledger's size; nothing while a commit is under way."""
        gathering = self._gathering
        if self.book.size - len(gathering.sealables) != self.ledger.size:
            return
        self.book.rewind(self.book.cut())
        self._snapshot_size = self.ledger.size
        self.on_snapshot(self.ledger.size, snapshot(self.book))
        for item in gathering.items:
            for entry in item.entries:
                self.book.apply(entry)

    def _trigger(self, working: Working, quote: Quote) -> None:
        order = working.order

        def act(at_ns: int) -> Iterable[Entry]:
            if self.book.scopes.state_of(self.book.account(order.account), order.pair) == "halted":
                return ()
            market = self.market(order.pair, at_ns)
            return meet(working, quote, book=self.book, at_ns=at_ns, market=market)

        self._act_on(working, act)

    def _expire(self, working: Working) -> None:
        self._act_on(working, lambda at_ns: (expire(working, at_ns=at_ns),))

    def _act_on(self, working: Working, act: Callable[[int], Iterable[Entry]]) -> None:
        """Submit what its price or its time does to a working order, if it is still that one.

        What cannot be taken now is due again with the next look.
        """
        order = working.order

        def propose(_position: int, at_ns: int) -> Iterable[Entry]:
            # Decided again after another writer, the id may be another order's by now.
            account = self.book.accounts.get(order.account)
            if account is None or account.open_orders.get(order.id) != working:
                return ()
            return act(at_ns)

        if not self._closing and self._waiting < WAITING_ORDERS_MAX:
            self.submit(propose, ())

    def _decide(self, item: Item) -> None:
        at_ns = self.now_ns()
        item.number = len(item.batch.sealables)
        size = self.book.size
        try:
            for entry in item.propose(size, at_ns):
                self._add(item, entry, at_ns)
        except Refused:
            assert self.book.size == size, "a proposal refuses before it says anything"  # noqa: S101
            raise

    def _add(self, item: Item, entry: Entry, at_ns: int) -> None:
        """One more entry, and what it does to the orders linked with its own."""
        keys = item.keys if item.single and not item.entries else keys_of(entry)
        item.batch.sealables.append(Sealable(encode(entry), keys))
        item.entries.append(entry)
        self.book.apply(entry)
        if isinstance(entry, _ENDING) and not stands_alone(entry, self.book):
            for more in follow_ups(entry, book=self.book, at_ns=at_ns):
                self._add(item, more, at_ns)

    async def _commit(self) -> None:
        batch, self._gathering = self._gathering, Batch()
        self._committing = batch
        first = self.book.size - len(batch.sealables)
        undo = self.book.cut()
        begun_ns = self._clock.monotonic_ns()
        try:
            while True:
                try:
                    sealed = await self.ledger.append(first, batch.sealables)
                    break
                except (HeadMoved, KeyTaken):
                    await self.on_head_moved()
                    self.recent.be_wary()
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
        batch.append_ns = (begun_ns, self._clock.monotonic_ns())
        self._committing = None
        self._settle(batch)
        self._remember(batch, first)
        batch.end(sealed)
        # A book with many working orders takes longer to write: it is written less often.
        if self.ledger.size - self._snapshot_size >= SNAPSHOT_ENTRIES + len(self.book.working):
            self.snapshot()

    def _remember(self, batch: Batch, first: int) -> None:
        remember = self.recent.remember
        for item in batch.items:
            if item.single and len(item.entries) == 1:
                for key in item.keys:
                    remember(key, first + item.number)
            else:
                for number, entry in enumerate(item.entries, first + item.number):
                    for key in keys_of(entry):
                        remember(key, number)
        self.recent.age()

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
        found = zip(keys, self.ledger.find_all(keys), strict=True)
        settled = {key for key, position in found if position is not None}
        for item in batch.items:
            item.entries = []
            item.refusal = None
            if not settled.isdisjoint(item.keys):
                continue
            try:
                self._decide(item)
            except Refused as refusal:
                item.refusal = refusal
        return first

    def _fail(self, batch: Batch, error: TallystickError) -> None:
        self._settle(batch)
        batch.end(error)

    def _settle(self, batch: Batch) -> None:
        self._waiting -= len(batch.items)
        for item in batch.items:
            for key in item.keys:
                del self.pending[key]
