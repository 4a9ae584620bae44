"""Fifty execution environments at once on one ledger, some of them killed: still one proved log."""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aws_flood import Context, flood, open_accounts, order, request
from aws_world import ACCOUNTS, KEYRING, VKEY, World

from tallystick.execution.entries import decode
from tallystick.execution.trial.check import check_ledger_book
from tallystick.ledger import Ledger, PostgresStore, Publisher
from tallystick.ledger.check import check_store
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt
from tallystick.wiring.check import _keys_of

PROCESSES = int(os.environ.get("TALLYSTICK_TEST_FUNCTIONS", "50"))
KILLED = PROCESSES // 6
OWN_ORDERS = 10
SHARED_ORDERS = 4
"""Sent by every process, under the same client_order_id: one entry each, and one answer."""
SECONDS_MAX = 240.0


def noted(folder: Path) -> list[dict[str, Any]]:
    """Every answer that a client has seen; a killed process' last line may be cut."""
    return [
        json.loads(line)
        for file in sorted(folder.glob("*.acks"))
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]


def orders_of(world: World, number: int) -> list[tuple[str, dict[str, Any]]]:
    """What process `number` sends: its own, and between them those that all send."""
    account = ACCOUNTS[number % len(ACCOUNTS)]
    own = [
        (world.tokens[account], order(account, f"p{number}-{n}", 1_000 + n, ("buy", "sell")[n % 2]))
        for n in range(OWN_ORDERS)
    ]
    shared = [(world.tokens["desk"], order("desk", f"all-{n}")) for n in range(SHARED_ORDERS)]
    mixed = own + shared
    random.Random(number).shuffle(mixed)  # noqa: S311  no secret
    return mixed


def balances_in(entries: list[bytes]) -> dict[str, dict[str, Decimal]]:
    """The postings of every entry, added up without our book."""
    found: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for entry in entries:
        for posting in json.loads(entry).get("postings", ()):
            found[posting["account"]][posting["currency"]] += Decimal(posting["amount"])
    return {name: dict(held) for name, held in found.items()}


@pytest.mark.slow
def test_fifty_functions_write_one_log(
    crowded: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Gap-free and verifying; every acknowledged order in it once; the balances are right."""
    world = crowded
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    from tallystick.wiring.aws import order as function  # noqa: PLC0415  reads the environment

    open_accounts(world)
    started = time.monotonic()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tallystick.wiring.aws.order", "aws_flood"])
    processes = [
        context.Process(
            target=flood,
            args=(world.environment, str(tmp_path / f"{n}.acks"), orders_of(world, n)),
        )
        for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    kill_some(processes, tmp_path)
    for process in processes:
        process.join(max(0.0, started + SECONDS_MAX - time.monotonic()))
    seconds = time.monotonic() - started
    ended = Counter(process.exitcode for process in processes)
    assert ended == {0: PROCESSES - KILLED, -signal.SIGKILL: KILLED}, ended
    answers = noted(tmp_path)
    entries = require_one_log(world, tmp_path)
    require_each_once(answers, entries)
    asked = request("GET", "/v1/positions", world.tokens["desk"])
    positions = json.loads(function.handler(asked, Context())["body"])
    held = {each["currency"]: Decimal(each["amount"]) for each in positions["balances"]}
    assert held == balances_in(entries)["desk"]
    function.environment().close()
    lost = max(line["lost"] for line in answers)
    said = f"{len(answers)} answers in {seconds:.1f} s, {len(entries)} entries, {lost} defeats"
    record_property("many_at_once", said)
    sys.stderr.write(f"{said}\n")


def kill_some(processes: list[Any], folder: Path) -> None:
    """End some processes as a power cut would, once each has been answered at least once."""
    for number, process in enumerate(processes[:KILLED]):
        file = folder / f"{number}.acks"
        deadline = time.monotonic() + SECONDS_MAX
        while not (file.exists() and file.stat().st_size):
            assert process.is_alive(), process.exitcode
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()


def require_one_log(world: World, folder: Path) -> list[bytes]:
    """The store is whole, the published files verify, the double entry holds; the entries."""
    with closing(PostgresStore(world.owner)) as store:
        passed = check_store(store, KEYRING.name, [VKEY], _keys_of)
        ledger = Ledger(store, KEYRING)
        assert passed.position == ledger.size
        Publisher(store, folder / "published").publish()
        report = verify_ledger(FolderSource(folder / "published"), VKEY, canonical_json=True)
        assert report.verdict == "clean", report
        for _ in check_ledger_book(ledger):
            pass
        return [row.entry for row in ledger.rows(0, ledger.size)]


def require_each_once(answers: list[dict[str, Any]], entries: list[bytes]) -> None:
    """Each answer's receipt verifies and is its entry's; no order has two entries."""
    assert {line["status"] for line in answers} == {201}
    decided = [decode(entry) for entry in entries if b'"kind":"order_decided"' in entry]
    names = Counter(f"{e.order.account} {e.order.client_order_id}" for e in decided)
    assert max(names.values()) == 1, names.most_common(3)
    said: defaultdict[str, set[int]] = defaultdict(set)
    for line in answers:
        body = line["body"].encode()
        assert verify_receipt(body, VKEY).verdict == "clean"
        answer = msgspec.json.decode(body)
        position = answer["receipt"]["position"]
        entry = json.loads(entries[position])
        sent = line["sent"]
        assert entry["order"]["client_order_id"] == sent["client_order_id"]
        assert entry["order"]["account"] == sent["account"]
        said[f"{sent['account']} {sent['client_order_id']}"].add(position)
    assert all(len(positions) == 1 for positions in said.values())
    assert said.keys() <= names.keys()
