"""Alarms at work, in virtual time: when what is evaluated, stored and told; what a crash costs."""

import asyncio
import random
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.errors import Refused, TemporaryError
from tallystick.stream import Message
from tallystick.stream.rules import other_event
from tallystick.watch.alarms.alarm import (
    Alarm,
    Band,
    DetectorSource,
    EventSource,
    LogSource,
    MetricSource,
)
from tallystick.watch.alarms.runner import LOG_PERIODS_MAX, LOG_QUERIES_MAX
from tallystick.watch.alarms.samples import Sample
from tallystick.watch.alarms.sources.events import Listening
from tallystick.watch.detect.score import Anomaly

from .conftest import START_NS, House

REJECTED = '{"detail": {"outcome": {"kind": ["rejected"]}}}'
Rows = Sequence[Mapping[str, object]]


def metric(name: str = "high", periods: int = 1, seconds: int = 60) -> Alarm:
    """An alarm over the metric `lag`."""
    return Alarm(
        name, "Too high.", source=MetricSource("lag"), comparison=">", threshold=5.0,
        periods=periods, datapoints=periods, period_seconds=seconds,
    )  # fmt: skip


def often(threshold: float = 3.0, by: tuple[str, ...] = (), seconds: int = 60) -> Alarm:
    """An alarm over rejected orders."""
    return Alarm(
        "often", "Often.", source=EventSource(REJECTED, by), statistic="count", comparison=">=",
        threshold=threshold, period_seconds=seconds,
    )  # fmt: skip


def logs(name: str = "lines", threshold: float = 1.0) -> Alarm:
    """An alarm over log lines."""
    return Alarm(
        name, "Lines.", source=LogSource("level=ERROR"), statistic="count", comparison=">=",
        threshold=threshold, missing="notBreaching",
    )  # fmt: skip


def entry(house: House, position: int, outcome: str = "rejected", ago: float = 0.0) -> Message:
    """A ledger entry about an order, decided now or so long ago."""
    at = rfc3339(house.clock.now_ns() - round(ago * NS_PER_SECOND))
    order = {"id": f"O-{position}", "account": "acme", "pair": "EURUSD"}
    body = {"at": at, "kind": "order_decided", "order": order, "outcome": {"kind": outcome}}
    return Message(position, msgspec.json.encode(body))


def test_a_metric_fires_when_its_period_ends(house: House) -> None:
    """And is over when one has passed that is not breaching; at the very end of the period."""

    async def scenario() -> None:
        runner = house.open(metric())
        house.metrics["lag"] = 1.0
        await house.go(runner, 65)
        assert house.told() == []
        house.metrics["lag"] = 9.0
        await house.go(runner, 60)
        assert house.told() == [("high", True)]
        assert house.raised[0].starts_at == rfc3339(START_NS + 120 * NS_PER_SECOND)
        house.metrics["lag"] = 1.0
        await house.go(runner, 120)
        assert house.told() == [("high", True), ("high", False)]
        runner.close()

    asyncio.run(scenario())


def test_it_says_when_it_worked_last(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round counts when its outcome is stored and told; samples when they came."""

    async def scenario() -> None:
        runner = house.open(metric())
        house.metrics["lag"] = 1.0
        await house.go(runner, 30)
        assert runner.worked_ns == runner.sampled_ns == START_NS + 30 * NS_PER_SECOND
        house.trouble = TemporaryError("The notifier's disk is full.")
        house.metrics["lag"] = 9.0
        await house.go(runner, 150)  # it fires, and nobody takes it
        assert runner.worked_ns < START_NS + 150 * NS_PER_SECOND
        assert runner.sampled_ns == START_NS + 180 * NS_PER_SECOND
        house.trouble = None

        def broken() -> list[Sample]:
            raise TemporaryError("A gauge cannot be read.")

        monkeypatch.setattr(runner, "_gather", broken)
        await house.go(runner, 60)
        assert runner.sampled_ns == START_NS + 180 * NS_PER_SECOND
        assert runner.worked_ns >= START_NS + 230 * NS_PER_SECOND
        runner.close()

    asyncio.run(scenario())


def test_samples_are_taken_often_enough_for_the_shortest_period(house: House) -> None:
    """Five a period or more, ten seconds apart at the most."""

    async def scenario() -> None:
        house.metrics["lag"] = 1.0
        for seconds, interval in ((60, 10), (300, 10), (30, 5), (20, 2), (10, 2)):
            runner = house.open(metric(seconds=seconds))
            before = house.clock.now_ns()
            moments = {await runner.round()}
            house.clock.advance((next(iter(moments)) - before) / NS_PER_SECOND)
            gap = await runner.round() - house.clock.now_ns()
            assert gap == interval * NS_PER_SECOND, seconds
            runner.close()
            house.stores.pop().close()
            house.path.unlink()

    asyncio.run(scenario())


def test_events_fire_at_once(house: House) -> None:
    """Not at the period's end: the third reject of a minute is told while it is warm."""

    async def scenario() -> None:
        runner = house.open(often())
        await house.go(runner, 10)
        await runner.take([entry(house, 0), entry(house, 1, "filled"), entry(house, 2)])
        await runner.round()
        assert house.told() == []
        house.clock.advance(1)
        await runner.take([entry(house, 3)])
        at = house.clock.now_ns()
        await runner.round()
        assert house.told() == [("often", True)]
        assert house.clock.now_ns() == at
        (alert,) = house.raised
        assert (alert.position, alert.order_id) == (3, "O-3")
        assert alert.links["order"] == "/v1/orders/O-3"
        await house.go(runner, 125)
        assert house.told() == [("often", True), ("often", False)]
        runner.close()

    asyncio.run(scenario())


def test_an_event_wakes_the_loop_of_a_real_server(house: House) -> None:
    """With the machine's own clock: nobody has to wait for a period, a sample or a turn."""

    async def scenario() -> None:
        house.clock = SystemClock()  # type: ignore[assignment]
        runner = house.open(often(1.0))
        running = asyncio.create_task(runner.run())
        await asyncio.sleep(0)
        await runner.take([entry(house, 0)])
        async with asyncio.timeout(5):
            while not house.raised:  # noqa: ASYNC110  a thread tells
                await asyncio.sleep(0.002)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        runner.close()

    asyncio.run(scenario())
    assert house.told() == [("often", True)]


def test_each_account_by_itself(house: House) -> None:
    """A series a label, and the label in the alert."""

    async def scenario() -> None:
        runner = house.open(often(1.0, ("$.account",)))
        await runner.take([entry(house, 0)])
        await runner.round()
        runner.close()

    asyncio.run(scenario())
    assert house.raised[0].labels == {"alarm": "often", "account": "acme"}


def test_every_entry_counts_once_whenever_it_crashes(house: House) -> None:
    """Seeded: killed at any moment, fed again from the kept position; the count is right.

    A crash is a runner that is simply left: nothing is closed, nothing is kept at the end.
    """

    async def scenario(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  a seed, no secret
        total = 40
        alarm = often(float(total), seconds=3_600)
        runner = house.open(alarm)
        position = 0
        while position < total:
            step = chance.randrange(1, 6)
            fed = [entry(house, n) for n in range(position, min(position + step, total))]
            await runner.take(fed)
            position = runner.position
            house.clock.advance(chance.random() * 15)
            if chance.random() < 0.7:
                await runner.round()
            if chance.random() < 0.3:
                runner = house.open(alarm, ledger_size=position)
                assert runner.position <= position
                position = runner.position
        await runner.round()
        assert house.told() == [("often", True)], seed
        runner.close()

    for seed in range(12):
        asyncio.run(scenario(seed))
        for store in house.stores:
            store.close()
        house.stores.clear()
        house.raised.clear()
        house.clock.advance(7_200)
        for file in house.path.parent.iterdir():
            file.unlink()


def test_what_happened_while_it_was_down_is_told(house: House) -> None:
    """The alarm is evaluated as of the event, however long ago: then it is over."""

    async def scenario() -> None:
        runner = house.open(often(1.0))
        await house.go(runner, 30)
        runner.close()
        house.clock.advance(3_600)
        again = house.open(often(1.0), ledger_size=1)
        await again.take([entry(house, 0, ago=3_000)])
        await house.go(again, 70)
        again.close()

    asyncio.run(scenario())
    assert house.told() == [("often", True), ("often", False)]


def test_the_ledger_of_before_the_first_start_is_the_past(house: House) -> None:
    """It begins behind what is there; a place that is ahead of the ledger is not believed."""
    runner = house.open(often(), ledger_size=100)
    assert runner.position == 100
    runner.close()
    assert house.open(often(), ledger_size=50).position == 50


def test_a_crash_between_a_change_and_its_alert_costs_nothing(house: House) -> None:
    """The notifier was away when it fired; after a restart it is told, once, under one id."""

    async def scenario() -> None:
        house.metrics["lag"] = 9.0
        house.trouble = TemporaryError("The notifier is away.")
        runner = house.open(metric())
        await house.go(runner, 70)
        assert house.told() == []
        again = house.open(metric())  # the other was killed
        house.trouble = None
        await house.go(again, 1)
        assert house.told() == [("high", True)]
        first = house.raised[0].id
        third = house.open(metric())
        await house.go(third, 130)
        assert [each.id for each in house.raised] == [first]
        third.close()

    asyncio.run(scenario())


def test_a_crash_after_the_notifier_took_it_tells_it_again_under_the_same_id(
    house: House,
) -> None:
    """At least once, with an id by which the notifier knows it: here between the two commits."""

    async def scenario() -> None:
        house.metrics["lag"] = 9.0
        runner = house.open(metric())
        store = house.stores[0]
        told, store.told = store.told, lambda _seq: (_ for _ in ()).throw(TemporaryError("killed"))  # type: ignore[method-assign]
        await house.go(runner, 70)
        store.told = told  # type: ignore[method-assign]
        assert len(store.untold()) == 1
        assert house.told() == [("high", True)]
        again = house.open(metric())
        await house.go(again, 1)
        assert house.told() == [("high", True)]
        assert store.untold() == []
        again.close()

    asyncio.run(scenario())


def test_an_alert_that_is_never_taken_holds_up_no_other(house: House) -> None:
    """It is said in the log; a notifier that is away for a while is tried again."""

    async def scenario() -> None:
        house.metrics["lag"] = 9.0
        house.trouble = Refused("ALERT_TOO_LARGE", "An alert may have at most 65536 bytes.")
        runner = house.open(metric())
        await house.go(runner, 65)
        house.trouble = None
        house.metrics["lag"] = 1.0
        await house.go(runner, 60)
        assert house.told() == [("high", False)]
        runner.close()

    asyncio.run(scenario())


def test_states_and_readings_survive_a_restart(house: House) -> None:
    """Three of three minutes, two of them before it: it need not begin anew."""

    async def scenario() -> None:
        house.metrics["lag"] = 9.0
        runner = house.open(metric(periods=3))
        await house.go(runner, 61)
        runner.close()
        assert house.told() == []
        again = house.open(metric(periods=3))
        await house.go(again, 60)
        assert house.told() == [("high", True)]
        again.close()

    asyncio.run(scenario())


def test_logs_are_asked_for_period_by_period(house: House) -> None:
    """A moment after its end; once each; after a pause only for so many."""
    asked: list[tuple[int, int]] = []

    async def rows(query: str, start: int, end: int) -> Rows:
        assert query == "level=ERROR | stats count AS alarm_count"
        asked.append((start, end))
        return [{"alarm_count": 2 if end == START_NS + 120 * NS_PER_SECOND else 0}]

    async def scenario() -> None:
        house.rows = rows
        runner = house.open(logs())
        await house.go(runner, 123)
        assert house.told() == [("lines", True)]
        ends = [end for _, end in asked]
        assert len(ends) == len(set(ends))
        assert all(end - start == 60 * NS_PER_SECOND for start, end in asked)
        await house.go(runner, 60)
        assert house.told() == [("lines", True), ("lines", False)]
        asked.clear()
        house.clock.advance(86_400)
        await house.go(runner, 1)
        assert len(asked) <= LOG_PERIODS_MAX
        runner.close()

    asyncio.run(scenario())


def test_a_query_that_fails_is_a_trace_and_not_the_end(house: House) -> None:
    """Unknown while it fails; what it missed is asked for again when it works."""
    trouble: list[Exception] = [Refused("QUERY_TOO_SLOW", "It took longer than 10 s.")]

    async def rows(_query: str, _start: int, end: int) -> Rows:
        if trouble:
            raise trouble[0]
        return [{"alarm_count": int(end == START_NS + 60 * NS_PER_SECOND)}]

    async def scenario() -> None:
        house.rows = rows
        runner = house.open(logs(), metric())
        house.metrics["lag"] = 9.0
        await house.go(runner, 65)
        assert runner.board.level("lines").state == "INSUFFICIENT_DATA"
        trace = runner.board.last("lines", ())
        assert trace is None or "It took longer than 10 s." in trace.sentence
        assert "It took longer" in runner.board.recent("lines")[-1].trace.sentence
        assert house.told() == [("high", True)]
        trouble[:] = [ValueError("a bug")]
        await house.go(runner, 60)
        assert "ValueError" in runner.board.recent("lines")[-1].trace.sentence
        trouble.clear()
        await house.go(runner, 60)
        assert runner.board.level("lines").state == "OK"
        assert runner.board.failures >= 2
        runner.close()

    asyncio.run(scenario())


def test_a_busy_log_store_is_asked_again(house: House) -> None:
    """A moment later, before anybody says that nothing is known."""
    answers: list[Exception | Rows] = []

    async def rows(_query: str, _start: int, _end: int) -> Rows:
        answer = answers.pop(0) if answers else [{"alarm_count": 0}]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def scenario() -> None:
        house.rows = rows
        answers.extend([TemporaryError("Busy."), TemporaryError("Busy.")])
        runner = house.open(logs())
        await house.go(runner, 5)
        assert runner.board.level("lines").state == "OK"
        assert runner.board.failures == 0
        runner.close()

    asyncio.run(scenario())


def test_a_slow_query_holds_up_no_other_alarm(house: House) -> None:
    """Few run at once; metrics and events go on meanwhile."""
    running: list[int] = []
    most: list[int] = []
    answered = asyncio.Event()

    async def rows(_query: str, _start: int, _end: int) -> Rows:
        running.append(1)
        most.append(len(running))
        await answered.wait()
        running.pop()
        return [{"alarm_count": 0}]

    async def scenario() -> None:
        house.rows = rows
        runner = house.open(*(logs(f"l{n}") for n in range(6)), often(1.0))
        await runner.round()
        await asyncio.sleep(0)
        await runner.take([entry(house, 0)])
        await runner.round()
        assert house.told() == [("often", True)]
        assert len(running) == LOG_QUERIES_MAX
        answered.set()
        await runner.answered()
        assert max(most) == LOG_QUERIES_MAX
        runner.close()

    asyncio.run(scenario())


def test_anomalies_count_once_however_often_they_are_told(house: House) -> None:
    """Detection tells them again after a crash; they fire at once."""
    odd = Anomaly(
        id="an-1", detector="order_size", family="fraud", entity="acme", p_value=1e-9,
        at=rfc3339(START_NS), expected="", came="", sentence="", contributions=(),
        account="acme", position=7, order_id="O-7",
    )  # fmt: skip
    alarm = Alarm("odd", "Odd.", source=DetectorSource(by=("account",)), statistic="count",
                  comparison=">=", threshold=2.0)  # fmt: skip

    async def scenario() -> None:
        runner = house.open(alarm)
        runner.on_anomalies([odd, odd])
        runner.on_anomalies([odd])
        await runner.round()
        assert house.told() == []
        again = house.open(alarm)  # the other was killed
        again.on_anomalies([odd])
        await again.round()
        assert house.told() == []
        again.on_anomalies([msgspec.structs.replace(odd, id="an-2")])
        await again.round()
        assert house.told() == [("odd", True)]
        again.close()

    asyncio.run(scenario())
    assert (house.raised[0].position, house.raised[0].order_id) == (7, "O-7")


def test_events_that_are_no_entries(house: House) -> None:
    """A failed check of the ledger, said by another process."""
    pattern = '{"detail-type": ["Ledger Check Failed"]}'
    alarm = Alarm("check", "The check failed.", source=EventSource(pattern), statistic="count",
                  comparison=">=", threshold=1.0, severity="critical")  # fmt: skip

    async def scenario() -> None:
        failed = other_event("c/1", "tallystick.ledger", "Ledger Check Failed", {}, START_NS, "")
        runner = house.open(alarm)
        await runner.hear(failed.body)
        again = house.open(alarm)  # the other was killed
        await again.round()
        await again.hear(failed.body)
        assert again.tally.readings(alarm, (), START_NS)[-1].value == 1.0
        await again.hear(b"no event")
        assert again.unreadable == 1
        again.close()

    asyncio.run(scenario())
    assert house.told() == [("check", True)]
    assert house.raised[0].severity == "critical"


def test_a_store_that_cannot_be_written_is_tried_again(house: House) -> None:
    """Nothing is told before it is stored, and nothing is lost."""

    async def scenario() -> None:
        house.metrics["lag"] = 9.0
        runner = house.open(metric())
        store = house.stores[0]
        commit = store.commit

        def full(*_: object) -> None:
            raise TemporaryError("The disk is full.")

        store.commit = full  # type: ignore[method-assign]
        await house.go(runner, 65)
        assert house.told() == []
        store.commit = commit  # type: ignore[method-assign]
        await house.go(runner, 2)
        assert house.told() == [("high", True)]
        runner.close()

    asyncio.run(scenario())


def test_metrics_that_cannot_be_gathered_are_no_data(house: House) -> None:
    """A part that is away for a moment stops no alarm."""

    async def scenario() -> None:
        runner = house.open(metric())
        gather = house._gather

        trouble: list[Exception] = [ZeroDivisionError(), TemporaryError("The archive is away.")]

        def away() -> list[object]:
            raise trouble[-1]

        house.metrics["lag"] = 9.0
        runner._gather = away  # type: ignore[assignment]
        await house.go(runner, 300)
        trouble.pop()
        await house.go(runner, 60)
        assert runner.board.level("high").state == "INSUFFICIENT_DATA"
        assert runner.gather_failures > 0
        runner._gather = gather
        await house.go(runner, 60)
        assert house.told() == [("high", True)]
        runner.close()

    asyncio.run(scenario())


def test_a_band_is_learnt_and_kept(house: House) -> None:
    """After an hour of the usual, ten times as much is outside; a restart goes on from there."""
    alarm = Alarm("odd", "Odd.", source=MetricSource("lag"), comparison="outside", band=Band(3.0))

    async def scenario() -> None:
        chance = random.Random(3)  # noqa: S311  a seed, no secret
        runner = house.open(alarm)
        for _ in range(70):
            house.metrics["lag"] = 10 + chance.random()
            await house.go(runner, 60)
        assert house.told() == []
        runner.close()
        again = house.open(alarm)
        house.metrics["lag"] = 100.0
        await house.go(again, 120)
        assert house.told() == [("odd", True)]
        assert house.raised[0].details["high"] < 20
        again.close()

    asyncio.run(scenario())


def test_a_definition_may_change_at_any_time(house: House) -> None:
    """A wrong pattern changes nothing; a right one counts from then on."""

    async def scenario() -> None:
        runner = house.open(often(2.0))
        await runner.take([entry(house, 0)])
        broken = msgspec.structs.replace(often(), source=EventSource('{"source": "x"}'))
        with pytest.raises(Refused):
            runner.define([broken])
        await runner.take([entry(house, 1)])
        await runner.round()
        assert house.told() == [("often", True)]
        runner.define([])
        await runner.round()
        assert house.told() == [("often", True), ("often", False)]
        await runner.take([entry(house, 2)])
        runner.close()

    asyncio.run(scenario())


def test_a_clock_that_is_set_back_stops_nothing(house: House) -> None:
    """An hour back: samples begin anew, and what fires then is told then."""

    async def scenario() -> None:
        runner = house.open(metric(), often(1.0))
        house.metrics["lag"] = 1.0
        await house.go(runner, 600)
        house.clock._now_ns -= 3_600 * NS_PER_SECOND
        house.metrics["lag"] = 9.0
        await house.go(runner, 130)
        assert house.told() == [("high", True)]
        await runner.take([entry(house, 0)])
        await runner.round()
        assert house.told() == [("high", True), ("often", True)]
        runner.close()

    asyncio.run(scenario())


def test_an_entry_that_no_alarm_is_about_is_not_read(house: House) -> None:
    """The write path's entries cost a look at their bytes, no more."""

    async def scenario() -> None:
        runner = house.open(often())

        def never(_self: Listening, message: Message) -> None:
            raise AssertionError(message)

        read, Listening.entry = Listening.entry, never  # type: ignore[method-assign, assignment]
        try:
            await runner.take([entry(house, n, "filled") for n in range(100)])
        finally:
            Listening.entry = read  # type: ignore[method-assign]
        assert runner.position == 100
        runner.close()

    asyncio.run(scenario())
