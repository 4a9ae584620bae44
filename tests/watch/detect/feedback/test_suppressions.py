"""What is dismissed is told less often; nothing is silenced for ever, nor what is far odder."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.feedback import Suppressions, judged
from tallystick.watch.detect.feedback.suppressions import (
    DETECTORS_MAX,
    PRECISION_MIN,
    VERDICTS_MAX,
)
from tallystick.watch.detect.score import Anomaly

Make = Callable[..., Anomaly]
START_SECONDS = 1_790_000_000
DAY_SECONDS = 86_400


def stamp(day: float) -> str:
    """The moment so many days after the beginning."""
    return rfc3339(round((START_SECONDS + day * DAY_SECONDS) * NS_PER_SECOND))


def test_nobody_said_anything(desk: Any, make: Make) -> None:
    """Every anomaly is an alert."""
    assert desk.learnt.held(make()) is None
    assert len(desk.learnt) == 0


def test_two_dismissals_hold_the_stream_back(desk: Any, make: Make) -> None:
    """One is not enough; the sentence says how many and what is expected."""
    desk.dismiss(1)
    assert desk.learnt.held(make()) is None
    desk.dismiss(1)
    sentence = desk.learnt.held(make())
    assert sentence is not None
    assert "2 of its like were dismissed" in sentence
    assert f"{100 * PRECISION_MIN:.0f} %" in sentence
    assert sentence.endswith(".")


def test_other_streams_are_told(desk: Any, make: Make) -> None:
    """Neither another entity nor another detector is held back by it."""
    desk.dismiss(5)
    assert desk.learnt.held(make()) is not None
    assert desk.learnt.held(make(entity="beta EUR/USD")) is None
    assert desk.learnt.held(make(detector="layering")) is None


def test_the_detector_counts_a_little(desk: Any, make: Make) -> None:
    """Where most of a detector's are dismissed, one dismissal is enough for another stream."""
    for number in range(10):
        desk.dismiss(2, entity=f"client {number}")
    assert desk.learnt.held(make(entity="new")) is None
    desk.dismiss(1, entity="new")
    assert desk.learnt.held(make(entity="new")) is not None


def test_what_is_far_odder_is_told(desk: Any, make: Make) -> None:
    """Ten times rarer is held back too, a thousand times rarer never, in between the rule says."""
    desk.dismiss(4, surprise=7.0)
    assert desk.learnt.held(make(surprise=6.1)) is not None
    assert desk.learnt.held(make(surprise=8.0)) is not None
    assert desk.learnt.held(make(surprise=10.0)) is None
    held = [desk.learnt.held(make(surprise=7 + step / 10)) is not None for step in range(31)]
    assert held == sorted(held, reverse=True)


def test_nothing_is_silenced_for_ever(desk: Any, make: Make) -> None:
    """Some weeks after the last dismissal the stream speaks again; after many of them, later."""
    desk.dismiss(2)
    assert desk.learnt.held(make(10.0)) is not None
    assert desk.learnt.held(make(25.0)) is None
    desk.dismiss(1, day=25.0)
    assert desk.learnt.held(make(30.0)) is not None
    desk.dismiss(500, day=30.0)
    assert desk.learnt.held(make(90.0)) is not None
    assert desk.learnt.held(make(30.0 + 200)) is None


def test_a_confirmed_one_lowers_the_bar_again(desk: Any, make: Make) -> None:
    """After a confirmation its like is told."""
    desk.dismiss(3)
    assert desk.learnt.held(make()) is not None
    desk.say("confirmed", make(id="true", surprise=7.5))
    assert desk.learnt.held(make()) is None
    assert desk.learnt.held(make(surprise=6.0)) is None


def test_a_confirmed_one_says_little_of_what_is_far_less_odd(desk: Any, make: Make) -> None:
    """What is a thousand times more ordinary than the confirmed one stays held back."""
    desk.dismiss(4, surprise=6.0)
    desk.say("confirmed", make(id="true", surprise=11.0))
    assert desk.learnt.held(make(surprise=6.0)) is not None
    assert desk.learnt.held(make(surprise=11.0)) is None


def test_a_verdict_may_be_changed(desk: Any, make: Make) -> None:
    """The newest entry about an anomaly holds: the old one counts for nothing, also in the pool."""
    desk.dismiss(2)
    desk.say("confirmed", make(id="dismissed-0"))
    desk.say("confirmed", make(id="dismissed-1"))
    other = type(desk)()
    other.say("confirmed", make(id="dismissed-0"))
    other.say("confirmed", make(id="dismissed-1"))
    for surprise in (6.0, 8.0, 12.0):
        odd = make(surprise=surprise)
        assert desk.learnt.held(odd) is None
        assert other.learnt.held(odd) is None
    desk.say("dismissed", make(id="dismissed-0"))
    desk.say("dismissed", make(id="dismissed-1"))
    assert desk.learnt.held(make()) is not None


def test_dismissed_until_a_time(desk: Any, make: Make) -> None:
    """One dismissal with an end holds back until then; the sentence says until when."""
    desk.say("dismissed", make(id="a"), until=stamp(3))
    sentence = desk.learnt.held(make(2.9, surprise=10.9))
    assert sentence == f"Held back until {stamp(3)}: its like was dismissed until then."
    assert desk.learnt.held(make(2.9, surprise=11.0)) is None
    assert desk.learnt.held(make(3.0)) is None


def test_a_confirmation_ends_what_was_dismissed_until_a_time(desk: Any, make: Make) -> None:
    """Said later, of the same stream."""
    desk.say("dismissed", make(id="a"), until=stamp(3))
    desk.say("confirmed", make(id="b"))
    assert desk.learnt.held(make()) is None
    desk.say("dismissed", make(id="c"), until=stamp(3))
    assert desk.learnt.held(make()) is not None


def test_of_every_detector(desk: Any, make: Make) -> None:
    """A dismissal of the entity holds for all its detectors, and for no other entity."""
    desk.say("dismissed", make(id="a"), scope="entity", until=stamp(3))
    assert desk.learnt.held(make(detector="layering")) is not None
    assert desk.learnt.held(make(detector="layering", entity="beta")) is None
    desk.say("confirmed", make(id="b", detector="layering"))
    assert desk.learnt.held(make(detector="layering")) is None
    assert desk.learnt.held(make(detector="order_size")) is not None


def test_entries_are_learnt_once(desk: Any, make: Make) -> None:
    """Fed again after a restart, they change nothing; others are read past."""
    entry = desk.say("dismissed", make(id="a"))
    before = desk.learnt.snapshot()
    assert not desk.learnt.learn(0, entry)
    assert desk.learnt.snapshot() == before
    assert not desk.learnt.learn(5, b'{"kind":"order_decided"}')
    assert desk.learnt.position == 6
    assert not desk.learnt.learn(6, entry.replace(b'"p_value":"1e-08"', b'"p_value":"odd"'))
    assert not desk.learnt.learn(7, entry.replace(b'"verdict":"dismissed"', b'"verdict":"maybe"'))
    assert not desk.learnt.learn(8, entry.replace(b'"at":"2026', b'"at":"never'))
    assert len(desk.learnt) == 1


def test_a_restart_changes_nothing(desk: Any, make: Make) -> None:
    """What is restored judges and learns as before."""
    rng = random.Random(5)  # noqa: S311  a seeded test
    entries = [
        desk.say(
            rng.choice(("confirmed", "dismissed", "dismissed")),
            make(id=f"a{rng.randrange(60)}", entity=f"client {rng.randrange(6)}"),
            day=number / 10,
            scope=rng.choice(("stream", "stream", "entity")),
        )
        for number in range(200)
    ]
    whole, half = Suppressions(), Suppressions()
    for position, entry in enumerate(entries[:120]):
        half.learn(position, entry)
    again = Suppressions()
    again.restore(half.snapshot())
    for position, entry in enumerate(entries):
        whole.learn(position, entry)
        again.learn(position, entry)
    assert again.snapshot() == whole.snapshot()
    for client in range(6):
        odd = make(21.0, entity=f"client {client}")
        assert again.held(odd) == whole.held(odd)


@pytest.mark.parametrize("data", [b"", b"x", b"\x80", b"\x81\xa1v\x02"])
def test_it_refuses_a_snapshot_of_something_else(desk: Any, make: Make, data: bytes) -> None:
    """An error, and it is as it was."""
    desk.dismiss(2)
    with pytest.raises(ValueError, match=r"."):
        desk.learnt.restore(data)
    assert desk.learnt.held(make()) is not None


def test_it_is_bounded(desk: Any, make: Make) -> None:
    """Streams, verdicts of a stream and detectors have a limit; the longest known goes first."""
    desk.learnt = Suppressions(streams_max=10)
    for number in range(300):
        desk.say("dismissed", make(id=f"a{number}", detector=f"d{number}"))
    assert len(desk.learnt) == 10
    few = len(desk.learnt.snapshot())
    for number in range(300, 600):
        desk.say("dismissed", make(id=f"a{number}", detector="d0"))
    assert len(desk.learnt.snapshot()) < few + 200 * VERDICTS_MAX
    assert len(desk.learnt._detectors) <= DETECTORS_MAX
    assert len(desk.learnt._stream_of) <= 9 + VERDICTS_MAX


def test_how_many_streams_are_held_back(desk: Any) -> None:
    """Those of which an anomaly like the dismissed ones would be; fewer as time goes by."""
    desk.dismiss(3, entity="a")
    desk.dismiss(3, entity="b")
    desk.dismiss(1, entity="c", detector="layering")
    assert desk.learnt.held_streams(START_SECONDS) == 2
    assert desk.learnt.held_streams(START_SECONDS + 365 * DAY_SECONDS) == 0


def test_odd_numbers_break_nothing(desk: Any, make: Make) -> None:
    """A p-value that is none, a stamp before everything."""
    desk.dismiss(2)
    assert desk.learnt.held(make(p_value=float("nan"))) is None
    assert desk.learnt.held(make(p_value=0.0)) is None
    assert desk.learnt.held(make(-20_000.0)) is not None


def test_reading_takes_verdicts_alone() -> None:
    """Entries of other kinds, and bytes, are none."""
    assert judged(b'{"kind":"log_unmasked"}') is None
    assert judged(b"\x00\x01") is None
    assert judged(b'{"kind":"anomaly_judged","anomaly":"\xff"}') is None
    assert judged(b'{"kind":"anomaly_judged","at":"\xff"}') is None
