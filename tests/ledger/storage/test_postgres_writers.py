"""Many writers on one PostgreSQL ledger: under contention, through crashes, they keep one log."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Event
from typing import Any

import msgspec
import pytest

from tallystick.errors import HeadMoved, KeyTaken, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, Receipt, Sealable
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, parse_body, verify_note
from tallystick.ledger.merkle import leaf_hash, tree_root, verify_consistency
from tallystick.ledger.storage import PostgresStore
from tallystick.ledger.verify import verify_receipt

SIGNER = FileKeyring("ledger.example/test", b"\x07" * 32)
VKEY = VerifierKey.of(SIGNER.name, SIGNER.public_key)
WRITERS = 8
OWN_KEYS = 30
SHARED_KEYS = 40
WAIT_SECONDS_MAX = 60.0
APPEND_FOR_EVER = """
import asyncio, sys
from tallystick.errors import HeadMoved
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, Sealable
from tallystick.ledger.storage import PostgresStore

async def run(dsn, name):
    ledger = Ledger(PostgresStore(dsn), FileKeyring("ledger.example/test", bytes([7]) * 32))
    number = 0
    while True:
        keys = [f"{name} {number + n}" for n in range(3)]
        entries = [Sealable(b'{"key":"%s"}' % key.encode(), (key,)) for key in keys]
        try:
            sealed = await ledger.append(ledger.size, entries)
        except HeadMoved:
            continue
        print(sealed.first, keys[0], flush=True)
        number += 3

asyncio.run(run(*sys.argv[1:]))
"""


def entry_of(key: str) -> Sealable:
    """An entry that says the key which it settles."""
    return Sealable(msgspec.json.encode({"key": key}), (key,))


def key_of(entry: bytes) -> str:
    """The key that an entry says it settles."""
    return msgspec.json.decode(entry, type=dict[str, str])["key"]


def rows_of(ledger: Ledger) -> list[bytes]:
    """Every entry, page by page, without a gap."""
    entries: list[bytes] = []
    while len(entries) < ledger.size:
        entries += [row.entry for row in ledger.rows(len(entries), 1_000)]
    return entries


def require_one_log(dsn: str) -> list[bytes]:
    """All that the store holds is one consistent log, and each key is in it once; its entries."""
    with closing(PostgresStore(dsn)) as store:
        ledger = Ledger(store, SIGNER)
        entries = rows_of(ledger)
        keys = [key_of(entry) for entry in entries]
        assert [key for key, times in Counter(keys).items() if times > 1] == []
        assert [store.find(key) for key in keys] == list(range(len(keys)))
        leaves = [leaf_hash(entry) for entry in entries]
        size = 0
        while (found := store.checkpoint(size + 1)) is not None:
            size, note = found
            head = parse_body(verify_note(note, [ledger.vkey]).text)
            assert head == Checkpoint(ledger.origin, size, tree_root(leaves[:size]))
            verify_consistency(
                size1=size,
                size2=ledger.size,
                proof=ledger.consistency_proof(size, ledger.size),
                root1=head.root,
                root2=ledger.root(ledger.size),
            )
        assert size == ledger.size == len(store.rows(0, len(entries) + 9))
        for position in range(len(entries)):
            require_clean(ledger.receipt(position))
    return entries


def require_clean(receipt: Receipt) -> None:
    """The independent verifier accepts the receipt as it travels."""
    report = verify_receipt(msgspec.json.encode(receipt), VKEY)
    assert report.verdict == "clean", report.reason


class Writer:
    """A process's half: a store and a ledger of its own; it tries until each key is settled."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  no secret
        self.store = PostgresStore(dsn)
        self.ledger = Ledger(self.store, SIGNER)
        self.receipts: list[Receipt] = []
        self.told: Counter[str] = Counter()
        """How often it was told what."""

    async def settle_all(self, keys: Iterable[str]) -> None:
        """Settle these in batches of a few; the ledger says no to those that are settled."""
        waiting = list(keys)
        while waiting:
            batch = [waiting.pop() for _ in range(min(len(waiting), self.chance.randrange(1, 6)))]
            await self.settle(list(dict.fromkeys(batch)))

    async def settle(self, keys: list[str]) -> None:
        """One batch: all of it or, when one of its keys is taken, each alone."""
        while True:
            try:
                sealed = await self.ledger.append(self.ledger.size, [entry_of(k) for k in keys])
            except HeadMoved:
                self.told["moved"] += 1
            except KeyTaken:
                self.told["taken"] += 1
                keys = [key for key in keys if self.ledger.find(key) is None]
            else:
                self.receipts += [sealed.receipt(n) for n in range(len(keys))]
                return

    def close(self) -> None:
        """Let go of the store."""
        self.ledger.close()


def test_eight_writers_make_one_log(postgres: Any) -> None:
    """Each settles keys of its own, again some of them, and keys that all of them want.

    The log has no gap, each key once, each checkpoint is part of the last one's history, and what
    each writer was given at its acknowledgement is what anybody is given later.
    """
    dsn = postgres.schema()
    shared = [f"shared {number}" for number in range(SHARED_KEYS)]

    def run(seed: int) -> Writer:
        with closing(Writer(dsn, seed)) as writer:
            own = [f"{seed} {number}" for number in range(OWN_KEYS)]
            keys = own + writer.chance.sample(own, OWN_KEYS // 3) + shared
            writer.chance.shuffle(keys)
            asyncio.run(writer.settle_all(keys))
        return writer

    with ThreadPoolExecutor(WRITERS) as threads:
        writers = list(threads.map(run, range(WRITERS)))
    entries = require_one_log(dsn)
    wanted = {f"{seed} {number}" for seed in range(WRITERS) for number in range(OWN_KEYS)}
    assert {key_of(entry) for entry in entries} == wanted | set(shared)
    receipts = [receipt for writer in writers for receipt in writer.receipts]
    assert sorted(receipt.position for receipt in receipts) == list(range(len(entries)))
    with closing(Writer(dsn, WRITERS)) as anybody:
        for receipt in receipts:
            assert anybody.ledger.receipt(receipt.position) == receipt
    told = sum((writer.told for writer in writers), Counter())
    assert told["moved"] > 0
    assert told["taken"] > 0


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_of_writers_takes_nothing_that_was_acknowledged(postgres: Any, seed: int) -> None:
    """Two processes append and are killed at a random moment, while a third one follows.

    What they had said was stored is there, whole batches only, and the next writer goes on.
    """
    dsn = postgres.schema()
    chance = random.Random(seed)  # noqa: S311  no secret
    said: list[str] = []
    with closing(PostgresStore(dsn)) as store:
        heard: list[int] = []
        store.follow(heard.append)
        command = [sys.executable, "-c", APPEND_FOR_EVER, dsn]
        children = [
            subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"
        ]
        for child in children:
            with child:
                assert child.stdout is not None
                said += [child.stdout.readline() for _ in range(chance.randrange(5, 60))]
                child.kill()
                said += child.stdout.readlines()
        assert heard == sorted(heard)
        assert len(heard) > 1
    entries = require_one_log(dsn)
    assert len(entries) % 3 == 0
    for line in (line for line in said if line.endswith("\n")):
        first, key = line.rstrip("\n").split(" ", 1)
        assert key_of(entries[int(first)]) == key
    with closing(Writer(dsn, seed)) as writer:
        asyncio.run(writer.settle(["afterwards"]))
        assert writer.receipts[0].position == len(entries)


class Outage:
    """Writers that go on until told otherwise, and a follower, while the server comes and goes."""

    def __init__(self, dsn: str, writers: int) -> None:
        self.writers = [Writer(dsn, number) for number in range(writers)]
        self.heard: list[int] = []
        self._news, self._back, self._enough = Event(), Event(), Event()
        self._back.set()

    def hear(self, size: int) -> None:
        """The follower: takes the size down."""
        self.heard.append(size)
        self._news.set()

    def write(self, name: int) -> None:
        """One key after the other, each until it is settled."""
        asyncio.run(self._write(name))

    async def _write(self, name: int) -> None:
        writer = self.writers[name]
        for number in count():
            while not await self._settled(writer, f"{name} {number}"):
                writer.told["lost"] += 1
                self._back.wait(WAIT_SECONDS_MAX)
            if self._enough.is_set():
                break

    @staticmethod
    async def _settled(writer: Writer, key: str) -> bool:
        try:
            if writer.ledger.find(key) is None:
                await writer.settle([key])
        except TemporaryError:
            return False
        return True

    def wait_for_more(self, entries: int) -> None:
        """Until the follower has heard of so many more."""
        size = max(self.heard, default=0) + entries
        while max(self.heard, default=0) < size:
            assert self._news.wait(WAIT_SECONDS_MAX)
            self._news.clear()

    def strike(self, cluster: Any) -> None:
        """Kill the server and start it again."""
        self._back.clear()
        cluster.kill()
        cluster.start()
        self._back.set()

    def end(self) -> None:
        """Let the writers end."""
        self._enough.set()
        self._back.set()


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_of_the_server_takes_nothing_that_was_acknowledged(cluster: Any, seed: int) -> None:
    """All of PostgreSQL is killed in the midst of appends, twice, and started again.

    Writers and followers find it again by themselves. What was acknowledged is there with the same
    receipt; what was not is there or not, once, and settled by trying again with the same key.
    """
    cluster.start()
    chance = random.Random(seed)  # noqa: S311  no secret
    outage = Outage(cluster.dsn, 3)
    with closing(PostgresStore(cluster.dsn)) as follower, ThreadPoolExecutor(3) as threads:
        follower.follow(outage.hear)
        runs = [threads.submit(outage.write, name) for name in range(3)]
        try:
            for _ in range(2):
                outage.wait_for_more(chance.randrange(20, 200))
                outage.strike(cluster)
            outage.wait_for_more(20)
        finally:
            outage.end()
        for run in runs:
            run.result(WAIT_SECONDS_MAX)
    entries = require_one_log(cluster.dsn)
    for writer in outage.writers:
        for receipt in writer.receipts:
            assert writer.ledger.receipt(receipt.position) == receipt
            assert entries[receipt.position] == receipt.entry
        writer.close()
    assert outage.heard == sorted(outage.heard)
