"""A replay of the past: what live detection finds, and how two versions compare."""

import random
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from tallystick.errors import Misconfigured
from tallystick.stream.message import Message
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.feedback import judged
from tallystick.watch.detect.models import Model, shipped
from tallystick.watch.detect.models.backtest import Happening, Period, Replay
from tallystick.watch.detect.models.report import Backtest
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen, TimeSeen
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.score import Anomaly, Finding, Judged, Reason

from .conftest import START, other, stamp, verdict

LIMIT = 1_000.0


class Large:
    """Finds orders above a limit: a detector whose findings can be told by hand."""

    names = ("order_size",)
    observes: tuple[type[Observation], ...] = (OrderSeen,)

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.seen = 0

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Look at each order."""
        self.seen += len(batch)
        rows = [
            row for row, each in enumerate(batch)
            if isinstance(each, OrderSeen) and each.quantity > self._limit
        ]  # fmt: skip
        reason = Reason("less", "more", "It was more.", ())
        entity = [getattr(each, "account", "") for each in batch]
        found = [
            Finding(row, "order_size", "fraud", str(entity[row]), 1e-9, 60.0, reason)
            for row in rows
        ]
        return Judged([float("nan")] * len(batch), found)

    def snapshot(self) -> bytes:
        """Nothing is learnt."""
        return b""

    def restore(self, data: bytes) -> None:
        """Nothing was learnt."""


def build(config: DetectConfig, _artefacts: Mapping[str, bytes]) -> list[Detector]:
    """The detector with the model's own limit."""
    return [Large(config.numbers.get("tests", {}).get("limit", LIMIT))]


def order(position: int, seconds: float, quantity: int, account: str = "acme") -> Message:
    """An entry of an order."""
    entry = {
        "at": stamp(seconds), "kind": "order_decided", "v": 1, "fills": [], "quote": None,
        "order": {"id": f"O-{position}", "account": account, "pair": "EUR/USD", "side": "buy",
                  "quantity": str(quantity), "state": "filled", "type": "market", "price": None},
    }  # fmt: skip
    return Message(position, msgspec.json.encode(entry, order="sorted"))


PAST: list[Happening] = [
    order(0, 0, 5_000),
    order(1, 100, 10),
    order(2, 200, 5_000),
    TimeSeen(stamp(201), START + 201.0),
    CallSeen(stamp(201), START + 201.0, "GET /v1/prices", 200, 900.0, "acme"),
    Message(3, b"raw bytes"),
    order(4, 400, 2_000, "blue"),
    order(5, 500, 900, "green"),
    order(6, 600, 5_000),
    Message(7, verdict("order_size-2", "confirmed", 2)),
    Message(8, verdict("order_size-4", "confirmed", 4)),
    Message(9, verdict("order_size-6", "dismissed", 6)),
    Message(10, verdict("order_size-5", "confirmed", 5)),
]
FIRST, WIDE = other(limit=1_500.0), other(limit=800.0)


ALWAYS = Period()


def replayed(*models: Model, period: Period = ALWAYS, past: Sequence[Happening] = PAST) -> Backtest:
    """The report of a replay."""
    replay = Replay(models, build, period)
    replay.take(past)
    return replay.report()


def test_all_of_the_past_with_one_version() -> None:
    """Anomalies by detector, the verdicts on them, precision, recall and rates."""
    report = replayed(FIRST)
    (outcome,) = report.versions
    assert (report.from_, report.to, report.entries, report.lines) == (0, 11, 11, 1)
    assert (report.warm_up, report.unreadable, report.observed) == (0, 0, 7)
    assert (report.since, report.until) == (stamp(0), stamp(5))
    assert outcome.detectors == {"order_size": 4}
    assert (outcome.confirmed, outcome.dismissed, outcome.unjudged) == (2, 1, 1)
    assert (outcome.missed, outcome.precision, outcome.recall) == (1, 0.6667, 0.6667)
    assert outcome.false_per_100k == round(100_000 / 7, 2)
    assert outcome.false_per_100k_max == round(200_000 / 7, 2)
    assert report.comparison is None


def test_two_versions_are_compared() -> None:
    """The second is the challenger of the first."""
    report = replayed(FIRST, WIDE)
    first, wide = report.versions
    assert (first.version, wide.version) == (FIRST.version, WIDE.version)
    assert (first.found, wide.found, wide.missed, wide.recall) == (4, 5, 0, 1.0)
    assert report.comparison is not None
    assert (report.comparison.champion, report.comparison.challenger) == (
        FIRST.version, WIDE.version,
    )  # fmt: skip
    assert (report.comparison.all.both, report.comparison.missed, report.comparison.extra) == (
        4, 0, 1,
    )  # fmt: skip
    assert [each.id for each in report.comparison.examples] == ["order_size-5"]


@pytest.mark.parametrize(
    "period",
    [Period(first=2, last=6), Period(since=START + 150.0, until=START + 550.0)],
    ids=["positions", "times"],
)
def test_a_period_counts_and_what_came_before_is_learnt(period: Period) -> None:
    """Verdicts behind the period count for what lies in it."""
    found: list[tuple[str, str]] = []
    replay = Replay([FIRST], build, period, lambda v, a: found.append((v, a.id)))
    replay.take(PAST)
    report = replay.report()
    (outcome,) = report.versions
    assert (report.from_, report.to, report.entries, report.warm_up) == (2, 6, 4, 2)
    assert (outcome.found, outcome.confirmed, outcome.dismissed, outcome.missed) == (2, 2, 0, 1)
    assert [each for _, each in found] == ["order_size-2", "order_size-4"]
    assert report.lines == 1
    assert replay._trials[0]._watcher._detectors[0].seen == 5  # type: ignore[attr-defined]


def test_the_same_past_gives_the_same_bytes() -> None:
    """However it is handed over; so a digest means one thing."""
    whole = replayed(FIRST, WIDE)
    replay = Replay([FIRST, WIDE], build)
    for each in PAST:
        replay.take([each])
    assert replay.report().canonical == whole.canonical
    assert replay.report().digest == whole.digest


def test_another_ledger_has_another_leaf() -> None:
    """RFC 6962: the hash of the last entry of the period."""
    assert replayed(FIRST).leaf != replayed(FIRST, period=Period(last=9)).leaf


@pytest.mark.parametrize("period", [Period(first=99), Period(until=0.0), Period(last=0)])
def test_an_empty_period_is_refused(period: Period) -> None:
    """A report of nothing would speak for nothing."""
    with pytest.raises(Misconfigured, match="No entry"):
        replayed(FIRST, period=period)


@pytest.mark.parametrize("models", [[], [FIRST, FIRST], [FIRST, WIDE, other(limit=1.0)]])
def test_one_version_or_two(models: list[Model]) -> None:
    """Not none, not the same twice, not three."""
    with pytest.raises(Misconfigured, match="one version, or of two"):
        Replay(models, build)


def test_what_cannot_be_read_is_counted() -> None:
    """An order without its members, as live."""
    past = [*PAST[:2], Message(2, b'{"kind":"order_decided","at":"' + stamp(9).encode() + b'"}')]
    assert replayed(FIRST, past=past).unreadable == 1


def test_delays_are_counted_from_the_first_entry_of_a_case() -> None:
    """For cases of several entries."""

    class Slow(Large):
        def observe(self, batch: Sequence[Observation]) -> Judged:
            judged_ = super().observe(batch)
            found = []
            for each in judged_.findings:
                seen = batch[each.row]
                assert isinstance(seen, OrderSeen)
                places = (max(0, seen.position - 2), seen.position)
                reason = msgspec.structs.replace(each.reason, positions=places)
                found.append(msgspec.structs.replace(each, reason=reason))
            return msgspec.structs.replace(judged_, findings=found)

    replay = Replay([FIRST], lambda _config, _artefacts: [Slow(1_500.0)])
    replay.take(PAST)
    (outcome,) = replay.report().versions
    assert outcome.delay_seconds == 200.0


def test_it_finds_what_live_detection_found() -> None:
    """Real detectors, orders of many clients, and verdicts: the same anomalies under the same ids.

    Whatever was held back live, because two of its like had been dismissed, is held back here.
    """
    from tallystick.watch.detect.detection import Detection  # noqa: PLC0415  it compiles
    from tallystick.watch.detect.detectors import build as build_real  # noqa: PLC0415

    chance = random.Random(3)  # noqa: S311  a test's dice
    past: list[Message] = []
    for position in range(3_000):
        odd = position > 2_000 and position % 100 == 0
        quantity = 40_000_000 if odd else chance.randrange(50_000, 150_000)
        body = order(position, position * 20.0, quantity, f"client-{position % 5}").body
        if position in {2_150, 2_250}:
            body = verdict(f"order_size-{position - 50}", "dismissed", position - 50, "client-0")
        past.append(Message(position, body))
    live = Detection(lambda _version: (shipped(), None), build_real)
    expected: list[Anomaly] = []
    for start in range(0, len(past), 37):
        expected += live.take(past[start : start + 37])

    found: list[Anomaly] = []
    replay = Replay([shipped()], build_real, on_found=lambda _version, each: found.append(each))
    replay.take(past)
    report = replay.report()

    assert [each.id for each in found] == [each.id for each in expected]
    assert found == expected
    (outcome,) = report.versions
    assert outcome.found == len(expected) >= 5
    assert outcome.held == sum(each.held is not None for each in expected)
    assert outcome.dismissed == 2


def test_the_pasts_of_these_tests_are_read_as_life() -> None:
    """Orders are orders, verdicts are verdicts."""
    seen = entry_seen(0, PAST[0].body)  # type: ignore[union-attr]
    assert isinstance(seen, OrderSeen)
    assert seen.quantity == 5_000
    said = judged(PAST[9].body)  # type: ignore[union-attr]
    assert said is not None
    assert said.verdict == "confirmed"
