"""Searches and documents against a model of a few lines that only knows a list of entries.

The queries are drawn independently of the ledger they are asked of (the lesson of TigerBeetle's
Jepsen report: fuzzers that prepared their queries missed the query bug).
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.execution import Fill, History, LimitsText, Order, OrderDecided, encode
from tallystick.execution import projection as projection_module
from tallystick.execution.documents import AccountState, KillSwitch, OrderState
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    KillSwitchSet,
    OrderCancelled,
    OrderFilled,
    Posting,
    QuoteSeen,
    Raw,
    decode,
)
from tallystick.execution.search import Filter
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable, SqliteStore
from tallystick.ledger.notices import HeadText, LedgerReconciled

START_NS = 1_795_514_400_000_000_000
ACCOUNTS = ("demo", "other", "third")
PAIRS = ("EUR/USD", "USD/JPY")
KINDS = ("order_decided", "order_filled", "order_cancelled", "account_opened", "kill_switch_set",
         "ledger_reconciled", "no_such_kind")  # fmt: skip
CHANGES = ("fill", "rest", "reject", "settle", "cancel", "open", "switch", "notice", "raw", "odd")
QUOTE = QuoteSeen("1.08249", "1.08251", rfc3339(START_NS), "model")
STORES = ("memory", "sqlite")


class Step(NamedTuple):
    """One entry to come: what happens, to whom, and how much time passes (or goes back)."""

    change: str
    account: str
    pair: str
    seconds: int
    amount: int


STEP = st.builds(
    Step,
    st.sampled_from(CHANGES),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(PAIRS),
    st.integers(-2, 3),
    st.integers(1, 999),
)
STEPS = st.lists(STEP, max_size=5) | st.lists(STEP, min_size=30, max_size=60)
SECONDS = st.integers(-5, 40)
STAMPS = st.none() | SECONDS.map(lambda s: rfc3339(START_NS + s * 10**9))
FILTERS = st.builds(
    Filter,
    account=st.none() | st.sampled_from(ACCOUNTS) | st.just("nobody"),
    pair=st.none() | st.sampled_from((*PAIRS, "GBP/USD")),
    kind=st.none() | st.sampled_from(KINDS[:2]) | st.sampled_from(KINDS),
    start=st.just(0) | st.integers(0, 15) | st.integers(0, 70),
    stop=st.none() | st.integers(15, 70) | st.integers(0, 70),
    since=st.none() | STAMPS,
    until=st.none() | STAMPS,
)


def entries_of(steps: Sequence[Step]) -> Iterator[bytes]:
    """Entries as the desk writes them, of every kind, with clocks that sometimes go back."""
    resting: list[Order] = []
    at_ns = START_NS
    for position, step in enumerate(steps):
        at_ns += step.seconds * 10**9
        yield entry_of(position, step, rfc3339(at_ns), resting)


def entry_of(position: int, step: Step, at: str, resting: list[Order]) -> bytes:
    """The bytes of one entry; `resting` are orders that can settle."""
    order = Order(f"O-{position}", step.account, f"c-{position}", step.pair, "buy", "1", "limit",
                  "GTC", "1.00000", "filled")  # fmt: skip
    fills = (Fill(f"F-{position}-1", "1.0", str(step.amount), "1.00", "2026-11-26"),)
    entry: Entry
    if step.change == "rest":
        resting.append(msgspec.structs.replace(order, state="new"))
        entry = OrderDecided(at, resting[-1], "r")
    elif step.change == "reject":
        entry = OrderDecided(at, msgspec.structs.replace(order, state="rejected"), "r")
    elif step.change == "settle" and resting:
        order = msgspec.structs.replace(resting.pop(0), state="filled")
        entry = OrderFilled(at, order, fills, postings_of(order, step), QUOTE)
    elif step.change == "cancel" and resting:
        order = msgspec.structs.replace(resting.pop(), state="cancelled")
        entry = OrderCancelled(at, order, "a trader", "changed")
    elif step.change == "open":
        limits = LimitsText(str(step.amount), "1.00", 1, 1, 1)
        entry = AccountOpened(at, step.account, limits)
    elif step.change == "switch":
        whose = None if step.pair == PAIRS[0] else step.account
        entry = KillSwitchSet(at, whose, step.amount % 2 == 0, "a risk officer", "test")
    elif step.change == "notice":
        entry = LedgerReconciled(at, None, HeadText(1, "00"), 0, False, "operator", "test")
    elif step.change == "raw":
        entry = Raw(b"\xff\x00 load %d" % position)
    elif step.change == "odd":
        entry = Raw(b'["no", "object"]')
    else:
        entry = OrderDecided(at, order, "r", fills=fills, postings=postings_of(order, step))
    return encode(entry)


def postings_of(order: Order, step: Step) -> tuple[Posting, ...]:
    """A trade of `amount` euro against dollars, in both accounts' books."""
    return (
        Posting(order.account, "EUR", f"{step.amount}.00"),
        Posting("house", "EUR", f"-{step.amount}.00"),
        Posting(order.account, "USD", "-1.00"),
        Posting("house", "USD", "1.00"),
    )


class Model:
    """The log as a list, and every question answered by walking it from its beginning."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = [decode(data) for data in entries]
        stamps = (getattr(entry, "at", "") for entry in self.entries)
        self.times = list(itertools.accumulate(stamps, max))

    def fits(self, position: int, wanted: Filter) -> bool:
        """Whether the entry meets every condition."""
        entry = self.entries[position]
        order = getattr(entry, "order", None)
        said = {
            "account": order.account if order else getattr(entry, "account", None),
            "pair": order.pair if order else None,
            "kind": None if isinstance(entry, Raw) else entry.__struct_config__.tag,
        }
        return (
            wanted.start <= position < (2**60 if wanted.stop is None else wanted.stop)
            and (wanted.since is None or self.times[position] >= wanted.since)
            and (wanted.until is None or self.times[position] < wanted.until)
            and all(getattr(wanted, name) in {None, value} for name, value in said.items())
        )

    def found(self, wanted: Filter) -> list[int]:
        """Positions of the entries that fit."""
        return [position for position in range(len(self.entries)) if self.fits(position, wanted)]

    def account_versions(self, account: str) -> list[tuple[int, AccountState]]:
        """(position, state after it) wherever the account changed."""
        versions = []
        limits, stopped, cents = None, False, {"EUR": 0, "USD": 0}
        for position, entry in enumerate(self.entries):
            mine = getattr(entry, "account", None) == account
            postings = [p for p in getattr(entry, "postings", ()) if p.account == account]
            if mine and isinstance(entry, AccountOpened):
                limits = entry.limits
            elif mine and isinstance(entry, KillSwitchSet):
                stopped = entry.active
            elif not postings:
                continue
            for posting in postings:
                cents[posting.currency] += int(posting.amount.replace(".", ""))
            held = {code: f"{n // 100 if n > 0 else -(-n // 100)}.00" for code, n in cents.items()}
            held = {code: text for code, text in held.items() if cents[code]}
            versions.append((position, AccountState(account, limits, stopped, held)))
        return versions

    def order_versions(self, name: str) -> list[tuple[int, OrderState]]:
        """Likewise of an order."""
        return [
            (position, OrderState(entry.order, getattr(entry, "fills", ()), None))
            for position, entry in enumerate(self.entries)
            if isinstance(entry, OrderDecided | OrderFilled | OrderCancelled)
            and entry.order.id == name
        ]

    def switch_versions(self, account: str | None) -> list[tuple[int, KillSwitch]]:
        """Likewise of a kill switch."""
        return [
            (
                position,
                KillSwitch(
                    entry.account,
                    entry.active,
                    entry.by,
                    entry.reason,
                    "halted" if entry.active else "active",
                    "all" if entry.account is None else "account",
                ),
            )
            for position, entry in enumerate(self.entries)
            if isinstance(entry, KillSwitchSet) and entry.account == account
        ]

    def limit_versions(self, account: str) -> list[tuple[int, LimitsText]]:
        """Likewise of an account's limits."""
        return [
            (position, entry.limits)
            for position, entry in enumerate(self.entries)
            if isinstance(entry, AccountOpened) and entry.account == account
        ]


class World:
    """A ledger, its history and the model of both; grown in any batches."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        kept = MemoryStore() if store == "memory" else SqliteStore(folder / "ledger.db")
        self.ledger = Ledger(kept, FileKeyring("tallystick.test/model", bytes(32)))
        self.path = folder / "projections.db"
        self.history = History(self.path, self.ledger)

    def grow(self, entries: Sequence[bytes]) -> None:
        """Append them in one batch."""
        asyncio.run(self.ledger.append(self.ledger.size, [Sealable(data) for data in entries]))

    def rebuild(self) -> None:
        """Lose the projection, and fold it again from the ledger."""
        self.history.close()
        for path in self.folder.glob("projections.db*"):
            path.unlink()
        self.history = History(self.path, self.ledger)
        self.history.fold()

    def close(self) -> None:
        """Let go of every file."""
        self.history.close()
        self.ledger.close()


@pytest.fixture(params=STORES)
def worlds(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Makes worlds on either store, each in a folder of its own; closed at the end."""
    made: list[World] = []

    def make(entries: Sequence[bytes], cuts: Sequence[int]) -> World:
        while made:
            made.pop().close()
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        made.append(World(folder, request.param))
        start = 0
        for cut in [*sorted(cuts), len(entries)]:
            if entries[start:cut]:
                made[-1].grow(entries[start:cut])
                made[-1].history.fold()
                start = max(start, cut)
        return made[-1]

    numbers = itertools.count()
    yield make
    for world in made:
        world.close()


def pages(history: History, wanted: Filter, limit: int, *, descending: bool) -> list[int]:
    """All positions, page by page."""
    found: list[int] = []
    cursor = None
    for _page in range(1_000):
        page = history.search.page(wanted, limit=limit, descending=descending, cursor=cursor)
        assert len(page.entries) <= limit
        found += [position for position, _row in page.entries]
        cursor = page.cursor
        if cursor is None:
            return found
    pytest.fail("the pages never end")


FUZZED = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZED
@given(
    steps=STEPS,
    cuts=st.lists(st.integers(0, 60), max_size=4),
    queries=st.lists(st.tuples(FILTERS, st.integers(1, 9), st.booleans()), min_size=8, max_size=24),
    scan=st.sampled_from((1, 3, 50_000)),
)
def test_every_search_gives_what_the_model_gives(
    worlds: Any, steps: list[Step], cuts: list[int], queries: list[Any], scan: int
) -> None:
    """Any filter, either order, any page size, any bound of a scan; again after a rebuild."""
    entries = list(entries_of(steps))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection_module, "FOLD_ROWS", 7)
        patch.setattr("tallystick.execution.search.SCAN_ROWS_MAX", scan)
        world, model = worlds(entries, cuts), Model(entries)
        for attempt in range(2):
            for wanted, limit, descending in queries:
                turned = (wanted.stop is not None and wanted.start > wanted.stop) or (
                    wanted.until is not None and (wanted.since or "") > wanted.until
                )
                if turned:
                    with pytest.raises(Refused) as caught:
                        world.history.search.page(wanted, limit=limit)
                    assert caught.value.code == "BAD_RANGE"
                    continue
                expected = model.found(wanted)
                found = pages(world.history, wanted, limit, descending=descending)
                assert found == (expected[::-1] if descending else expected)
            if attempt == 0:
                world.rebuild()


@FUZZED
@given(
    steps=STEPS,
    cuts=st.lists(st.integers(0, 60), max_size=4),
    limit=st.integers(1, 5),
    before=st.integers(0, 60),
    seconds=SECONDS,
)
def test_every_document_is_what_the_model_says(
    worlds: Any, steps: list[Step], cuts: list[int], limit: int, before: int, seconds: int
) -> None:
    """All versions, page by page; and the one in force at any position and at any time."""
    entries = list(entries_of(steps))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection_module, "FOLD_ROWS", 7)
        world, model = worlds(entries, cuts), Model(entries)
        documents = world.history.documents
        asked: dict[tuple[Any, str], list[tuple[int, Any]]] = {}
        for account in ACCOUNTS:
            asked["account", account] = list(model.account_versions(account))
            asked["limit", account] = list(model.limit_versions(account))
            asked["kill_switch", account] = list(model.switch_versions(account))
        asked["kill_switch", "*"] = list(model.switch_versions(None))
        for n in range(len(entries)):
            asked["order", f"O-{n}"] = list(model.order_versions(f"O-{n}"))
        at = rfc3339(START_NS + seconds * 10**9)
        then = world.history.search.size_at(at)
        assert then == sum(1 for time in model.times if time <= at)
        for (kind, name), expected in asked.items():
            if not expected:
                for ask in (
                    lambda k=kind, n=name: documents.versions(k, n, limit=1),
                    lambda k=kind, n=name: documents.in_force(k, n, before),
                ):
                    with pytest.raises(Refused) as caught:
                        ask()
                    assert caught.value.code == "UNKNOWN_DOCUMENT"
                continue
            found, start = [], 0
            while True:
                page = documents.versions(kind, name, limit=limit, start=start)
                found += [(version.position, version.state) for version in page.versions]
                if page.cursor is None:
                    break
                start = page.cursor
            assert found == expected
            for cut in (before, then):
                version = documents.in_force(kind, name, cut)
                known = [state for position, state in expected if position < cut]
                assert (None if version is None else version.state) == (
                    known[-1] if known else None
                )
