"""A process of its own that fills a log store and is killed: run by `test_kill`.

Arguments: the folder, `objects` or `folder`, and the step at whose n-th time to die (or `never`).
It says on standard output what the store acknowledged: the number after the last line.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec
from obstore.store import LocalStore

from tallystick.clock import SystemClock
from tallystick.watch.collect.store import LogStore, Place, SegmentLimits
from tallystick.watch.collect.store.objects import ObjectJournal, ObjectShelf

BATCH = 20
LIMITS = SegmentLimits(lines=100, small_files=3)


def place_of(folder: Path, kind: str) -> Place | None:
    """Objects in a folder, or the store's own folder."""
    if kind == "folder":
        return None
    store = LocalStore(folder / "objects", mkdir=True)
    return Place(ObjectJournal(store), ObjectShelf(store))


def line(number: int) -> bytes:
    """A line that says its number; two indexes, every seventh from a day before."""
    day = 21 + (number % 7 > 0)
    index = {} if number % 3 else {"com.splunk.index": "main"}
    stamp = f"2026-11-{day}T04:08:16.{number % 1_000_000:06}Z"
    return msgspec.json.encode({"timestamp": stamp, "n": number, **index})


def main() -> None:
    """Append, seal and merge until it is killed."""
    folder, kind, step, times = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    left = times

    def reached(now: str) -> None:
        nonlocal left
        left -= now == step
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    place = place_of(folder, kind)
    store = LogStore(folder / "logs", SystemClock(), LIMITS, place=place, reached=reached)
    rounds = 0
    while rounds < 200:
        rounds += 1
        number = store.end
        store.append([line(number + i) for i in range(BATCH)])
        print(store.end, flush=True)  # noqa: T201  for its parent
        if store.end % 100 < BATCH:
            store.seal()
    store.close()


if __name__ == "__main__":
    main()
