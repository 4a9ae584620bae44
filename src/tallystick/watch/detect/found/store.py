"""The store of anomalies: one SQLite file of the server's process, newest first, bounded.

What nobody judged goes when it is old or there is too much; what was judged stays, since models are
trained on it. SQL stands in sql/queries.sql.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, parse_own_stamp, rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.sqlite_file import Row, SqliteFile, Value, named_queries
from tallystick.stream.message import Message
from tallystick.watch.detect.feedback.reading import judged, surprise_of
from tallystick.watch.detect.found.known import (
    Known,
    Labelled,
    Verdict,
    finite,
    verdict_of,
)
from tallystick.watch.detect.score import Anomaly

FOUND_KEPT_MAX = 50_000
"""Most anomalies kept that nobody has judged; the oldest found go first."""
FOUND_KEPT_SECONDS = 400 * 86_400
"""How long one is kept that nobody has judged: a year and a month, so that a season repeats."""
VERDICTS_KEPT_MAX = 200_000
"""Most verdicts kept; the ledger has them all."""
PLACE_EVERY = 10_000
"""Entries after which the place in the ledger is written, where there was no verdict in them."""
_TIME_MAX = 2**63 - 1
_SQL = resources.files(__package__) / "sql"
_SCHEMAS = (_SQL / "0001_found.sql",)
_QUERIES = named_queries(_SQL / "queries.sql")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Anomaly).decode


class Wanted(msgspec.Struct, frozen=True):
    """Which anomalies: None takes any. Times are nanoseconds, `since` <= at < `until`.

    `verdict` "none": those that nobody has judged. `surprise_min` is -log10 of the p-value.
    """

    detector: str | None = None
    family: str | None = None
    account: str | None = None
    pair: str | None = None
    verdict: str | None = None
    held: bool | None = None
    since_ns: int = 0
    until_ns: int = _TIME_MAX
    surprise_min: float | None = None


class Page(msgspec.Struct, frozen=True):
    """Anomalies, newest first; `next` asks for the next page, None at the end."""

    items: list[Known]
    next: str | None


class Counts(msgspec.Struct, frozen=True):
    """How many are kept, of which nobody was alerted (`held`), and of which verdict."""

    kept: int
    held: int
    confirmed: int
    dismissed: int


class Found:
    """Open at `path`; any thread may use it. Errors are `TemporaryError` or `Corrupt`."""

    def __init__(self, path: Path, clock: Clock, *, kept_max: int = FOUND_KEPT_MAX) -> None:
        self._file = SqliteFile(path, "The file of anomalies", _SCHEMAS, _QUERIES)
        self._clock = clock
        self._kept_max = kept_max
        with self._file.reading():
            row = self._file.one("place")
        self._position = self._noted = row[0] if row else 0

    @property
    def position(self) -> int:
        """The next ledger entry's that `take` wants."""
        return self._position

    def add(self, anomalies: Sequence[Anomaly]) -> list[Anomaly]:
        """Keep them; those that were not known are given back. Durable when it returns."""
        if not anomalies:
            return []
        now_ns = self._clock.now_ns()
        with self._file.writing():
            new = [each for each in map(finite, anomalies) if self._insert(each, now_ns)]
            if new:
                age_ns = FOUND_KEPT_SECONDS * NS_PER_SECOND
                self._file.run("forget_old", found_at_ns=now_ns - age_ns)
                self._file.run("forget_many", kept=self._kept_max)
        return new

    def take(self, messages: Iterable[Message]) -> int:
        """Learn the verdicts among ledger entries, in order; those seen before are dropped.

        Gives how many verdicts were new.
        """
        entries = [each for each in messages if each.position >= self._position]
        if not entries:
            return 0
        verdicts = [each for each in entries if judged(each.body) is not None]
        position = entries[-1].position + 1
        new = 0
        if verdicts or position - self._noted >= PLACE_EVERY:
            with self._file.writing():
                new = sum(self._note(each.position, each.body) for each in verdicts)
                self._file.run("note_place", position=position)
            self._noted = position
        self._position = position
        return new

    def note(self, position: int, entry: bytes) -> None:
        """Learn one verdict now: whoever asked for it sees it in the next answer."""
        with self._file.writing():
            self._note(position, entry)

    def page(self, wanted: Wanted, limit: int, cursor: str | None = None) -> Page:
        """A page of what is wanted, newest first, at most PAGE_ITEMS_MAX.

        Raises:
            Refused: `BAD_CURSOR`.
        """
        before_ns, before_seq = (_TIME_MAX, 0) if cursor is None else _read_cursor(cursor)
        limit = max(1, min(limit, PAGE_ITEMS_MAX))
        held = None if wanted.held is None else int(wanted.held)
        surprise = None if wanted.surprise_min is None else repr(wanted.surprise_min)
        with self._file.reading():
            rows = self._file.run(
                "page",
                before_ns=before_ns, before_seq=before_seq, limit=limit + 1,
                since_ns=max(0, wanted.since_ns), until_ns=wanted.until_ns,
                detector=wanted.detector, family=wanted.family, account=wanted.account,
                pair=wanted.pair, verdict=wanted.verdict, held=held, surprise_min=surprise,
            )  # fmt: skip
            items = [self._known(row) for row in rows[:limit]]
        more = _cursor(rows[limit - 1]) if len(rows) > limit else None
        return Page(items, more)

    def recent(self, limit: int) -> list[Anomaly]:
        """The last anomalies, newest first."""
        return [each.anomaly for each in self.page(Wanted(), limit).items] if limit > 0 else []

    def get(self, anomaly_id: str) -> Known | None:
        """The anomaly with this id; None where there is none."""
        with self._file.reading():
            row = self._file.one("find", id=anomaly_id)
            return None if row is None else self._known(row)

    def verdicts(self, anomaly_id: str) -> list[Verdict]:
        """All that was ever said of it, oldest first."""
        with self._file.reading():
            return [_verdict(row) for row in self._file.run("verdicts", id=anomaly_id)]

    def similar(self, anomaly: Anomaly, limit: int) -> list[Known]:
        """Earlier ones like it, newest first.

        Those of its detector and entity; then those of its detector about others that were judged.
        """
        at_ns = parse_own_stamp(anomaly.at)
        like: dict[str, Value] = {
            "detector": anomaly.detector, "entity": anomaly.entity, "at_ns": at_ns,
        }  # fmt: skip
        with self._file.reading():
            rows = self._file.run("like_it", id=anomaly.id, limit=limit, **like)
            if len(rows) < limit:
                rows += self._file.run("judged_like_it", limit=limit - len(rows), **like)
            return [self._known(row) for row in rows]

    def labelled(self) -> Iterator[Labelled]:
        """All that were judged, by the verdict that holds, in the order of the verdicts."""
        position = -1
        while True:
            with self._file.reading():
                rows = self._file.run("judged_after", position=position, limit=PAGE_ITEMS_MAX)
            for position, entry, anomaly in rows:
                verdict = _verdict((position, entry))
                yield Labelled(_decode(anomaly), verdict.verdict, verdict.at)
            if len(rows) < PAGE_ITEMS_MAX:
                return

    def counts(self) -> Counts:
        """How many there are."""
        with self._file.reading():
            row = self._file.one("counts")
        assert row is not None  # noqa: S101  an aggregate gives a row
        return Counts(*row)

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        self._file.close()

    def _insert(self, anomaly: Anomaly, now_ns: int) -> bool:
        surprise = surprise_of(anomaly.p_value)
        row = self._file.one(
            "insert",
            id=anomaly.id, at_ns=parse_own_stamp(anomaly.at), now_ns=now_ns,
            detector=anomaly.detector, family=anomaly.family, entity=anomaly.entity,
            account=anomaly.account, pair=anomaly.pair, surprise=repr(surprise),
            held=int(anomaly.held is not None), anomaly=_encode(anomaly),
        )  # fmt: skip
        return row is not None

    def _note(self, position: int, entry: bytes) -> bool:
        said = judged(entry)
        if said is None:
            return False
        row = self._file.one(
            "insert_verdict", position=position, id=said.anomaly, verdict=said.verdict, entry=entry
        )
        if row is None:
            return False
        self._file.run("mark", id=said.anomaly)
        self._file.run("forget_verdicts", kept=VERDICTS_KEPT_MAX)
        return True

    def _known(self, row: Row) -> Known:
        _at_ns, _seq, found_at_ns, data = row
        anomaly = _decode(data)
        newest = self._file.one("newest_verdict", id=anomaly.id)
        return Known(anomaly, rfc3339(found_at_ns), None if newest is None else _verdict(newest))


def _verdict(row: Row) -> Verdict:
    said = judged(row[1])
    assert said is not None  # noqa: S101  only verdicts are kept
    return verdict_of(row[0], said)


def _cursor(row: Row) -> str:
    return base64.urlsafe_b64encode(f"{row[0]}.{row[1]}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[int, int]:
    try:
        padded = text + "=" * (-len(text) % 4)
        at_ns, seq = map(int, base64.urlsafe_b64decode(padded).decode("ascii").split("."))
    except (ValueError, binascii.Error) as error:
        raise _bad_cursor() from error
    if not (0 <= at_ns <= _TIME_MAX and 0 <= seq <= _TIME_MAX):
        raise _bad_cursor()
    return at_ns, seq


def _bad_cursor() -> Refused:
    sentence = "The cursor is not one that a page named as its next."
    return Refused("BAD_CURSOR", sentence, field="cursor")
