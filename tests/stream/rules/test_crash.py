"""kill -9 at any moment: nothing that matched is lost, and nothing arrives twice."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tallystick.stream.rules.database import Database
from tallystick.stream.rules.queues import Queues

ENTRIES = 400
KILLS = 6
WORKER = f"""
import asyncio, json, random, sys
from pathlib import Path
from typing import Any
from tallystick.clock import SystemClock
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import Message
from tallystick.stream.rules import EventRules, read_rule

folder = Path(sys.argv[1])
rule = read_rule("r", json.dumps({{
    "pattern": {{"detail-type": ["Order Filled"], "detail": {{"n": [{{"numeric": [">=", 0]}}]}}}},
    "targets": [{{"id": "q", "type": "queue", "queue": "q"}}] + ([
        {{"id": "w", "type": "webhook", "url": sys.argv[2]}}] if len(sys.argv) > 2 else []),
}}).encode(), "json")

def opened(ledger):
    return EventRules(folder / "rules.db", [rule], ledger, SystemClock(), random.Random(7),
                      secret=b"a shared secret of enough bytes")

async def main():
    ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\\x07" * 32))
    if not (folder / "rules.db").exists():
        await opened(ledger).close()
    kinds = ("order_filled", "order_expired")
    bodies = [b'{{"at":"2026-11-22T04:08:16.123456Z","kind":"%s","n":%d}}'
              % (kinds[n % 2].encode(), n) for n in range({ENTRIES})]
    await ledger.append(0, [Sealable(body) for body in bodies])
    rules = opened(ledger)
    working = asyncio.create_task(rules.run())
    while rules.position < ledger.size:
        start = rules.position
        messages = [Message(start + n, body) for n, body in enumerate(bodies[start : start + 5])]
        await rules.take(messages)
        print(rules.position, flush=True)
    while rules.outbox.waiting():
        await asyncio.sleep(0.01)
    print("done", flush=True)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await rules.close()

asyncio.run(main())
"""


def run(folder: Path, lines: int | None, *more: str) -> bool:
    """Run the worker, kill it after so many lines; whether it came to its end."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
        text=True,
    ) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        seen = []
        for line in worker.stdout:
            seen.append(line.strip())
            if lines is not None and len(seen) >= lines:
                worker.send_signal(signal.SIGKILL)
                break
        worker.wait()
        said = worker.stderr.read()
    assert worker.returncode in {0, -signal.SIGKILL}, said
    return bool(seen) and seen[-1] == "done"


def test_nothing_is_lost_and_nothing_arrives_twice(tmp_path: Path) -> None:
    """After kills at random moments every other entry stands in the queue, once."""
    chance = random.Random(11)  # noqa: S311  the same moments each time
    for _ in range(KILLS):
        run(tmp_path, chance.randint(1, 14))
    assert run(tmp_path, None)
    database = Database(tmp_path / "rules.db")
    queues, found = Queues(database), []
    while messages := queues.receive("q", 2**62, 100):
        found += [json.loads(bytes(each.body)) for each in messages]
        queues.acknowledge("q", [each.receipt for each in messages])
    with database.reading():
        assert database.run("waiting") == []
        assert ("r", "", "matched", ENTRIES // 2) in database.run("counts")
    database.close()
    assert sorted(int(event["id"]) for event in found) == list(range(0, ENTRIES, 2))


def test_every_webhook_is_called_at_least_once(tmp_path: Path, receiver: Any) -> None:
    """What arrived twice did so under the same key, so its receiver can tell."""
    chance = random.Random(12)  # noqa: S311  the same moments each time
    for _ in range(KILLS):
        run(tmp_path, chance.randint(1, 14), receiver.url)
    assert run(tmp_path, None, receiver.url)
    arrived: dict[str, set[str]] = {}
    for _, headers, body in receiver.received:
        arrived.setdefault(json.loads(body)["id"], set()).add(headers["Idempotency-Key"])
    assert sorted(map(int, arrived)) == list(range(0, ENTRIES, 2))
    assert all(len(keys) == 1 for keys in arrived.values())
