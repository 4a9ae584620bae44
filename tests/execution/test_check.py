"""Projections made again and compared: whatever was changed in their tables is found and named."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tallystick.clock import rfc3339
from tallystick.errors import Corrupt, PermanentError, TemporaryError
from tallystick.execution import History, LimitsText, encode
from tallystick.execution.book import Book, snapshot
from tallystick.execution.check import check_projection, check_snapshot
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    Fill,
    KillSwitchSet,
    Order,
    OrderCancelled,
    OrderDecided,
    OrderFilled,
    OrderState,
    Posting,
    QuoteSeen,
    Raw,
    decode,
)
from tallystick.execution.projection import VERSION
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.notices import KeysChanged, QldbImported, SubjectRecorded

START_NS = 1_795_514_400_000_000_000
LIMITS = LimitsText("10000000", "100000000000.00", 100, 1_000, 1_000_000)
ORDERS = 1_200
QLDB = QldbImported(
    "2026-11-24T10:00:00.000000Z", "m", "ion", "s", 0, 1, 2, 3, 0, 0, 0, False, "h", None, None
)


def order(position: int, state: OrderState) -> Order:
    """An order that stands so."""
    limit = state != "filled"
    return Order(
        f"O-{position}", f"acc-{position % 3}", f"c-{position}", "EUR/USD", "buy", "1000",
        "limit" if limit else "market", "GTC" if limit else "IOC", "1.08250" if limit else None,
        state,
    )  # fmt: skip


def fill(position: int) -> tuple[Fill, ...]:
    """Its one fill."""
    return (Fill(f"T-{position}", "1.08250", "1000", "1082.50", "2026-11-26"),)


def postings(account: str) -> tuple[Posting, ...]:
    """Double entry."""
    return tuple(
        Posting(who, code, sign + amount)
        for who, plus, minus in ((account, "", "-"), ("house", "-", ""))
        for code, amount, sign in (("EUR", "1000.00", plus), ("USD", "1082.50", minus))
    )


def entries() -> Iterator[Entry]:
    """One of everything, and many orders."""
    quote = QuoteSeen("1.08249", "1.08250", rfc3339(START_NS), "test")
    for number in range(3):
        yield AccountOpened(rfc3339(START_NS), f"acc-{number}", LIMITS)
    yield KeysChanged(rfc3339(START_NS), ("v",), (), "op", "why")
    yield Raw(b"bytes of a load test")
    yield QLDB
    yield SubjectRecorded(rfc3339(START_NS), "S-1", "acc-1", {"name": "00" * 32}, "op")
    for position in range(7, ORDERS, 4):
        at = rfc3339(START_NS + position * 1_000_000)
        filled, rests = order(position, "filled"), order(position + 1, "new")
        yield OrderDecided(
            at, filled, "00" * 32, None, fill(position), postings(filled.account), None, quote
        )
        yield OrderDecided(at, rests, "00" * 32)
        settled, late = order(position + 1, "filled"), at
        if position % 8 == 7:
            yield OrderCancelled(late, order(position + 1, "cancelled"), "op", "why")
        else:
            yield OrderFilled(late, settled, fill(position + 1), postings(settled.account), quote)
        yield KillSwitchSet(at, f"acc-{position % 3}", position % 8 == 7, "op", "why")


def ledger_of(written: Sequence[Entry], signer: FileKeyring) -> Ledger:
    """A ledger of these entries."""
    ledger = Ledger(MemoryStore(), signer)
    asyncio.run(ledger.append(0, [Sealable(encode(entry)) for entry in written]))
    return ledger


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """A ledger of one of everything."""
    return ledger_of(list(entries()), FileKeyring("tallystick.test/check", bytes(32)))


@pytest.fixture
def file(tmp_path: Path, ledger: Ledger) -> Path:
    """Its projections, folded by halves, with a snapshot of the book."""
    path = tmp_path / "projections.db"
    with closing(History(path, ledger)) as history:
        history.fold(100)
        history.fold()
        book, size = Book(), ledger.size - 100
        for row in ledger.rows(0, size):
            book.apply(decode(row.entry))
        history.keep(size, ledger.root(size), snapshot(book))
    return path


def check(path: Path, ledger: Ledger) -> int:
    """All of it; how many entries were folded for the projections."""
    scratch = path.with_name("scratch.db")
    for name in (scratch.name, f"{scratch.name}-wal", f"{scratch.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    folded = sum(check_projection(path, ledger, scratch))
    assert sum(check_snapshot(path, ledger)) in (0, ledger.size - 100)
    return folded


def run(path: Path, statement: str) -> None:
    """Change something behind everybody's back."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(statement)


def test_clean(file: Path, ledger: Ledger) -> None:
    """All is folded again, in the same steps, and is equal; nothing is left open behind it."""
    assert check(file, ledger) == ledger.size
    assert check(file, ledger) == ledger.size


def test_what_is_not_there_contradicts_nothing(tmp_path: Path, ledger: Ledger) -> None:
    """It is made at the next start; the check makes nothing."""
    assert check(tmp_path / "projections.db", ledger) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_projection_that_is_behind_is_right_as_far_as_it_is(
    tmp_path: Path, ledger: Ledger
) -> None:
    """The server folds a little at a time."""
    path = tmp_path / "projections.db"
    with closing(History(path, ledger)) as history:
        history.fold(512)
        assert check(path, ledger) == 512
        history.fold(512)
        assert check(path, ledger) == 1_024


TAMPERED = {
    "an order's account": (
        "UPDATE orders SET account = 'acc-9' WHERE position = 7",
        r"table orders says \(7, acc-9, 8, 9, filled, None\); the entries do not",
    ),
    "an order's state": ("UPDATE orders SET state = 'rejected' WHERE position = 7", "table orders"),
    "an order's end": ("UPDATE orders SET settled = 10 WHERE position = 8", "table orders"),
    "an order's pair": ("UPDATE orders SET pair = 1 WHERE position = 8", "table orders"),
    "an order's type": ("UPDATE orders SET type = 1 WHERE position = 8", "table orders"),
    "a missing order": (
        "DELETE FROM orders WHERE position = 8",
        r"make \(8, acc-2, 8, 11, cancelled, 9\); the projections' table orders lacks it",
    ),
    "an extra order": (
        "INSERT INTO orders VALUES (9, 'acc-1', 1, 2, 'new', NULL)",
        "table orders says",
    ),
    "a trade's account": ("UPDATE trades SET account = 'x' WHERE position = 7", "table trades"),
    "a trade's pair": ("UPDATE trades SET pair = 'GBP/USD' WHERE position = 7", "table trades"),
    "a missing trade": ("DELETE FROM trades WHERE position = 7", "table trades lacks"),
    "a name": ("UPDATE names SET name = 'acc-9' WHERE name = 'acc-1'", "table names"),
    "a name's number": ("UPDATE names SET number = 99 WHERE name = 'acc-1'", "table names"),
    "an entry's account": ("UPDATE entries SET account = 99 WHERE position = 7", "table entries"),
    "an entry's pair": ("UPDATE entries SET pair = NULL WHERE position = 7", "table entries"),
    "an entry's kind": ("UPDATE entries SET kind = 1 WHERE position = 7", "table entries"),
    "a missing entry": ("DELETE FROM entries WHERE position = 7", "table entries lacks"),
    "a time": ("UPDATE times SET at = '2020' WHERE position = 512", "table times"),
    "a time's position": ("UPDATE times SET position = 511 WHERE position = 512", "table"),
    "a missing time": ("DELETE FROM times WHERE position = 512", "row 1024 that no fold makes"),
    "a time too many": ("INSERT INTO times VALUES (5000, '2026')", "5000 that no fold makes"),
    "no times at all": ("DELETE FROM times", "The projections' table"),
    "a balance": ("UPDATE holdings SET balances = '{}' WHERE position > 500", "table holdings"),
    "a balance's account": ("UPDATE holdings SET account = 'x' || account", "table holdings"),
    "a missing balance": ("DELETE FROM holdings WHERE position > 500", "table holdings lacks"),
    "a document": (
        "UPDATE documents SET document = 'limit/x' WHERE document = 'limit/acc-0'", "documents",
    ),
    "a document's position": (
        "UPDATE documents SET position = 2 WHERE document = 'limit/acc-1'", "table documents",
    ),
    "a missing document": ("DELETE FROM documents WHERE position = 1", "documents lacks"),
    "how far it is": ("UPDATE progress SET position = 100", "table progress"),
    "whose it is": ("UPDATE progress SET root = x'00'", "table progress says"),
    "no progress": ("DELETE FROM progress", "table progress lacks"),
    "a dropped table": ("DROP TABLE trades", "tables are not as they were made: .*trades"),
    "a dropped index": ("DROP INDEX trades_account", "table sqlite_schema lacks"),
    "a trigger": (
        "CREATE TRIGGER sly AFTER INSERT ON orders BEGIN DELETE FROM trades; END",
        "table sqlite_schema says .*sly",
    ),
    "the snapshot's book": (
        "UPDATE snapshot SET book = CAST(replace(CAST(book AS TEXT), '10', '20') AS BLOB)",
        "is not the book that its entries make",
    ),
    "a snapshot that is none": ("UPDATE snapshot SET book = x'ff'", "is not the book"),
    "the snapshot's position": ("UPDATE snapshot SET position = position - 1", "not one of this"),
    "the snapshot's root": ("UPDATE snapshot SET root = x'00'", "not one of this ledger"),
    "a snapshot of the future": ("UPDATE snapshot SET position = 99999", "not one of this ledger"),
    "a snapshot before time": ("UPDATE snapshot SET position = -1", "not one of this ledger"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
def test_whatever_is_changed_is_found_and_named(file: Path, ledger: Ledger, case: str) -> None:
    """Each table and column: one statement, and the sentence that says what it changed."""
    statement, sentence = TAMPERED[case]
    run(file, statement)
    with pytest.raises(Corrupt, match=sentence):
        check(file, ledger)


def test_a_damaged_index_is_found(file: Path, ledger: Ledger) -> None:
    """The rows are right, and a look-up would miss one of them."""
    with closing(apsw.Connection(str(file))) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'times_at'").get
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        page = int(connection.execute("PRAGMA page_size").get)
    data = bytearray(file.read_bytes())
    at = data.index(b"2026-11-24", (int(root) - 1) * page)
    data[at] = ord("3")
    file.write_bytes(data)
    with pytest.raises(Corrupt, match="damaged"):
        check(file, ledger)


@pytest.mark.parametrize("start", [0, 20, 4_096, 8_192])
def test_damaged_pages_are_a_sentence(file: Path, ledger: Ledger, start: int) -> None:
    """Overwritten with noise: never a traceback, and never clean."""
    data = bytearray(file.read_bytes())
    data[start : start + 2_048] = b"\xa5" * 2_048
    file.write_bytes(data)
    with pytest.raises(Corrupt, match="projections"):
        check(file, ledger)


def test_a_file_that_cannot_be_read(tmp_path: Path, ledger: Ledger) -> None:
    """A folder in its place: that is no contradiction, and no answer either."""
    (tmp_path / "projections.db").mkdir()
    with pytest.raises(TemporaryError, match="cannot be read"):
        check(tmp_path / "projections.db", ledger)


def test_a_file_of_another_version(file: Path, ledger: Ledger) -> None:
    """The next start makes it again; until then nobody can tell."""
    run(file, f"PRAGMA user_version = {VERSION + 1}")
    for steps in (
        check_projection(file, ledger, file.with_name("s")),
        check_snapshot(file, ledger),
    ):
        with pytest.raises(PermanentError, match=f"of version {VERSION + 1}, not {VERSION}"):
            sum(steps)


def test_folding_may_go_on_meanwhile(tmp_path: Path, ledger: Ledger) -> None:
    """The file is compared as it stood when the check began."""
    path = tmp_path / "projections.db"
    with closing(History(path, ledger)) as history:
        history.fold(512)
        steps = check_projection(path, ledger, tmp_path / "scratch.db")
        folded = next(steps)
        history.fold()
        assert folded + sum(steps) == 512


def test_a_kind_of_tomorrow(file: Path, tmp_path: Path) -> None:
    """The tables fold what they understand of it; the book cannot be made."""
    signer = FileKeyring("tallystick.test/check", bytes(32))
    ledger = ledger_of([*entries()][:3], signer)
    asyncio.run(ledger.append(3, [Sealable(b'{"at":"x","kind":"from_tomorrow","v":1}')]))
    path = tmp_path / "other.db"
    with closing(History(path, ledger)) as history:
        history.fold()
        history.keep(4, ledger.root(4), b"{}")
    assert sum(check_projection(path, ledger, tmp_path / "scratch.db")) == 4
    with pytest.raises(PermanentError, match="Entry 3 is of no kind that this version knows"):
        sum(check_snapshot(path, ledger))
    assert file.exists()
