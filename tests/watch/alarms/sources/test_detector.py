"""Anomalies as an alarm's numbers."""

import msgspec
import pytest

from tallystick.clock import parse_rfc3339
from tallystick.watch.alarms.alarm import Alarm, DetectorSource
from tallystick.watch.alarms.series import series_of
from tallystick.watch.alarms.sources import About, anomalies_happened
from tallystick.watch.detect.score import Anomaly

AT = "2026-11-22T04:08:16.123456Z"
NOW = parse_rfc3339("2026-11-22T04:09:00Z")
ODD = Anomaly(
    id="an-1", detector="order_size", family="fraud", entity="acme EURUSD", at=AT, p_value=1e-9,
    expected="", came="", sentence="", contributions=(), account="acme", pair="EURUSD",
    position=7, order_id="O-7",
)  # fmt: skip


def alarm(*by: str, name: str = "", family: str = "") -> Alarm:
    """An alarm over anomalies."""
    return Alarm("odd", "Something is odd.", source=DetectorSource(name, family, by), threshold=1.0)


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        ({}, True),
        ({"name": "order_size"}, True),
        ({"name": "other"}, False),
        ({"family": "fraud"}, True),
        ({"family": "operations", "name": "order_size"}, False),
    ],
    ids=str,
)
def test_a_detector_or_a_family_is_counted(wanted: dict[str, str], met: bool) -> None:
    """Or all of them."""
    assert bool(anomalies_happened([alarm(**wanted)], [ODD], NOW)) is met


def test_series_and_the_way_to_the_proof() -> None:
    """Members of the anomaly name the series; one that it has not got is empty."""
    (happened,) = anomalies_happened([alarm("account", "route")], [ODD], NOW)
    assert happened.series == series_of({"account": "acme", "route": ""})
    assert happened.about == About(7, "O-7")
    assert happened.at_ns == parse_rfc3339(AT)


def test_what_is_held_back_alerts_nobody() -> None:
    """Somebody has said that it is nothing."""
    held = msgspec.structs.replace(ODD, held="Dismissed by ann.")
    assert anomalies_happened([alarm()], [held], NOW) == []
