"""What happened, counted by period."""

import asyncio

import msgspec

from tallystick.watch.alarms.alarm import Alarm, EventSource, Statistic
from tallystick.watch.alarms.evaluate import evaluation_range
from tallystick.watch.alarms.series import SERIES_PER_ALARM_MAX, Series, series_of
from tallystick.watch.alarms.sources import About, Tally, Told
from tallystick.watch.alarms.sources.tally import NOTHING, Kept

S = 1_000_000_000
START = 1_700_000_040 * S


def alarm(statistic: Statistic = "count", by: tuple[str, ...] = ()) -> Alarm:
    """An alarm over events."""
    source = EventSource('{"source": ["x"]}', by)
    return Alarm("often", "Often.", source=source, statistic=statistic, threshold=3.0)


def told(tally: Tally, of: Alarm, start_s: int, end_s: int) -> Told:
    """What a period between two seconds after START came to."""
    return asyncio.run(tally.told(of, START + start_s * S, START + end_s * S))


def test_events_are_counted_in_the_period_of_their_time() -> None:
    """A period without any is known to have none, except before anybody listened."""
    tally, often = Tally(), alarm()
    tally.listen(often, START)
    counts = [tally.count(often, (), START + at * S, NOTHING) for at in (1, 59, 60, 61)]
    assert counts == [1.0, 2.0, 1.0, 2.0]
    assert told(tally, often, 0, 60) == Told({(): 2.0}, 0.0)
    assert told(tally, often, 60, 120) == Told({(): 2.0}, 0.0)
    assert told(tally, often, 120, 180) == Told({(): 0.0}, 0.0)
    assert told(tally, often, -60, 0) == Told({(): None})


def test_a_rate_is_per_second() -> None:
    """Of the whole period, also while it runs: it can only grow."""
    tally, often = Tally(), alarm("rate")
    tally.listen(often, START)
    assert tally.count(often, (), START, NOTHING) == 1 / 60


def test_each_series_remembers_what_it_was_about() -> None:
    """The last occurrence leads to its entry and its order."""
    tally, often = Tally(), alarm(by=("$.account",))
    tally.listen(often, START)
    acme, demo = series_of({"account": "acme"}), series_of({"account": "demo"})
    tally.count(often, acme, START, About(7, "O-7"))
    tally.count(often, acme, START, About(9, "O-9"))
    tally.count(often, demo, START, About(8, None))
    assert tally.about("often", acme) == About(9, "O-9")
    assert tally.about("often", demo) == About(8, None)
    assert tally.about("often", ()) == NOTHING
    assert told(tally, often, 0, 60).values == {acme: 2.0, demo: 1.0}


def test_readings_lead_up_to_the_period_that_runs() -> None:
    """As many as an evaluation looks at, without holes; unknown before anybody listened."""
    tally, often = Tally(), alarm()
    tally.listen(often, START)
    tally.count(often, (), START + 70 * S, NOTHING)
    readings = tally.readings(often, (), START + 70 * S)
    assert len(readings) == evaluation_range(often)
    assert [(r.at_ns - START) // S for r in readings] == [0, 60, 120]
    assert [r.value for r in readings] == [None, 0.0, 1.0]


def test_memory_is_bounded() -> None:
    """Old periods go; new series come in as long as others have gone quiet."""
    tally, often = Tally(), alarm(by=("$.n",))
    tally.listen(often, START)
    for minute in range(10_000):
        tally.count(often, (), START + minute * 60 * S, NOTHING)
    (kept,) = (each for series, each in tally.snapshot()["often"].series if not series)
    assert len(kept.periods) <= 2 * evaluation_range(often)

    def series(number: int) -> Series:
        return series_of({"n": str(number)})

    late = START + 20_000 * 60 * S
    for number in range(2 * SERIES_PER_ALARM_MAX):
        tally.count(often, series(number), late, NOTHING)
    assert len(tally.snapshot()["often"].series) == SERIES_PER_ALARM_MAX
    assert tally.dropped == SERIES_PER_ALARM_MAX
    assert tally.count(often, series(-1), late + 3_600 * S, NOTHING) == 1.0


def test_counting_goes_on_after_a_restart() -> None:
    """From a snapshot that went through bytes; for a changed definition it begins anew."""
    before, often = Tally(), alarm()
    before.listen(often, START)
    before.count(often, (), START + S, About(3, "O-3"))
    body = msgspec.msgpack.encode(before.snapshot())
    after = Tally()
    after.restore(msgspec.msgpack.decode(body, type=dict[str, Kept]))
    after.listen(often, START + 30 * S)
    assert after.count(often, (), START + 2 * S, About(4, "O-4")) == 2.0
    after.listen(alarm("rate"), START + 40 * S)
    assert after.count(alarm("rate"), (), START + 41 * S, NOTHING) == 1 / 60
    after.only(())
    assert after.snapshot() == {}
