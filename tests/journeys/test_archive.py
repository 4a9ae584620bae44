"""The archive in the whole product: old lines leave the disk, stay searchable, and are held."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.watch.collect.store import LogStore

DEADLINE_SECONDS = 30.0
LINES = 50
OLD_DAYS = 45


def fill(folder: Path) -> None:
    """Old lines of an index, sealed, as a server of back then would have left them."""
    clock = SystemClock()
    folder.mkdir(mode=0o700)
    store = LogStore(folder / "logs", clock)
    first_ns = clock.now_ns() - OLD_DAYS * 86_400 * NS_PER_SECOND
    store.append(
        [
            msgspec.json.encode(
                {
                    "timestamp": rfc3339(first_ns + n * NS_PER_SECOND),
                    "body": f"old line {n}",
                    "com.splunk.index": "main",
                }
            )
            for n in range(LINES)
        ]
    )
    store.seal()
    store.close()


@pytest.mark.server
def test_old_lines_are_archived_found_and_held(serve: Callable[..., Any], tmp_path: Path) -> None:
    """From a start to a legal hold, over kill -9, through the product's own door."""
    folder, vault = tmp_path / "data", tmp_path / "vault"
    fill(folder)
    server = serve(folder, archive=str(vault))
    with server.client() as client:
        give_up = time.monotonic() + DEADLINE_SECONDS
        while not client.get("/v1/archive").json()["states"].get("archived"):
            assert time.monotonic() < give_up, client.get("/v1/archive").text
            time.sleep(0.2)
        found = client.get("/v1/logs", params={"q": "index=main old", "limit": "100"}).json()
        assert len(found["logs"]) == LINES
        hold = client.post("/v1/archive/holds", json={"index": "main", "reason": "case 12"})
        assert hold.status_code == 201
    server.kill()

    again = serve(folder, archive=str(vault))
    with again.client() as client:
        status = client.get("/v1/archive").json()
        assert (status["holds_active"], status["states"]["archived"]["parts"]) == (1, 1)
        (entry,) = client.get("/v1/ledger/entries?kind=legal_hold_set").json()["entries"]
        assert entry["position"] == hold.json()["position"]
        found = client.get("/v1/logs", params={"q": "index=main old", "limit": "100"}).json()
        assert len(found["logs"]) == LINES
        refused = client.post("/v1/archive/deletions", json={"reason": "by mistake"})
        assert (refused.status_code, refused.json()["code"]) == (409, "PART_LOCKED")
    assert again.stop() == 0, again.said()
