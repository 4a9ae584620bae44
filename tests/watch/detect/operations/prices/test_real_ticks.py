"""Real ticks of May 2014 (a quiet holiday, a jobs report, a Sunday): a word about none of them."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tallystick.watch.detect.observation import Observation, QuoteSeen, TimeSeen
from tallystick.watch.detect.operations.prices.price_feed import PriceFeed
from tallystick.watch.detect.operations.series.metric_shift import MetricShift

TICKS = Path(__file__).resolve().parents[5] / "../shared/data/fx/lean"
ZONE_SECONDS = {"oanda": 0, "fxcm": 5 * 3_600}
CONFLATED_SECONDS = 0.1


def _quotes(venue: str, pair: str) -> Iterator[QuoteSeen]:
    """The pair's quotes of all days, as the feeder hands them on: one in a tenth of a second."""
    for path in sorted((TICKS / venue / "tick" / pair).glob("*.zip")):
        day = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC).timestamp()
        with zipfile.ZipFile(path) as packed:
            rows = packed.read(packed.namelist()[0]).decode().splitlines()
        name, last = f"{pair[:3]}/{pair[3:]}".upper(), 0.0
        for row in rows:
            ms, bid, ask = row.split(",")[:3]
            at = day + ZONE_SECONDS[venue] + int(ms) / 1_000
            crossed = float(bid) >= float(ask)
            if crossed or at - last >= CONFLATED_SECONDS:
                last = at
                yield QuoteSeen("", at, name, float(bid), float(ask), venue)


def _ticked(quotes: list[QuoteSeen]) -> Iterator[Observation]:
    """With a second for each second."""
    second = int(quotes[0].at_seconds)
    for quote in quotes:
        while second < int(quote.at_seconds):
            second += 1
            yield TimeSeen("", float(second))
        yield quote


@pytest.mark.skipif(not TICKS.exists(), reason="the real ticks are not here (../shared/data/fx)")
@pytest.mark.parametrize(
    ("venue", "pairs"),
    [
        pytest.param("oanda", ("eurusd", "nzdusd"), marks=pytest.mark.slow),
        ("fxcm", ("eurusd",)),
    ],
)
def test_nothing_is_said_about_real_days(venue: str, pairs: tuple[str, ...]) -> None:
    """Six days of two venues, of which one crosses a fifth of its quotes: no false alert."""
    quotes = [quote for pair in pairs for quote in _quotes(venue, pair)]
    quotes.sort(key=lambda quote: quote.at_seconds)
    assert len(quotes) > 100_000
    detectors, findings = (PriceFeed(), MetricShift()), []
    ticked = _ticked(quotes)
    while batch := list(islice(ticked, 4_096)):
        for detector in detectors:
            findings += detector.observe(batch).findings
    assert [(each.entity, each.reason.sentence) for each in findings] == []
