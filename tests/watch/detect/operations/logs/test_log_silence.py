"""Log silence: services that stop to log."""

import random
from collections.abc import Callable

from tallystick.watch.detect.observation import LogSeen, Observation, TimeSeen
from tallystick.watch.detect.operations.logs.log_silence import LogSilence
from tallystick.watch.detect.score import Finding

Judge = Callable[..., tuple[list[float], list[Finding]]]


def _seconds(
    lines: Callable[..., LogSeen],
    tick: Callable[[float], TimeSeen],
    start: float,
    number: int,
    services: dict[str, Callable[[int], bool]],
) -> list[Observation]:
    """So many seconds; each service says whether it logs in a second."""
    seen: list[Observation] = []
    for second in range(number):
        seen += [lines(start + second, name) for name, says in services.items() if says(second)]
        seen.append(tick(start + second + 1))
    return seen


def test_a_service_that_falls_silent(
    make_lines: Callable[..., LogSeen],
    make_tick: Callable[[float], TimeSeen],
    judged: Judge,
    start_seconds: float,
) -> None:
    """One that logs each second is told after half a minute, once; the other one goes on."""
    services = {"gateway": lambda second: second < 1_800, "engine": lambda _second: True}
    seen = _seconds(make_lines, make_tick, start_seconds, 2_400, services)
    findings = judged(LogSilence(), seen)[1]
    assert [(each.detector, each.family, each.entity) for each in findings] == [
        ("log_silence", "operations", "main gateway")
    ]
    assert seen[findings[0].row].at_seconds - start_seconds - 1_800 < 45
    assert findings[0].reason.sentence.startswith(
        "gateway has said nothing in the index main: no log line for 30 s; at this hour usually "
    )
    assert findings[0].reason.nearest is not None
    assert findings[0].reason.nearest.text == "gateway logged at 12:29:59"


def test_each_has_its_own_rhythm(
    make_lines: Callable[..., LogSeen],
    make_tick: Callable[[float], TimeSeen],
    judged: Judge,
    start_seconds: float,
) -> None:
    """A batch that logs for twenty seconds each quarter of an hour is not silent between."""
    chance = random.Random(1)  # noqa: S311  a seeded service, no secret
    services = {
        "batch": lambda second: second % 900 < 20,
        "rare": lambda _second: chance.random() < 1 / 60,
    }
    seen = _seconds(make_lines, make_tick, start_seconds, 8 * 3_600, services)
    assert not judged(LogSilence(), seen)[1]


def test_a_service_that_is_gone_is_told_once(
    make_lines: Callable[..., LogSeen],
    make_tick: Callable[[float], TimeSeen],
    judged: Judge,
    start_seconds: float,
) -> None:
    """What was switched off for good is not told again and again."""
    services = {"gateway": lambda second: second < 600}
    seen = _seconds(make_lines, make_tick, start_seconds, 3 * 3_600, services)
    assert len(judged(LogSilence(), seen)[1]) == 1


def test_indexes_are_told_apart(
    make_lines: Callable[..., LogSeen],
    make_tick: Callable[[float], TimeSeen],
    judged: Judge,
    start_seconds: float,
) -> None:
    """A service that goes on in one index may be silent in another."""
    seen: list[Observation] = []
    for second in range(1_200):
        at = start_seconds + second
        seen.append(make_lines(at, "gateway", "main"))
        if second < 900:
            seen.append(make_lines(at, "gateway", "audit"))
        seen.append(make_tick(at + 1))
    assert [each.entity for each in judged(LogSilence(), seen)[1]] == ["audit gateway"]
