"""A line and what happened around it."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused
from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX, Sql
from tallystick.watch.collect.lines import decode_line
from tallystick.watch.collect.query import Search, value_in
from tallystick.watch.collect.search.answers import Around
from tallystick.watch.collect.search.found import with_seq
from tallystick.watch.collect.search.lines_engine import stamp_of
from tallystick.watch.collect.search.log_search import LogSearch, Question
from tallystick.watch.collect.search.relation import events_of, sql

AROUND_MAX = 200
"""Most lines before, and most lines after."""
_WINDOWS_NS = tuple(seconds * NS_PER_SECOND for seconds in (10, 600, 86_400))
"""How far after the line is looked first: the next lines are mostly near."""


def around(
    search: LogSearch, seq: int, question: Question, *, before: int, after: int,
    same: Sequence[str] = (),
) -> Around:  # fmt: skip
    """Up to `before` lines before and `after` lines after the one with this number, by time.

    `question`: only lines that fit it are around. `same`: those fields have to be as in the line.

    Raises:
        Refused: `UNKNOWN_LINE`, `BAD_QUERY`, `BAD_LIMIT`, `QUERY_TOO_SLOW`.
    """
    if not (0 <= before <= AROUND_MAX and 0 <= after <= AROUND_MAX):
        raise Refused("BAD_LIMIT", f"There are at most {AROUND_MAX} lines before and after.")
    text = line_of(search, seq, question.indexes)
    at_ns = time_of(search, seq, text)
    alike = " ".join(_alike(name, text) for name in dict.fromkeys(same))
    query = f"({question.query}) {alike}" if question.query.strip() else alike
    wanted = search.read(replace(question, query=query)).search
    older: list[msgspec.Raw] = []
    if before:
        until = replace(wanted, latest_ns=at_ns + 1)
        older = [*search.store.page(until, before, f"{at_ns}-{seq}").logs]
    newer = _after(search, wanted, (at_ns, seq), after) if after else []
    line = msgspec.Raw(with_seq(seq, text.decode()).encode())
    return Around((*reversed(older), line, *newer), len(older))


def line_of(search: LogSearch, seq: int, indexes: frozenset[str] | None) -> bytes:
    """The line with this number, if it may be seen.

    Raises:
        Refused: `UNKNOWN_LINE`.
    """
    found = search.store.read(seq, 1) if 0 < seq < search.store.end else []
    for number, line in found:
        index = decode_line(line).get(INDEX_FIELD)
        if number == seq and (indexes is None or (index or OWN_INDEX) in indexes):
            return line
    raise Refused("UNKNOWN_LINE", f"There is no log line {seq}.")


def time_of(search: LogSearch, seq: int, line: bytes) -> int:
    """The time that the store keeps a line under: that of its `timestamp` where it has one."""
    at_ns = stamp_of(line)
    near = Search()
    if at_ns is not None:
        near = Search(earliest_ns=at_ns - NS_PER_SECOND, latest_ns=at_ns + NS_PER_SECOND)
    for wanted in dict.fromkeys((near, Search())):
        events = events_of(replace(search.plan(search.read(Question())), search=wanted))
        question = Sql("SELECT epoch_ns(_time) FROM events WHERE seq = ?", (seq,))
        rows, _skipped = search.ask(events.ask(question, ("at_ns",)))
        if rows:
            return int(str(rows[0][0]))
    raise Refused("UNKNOWN_LINE", f"There is no log line {seq}.")


def _after(
    search: LogSearch, wanted: Search, line: tuple[int, int], limit: int
) -> list[msgspec.Raw]:
    """The next lines, the first of them first; the nearest stretch of time is looked at first."""
    at_ns, seq = line
    ends = [at_ns + window_ns for window_ns in _WINDOWS_NS]
    base = search.plan(search.read(Question()))
    found: list[msgspec.Raw] = []
    for end_ns in (*ends, None):
        last = wanted.latest_ns if end_ns is None else min(end_ns, wanted.latest_ns or end_ns)
        within = replace(wanted, earliest_ns=at_ns, latest_ns=last)
        events = events_of(replace(base, search=within), whole=True)
        question = sql(
            "SELECT seq, _raw FROM events WHERE ",
            Sql("(epoch_ns(_time) > ? OR seq > ?)", (at_ns, seq)),
            Sql(" ORDER BY _time, seq LIMIT ?", (limit,)),
        )
        rows, _skipped = search.ask(events.ask(question, ("seq", "line")))
        found = [msgspec.Raw(with_seq(*row).encode()) for row in rows]
        if len(found) == limit:
            break
    return found


def _alike(name: str, line: bytes) -> str:
    """A condition: the field has the value that it has in the line.

    Raises:
        Refused: `BAD_QUERY`, the line has no such field to compare with.
    """
    value = value_in(decode_line(line), name)
    if value is None or isinstance(value, dict | list):
        raise Refused("BAD_QUERY", f"The line has no value of {name!r} to compare with.")
    text = msgspec.json.encode(value).decode() if not isinstance(value, str) else value
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("*", "\\*")
    return f'{name}="{escaped}"'
