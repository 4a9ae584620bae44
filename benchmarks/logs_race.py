"""Log lines into the store and into DuckDB: who takes in more of the same in a second."""

import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from log_mix import log_blocks, log_lines
from logs_figures import IngestRound
from logs_peer import binary, into_victorialogs
from tallystick.clock import SystemClock
from tallystick.errors import Overloaded
from tallystick.watch.collect.store import LogStore

EVENT_BYTES = 500
_PAUSE_SECONDS = 0.01

Say = Callable[[str], None]


def race(folder: Path, events: int, rounds: int, say: Say) -> list[IngestRound]:
    """Each round writes the same events to a store, a database file and a peer, all new."""
    source = folder / "events.jsonl"
    say("making events")
    blocks = list(log_blocks(log_lines(events, size=EVENT_BYTES)))
    source.write_bytes(b"".join(line + b"\n" for block in blocks for line in block))
    found, program = [], binary()
    for number in range(rounds):
        say(f"ingest, round {number + 1}: store")
        acknowledged, sealed = _into_store(folder / f"store-{number}", blocks)
        say(f"ingest, round {number + 1}: DuckDB")
        bulk = _into_duckdb(folder / f"bulk-{number}.db", source)
        peer = None
        if program is not None:
            say(f"ingest, round {number + 1}: VictoriaLogs")
            peer = into_victorialogs(program, folder / f"peer-{number}", blocks)
        found.append(IngestRound(events, EVENT_BYTES, acknowledged, sealed, bulk, peer))
    return found


def append_all(store: LogStore, lines: list[bytes]) -> None:
    """Append; where the store asks to wait, wait."""
    while True:
        try:
            store.append(lines)
        except Overloaded:
            time.sleep(_PAUSE_SECONDS)
        else:
            store.tend()
            return


def _into_store(folder: Path, blocks: list[list[bytes]]) -> tuple[float, float]:
    """Seconds until all is acknowledged, and until all is sealed as well."""
    store = LogStore(folder, SystemClock())
    store.append([b"{}"])
    store.seal()  # DuckDB is loaded, on both sides
    start = time.perf_counter()
    for block in blocks:
        append_all(store, block)
    acknowledged = time.perf_counter() - start
    store.seal()
    sealed = time.perf_counter() - start
    store.close()
    return acknowledged, sealed


def _into_duckdb(path: Path, source: Path) -> float:
    """Seconds for its own bulk insert: one statement that reads the lines, and a checkpoint."""
    with duckdb.connect(str(path)) as connection:
        start = time.perf_counter()
        connection.execute("CREATE TABLE logs AS SELECT * FROM read_json(?)", [str(source)])
        connection.execute("CHECKPOINT")
        return time.perf_counter() - start
