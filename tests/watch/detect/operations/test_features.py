"""The registry of features."""

import re

from tallystick.watch.detect.operations.calls.client_access import ClientAccess
from tallystick.watch.detect.operations.calls.route_health import RouteHealth
from tallystick.watch.detect.operations.features import FEATURES
from tallystick.watch.detect.operations.logs.log_silence import LogSilence
from tallystick.watch.detect.operations.prices.price_feed import PriceFeed
from tallystick.watch.detect.operations.series.metric_shift import WORDS, MetricShift

DETECTORS = (ClientAccess, LogSilence, MetricShift, PriceFeed, RouteHealth)


def test_every_feature_is_named_and_explained() -> None:
    """Snake case, a unit, one sentence with a full stop, and a detector that there is."""
    names = {name for each in DETECTORS for name in each.names}
    for name, feature in FEATURES.items():
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name)
        assert feature.unit
        assert feature.meaning.endswith(".")
        assert set(feature.detectors) <= names


def test_every_detector_has_features() -> None:
    """No name without a number behind it."""
    used = {name for feature in FEATURES.values() for name in feature.detectors}
    assert used == {name for each in DETECTORS for name in each.names}


def test_every_series_is_a_feature() -> None:
    """A series is called by a feature's name, in its unit."""
    for feature, (_, unit) in WORDS.items():
        assert FEATURES[feature].unit == unit
