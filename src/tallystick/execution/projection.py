"""The file behind every look-up: positions by account, pair, kind, time and document.

It is folded from the ledger a chunk at a time and holds no fact that the entries do not; a file
of another version, of another ledger or a damaged one is thrown away and folded again. It keeps
positions, and what would take long to work out at a position: balances and the newest time.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from importlib import resources
from pathlib import Path

import apsw
import msgspec

from tallystick.execution.book import HOUSE
from tallystick.execution.entries import Posting
from tallystick.ids import order_position
from tallystick.ledger import Ledger
from tallystick.ledger.columns import Columns, columns_of
from tallystick.ledger.storage.insert import STATEMENTS_KEPT, insert
from tallystick.money import parse_own
from tallystick.wal import UNFOLDED

BUSY_MS_MAX = 5_000
"""How long to wait for another connection's lock."""
FOLD_ROWS = 512
"""Most entries folded in one transaction, and so between two rows of `times`."""
FOLD_ROWS_BESIDE = 256
"""Entries folded at once beside the orders: reading them takes the event loop a millisecond."""
VERSION = 4
"""Of the schema: kept in the file, so that one of another version is noticed."""
DECIDED = "order_decided"
STAMP_CHARACTERS = 27
"""Of a time as the desk writes it; what says its time otherwise is as old as what stands before."""
EVERYBODY = "*"
"""The id of the kill switch that stops every account."""
ONLY = "ledger"
"""The id of a document of which there is only one."""

_VERSIONS: dict[str, tuple[tuple[str, str | None], ...]] = {
    "account_opened": (("limit", "account"), ("account", "account")),
    "funds_moved": (("account", "account"),),
    "position_rolled": (("account", "account"),),
    "margin_changed": (("margin", "account"), ("account", "account")),
    "kill_switch_set": (("kill_switch", "account"), ("account", "account")),
    "trading_state_set": (("kill_switch", "id"), ("account", "id")),
    "resume_asked": (("resume", "id"),),
    "limits_set": (("limit", "id"),),
    "limit_overridden": (("override", "id"),),
    "quote_given": (("quote", "id"),),
    "keys_changed": (("keys", None),),
    "ledger_reconciled": (("reconciliation", None),),
    "subject_recorded": (("subject", "subject"),),
    "subject_erased": (("subject", "subject"),),
}
"""Kind of entry -> of which documents it makes a version: (kind, the member with its id)."""

_SCHEMA = (resources.files(__package__) / "history.sql").read_text()
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"
_PROGRESS = "SELECT position, root FROM progress"
_ADVANCE = (
    "INSERT INTO progress (one, position, root) VALUES (1, ?, ?)"
    " ON CONFLICT (one) DO UPDATE SET position = excluded.position, root = excluded.root"
)
_ORDER = "INSERT INTO orders (position, account, pair, type, state) VALUES "
_SETTLE = "UPDATE orders SET state = ?, settled = ? WHERE position = ?"
_STEP = "INSERT INTO steps (decided, position) VALUES "
_TRADE = "INSERT INTO trades (position, account, pair) VALUES "
_ENTRY = "INSERT INTO entries (position, account, pair, kind) VALUES "
_NAME = "INSERT INTO names (number, name) VALUES "
_NAMES = "SELECT name, number FROM names"
_TIME = "INSERT INTO times (position, at) VALUES (?, ?)"
_NEWEST_TIME = "SELECT at FROM times ORDER BY position DESC LIMIT 1"
_BEFORE = "SELECT position FROM times WHERE at < ? ORDER BY at DESC, position DESC LIMIT 1"
_UP_TO = "SELECT position FROM times WHERE at <= ? ORDER BY at DESC, position DESC LIMIT 1"
_HOLDING = "INSERT INTO holdings (account, position, balances) VALUES "
_HELD = (
    "SELECT position, balances FROM holdings WHERE account = ? AND position < ?"
    " ORDER BY position DESC LIMIT 1"
)
_DOCUMENT = "INSERT INTO documents (document, position) VALUES "
_ENDLESS = 2**62


class _Order(msgspec.Struct, gc=False):
    id: str
    account: str
    pair: str
    type: str
    state: str
    replaces: str | None = None


class _Brief(msgspec.Struct, gc=False):
    """As much of an entry as is folded; a whole one takes three times as long to read."""

    kind: str | None = None
    at: str | None = None
    account: str | None = None
    pair: str | None = None
    order: _Order | None = None
    fills: tuple[msgspec.Raw, ...] = ()
    postings: tuple[Posting, ...] = ()


_decode = msgspec.json.Decoder(_Brief).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_balances = msgspec.json.Decoder(dict[str, int]).decode


class _Chunk:
    """What one transaction adds, table by table: of `rows` entries up to position `stop`."""

    def __init__(self, stop: int, rows: int, root: bytes) -> None:
        """`root` is that of the tree of `stop` entries."""
        self.stop = stop
        self.rows = rows
        self.root = root
        self.at = ""
        """The newest time that any entry says so far."""
        self.names: list[tuple[int, str]] = []
        self.orders: list[tuple[int, str, int | None, int | None, str]] = []
        self.settled: list[tuple[str, int, int]] = []
        self.steps: list[tuple[int, int]] = []
        self.trades: list[tuple[int, str, str]] = []
        self.entries: list[tuple[int, int | None, int | None, int | None]] = []
        self.documents: list[tuple[str, int]] = []
        self.held: dict[str, int] = {}
        """Account -> position of the last entry that changed its balances."""
        self.holdings: list[tuple[str, int, str]] = []

    def change(self, decided: int, position: int, state: str) -> None:
        """The entry at `position` brought the order that was decided at another into a state."""
        self.settled.append((state, position, decided))
        self.steps.append((decided, position))


class Projection:
    """One file, used from one thread; every look-up is preceded by a fold of what is new.

    Only `fold_in` lets another thread write to it, and nobody else uses it until that has ended.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self.ledger = ledger
        self.position = 0
        """How many entries are folded."""
        self._at = ""
        """The newest time that any of them says."""
        self._folding: tuple[Future[None], _Chunk] | None = None
        """What another thread folds."""
        self._names: dict[str, int] = {}
        self._balances: dict[str, dict[str, int]] = {}
        try:
            self._open(path)
        except (apsw.CorruptError, apsw.NotADBError):
            self._connection.close()
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            self._open(path)

    @property
    def connection(self) -> apsw.Connection:
        """The file; what is being folded in another thread is waited for."""
        self._settle()
        return self._connection

    def fold(self, rows_max: int | None = None) -> int:
        """Fold new entries (all, or about `rows_max`); how many are still to come."""
        self._settle()
        folded = 0
        while self.position < self.ledger.size and (rows_max is None or folded < rows_max):
            chunk = self._next(FOLD_ROWS)
            self._stored(chunk, partial(self._store, chunk))
            folded += chunk.rows
        return self.ledger.size - self.position

    async def fold_in(self, thread: ThreadPoolExecutor) -> int:
        """Fold one transaction's worth in a thread; how many entries are still to come.

        SQLite works without the interpreter, so orders are taken meanwhile. Whoever looks something
        up before it has ended waits for it.
        """
        self._settle()
        if self.position < self.ledger.size:
            chunk = self._next(FOLD_ROWS_BESIDE)
            self._folding = thread.submit(self._store, chunk), chunk
            stored = asyncio.wrap_future(self._folding[0])
            await asyncio.wait([stored])
            stored.exception()  # seen: `_settle` raises it
            self._settle()
        return self.ledger.size - self.position

    def _settle(self) -> None:
        """Wait for what another thread folds, if it does."""
        if self._folding is not None:
            (folding, chunk), self._folding = self._folding, None
            self._stored(chunk, folding.result)

    def _stored(self, chunk: _Chunk, store: Callable[[], None]) -> None:
        """The chunk is folded when `store` returns; when it raises nothing was."""
        try:
            store()
        except BaseException:
            self._remember()
            raise
        self.position = chunk.stop

    def number_of(self, name: str) -> int | None:
        """The number under which an account, a pair or a kind is kept, if any entry names it.

        Order types have theirs, too.
        """
        return self._names.get(name)

    def first_from(self, at: str) -> int:
        """The first position from which on the ledger is not older than `at`; its size if none.

        The ledger's time at a position is the newest that any entry up to it says.
        """
        return self._scan(_BEFORE, at, lambda said: said >= at)

    def first_after(self, at: str) -> int:
        """The first position from which on the ledger is younger than `at`; its size if none."""
        return self._scan(_UP_TO, at, lambda said: said > at)

    def balances(self, account: str, before: int = _ENDLESS) -> tuple[int, dict[str, int]]:
        """(position behind it, minor units by currency): the newest balances kept before one."""
        for position, balances in self.connection.execute(_HELD, (account, before)):
            return int(str(position)) + 1, _decode_balances(str(balances))
        return 0, {}

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def _open(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path), statementcachesize=STATEMENTS_KEPT)
        self._connection.set_busy_timeout(BUSY_MS_MAX)  # for `fold_wal` beside us
        # execute() alone stops at the first statement that answers.
        self._connection.execute(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {UNFOLDED}"
        ).fetchall()
        if self._connection.pragma("user_version") != VERSION:
            self._begin_anew()
        self._remember()
        if not self._is_of_this_ledger():
            self._begin_anew()
            self._remember()

    def _is_of_this_ledger(self) -> bool:
        for position, root in self._connection.execute(_PROGRESS):
            fits = int(str(position)) <= self.ledger.size
            return fits and self.ledger.root(int(str(position))) == root
        return True

    def _begin_anew(self) -> None:
        with self._connection:
            for (name,) in self._connection.execute(_TABLES).fetchall():
                self._connection.execute(f'DROP TABLE "{name}"')
            self._connection.execute(_SCHEMA)
            self._connection.pragma("user_version", VERSION)

    def _remember(self) -> None:
        """What is kept in memory, from the file: at start, and after a fold that failed."""
        read = self._connection.execute
        self.position = int(read("SELECT position FROM progress").get or 0)
        self._at = str(read(_NEWEST_TIME).get or "")
        self._names = {str(name): int(str(n)) for name, n in read(_NAMES)}
        self._balances = {}

    def _scan(self, query: str, at: str, reached: Callable[[str], bool]) -> int:
        """Look through the one chunk of entries in which the ledger's time reaches a moment."""
        self._settle()
        if not reached(self._at):
            return self.position
        start = int(self._connection.execute(query, (at,)).get or 0)
        while start < self.position:
            for position, row in enumerate(self.ledger.rows(start, FOLD_ROWS), start):
                said = columns_of(row.entry).at
                if said is not None and len(said) == STAMP_CHARACTERS and reached(said):
                    return position
            start += FOLD_ROWS
        return self.position

    def _next(self, most: int) -> _Chunk:
        """What the next entries, at most so many, put into the tables."""
        try:
            return self._read(most)
        except BaseException:
            self._remember()
            raise

    def _read(self, most: int) -> _Chunk:
        rows = self.ledger.rows(self.position, most)
        stop = self.position + len(rows)
        chunk = _Chunk(stop, len(rows), self.ledger.root(stop))
        for position, row in enumerate(rows, self.position):
            try:
                brief = _decode(row.entry)
            except (msgspec.DecodeError, UnicodeDecodeError):  # none of the desk's entries
                said = columns_of(row.entry)
                self._fold_columns(position, said, chunk)
            else:
                self._fold_one(position, row.entry, brief, chunk)
        chunk.at = self._at
        chunk.holdings = [
            (account, position, msgspec.json.encode(self._held(account)).decode())
            for account, position in chunk.held.items()
        ]
        return chunk

    def _store(self, chunk: _Chunk) -> None:
        """One transaction; nothing of ours but the file is touched, so any thread may do it."""
        with self._connection as write:
            insert(write, _NAME, chunk.names)
            insert(write, _ORDER, chunk.orders)
            write.executemany(_SETTLE, chunk.settled)
            insert(write, _STEP, chunk.steps)
            insert(write, _TRADE, chunk.trades)
            insert(write, _ENTRY, chunk.entries)
            insert(write, _DOCUMENT, chunk.documents)
            insert(write, _HOLDING, chunk.holdings)
            write.execute(_TIME, (chunk.stop, chunk.at))
            write.execute(_ADVANCE, (chunk.stop, chunk.root))

    def _fold_one(self, position: int, entry: bytes, brief: _Brief, chunk: _Chunk) -> None:
        order, kind = brief.order, brief.kind
        if order is None:
            if kind in _VERSIONS:
                chunk.documents += _documents(kind, entry, position)
            self._post(position, brief.postings, chunk)
            self._fold_columns(position, Columns(brief.at, kind, brief.account, brief.pair), chunk)
            return
        if kind == DECIDED:
            numbers = self._number(chunk, order.pair), self._number(chunk, order.type)
            chunk.orders.append((position, order.account, *numbers, order.state))
            if order.replaces is not None and order.state != "rejected":
                chunk.change(order_position(order.replaces), position, "replaced")
        else:
            chunk.change(order_position(order.id), position, order.state)
        if brief.fills:
            chunk.trades.append((position, order.account, order.pair))
            self._post(position, brief.postings, chunk)
        self._fold_columns(position, Columns(brief.at, kind, order.account, order.pair), chunk)

    def _fold_columns(self, position: int, said: Columns, chunk: _Chunk) -> None:
        if said.at is not None and said.at > self._at and len(said.at) == STAMP_CHARACTERS:
            self._at = said.at
        if said.kind is not None or said.account is not None or said.pair is not None:
            account, pair = self._number(chunk, said.account), self._number(chunk, said.pair)
            chunk.entries.append((position, account, pair, self._number(chunk, said.kind)))

    def _post(self, position: int, postings: Sequence[Posting], chunk: _Chunk) -> None:
        for posting in postings:
            account, currency = posting.account, posting.currency
            if account != HOUSE:
                held = self._balances.get(account)
                if held is None:
                    held = self._held(account)
                held[currency] = held.get(currency, 0) + parse_own(posting.amount)
                chunk.held[account] = position

    def _held(self, account: str) -> dict[str, int]:
        """The account's balances as far as they are folded."""
        held = self._balances.get(account)
        if held is None:
            held = self._balances[account] = self.balances(account)[1]
        return held

    def _number(self, chunk: _Chunk, name: str | None) -> int | None:
        if name is None:
            return None
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names) + 1
            chunk.names.append((number, name))
        return number


def _documents(kind: str, entry: bytes, position: int) -> list[tuple[str, int]]:
    """The documents of which this entry makes a version."""
    members = _decode_members(entry)
    found = []
    scope = msgspec.json.decode(members.get("scope", b'"account"'))
    for document, member in _VERSIONS[kind]:
        name = ONLY if member is None else msgspec.json.decode(members[member])
        if document != "account" or (name is not None and scope == "account"):
            name = EVERYBODY if name is None else name
            found.append((f"{document}/{scoped(scope, name)}", position))
    return found


def scoped(scope: str, name: str) -> str:
    """The id of a document that is about a scope: an account's name, `desk:NAME`, `pair:SYMBOL`."""
    return f"{scope}:{name}" if scope in {"desk", "pair"} else name
