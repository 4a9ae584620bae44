"""Trying an alarm out over what is known of the past."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.stream import Message
from tallystick.watch.alarms.alarm import (
    Alarm,
    DetectorSource,
    EventSource,
    LogSource,
    MetricSource,
)
from tallystick.watch.alarms.past import NoPast
from tallystick.watch.alarms.samples import Sample, Samples
from tallystick.watch.alarms.trying import CHANGES_MAX, PERIODS_MAX, QUERIES_MAX, Trial, Trying
from tallystick.watch.detect.score import Anomaly

S = NS_PER_SECOND
START = 1_700_000_040 * S
MINUTE = 60 * S


class Before(NoPast):
    """Rejects in the minutes that are named, and anomalies in the others."""

    def __init__(self, *minutes: int) -> None:
        self._minutes = minutes

    def entries(self, start_ns: int, end_ns: int) -> Iterator[Message]:
        """Three a minute."""
        for number, minute in enumerate(m for m in self._minutes for _ in range(3)):
            at = START + minute * MINUTE + 5 * S
            if start_ns <= at < end_ns:
                order = {"id": f"O-{number}", "account": "acme" if minute % 2 else "demo"}
                body = {"at": rfc3339(at), "kind": "order_decided", "order": order,
                        "outcome": {"kind": "rejected"}}  # fmt: skip
                yield Message(number, msgspec.json.encode(body))

    def anomalies(self, start_ns: int, end_ns: int) -> Iterator[Anomaly]:
        """One a minute."""
        for minute in self._minutes:
            at = START + minute * MINUTE
            if start_ns <= at < end_ns:
                yield Anomaly(
                    id=f"a{minute}", detector="d", family="fraud", entity="e", p_value=1e-9,
                    at=rfc3339(at), expected="", came="", sentence="", contributions=(),
                )  # fmt: skip


async def no_rows(_query: str, _start: int, _end: int) -> Sequence[Mapping[str, object]]:
    """Nothing was logged."""
    return []


def trying(samples: Samples | None = None, *minutes: int) -> Trying:
    """Over these samples, and a past with something in these minutes."""
    return Trying(samples or Samples(), no_rows, Before(*minutes), "")


def run(of: Trying, alarm: Alarm, minutes: int, *others: Alarm) -> Trial:
    """Tried out over so many minutes from START."""
    known = {each.name: each for each in others}
    return asyncio.run(of.try_out(alarm, known, START, START + minutes * MINUTE))


def high(name: str = "high", by: tuple[str, ...] = ()) -> Alarm:
    """An alarm over a metric."""
    return Alarm(name, "Odd.", source=MetricSource("lag", by=by), comparison=">", threshold=5.0)


def sampled(minutes: int, every: int = 7) -> Samples:
    """A metric that is too high in each seventh minute."""
    samples = Samples()
    for second in range(0, minutes * 60 + 10, 10):
        minute = (second - 1) // 60
        value = 9.0 if minute % every == every // 2 else 1.0
        samples.take(START + second * S, [Sample("lag", {"host": "a"}, "gauge", value)])
    return samples


def test_a_metric_over_its_samples() -> None:
    """How often it would have fired, when, and why it did not at the end."""
    trial = run(trying(sampled(62)), high(), 62)
    (tried,) = trial.series
    assert trial.periods == 62
    assert trial.note == ""
    assert tried.fired == 9
    assert tried.alarm_seconds == 9 * 60
    assert "9 times" in tried.sentence
    assert tried.changes[0].state == "ALARM" or tried.changes[0].before == "INSUFFICIENT_DATA"
    assert tried.last.state == "OK"


def test_what_is_not_known_is_said() -> None:
    """Samples reach back so far; before that nothing is made up."""
    samples = sampled(60)
    trial = asyncio.run(
        trying(samples).try_out(high(), {}, START - 86_400 * S, START + 60 * MINUTE)
    )
    assert trial.note == f"Samples of metrics are known since {rfc3339(START)}."
    assert trial.periods == 60
    nothing = run(trying(), high(), 60)
    assert "known since now" in nothing.note


def test_events_from_the_ledger() -> None:
    """Each account by itself, with the alarm's own period."""
    source = EventSource('{"detail": {"outcome": {"kind": ["rejected"]}}}', ("$.account",))
    often = Alarm(
        "often",
        "Odd.",
        source=source,
        statistic="count",
        comparison=">=",
        threshold=3.0,
    )
    trial = run(trying(None, 1, 4, 5, 10), often, 15)
    fired = {each.labels["account"]: each.fired for each in trial.series}
    assert fired == {"acme": 2, "demo": 2}
    rare = msgspec.structs.replace(often, source=EventSource('{"source": ["x"]}'))
    (quiet,) = run(trying(None, 1), rare, 15).series
    assert (quiet.fired, quiet.last.state) == (0, "OK")


def test_an_event_counts_in_the_period_that_runs() -> None:
    """As it does at work: the alarm need not wait for its end."""
    source = EventSource('{"detail": {"outcome": {"kind": ["rejected"]}}}')
    often = Alarm("often", "Odd.", source=source, statistic="count", threshold=3.0)
    end = START + 4 * MINUTE + 10 * S
    (tried,) = asyncio.run(trying(None, 4).try_out(often, {}, START, end)).series
    assert (tried.fired, tried.last.state) == (1, "ALARM")


def test_anomalies() -> None:
    """Of any detector."""
    odd = Alarm("odd", "Odd.", source=DetectorSource(), statistic="count", comparison=">=",
                threshold=1.0)  # fmt: skip
    (tried,) = run(trying(None, 2, 8), odd, 12).series
    assert tried.fired == 2


def test_log_queries_are_bounded() -> None:
    """Of a long range the newest periods are asked for, and that is said."""
    asked: list[int] = []

    async def rows(_query: str, start: int, _end: int) -> Sequence[Mapping[str, object]]:
        asked.append(start)
        return [{"alarm_count": 1}]

    lines = Alarm("lines", "Odd.", source=LogSource("x"), statistic="count", comparison=">",
                  threshold=0.0)  # fmt: skip
    of = Trying(Samples(), rows, NoPast(), "")
    trial = run(of, lines, QUERIES_MAX + 50)
    assert len(asked) == QUERIES_MAX == trial.periods
    assert "newest 200 periods" in trial.note


def test_a_composite_over_its_children() -> None:
    """What they would have done decides; one that is not there is refused."""
    both = Alarm("both", "Odd.", rule='ALARM("high") AND ALARM("other")')
    samples = sampled(60, 7)
    (tried,) = run(trying(samples), both, 60, high(by=("host",)), high("other")).series
    assert tried.fired == 9
    with pytest.raises(Refused) as refusal:
        run(trying(samples), both, 60, high())
    assert refusal.value.code == "ALARM_REFERENCE"


def test_what_is_told_is_bounded() -> None:
    """A week of minutes at the most, and the newest changes of it."""
    trial = run(trying(sampled(600, 2)), high(), 600)
    (tried,) = trial.series
    assert len(tried.changes) == CHANGES_MAX
    source = EventSource('{"source": ["x"]}')
    often = Alarm("often", "Odd.", source=source, statistic="count", threshold=3.0)
    assert run(trying(), often, PERIODS_MAX + 100).periods == PERIODS_MAX


def test_a_range_that_is_none_is_refused() -> None:
    """It ends after it begins."""
    with pytest.raises(Refused) as refusal:
        run(trying(), high(), 0)
    assert refusal.value.code == "BAD_RANGE"
