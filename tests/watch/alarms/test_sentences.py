"""Sentences of alarms, as a person reads them at three in the morning."""

import pytest

from tallystick.watch.alarms.alarm import Alarm, Band, Missing
from tallystick.watch.alarms.evaluate import Reading, evaluate
from tallystick.watch.alarms.sentences import amount, headline, span


def _said(
    values: list[float | None],
    datapoints: int,
    periods: int,
    missing: Missing = "missing",
    period_seconds: int = 60,
) -> str:
    alarm = Alarm(
        name="slow",
        description="Slow",
        comparison=">",
        threshold=500.0,
        unit="ms",
        period_seconds=period_seconds,
        periods=periods,
        datapoints=datapoints,
        missing=missing,
    )
    readings = [Reading(i, value) for i, value in enumerate(values)]
    return evaluate(alarm, readings, "OK", 0).sentence


LONE = [None, None, 612.0, None, None]
MIXED = [None, 10.0, 612.0, None, None]
NONE: list[float | None] = [None] * 5


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (
            _said([612, 100, 588, 90, 701], 3, 5),
            "ALARM: 3 of the last 5 minutes were above 500 ms (612, 588, 701); it fires from 3 on.",
        ),
        (
            _said([612, 100, 101, 90, 70], 3, 5),
            "OK: 1 of the last 5 minutes was above 500 ms (612); it fires from 3 on.",
        ),
        (
            _said([10, 20], 2, 2),
            "OK: none of the last 2 minutes was above 500 ms (10, 20); it fires from 2 on.",
        ),
        (_said([612], 1, 1), "ALARM: 612 ms in the last minute is above 500 ms."),
        (_said([12], 1, 1), "OK: 12 ms in the last minute is not above 500 ms."),
        (
            _said([612], 1, 1, period_seconds=300),
            "ALARM: 612 ms in the last 5 minutes is above 500 ms.",
        ),
        (
            _said([612, 600, 7], 2, 3, period_seconds=300),
            (
                "ALARM: 2 of the last 3 periods of 5 minutes were above 500 ms (612, 600);"
                " it fires from 2 on."
            ),
        ),
        (
            _said([1, 612, 588, None, 701], 3, 3),
            (
                "ALARM: 3 of the last 3 minutes with data were above 500 ms (612, 588, 701);"
                " it fires from 3 on."
            ),
        ),
        (_said(NONE, 3, 3), "INSUFFICIENT_DATA: no data came in the last 5 minutes."),
        (
            _said(LONE, 3, 3),
            (
                "ALARM: all that came in the last 5 minutes was above 500 ms (612),"
                " and what should have followed is missing."
            ),
        ),
        (
            _said(LONE, 3, 3, "ignore"),
            (
                "OK: it stays so, as too little came in the last 5 minutes: 1 above 500 ms (612);"
                " it fires from 3 on."
            ),
        ),
        (
            _said(NONE, 3, 3, "ignore"),
            "OK: it stays so, as no data came in the last 5 minutes.",
        ),
        (
            _said(NONE, 3, 3, "breaching"),
            "ALARM: no data came in the last 5 minutes, which counts as breaching.",
        ),
        (
            _said(NONE, 3, 3, "notBreaching"),
            "OK: no data came in the last 5 minutes, which counts as fine.",
        ),
        (
            _said(MIXED, 2, 3, "breaching"),
            (
                "ALARM: 1 of the 2 with data in the last 5 minutes was above 500 ms (612),"
                " and 1 without data counts as breaching; it fires from 2 on."
            ),
        ),
        (
            _said(LONE, 2, 3, "notBreaching"),
            (
                "OK: the one with data in the last 5 minutes was above 500 ms (612),"
                " and 2 without data count as fine; it fires from 2 on."
            ),
        ),
        (
            _said(MIXED, 3, 3),
            (
                "OK: 1 of the 2 with data in the last 5 minutes was above 500 ms (612);"
                " it fires from 3 on."
            ),
        ),
        (
            _said([600 + i for i in range(10)], 8, 10),
            (
                "ALARM: 10 of the last 10 minutes were above 500 ms (..., 605, 606, 607, 608, 609);"
                " it fires from 8 on."
            ),
        ),
    ],
)
def test_every_way_to_a_state_has_its_sentence(found: str, wanted: str) -> None:
    """The state first, then what was seen, then from where on it fires."""
    assert found == wanted


def test_a_band_is_said_with_its_borders() -> None:
    """The reader sees what is usual now, and what came instead."""
    alarm = Alarm("slow", "Slow", comparison="outside", band=Band(), unit="ms", periods=3)
    readings = [Reading(0, 70, 10, 40), Reading(1, 20, 10, 40), Reading(2, 99, 12, 40)]
    assert evaluate(alarm, readings, "OK", 0).sentence == (
        "ALARM: 2 of the last 3 minutes were outside what is usual (12 to 40 ms) (70, 99);"
        " it fires from 1 on."
    )


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (612.0, "ms", "612 ms"),
        (0.25, "", "0.25"),
        (1234567.8, "entries", "1,234,568 entries"),
        (0.0512, "share", "5.12 %"),
        (1.0, "share", "100 %"),
        (0.25, "seconds", "250 ms"),
        (1.5, "seconds", "1.5 s"),
        (90.0, "seconds", "90 s"),
        (180.0, "seconds", "3 min"),
        (93_600.0, "seconds", "26 h"),
        (1_209_600.0, "seconds", "14 days"),
        (-300.0, "seconds", "-5 min"),
        (1.2e9, "bytes", "1.2 GB"),
        (512.0, "bytes", "512 B"),
        (1.0, "trades", "1 trade"),
        (1.0, "margin events", "1 margin event"),
        (1.0, "anomalies", "1 anomaly"),
        (1.0, "ms", "1 ms"),
        (1.0, "bps", "1 bps"),
        (1.0, "glass", "1 glass"),
        (0.0, "trades", "0 trades"),
    ],
)
def test_amounts(value: float, unit: str, wanted: str) -> None:
    """Numbers are said in the unit that a person would use."""
    assert amount(value, unit) == wanted


@pytest.mark.parametrize(
    ("seconds", "count", "wanted"),
    [
        (60, 1, "minute"),
        (60, 5, "5 minutes"),
        (3600, 2, "2 hours"),
        (86_400, 1, "day"),
        (300, 1, "5 minutes"),
        (300, 3, "3 periods of 5 minutes"),
        (10, 2, "2 periods of 10 seconds"),
    ],
)
def test_spans(seconds: int, count: int, wanted: str) -> None:
    """Periods as people count them."""
    assert span(seconds, count) == wanted


def test_a_headline_names_the_series() -> None:
    """An alarm with many series says which one it is."""
    alarm = Alarm("slow", "Orders are slow.")
    assert headline(alarm, {}) == "Orders are slow."
    assert (
        headline(alarm, {"pair": "EURUSD", "host": "a"}) == "Orders are slow (host a, pair EURUSD)."
    )
