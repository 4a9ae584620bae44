"""The ledger's benchmarks measure what they say, on ledgers small enough for a test."""

import asyncio
import shutil
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

import ledger_peer
import ledger_proofs
import ledger_race
import ledger_scale
import ledger_waiting
import postgres
from journals import sqlite_journal
from ledger_entries import ACCOUNT, ID_CHARACTERS, KeyForm, Orders, opening
from ledger_figures import AppendRound, Spread
from ledger_tracks import DATABASE, open_track
from tallystick.clock import SystemClock
from tallystick.execution import Book
from tallystick.execution.entries import OrderDecided, decode, keys_of
from tallystick.ledger.verify import FolderSource, verify_ledger
from tallystick.wiring.ledger import PUBLISHED, store_of


def silence(_what: str) -> None:
    """Nobody watches a test's bar."""


@pytest.mark.parametrize("keys", ["sequential", "random"])
def test_entries_are_what_the_desk_writes(keys: KeyForm) -> None:
    """An entry reads as a filled order of its position, and its key is the one it settles."""
    orders = Orders(keys, "test")
    made = orders.batch(41, 3)
    assert made == orders.batch(41, 3)
    assert orders.entry_bytes > len(made[0].entry) > 800
    book = Book()
    book.apply(decode(opening().entry))
    for position, each in enumerate(made, 41):
        entry = decode(each.entry)
        assert isinstance(entry, OrderDecided)
        assert entry.order.id == f"O-{position}"
        assert entry.order.state == "filled"
        assert len(entry.order.client_order_id) == ID_CHARACTERS
        assert keys_of(entry) == each.keys
        book.apply(entry)
    assert book.account(ACCOUNT).balances["EUR"] != 0
    assert len({each.keys for each in made + orders.batch(44, 3)}) == 6


def test_batches_cover_what_was_asked_for() -> None:
    """The last batch is smaller; no position is left out or doubled."""
    orders = Orders("sequential", "test")
    batches = orders.batches(1, 10, 4)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert [each for batch in batches for each in batch] == orders.batch(1, 10)


def test_rejected_orders_are_shorter() -> None:
    """Where the disk is small the entries are real ones still."""
    short = Orders("sequential", "test", filled=False)
    assert short.entry_bytes < 0.7 * Orders("sequential", "test").entry_bytes
    entry = decode(short.batch(1, 1)[0].entry)
    assert isinstance(entry, OrderDecided)
    assert entry.rejection is not None


def test_the_bare_journal_is_as_durable_as_the_ledger(tmp_path: Path) -> None:
    """The ceiling waits for the disk like the ledger does, and holds the same bytes."""
    batch = Orders("sequential", "test").batch(1, 5)
    with sqlite_journal(tmp_path) as journal:
        asyncio.run(journal.append(batch))
        connection = journal.connection
        assert connection.execute("PRAGMA synchronous").get == 2
        assert connection.execute("PRAGMA journal_mode").get == "wal"
        rows = connection.execute("SELECT entry FROM entries ORDER BY position").fetchall()
        assert [entry for (entry,) in rows] == [each.entry for each in batch]


def test_a_race_alternates_over_the_same_entries(tmp_path: Path) -> None:
    """Each batch size has its rounds on SQLite, and the ledger verifies when they are over."""
    orders = Orders("sequential", "test")
    rounds = ledger_race.race({"sqlite": lambda: None}, orders, tmp_path, 2, 0.001, silence)
    assert [(one.batch, one.number, one.entries) for one in rounds] == [
        (1, 1, 1), (1, 2, 1), (64, 1, 64), (64, 2, 64), (1_024, 1, 1_024), (1_024, 2, 1_024)
    ]  # fmt: skip
    assert all(one.seconds > 0 and one.bare_seconds > 0 for one in rounds)
    assert list(tmp_path.iterdir()) == []


def test_a_race_on_postgresql(tmp_path: Path) -> None:
    """The same through `PostgresStore` and COPY, each in an empty database of one server."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    orders = Orders("random", "test")
    try:
        with ExitStack() as stack:
            server, _ = stack.enter_context(postgres.server_dsn(tmp_path))
            databases: ledger_race.Databases = {
                "postgres": lambda: stack.enter_context(postgres.database(server))
            }
            rounds = ledger_race.race(databases, orders, tmp_path, 1, 0.001, silence)
    except postgres.PostgresMissingError as error:
        pytest.skip(str(error))
    assert [(one.backend, one.batch) for one in rounds] == [
        ("postgres", 1), ("postgres", 64), ("postgres", 1_024)
    ]  # fmt: skip


def test_a_ratio_is_the_ledgers_share_of_the_bare_journal() -> None:
    """Twice as long is half the rate; folding the logs may be counted or not."""
    one = AppendRound("sqlite", 64, 1, 640, 2.0, 0.5, 1.0, 0.25)
    assert (one.ratio, one.ratio_folded) == (0.5, 0.5)


def test_proof_comes_with_the_acknowledgement_and_the_checkpoint_soon(tmp_path: Path) -> None:
    """Every batch is followed to the published file; each acknowledgement proved its entry."""
    found = ledger_waiting.waiting(Orders("sequential", "test"), tmp_path, 0.3, silence)
    assert [each.load for each in found] == [load.name for load in ledger_waiting.LOADS]
    for each in found:
        assert each.batches > 0
        assert each.checkpoint.max >= each.checkpoint.p50 > 0
        assert each.proof.p50 < each.checkpoint.p50


def test_waits_end_with_the_first_checkpoint_that_covers_them() -> None:
    """A checkpoint covers all batches up to its size, and no others."""
    batch = ledger_waiting.Acknowledged
    batches = [batch(10, 1.0, 0, 0), batch(20, 2.0, 0, 0), batch(30, 3.0, 0, 0)]
    assert ledger_waiting.waits(batches, [(10, 1.5), (30, 3.5)]) == [0.5, 1.5, 0.5]


def test_everything_about_proofs_is_measured(tmp_path: Path) -> None:
    """Proofs, receipts and both audits of a small ledger; what was made verifies."""
    works, footprints = ledger_proofs.measure(Orders("sequential", "test"), tmp_path, 600, silence)
    assert len({work.name for work in works}) == len(works) == 9
    assert all(work.per_second > 0 and work.bare_per_second > 0 for work in works)
    assert footprints[0].database > footprints[0].entry_bytes
    assert footprints[0].tiles > 0


def test_a_large_ledger_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    """Growing continues, ends at its size, and is published and folded for the product."""
    orders = Orders("sequential", "scale")
    told: list[int] = []
    ledger_scale.grow(tmp_path / "data", orders, 500, lambda _what, at, _of: told.append(at))
    ledger_scale.grow(tmp_path / "data", orders, 700, lambda _what, at, _of: told.append(at))
    assert told[-1] == 700
    with open_track(tmp_path / "data") as track:
        assert track.ledger.size == 700
        source = FolderSource(track.folder / PUBLISHED)
        assert verify_ledger(source, track.ledger.vkey).entries == 700
        store = store_of(track.settings, SystemClock())
        assert store.find(orders.batch(600, 1)[0].keys[0]) == 600
        store.close()
    opened = ledger_scale.open_product(tmp_path / "data", product=True)
    assert opened.ledger > 0
    assert opened.product is not None


def test_sizes_are_compared_in_rounds(tmp_path: Path) -> None:
    """Small ledgers are made anew each round, so that they are of their size when it begins."""
    plan = ledger_scale.Plan((300, 600), ("random",), 1, tmp_path, share=0.01)
    rounds = ledger_scale.scale(plan, lambda *_: None, silence)
    assert {(one.size, one.number, one.entries) for one in rounds} == {
        (300, 1, ledger_scale.BATCH), (600, 1, ledger_scale.BATCH)
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_entries_are_shorter_where_the_disk_is_full(tmp_path: Path) -> None:
    """What does not fit with filled orders is grown with rejected ones."""
    fits = ledger_scale.Plan((1_000_000,), ("random",), 1, tmp_path)
    huge = msgspec.structs.replace(fits, sizes=(10**12,))
    assert huge.bytes_needed > shutil.disk_usage(tmp_path).free
    assert huge.orders("random").entry_bytes < Orders("random", "scale").entry_bytes


@pytest.mark.slow
def test_the_peer_takes_the_same_entries(tmp_path: Path) -> None:
    """Tessera, built where there is Go, gives every entry an index, with and without antispam."""
    tessera = ledger_peer.build(tmp_path)
    if tessera is None:
        pytest.skip("there is no Go toolchain on the PATH")
    orders = Orders("sequential", "test")
    rounds = ledger_race.race_peer(tessera, orders, tmp_path, 1, 0.01, silence)
    assert [one.antispam for one in rounds] == [False, True]
    assert {one.peer.entries for one in rounds} == {tessera.adders}
    assert all(one.peer.published.max > 0 for one in rounds)
    assert tessera.version.startswith("v")


def test_a_peer_that_fails_is_heard(tmp_path: Path) -> None:
    """The error carries the program's last words."""
    with pytest.raises(ledger_peer.PeerError, match="failed"):
        ledger_peer.Tessera(Path("/bin/false")).run(tmp_path, [], antispam=False)


def test_spreads_are_milliseconds() -> None:
    """Percentiles of seconds, told in milliseconds."""
    assert Spread.of(number / 1_000 for number in range(1, 101)) == Spread(51.0, 100.0, 100.0)
    assert Spread.of([0.002]) == Spread(2.0, 2.0, 2.0)


def test_the_ledger_is_opened_as_the_product_opens_it(tmp_path: Path) -> None:
    """Key and guard are files, as they are for a server: nothing of an append is left out."""
    with open_track(tmp_path / "data") as track:
        asyncio.run(track.append(Orders("sequential", "test").batch(1, 2)))
        assert track.ledger.size == 3
        assert track.parts.guard is not None
    assert (tmp_path / "data" / DATABASE).exists()
    assert (tmp_path / "data" / "keys" / "ledger.key").exists()
    assert list((tmp_path / "data.guard").glob("*.head"))
