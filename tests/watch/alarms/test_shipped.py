"""The shipped alarms, each over a calm course and then a bad one."""

import math
import random

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.alarm import Alarm, State
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.files import shipped
from tallystick.watch.alarms.replay import changes, replay, replay_rule, summary

START_NS = 20_000 * 86_400 * NS_PER_SECOND
ALARMS = {alarm.name: alarm for alarm in shipped()}
COURSES: dict[str, tuple[float, float, str]] = {
    "api-latency": (0.02, 0.612, "3 of the last 5 minutes were above 250 ms (612 ms, "),
    "api-errors": (0.0, 0.3, "3 of the last 5 minutes were above 2 % (30 %, "),
    "archive-failing": (0.0, 1.0, "3 of the last 3 periods of 5 minutes were at least 1 "),
    "backup-age": (3_600.0, 144_000.0, "40 h in the last 10 minutes is above 26 h"),
    "certificate-expiry": (5e6, 864_000.0, "10 days in the last hour is below 14 days"),
    "detector-restarts": (0.0, 3.0, "3 starts in the last 10 minutes is at least 2 starts"),
    "detector-silent": (12.0, 5_000.0, "3 of the last 3 minutes were at least 1,000 entries"),
    "disk-full": (0.5, 0.01, "2 of the last 2 minutes were below 5 % (1 %, 1 %)"),
    "disk-low": (0.5, 0.1, "3 of the last 3 minutes were below 15 % (10 %, "),
    "ledger-away": (0.0, 1.0, "2 of the last 3 minutes were at least 1 (1, 1)"),
    "ledger-check-failed": (0.0, 1.0, "1 failed check in the last hour; it fires from 1 on"),
    "ledger-still": (90.0, 0.0, "2 of the last 2 minutes were at most 0 entries (0, 0)"),
    "log-loss": (0.0, 7.0, "7 lines in the last minute is above 0 lines"),
    "margin-call": (0.0, 1.0, "1 margin event in the last hour; it fires from 1 on"),
    "market-closed": (1.0, 0.0, "0 in the last minute is below 1"),
    "orders-answered": (0.0, 50.0, "2 of the last 2 minutes were at least 10 orders"),
    "publish-lag": (5.0, 9_000.0, "5 of the last 5 minutes were at least 1,000 entries"),
    "rejects-many": (3.0, 40.0, "2 of the last 3 minutes were at least 20 rejected orders"),
    "stale-prices": (0.0, 2.0, "2 anomalies in the last 10 minutes; it fires from 1 on"),
    "stream-lag": (5.0, 9_000.0, "3 of the last 3 minutes were at least 1,000 entries"),
}
"""What an alarm sees on a good day and on a bad one, and what it then says."""
RULES: dict[str, tuple[str, ...]] = {
    "ledger-not-growing": ("orders-answered", "ledger-still"),
    "reject-spike": ("rejects-many", "rejects-unusual"),
}
"""Composite alarms: all of these have to be in ALARM."""
BANDS = ("rejects-unusual", "throughput-drop")


def _readings(alarm: Alarm, values: list[float]) -> list[Reading]:
    step = alarm.period_seconds * NS_PER_SECOND
    return [Reading(START_NS + i * step, value) for i, value in enumerate(values)]


def _days(count: int, seed: int) -> list[float]:
    """Orders a minute of a desk: few at night, many at noon, never twice the same."""
    dice = random.Random(seed)  # noqa: S311  a seed
    return [
        max(0.0, round(dice.gauss(mean, math.sqrt(mean))))
        for minute in range(count * 1_440)
        for mean in (60 - 50 * math.cos(2 * math.pi * minute / 1_440),)
    ]


def test_every_shipped_alarm_is_tried_here() -> None:
    """A new one needs a line above."""
    assert ALARMS.keys() == {*COURSES, *RULES, *BANDS}


@pytest.mark.parametrize("name", COURSES)
def test_a_good_day_is_calm_and_a_bad_one_is_not(name: str) -> None:
    """OK from the first reading on; ALARM after M bad periods, not before; OK again after it."""
    alarm, (good, bad, sentence) = ALARMS[name], COURSES[name]
    calm = alarm.periods + 5
    traces = replay(alarm, _readings(alarm, [good] * calm + [bad] * 9 + [good] * calm))
    assert [trace.state for trace in changes(traces)] == ["OK", "ALARM", "OK"]
    fired = changes(traces)[1]
    assert traces.index(fired) == calm + alarm.datapoints - 1
    assert sentence in fired.sentence


@pytest.mark.parametrize("name", RULES)
def test_the_shipped_rules(name: str) -> None:
    """Only together: one child alone tells nobody."""
    alarm, needed = ALARMS[name], RULES[name]

    def state(firing: set[str]) -> State:
        histories = {
            child: replay(Alarm(child, child, threshold=1.0), [Reading(0, float(child in firing))])
            for child in needed
        }
        return replay_rule(alarm, histories)[-1].state

    assert state(set(needed)) == "ALARM"
    assert all(state({child}) == "OK" for child in needed)
    assert state(set()) == "OK"


def test_a_drop_of_orders_is_seen_and_the_night_is_not() -> None:
    """Six days of an ordinary rhythm fire nothing; a day at a tenth fires within minutes."""
    alarm = ALARMS["throughput-drop"]
    days = _days(7, 1)
    drop = 6 * 1_440 + 600
    values = [value * 0.1 if i >= drop else value for i, value in enumerate(days)]
    traces = replay(alarm, _readings(alarm, values))
    found = summary(traces[: 6 * 1_440], 60)
    assert found.fired == 0, found.sentence
    first = next(i for i, trace in enumerate(traces) if trace.state == "ALARM")
    assert drop <= first < drop + 30
    assert "below what is usual" in traces[first].sentence


def test_a_spike_of_rejects_is_told_and_noise_is_not() -> None:
    """A tenth of all orders rejected, as every day, fires nothing; most of them does, at once.

    Either of the two alarms alone would tell too much: a busy desk always has many, and what is
    unusual may be three instead of one.
    """
    days = [round(value * 0.1) for value in _days(7, 2)]
    spike = 6 * 1_440 + 600
    values = [float(value * 8 if i >= spike else value) for i, value in enumerate(days)]
    histories = {
        name: replay(ALARMS[name], _readings(ALARMS[name], values))
        for name in RULES["reject-spike"]
    }
    traces = replay_rule(ALARMS["reject-spike"], histories)
    found = summary(traces[:spike], 60)
    assert found.fired == 0, found.sentence
    first = next(i for i, trace in enumerate(traces) if trace.state == "ALARM")
    assert spike <= first < spike + 5
    assert traces[first].sentence == (
        'ALARM: ALARM("rejects-many") AND ALARM("rejects-unusual") holds:'
        " rejects-many is ALARM, rejects-unusual is ALARM."
    )
