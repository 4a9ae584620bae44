"""Findings held against what was planted: who counts, when, and what is false."""

from collections.abc import Iterator, Sequence

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.observation import CallSeen, Observation
from tallystick.watch.detect.score import Finding, Judged, Reason
from tallystick.watch.detect.trades.calls import LOOK_PRICES, Line, line
from tallystick.watch.detect.trades.client import Access
from tallystick.watch.detect.trades.outcome import clean_of, kind_results, precision
from tallystick.watch.detect.trades.planted import Planted
from tallystick.watch.detect.trades.watching import Watched, watch
from tallystick.watch.detect.watcher import Watcher

START_NS = 1_772_443_800 * NS_PER_SECOND
MINUTE_NS = 60 * NS_PER_SECOND
ROUTE = "GET /v1/prices"


class Pointing:
    """A detector that finds what it is told: (number of the call, name, entity)."""

    names = ("new_address", "route_errors")
    observes: tuple[type[Observation], ...] = (CallSeen,)

    def __init__(self, findings: dict[int, tuple[str, str]]) -> None:
        self._findings = findings
        self._seen = 0

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Find what was asked for."""
        found = []
        for row in range(len(batch)):
            told = self._findings.get(self._seen)
            self._seen += 1
            if told is not None:
                name, entity = told
                reason = Reason("usual", "odd", f"{entity} is odd.", ())
                found.append(Finding(row, name, "fraud", entity, 1e-7, 0.0, reason))
        return Judged([1.0] * len(batch), found)

    def snapshot(self) -> bytes:
        """Nothing is learnt."""
        return b""

    def restore(self, data: bytes) -> None:
        """Nothing is learnt."""


def calls(count: int, account: str = "acme") -> Iterator[Line]:
    """One call a minute."""
    for number in range(count):
        at_ns = START_NS + number * MINUTE_NS
        yield line(at_ns, LOOK_PRICES, 200, 0, account, Access("key", "192.0.2.0/24"))[1]


def planted(first: int, last: int, *, accounts: tuple[str, ...] = ("acme",)) -> Planted:
    """A new address from one call to another, with two minutes of grace."""
    return Planted(
        kind="new_address", family="fraud", level="moderate",
        start_ns=START_NS + first * MINUTE_NS, end_ns=START_NS + last * MINUTE_NS,
        grace_seconds=120.0, detectors=("new_address",), note="five calls", accounts=accounts,
    )  # fmt: skip


def watched(
    findings: dict[int, tuple[str, str]], *deeds: Planted, account: str = "acme", count: int = 2_000
) -> Watched:
    """What a watcher with these findings gives over so many calls."""
    return watch(calls(count, account), deeds, Watcher([Pointing(findings)]), lambda: 0.0)


def test_a_right_finding_within_the_span_is_found_with_its_delay() -> None:
    """Delay in seconds and in the account's own events, both from the beginning of the deed."""
    result = watched({13: ("new_address", "acme")}, planted(10, 20))

    (met,) = result.met
    assert met.found
    assert (met.by, met.delay_seconds, met.delay_events) == ("new_address", 180.0, 4)
    assert met.fired == {"new_address": 1}
    assert result.false == []
    assert (result.events, result.calls) == (2_000, 2_000)


def test_a_finding_counts_in_the_grace_and_not_before_the_beginning() -> None:
    """The grace ends two minutes after the end; what came before the deed is false."""
    assert watched({22: ("new_address", "acme")}, planted(10, 20)).met[0].found
    early = watched({9: ("new_address", "acme")}, planted(10, 20))
    assert not early.met[0].found
    assert len(early.false) == 1


def test_a_finding_by_another_detector_is_neither_right_nor_false() -> None:
    """It is about the deed, and shows in the confusion table."""
    result = watched({12: ("route_errors", "acme")}, planted(10, 20))

    assert not result.met[0].found
    assert result.met[0].fired == {"route_errors": 1}
    assert result.false == []


def test_a_finding_about_somebody_else_is_false() -> None:
    """The right detector at the right time is not enough."""
    result = watched(
        {12: ("new_address", "other")}, planted(10, 20, accounts=("acme",)), account="other"
    )

    assert not result.met[0].found
    assert [one.entity for one in result.false] == ["other"]


def test_the_day_after_a_deed_counts_neither_way() -> None:
    """Positions are still undone; a day later a finding is false again."""
    after = watched({100: ("new_address", "acme")}, planted(10, 20))
    late = watched({20 + 2 + 24 * 60 + 1: ("new_address", "acme")}, planted(10, 20))

    assert (after.false, after.met[0].found) == ([], False)
    assert len(late.false) == 1


def test_the_report_counts_recall_delay_and_false_alerts() -> None:
    """Two deeds, one found; one false alert in 4,000 events; precision of the likeliest."""
    streams = [
        watched({13: ("new_address", "acme")}, planted(10, 20)),
        watched({5: ("new_address", "acme")}, planted(10, 20)),
    ]

    kinds = kind_results(streams)
    assert list(kinds) == ["new_address"]
    assert (kinds["new_address"].planted, kinds["new_address"].found) == (2, 1)
    assert kinds["new_address"].recall == 0.5
    assert kinds["new_address"].first == {"new_address": 1}
    delay = kinds["new_address"].delay_seconds
    assert delay is not None
    assert delay.p50 == 180.0
    clean = clean_of(streams)
    assert (clean.alerts, clean.events, clean.per_100k) == (1, 4_000, 25.0)
    assert clean.by_detector == {"new_address": 25.0}
    assert precision(streams) == 1.0  # the budget of 4,000 events is one alert


def test_lines_are_stamped_when_they_were_answered() -> None:
    """A call that took a second is known a second after it began."""
    at_ns, said = line(START_NS, LOOK_PRICES, 200, 1_000_000, None, Access("key", "net"))

    assert at_ns == START_NS + NS_PER_SECOND
    assert said["timestamp"] == rfc3339(at_ns)
    assert said["account"] is None
