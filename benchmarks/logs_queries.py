"""A store of many log lines: what it takes on disk and in memory, and how fast it answers."""

import time
from pathlib import Path

from log_mix import log_blocks, log_lines
from logs_figures import Queries, QueryTimes
from logs_race import Say, append_all
from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.watch.collect.query import compile_query, parse
from tallystick.watch.collect.store import LogStore

PAGE_LINES = 100
EVENTS_PER_HOUR = 200_000
_SECONDS_PER_HOUR = 3_600
FREE_TEXT = ("timeout", "client-77", '"heartbeat retry"', "OVERLOADED", "gw-2", "503", "O-77")
"""Common words, rarer ones, parts of names, numbers."""
NOWHERE = ("nosuchword", "deadbeef")
"""Words that (nearly) no line has: everything is read."""


def measure(folder: Path, events: int, repeats: int, say: Say) -> Queries:
    """Fill a store with the shipped mix up to now, and ask it."""
    clock = SystemClock()
    store = LogStore(folder, clock)
    seconds = events / EVENTS_PER_HOUR * _SECONDS_PER_HOUR
    now_ns = clock.now_ns()
    lines = log_lines(events, start_ns=now_ns - int(seconds * NS_PER_SECOND), seconds=seconds)
    start = time.perf_counter()
    for number, block in enumerate(log_blocks(lines)):
        append_all(store, block)
        if number % 100 == 0:
            say(f"filling: {store.end:,} of {events:,} events")
    store.seal()
    while store.compact():
        say("compacting")
    fill_seconds = time.perf_counter() - start
    times = [_timed(store, now_ns, *each, repeats, say) for each in _queries()]
    parts = store.parts()
    found = Queries(
        events=events,
        parts=len(parts),
        fill_seconds=fill_seconds,
        disk_bytes=sum(part.size for part in parts),
        resident_mib=_resident_mib(),
        times=times,
    )
    store.close()
    return found


def _queries() -> list[tuple[str, str, str]]:
    """What they are, the query, and how far back."""
    return [
        ("errors of the last hour", "status>=500", "-1h"),
        ("p99 latency by route", "* | stats p99(duration_us) by route", "-1h"),
        ("p99 latency by route", "* | stats p99(duration_us) by route", "0"),
        *(("free text", text, "0") for text in FREE_TEXT),
        *(("free text that is nowhere", text, "0") for text in NOWHERE),
    ]


def _timed(
    store: LogStore, now_ns: int, what: str, text: str, earliest: str, repeats: int, say: Say
) -> QueryTimes:
    say(f"asking: {text}")
    ask = _table if "|" in text else _page
    milliseconds, rows = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        rows = ask(store, text, earliest, now_ns)
        milliseconds.append((time.perf_counter() - start) * 1e3)
    since = "" if earliest == "0" else f" earliest={earliest}"
    return QueryTimes(what, text + since, rows, milliseconds)


def _page(store: LogStore, text: str, earliest: str, now_ns: int) -> int:
    return len(store.page(parse(text, now_ns, earliest=earliest).search, PAGE_LINES).logs)


def _table(store: LogStore, text: str, earliest: str, now_ns: int) -> int:
    with store.rows(compile_query(parse(text, now_ns, earliest=earliest))) as rows:
        return sum(map(len, rows))


def _resident_mib() -> int:
    """The most memory that this process ever had, in MiB (`VmHWM` in proc(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
