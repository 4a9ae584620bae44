"""The front desk: definitions from files and from the API, states, traces, trials."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Misconfigured, Refused
from tallystick.watch.alarms.alarm import Alarm, EventSource, LogSource, MetricSource
from tallystick.watch.alarms.alarms import Alarms
from tallystick.watch.alarms.past import NoPast
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.alarms.trying import Trying

from .conftest import START_NS, House


def high(name: str = "high", threshold: float = 5.0) -> Alarm:
    """An alarm over a metric."""
    return Alarm(name, "Too high.", source=MetricSource("lag"), comparison=">", threshold=threshold)


def desk(
    house: House, files: Sequence[Alarm] = (), shipped: Sequence[Alarm] = ()
) -> tuple[Alarms, Runner]:
    """The desk of the house's file, as after a start."""
    runner = house.open()
    trying = Trying(runner.samples, house._ask, NoPast(), "")
    alarms = Alarms(
        house.stores[-1], runner, trying, files, house.clock, shipped=shipped, check_query=_checked
    )
    return alarms, runner


def _checked(query: str) -> None:
    if "|" in query:
        raise Refused("BAD_QUERY", "No.")


def code_of(work: object) -> str:
    """The code with which it was refused."""
    with pytest.raises(Refused) as refusal:
        asyncio.run(work)  # type: ignore[arg-type]
    return refusal.value.code


def test_where_an_alarm_comes_from(house: House) -> None:
    """Shipped, from the operator's folder, or made here; one made here may replace a shipped."""
    shipped = [high("a"), high("b")]
    alarms, runner = desk(house, [high("a"), high("b", 7.0), high("c")], shipped)
    assert [(k.alarm.name, k.origin, k.version) for k in alarms.list()] == [
        ("a", "shipped", 0), ("b", "file", 0), ("c", "file", 0),
    ]  # fmt: skip

    async def scenario() -> None:
        made = await alarms.put(high("a", 9.0), "ann", 0)
        assert (made.origin, made.version, made.author) == ("api", 1, "ann")
        assert alarms.get("a").alarm.threshold == 9.0
        assert runner.board.alarms["a"].threshold == 9.0
        assert (await alarms.delete("a", "ann", 1)).alarm.threshold == 9.0
        assert alarms.get("a").origin == "shipped"

    asyncio.run(scenario())
    assert code_of(alarms.put(high("c", 9.0), "ann")) == "ALARM_IN_FILE"
    assert code_of(alarms.delete("c", "ann")) == "ALARM_IN_FILE"
    assert code_of(alarms.delete("nobody", "ann")) == "UNKNOWN_ALARM"
    runner.close()


def test_definitions_survive_a_restart(house: House) -> None:
    """With their versions."""

    async def scenario() -> None:
        alarms, runner = desk(house)
        await alarms.put(high(), "ann")
        await alarms.put(high(threshold=6.0), "bob", 1)
        runner.close()
        again, other = desk(house)
        known = again.get("high")
        assert (known.alarm.threshold, known.version, known.author) == (6.0, 2, "bob")
        assert known.changed_at is not None
        other.close()

    asyncio.run(scenario())


def test_what_cannot_work_is_refused_and_changes_nothing(house: House) -> None:
    """A wrong query, pattern, name, rule; an old version; one that others need."""
    alarms, runner = desk(house)
    query = msgspec.structs.replace(high(), source=LogSource("a | b"), statistic="count")
    pattern = msgspec.structs.replace(high(), source=EventSource('{"a": "b"}'), statistic="count")
    assert code_of(alarms.put(query, "ann")) == "BAD_QUERY"
    assert code_of(alarms.put(pattern, "ann")) == "BAD_PATTERN"
    assert code_of(alarms.put(high("no name"), "ann")) == "ALARM_UNUSABLE"
    rule = Alarm("rule", "Something is odd.", rule='ALARM("high")')
    assert code_of(alarms.put(rule, "ann")) == "ALARM_REFERENCE"
    assert alarms.list() == ()
    asyncio.run(alarms.put(high(), "ann"))
    asyncio.run(alarms.put(rule, "ann"))
    assert code_of(alarms.put(high(threshold=1.0), "bob", 7)) == "ALARM_CHANGED"
    assert code_of(alarms.delete("high", "bob")) == "ALARM_IN_USE"
    assert alarms.get("high").alarm.threshold == 5.0
    runner.close()


def test_an_alarm_of_the_past_does_not_keep_us_from_starting(house: House) -> None:
    """Its file was taken away: it is left out and said, and the others work."""

    async def scenario() -> None:
        alarms, runner = desk(house, [high("file")])
        await alarms.put(Alarm("rule", "Something is odd.", rule='ALARM("file")'), "ann")
        await alarms.put(Alarm("above", "Something is odd.", rule='ALARM("rule")'), "ann")
        await alarms.put(high("own"), "ann")
        runner.close()
        again, other = desk(house)
        assert [each.alarm.name for each in again.list()] == ["own"]
        other.close()
        whole, third = desk(house, [high("file")])
        assert len(whole.list()) == 4
        third.close()

    asyncio.run(scenario())


def test_files_that_cannot_work_stop_the_start(house: House) -> None:
    """The operator is told what is wrong."""
    with pytest.raises(Misconfigured, match="there is no such alarm"):
        desk(house, [Alarm("rule", "Something is odd.", rule='ALARM("nobody")')])


def test_states_and_traces(house: House) -> None:
    """How it stands, since when and why; changes also from before the start."""

    async def scenario() -> None:
        alarms, runner = desk(house, [high()])
        assert alarms.state("high").series == ()
        assert alarms.state("high").state == "INSUFFICIENT_DATA"
        house.metrics["lag"] = 9.0
        await house.go(runner, 65)
        (series,) = alarms.state("high").series
        assert (series.state, series.value, series.told) == ("ALARM", 9.0, True)
        assert series.since == rfc3339(START_NS)
        assert "ALARM" in series.sentence
        assert [each.name for each in alarms.states()] == ["high"]
        figures = {(name, *labels.values()): value for name, _, value, labels in alarms.gauges()}
        assert figures["tallystick_alarms", "ALARM"] == 1
        assert figures["tallystick_alarm_failures_total",] == 0
        crashed, _ = desk(house, [high()])
        assert crashed.state("high").series[0].sentence == series.sentence
        house.metrics["lag"] = 1.0
        await house.go(runner, 60)
        runner.close()
        again, other = desk(house, [high()])
        house.metrics["lag"] = 9.0
        await house.go(other, 60)
        said = [(each.trace.before, each.trace.state) for each in await again.traces("high")]
        assert said[0] == ("OK", "ALARM")
        assert ("ALARM", "OK") in said[1:]
        assert len(await again.traces("high", 1)) == 1
        with pytest.raises(Refused):
            await again.traces("nobody")
        other.close()

    asyncio.run(scenario())


def test_a_small_chart_of_an_alert(house: House) -> None:
    """What was looked at, against the threshold; none for somebody else's alert."""

    async def scenario() -> None:
        alarms, runner = desk(house, [high()])
        house.metrics["lag"] = 9.0
        await house.go(runner, 125)
        (alert,) = house.raised
        chart = alarms.chart(alert)
        assert chart is not None
        assert (chart.high, chart.low) == (5.0, None)
        assert chart.points[-1].value == 9.0
        assert alarms.chart(msgspec.structs.replace(alert, source="detect")) is None
        assert alarms.chart(msgspec.structs.replace(alert, labels={"alarm": "x"})) is None
        runner.close()

    asyncio.run(scenario())


def test_trying_out_before_it_is_switched_on(house: House) -> None:
    """Nobody is told, nothing is kept; what cannot work is refused."""

    async def scenario() -> None:
        alarms, runner = desk(house)
        house.metrics["lag"] = 9.0
        await house.go(runner, 600)
        end = START_NS + 600 * NS_PER_SECOND
        trial = await alarms.try_out(high(), START_NS, end)
        assert trial.series[0].fired == 1
        assert trial.series[0].last.state == "ALARM"
        assert alarms.list() == ()
        assert house.told() == []
        with pytest.raises(Refused):
            await alarms.try_out(high("no name"), START_NS, end)
        runner.close()

    asyncio.run(scenario())
