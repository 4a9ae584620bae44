"""kill -9 at any moment loses nothing that was acknowledged, and a start needs no repair."""

import asyncio
import os
import random
import signal
import subprocess
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, parse_body, verify_note
from tallystick.ledger.merkle import verify_consistency
from tallystick.ledger.tiles import decode_bundle, entries_path, tiles_of
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt

pytestmark = pytest.mark.server

KILLS = int(os.environ.get("TALLYSTICK_TEST_KILLS", "15"))
"""How often the process is killed; `TALLYSTICK_TEST_KILLS=1000 make soak` makes it a long night."""
LOAD_SECONDS_MAX = 0.35
"""The kill comes at a random moment of the load, at most so late."""
TERMINATED_SHARE = 0.2
"""Share of kills that hit a process which is already asked to end."""
STOPPING_SECONDS_MAX = 0.1
STARTING_SHARE = 0.1
"""Share of starts that are killed themselves, before the one that stays."""
STARTING_SECONDS_MAX = 1.5
FILES_OF_A_START = (1, 3, 5, 7, 9, 11, 13, 15)
"""A first start is killed when so many files are there: each is another step on its way."""


class Receipt(msgspec.Struct):
    """The members that are compared."""

    position: int
    entry: str
    checkpoint: str


class Answer(msgspec.Struct):
    """An answer to an order, as far as it is compared."""

    receipt: Receipt


class Desk:
    """Sends orders to one data folder through all its lives, and holds it to its answers."""

    def __init__(self, folder: Path, launch: Any, ask: Any, seed: int) -> None:
        """Start the first server; `seed` decides orders and moments."""
        self.folder = folder
        self.launch = launch
        self.ask = ask
        self.chance = random.Random(seed)  # noqa: S311  a reproducible choice of moments
        self.server = launch(folder).wait()
        self.key = VerifierKey.parse(self.server.vkey)
        self.orders = self._orders()
        self.outcomes: Counter[str] = Counter()
        self.size = 0
        self.seen: dict[str, Checkpoint] = {}
        """The newest checkpoint that was found in each place: answers, API, published folder."""
        self._look()

    def _orders(self) -> Iterator[tuple[bytes, str, bytes]]:
        """Endless different orders: taken at market, resting far from it, and too large."""
        with self.server.client() as client:
            prices = client.get("/v1/prices").json()["prices"]
        bids = {price["pair"]: price["bid"] for price in prices}
        number = 0
        while True:
            number += 1
            pair = self.chance.choice(("EUR/USD", "GBP/USD", "USD/JPY"))
            kind = self.chance.choices(("market", "limit", "huge"), (80, 15, 5))[0]
            order = {
                "client_order_id": f"c-{number}",
                "account": self.server.account,
                "pair": pair,
                "side": self.chance.choice(("buy", "sell")) if kind == "market" else "buy",
                "quantity": "60000000" if kind == "huge" else str(100_000 + number),
                "type": "limit" if kind == "limit" else "market",
                "time_in_force": "GTC" if kind == "limit" else "FOK",
            }
            if kind == "limit":
                far = Decimal(bids[pair]) * Decimal("0.97")
                order["price"] = str(far.quantize(Decimal(bids[pair])))
            yield order["client_order_id"].encode(), "/v1/orders", msgspec.json.encode(order)

    def round(self) -> None:
        """Load, kill -9 in the middle of it, start again, hold it to all that it said."""
        sent: dict[bytes, bytes] = {}
        answers = asyncio.run(self._load_until_death(sent))
        self.server.kill()
        if self.chance.random() < STARTING_SHARE:
            self._start_and_kill()
        again = self.launch(self.folder)  # while it starts, its answers are checked without it
        self._published_is_clean()
        acknowledged = self._receipts_hold(answers)
        self.server = again.wait()
        entries = self._look()
        unknown = self._all_there(sent, answers, acknowledged, entries)
        self._retries_change_nothing(sent, acknowledged, unknown)
        assert self.server.said() == ""

    def restart(self) -> None:
        """End cleanly, which keeps a snapshot of the book: later starts go on from there."""
        assert self.server.stop() == 0
        self.server = self.launch(self.folder).wait()
        assert self._look() == {}

    def _start_and_kill(self) -> None:
        starting = self.launch(self.folder)
        with suppress(subprocess.TimeoutExpired):
            starting.process.wait(self.chance.uniform(0.0, STARTING_SECONDS_MAX))
        assert starting.process.returncode is None, self.server.said()
        starting.kill()

    async def _load_until_death(self, sent: dict[bytes, bytes]) -> dict[bytes, Any]:
        process = self.server.process
        moment = self.chance.uniform(0.0, LOAD_SECONDS_MAX)
        loop = asyncio.get_running_loop()
        if self.chance.random() < TERMINATED_SHARE:
            loop.call_later(moment, process.send_signal, signal.SIGTERM)
            moment += self.chance.uniform(0.0, STOPPING_SECONDS_MAX)
        loop.call_later(moment, process.kill)

        def orders() -> Iterator[tuple[bytes, str, bytes]]:
            for name, path, body in self.orders:
                sent[name] = body
                yield name, path, body

        answers: dict[bytes, Any] = await self.ask(self.server.url, self.server.token, orders())
        return answers

    def _published_is_clean(self) -> None:
        """What lies in the folder after a kill verifies as it is."""
        report = verify_ledger(FolderSource(self.folder / "ledger"), self.key)
        assert report.verdict == "clean", report
        self._see("published", (self.folder / "ledger" / "checkpoint").read_bytes())

    def _receipts_hold(self, answers: dict[bytes, Any]) -> dict[bytes, tuple[bytes, Receipt]]:
        """Every acknowledged order's answer verifies; nothing but yes and "not now" was said."""
        acknowledged = {}
        for name, answer in answers.items():
            if answer is None:
                continue
            status, body = answer
            assert status in (201, 503), body
            self.outcomes[str(status)] += 1
            if status == 201:
                report = verify_receipt(body, self.key)
                assert report.verdict == "clean", report
                acknowledged[name] = body, msgspec.json.decode(body, type=Answer).receipt
        if acknowledged:
            newest = max(acknowledged.values(), key=lambda held: held[1].position)
            self._see("answered", newest[1].checkpoint.encode())
        return acknowledged

    def _see(self, where: str, note: bytes) -> Checkpoint:
        found = self.seen[where] = parse_body(verify_note(note, [self.key]).text)
        return found

    def _look(self) -> dict[int, bytes]:
        """The entries since the last look, in a ledger that begins with all that was seen."""
        known = list(self.seen.values())
        with self.server.client() as client:
            now = self._see("api", client.get("/v1/ledger/checkpoint").content)
            for before in known:
                assert before.size <= now.size, "the ledger has gone back"
                query = {"from": before.size, "to": now.size}
                answer = client.get("/v1/ledger/proof/consistency", params=query).json()
                verify_consistency(
                    size1=before.size,
                    size2=now.size,
                    proof=[b64decode(item) for item in answer["proof"]],
                    root1=before.root,
                    root2=now.root,
                )
        wanted = range(self.size, now.size)
        self.size = now.size
        found = self._ask((n, f"/v1/ledger/entries/{n}", b"") for n in wanted)
        return {
            n: b64decode(msgspec.json.decode(body, type=Receipt).entry)
            for n, (_, body) in found.items()
        }

    def _all_there(
        self,
        sent: dict[bytes, bytes],
        answers: dict[bytes, Any],
        acknowledged: dict[bytes, tuple[bytes, Receipt]],
        entries: dict[int, bytes],
    ) -> dict[bytes, int | None]:
        """Entries are what was acknowledged, and orders whose answer was lost; nothing else.

        Gives the position of every order without an answer, None where it is absent.
        """
        for _, receipt in acknowledged.values():
            assert entries[receipt.position] == b64decode(receipt.entry)
        positions: dict[bytes, int] = {}
        for position, entry in entries.items():
            facts = msgspec.json.decode(entry)
            assert facts["kind"] == "order_decided", facts
            name = facts["order"]["client_order_id"].encode()
            assert name not in positions, "one order, one entry"
            positions[name] = position
        assert positions.keys() <= sent.keys()
        assert all(receipt.position == positions[n] for n, (_, receipt) in acknowledged.items())
        lost = {name: positions.get(name) for name in sent.keys() - acknowledged.keys()}
        refused = [position for name, position in lost.items() if answers.get(name)]
        assert not any(refused), "503 says that nothing was done"
        there = len(positions) - len(acknowledged)
        self.outcomes["unanswered, there"] += there
        self.outcomes["unanswered, absent"] += len(lost) - len(refused) - there
        return lost

    def _retries_change_nothing(
        self,
        sent: dict[bytes, bytes],
        acknowledged: dict[bytes, tuple[bytes, Receipt]],
        unknown: dict[bytes, int | None],
    ) -> None:
        """A retry gets the very bytes of the answer; one without an answer becomes one order."""
        first = self._ask((name, "/v1/orders", body) for name, body in sent.items())
        for name, (body, _) in acknowledged.items():
            assert first[name] == (201, body)
        for name, position in unknown.items():
            status, body = first[name]
            assert status == 201
            assert verify_receipt(body, self.key).verdict == "clean"
            found = msgspec.json.decode(body, type=Answer).receipt.position
            assert found >= self.size if position is None else found == position
        again = self._ask((name, "/v1/orders", sent[name]) for name in unknown)
        assert again == {name: first[name] for name in unknown}
        placed = self._look()
        assert len(placed) == sum(position is None for position in unknown.values())

    def _ask(self, requests: Any) -> dict[Any, Any]:
        answers: dict[Any, Any] = asyncio.run(
            self.ask(self.server.url, self.server.token, requests)
        )
        assert None not in answers.values()
        return answers

    def whole_ledger_holds(self, tallystick: Any) -> None:
        """Folder and URL verify from the first entry, and balances are what entries add up to."""
        with self.server.client() as client:
            held = _until(
                lambda: client.get("/v1/positions").json(), lambda p: p["position"] == self.size
            )
            for level in ("WARN", "ERROR"):
                query = {"q": f"severity_text={level}"}
                assert client.get("/v1/logs", params=query).json()["logs"] == []
        told = tallystick("verify", self.server.url, "--vkey", self.server.vkey)
        assert told.returncode == 0, told.stdout + told.stderr
        assert self.server.stop() == 0
        report = verify_ledger(FolderSource(self.folder), self.key, canonical_json=True)
        assert (report.verdict, report.size) == ("clean", self.size), report
        assert report.notes == ()
        assert {line["currency"]: Decimal(line["amount"]) for line in held["balances"]} == {
            currency: amount for currency, amount in self._balances().items() if amount
        }

    def _balances(self) -> Counter[str]:
        balances: Counter[Any] = Counter()
        for entry in _published_entries(self.folder, self.size):
            for posting in msgspec.json.decode(entry).get("postings", ()):
                if posting["account"] == self.server.account:
                    balances[posting["currency"]] += Decimal(posting["amount"])
        return balances


def _published_entries(folder: Path, size: int) -> Iterator[bytes]:
    for tile in tiles_of(size):
        if tile.level == 0:
            bundle = folder / "ledger" / entries_path(tile.index, tile.width)
            yield from decode_bundle(bundle.read_bytes())


def _until(look: Any, good: Any) -> Any:
    deadline = time.monotonic() + 30
    while not good(found := look()):
        assert time.monotonic() < deadline, found
    return found


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * KILLS)
def test_kill_9_at_any_moment_loses_nothing(
    tmp_path: Path, launch: Any, ask: Any, tallystick: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fifty kills under load: every acknowledged order, its receipt and history are still there.

    After each: the published files verify, every answer verifies offline, its entry is at its
    position byte for byte, a retry gets the very same bytes, what had no answer is one order or
    none and one after a retry, the ledger extends every checkpoint seen, and no start complains.
    """
    desk = Desk(tmp_path / "data", launch, ask, seed=KILLS)
    for number in range(KILLS):
        if number == KILLS // 2:
            desk.restart()
        desk.round()
    desk.whole_ledger_holds(tallystick)
    with capsys.disabled():
        print(f"\n{KILLS} kills, {desk.size:,} entries, {dict(desk.outcomes)}")  # noqa: T201
    assert desk.outcomes["unanswered, absent"] + desk.outcomes["unanswered, there"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("files", FILES_OF_A_START)
def test_kill_9_in_the_first_start(tmp_path: Path, launch: Any, files: int) -> None:
    """However far the very first start came, the second one is ready and trades."""
    folder = tmp_path / "data"
    first = launch(folder)
    _until(lambda: sum(path.is_file() for path in folder.rglob("*")), lambda n: n >= files)
    first.kill()
    server = launch(folder).wait()
    order = {
        "client_order_id": "c-1", "account": server.account, "pair": "EUR/USD", "side": "buy",
        "quantity": "1000000", "type": "market", "time_in_force": "FOK",
    }  # fmt: skip
    with server.client() as client:
        answer = client.post("/v1/orders", json=order)
    report = verify_receipt(answer.content, VerifierKey.parse(server.vkey))
    assert (report.verdict, report.position) == ("clean", 1), report
    assert server.said() == ""
