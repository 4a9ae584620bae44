"""The report of a backtest: canonical JSON, whose hash a promotion names."""

from hashlib import sha256
from typing import Literal

import msgspec

from tallystick.errors import Refused
from tallystick.ledger.notices import BacktestSummary
from tallystick.watch.detect.models.comparison import Comparison

BACKTEST_BYTES_MAX = 1_048_576
"""Largest report."""
_canonical = msgspec.json.Encoder(order="sorted").encode


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one version found in the period.

    Of `held` of the `found` nobody would have been alerted: people had said enough of their like by
    then, or the same order was told otherwise. `confirmed`,
    `dismissed` and `unjudged` are the verdicts on them, whenever they were given; `missed` are
    anomalies that people confirmed and that it did not find. `precision` is the confirmed share of
    the judged, `recall` that of all confirmed ones which it found; None where there are none.
    `false_per_100k` counts what was dismissed, in 100,000 observations; with what nobody has
    judged it would be `false_per_100k_max` at most. `delay_seconds` is the median time from the
    first entry of a case that has several to the anomaly.
    """

    version: str
    revision: str
    found: int
    held: int
    confirmed: int
    dismissed: int
    unjudged: int
    missed: int
    precision: float | None
    recall: float | None
    found_per_100k: float
    false_per_100k: float
    false_per_100k_max: float
    delay_seconds: float | None
    detectors: dict[str, int]


class Backtest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Versions on the entries [`from`, `to`) of a ledger, and the log lines of that time.

    `since` and `until` are the stamps of the first and the last of them. `warm_up` entries before
    were learnt first. `leaf` is the leaf hash (hex) of the last entry: it tells which ledger it
    was. `observed` counts orders, calls, log volumes and the like, not the seconds that passed.
    `comparison` is of the second version as the challenger of the first.
    """

    from_: int
    to: int
    since: str | None
    until: str | None
    leaf: str
    warm_up: int
    entries: int
    lines: int
    observed: int
    unreadable: int
    versions: tuple[Outcome, ...]
    comparison: Comparison | None
    kind: Literal["tallystick-backtest"] = "tallystick-backtest"
    v: Literal[1] = 1

    @property
    def canonical(self) -> bytes:
        """The file's bytes."""
        return _canonical(self)

    @property
    def digest(self) -> str:
        """What names it: SHA-256 of the file, in hex."""
        return digest_of(self.canonical)


def digest_of(report: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return sha256(report).hexdigest()


def read_backtest(data: bytes, version: str, digest: str) -> tuple[Backtest, BacktestSummary]:
    """The report in these bytes, and what of it stands in the entry that promotes `version`.

    Raises:
        Refused: `BAD_BACKTEST`: it is none, not what `digest` names, or not of that version.
    """
    if digest_of(data) != digest:
        raise _bad(f"The backtest is not the one whose digest is {digest[:64]}.")
    try:
        report = msgspec.json.decode(data, type=Backtest)
    except ValueError as error:
        raise _bad(f"This is no report of a backtest: {error}.") from error
    if report.canonical != data:
        raise _bad("The report of the backtest is not in its canonical form: it was changed.")
    known = {outcome.version: outcome for outcome in report.versions}
    if version not in known:
        raise _bad(f"The backtest is of {' and '.join(known) or 'nothing'}, not of {version}.")
    if not report.entries:
        raise _bad("The backtest replayed no entry.")
    return report, _summary(report, known[version], digest)


def _summary(report: Backtest, outcome: Outcome, digest: str) -> BacktestSummary:
    others = [each for each in report.versions if each.version != outcome.version]
    both = 0 if report.comparison is None else report.comparison.all.both
    return BacktestSummary(
        digest=digest,
        from_=report.from_,
        to=report.to,
        observed=report.observed,
        found=outcome.found,
        confirmed=outcome.confirmed,
        dismissed=outcome.dismissed,
        missed=outcome.missed,
        against=others[0].version if others else None,
        found_against=others[0].found if others else 0,
        both=both if others else 0,
    )


def _bad(sentence: str) -> Refused:
    return Refused("BAD_BACKTEST", sentence, field="backtest")
