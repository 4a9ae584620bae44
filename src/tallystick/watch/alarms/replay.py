"""What an alarm would have done: its evaluation over readings of the past, one by one.

It is the evaluation itself that runs, so that what is tried out is what is switched on. A reading
is evaluated when its period has ended; that it may have come later in truth is not played.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import pairwise
from typing import NamedTuple

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, State, Trace
from tallystick.watch.alarms.band import Bands
from tallystick.watch.alarms.composite import evaluate_rule
from tallystick.watch.alarms.evaluate import Reading, evaluate, evaluation_range
from tallystick.watch.alarms.sentences import amount

READINGS_MAX = 100_000
"""Most periods that are replayed at once: 69 days of minutes."""


class Summary(NamedTuple):
    """What a replay came to: how often it fired, how long in all and at the longest."""

    fired: int
    alarm_seconds: int
    longest_seconds: int
    first_ns: int | None
    last_ns: int | None
    sentence: str


def replay(
    alarm: Alarm,
    readings: Sequence[Reading],
    before: State = "INSUFFICIENT_DATA",
    bands: Bands | None = None,
) -> list[Trace]:
    """One trace a period from the first reading to the last; gaps are periods without data.

    A band is learnt on the way, from the beginning or going on with `bands`.

    Raises:
        Refused: `REPLAY_TOO_LONG`.
    """
    known = Bands(1) if bands is None else bands
    window: list[Reading] = []
    traces: list[Trace] = []
    for reading in _without_gaps(alarm, sorted(readings, key=lambda each: each.at_ns)):
        if alarm.band is not None:
            window.append(known.expect(alarm.name, reading, alarm.band.width))
        else:
            window.append(reading)
        del window[: -evaluation_range(alarm)]
        state = traces[-1].state if traces else before
        traces.append(evaluate(alarm, window, state, reading.at_ns))
    return traces


def replay_rule(
    alarm: Alarm, histories: Mapping[str, Sequence[Trace]], before: State = "INSUFFICIENT_DATA"
) -> list[Trace]:
    """A composite alarm over the traces of its children: one trace for each moment of theirs.

    Raises:
        Refused: `ALARM_UNUSABLE`: its rule cannot be read.
    """
    said = merge(*(_named(name, traces) for name, traces in histories.items()))
    states: dict[str, State] = {}
    traces: list[Trace] = []
    for at_ns, name, state in said:
        states[name] = state
        if traces and traces[-1].at_ns == at_ns:
            last = traces.pop()
            traces.append(evaluate_rule(alarm, states, last.before, at_ns))
        else:
            last_state = traces[-1].state if traces else before
            traces.append(evaluate_rule(alarm, states, last_state, at_ns))
    return traces


def changes(traces: Sequence[Trace]) -> list[Trace]:
    """Those at which the state changed."""
    return [trace for trace in traces if trace.state != trace.before]


def summary(traces: Sequence[Trace], period_seconds: int) -> Summary:
    """What a replay came to. A state lasts until the next trace, the last one for a period."""
    fired = 0
    spells: list[int] = []
    last = traces[-1].at_ns + period_seconds * NS_PER_SECOND if traces else 0
    ends = [later.at_ns for _, later in pairwise(traces)] + [last]
    for trace, end in zip(traces, ends, strict=False):
        if trace.state != "ALARM":
            continue
        if trace.before != "ALARM" or not spells:
            spells.append(0)
            fired += trace.before != "ALARM"
        spells[-1] += (end - trace.at_ns) // NS_PER_SECOND
    starts = [trace.at_ns for trace in traces if trace.state == "ALARM" != trace.before]
    first_ns, last_ns = (starts[0], starts[-1]) if starts else (None, None)
    total, longest = sum(spells), max(spells, default=0)
    sentence = _said(traces, fired, total, longest, first_ns)
    return Summary(fired, total, longest, first_ns, last_ns, sentence)


def _said(
    traces: Sequence[Trace], fired: int, total: int, longest: int, first_ns: int | None
) -> str:
    if not traces:
        return "There is nothing to replay: no reading lies in that time."
    over = f"from {_moment(traces[0].at_ns)} to {_moment(traces[-1].at_ns)}"
    if first_ns is None:
        held = f" It was in ALARM for {amount(total, 'seconds')}." if total else ""
        return f"It would not have fired {over}.{held}"
    often = {1: "once", 2: "twice"}.get(fired, f"{fired} times")
    return (
        f"It would have fired {often} {over}, first at {_moment(first_ns)}, and been in ALARM for"
        f" {amount(total, 'seconds')}, {amount(longest, 'seconds')} at the longest."
    )


def _moment(ns: int) -> str:
    """Periods end with whole seconds."""
    return f"{rfc3339(ns)[:19]}Z"


def _named(name: str, traces: Sequence[Trace]) -> Iterator[tuple[int, str, State]]:
    for trace in traces:
        yield trace.at_ns, name, trace.state


def _without_gaps(alarm: Alarm, readings: Sequence[Reading]) -> Iterator[Reading]:
    if not readings:
        return
    step = alarm.period_seconds * NS_PER_SECOND
    periods = (readings[-1].at_ns - readings[0].at_ns) // step + 1
    if max(periods, len(readings)) > READINGS_MAX:
        sentence = f"A replay is of at most {READINGS_MAX:,} periods; these are {periods:,}."
        raise Refused("REPLAY_TOO_LONG", sentence)
    at_ns = readings[0].at_ns
    for reading in readings:
        while at_ns < reading.at_ns - step // 2:
            yield Reading(at_ns, None)
            at_ns += step
        yield reading
        at_ns = reading.at_ns + step
