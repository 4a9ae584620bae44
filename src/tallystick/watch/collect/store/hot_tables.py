"""Hot lines where SQL can reach them: a table for each segment, brought up to date by searches."""

import threading

from tallystick.watch.collect.store.engine import Engine, Searcher
from tallystick.watch.collect.store.hot import HotSegment
from tallystick.watch.collect.store.spelling import quoted, statement, time_of

_LINES_AT_ONCE = 20_000  # so that no text of many MiB is handed over


class HotTables:
    """Tables `seq, _time, raw` in the engine's database; any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[int, int] = {}

    def table(self, searcher: Searcher, segment: HotSegment) -> str:
        """The name of the segment's table, which has all lines that are stored by now."""
        name = quoted(f"hot_{segment.first}")
        with self._lock:
            end = segment.end
            synced = self._ends.get(segment.first)
            if synced is None:
                searcher.rows(
                    f"CREATE OR REPLACE TABLE {name} (seq BIGINT, _time TIMESTAMP_NS, raw VARCHAR)",
                    [],
                )
                synced = self._ends[segment.first] = segment.first
            sql = statement("hot_lines").format(
                table=name, time=time_of("stamp", f"make_timestamp_ns({segment.opened_ns})")
            )
            while synced < end:
                lines = segment.read(synced, _LINES_AT_ONCE)
                searcher.rows(sql, [synced, b"\n".join(lines).decode()])
                synced += len(lines)
                self._ends[segment.first] = synced
        return name

    def drop(self, engine: Engine, segment: HotSegment) -> None:
        """The segment is gone, and nobody reads it."""
        with self._lock:
            if self._ends.pop(segment.first, None) is not None:
                engine.drop_table(quoted(f"hot_{segment.first}"))
