"""The detectors that run: each by the name under which a configuration has its numbers."""

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.detectors import DETECTORS, build

NAMES = {
    "orders", "access", "routes", "prices", "log_lines", "series", "drift", "combination",
}  # fmt: skip


def test_the_registry_is_what_is_built() -> None:
    """One detector a line, and no name of a finding twice."""
    assert set(DETECTORS) == NAMES
    names = [name for detector in build() for name in detector.names]
    assert len(names) == len(set(names))


def test_numbers_reach_their_detector() -> None:
    """A constructor's argument; whole numbers stay whole."""
    config = DetectConfig(numbers={"routes": {"slow_us_min": 50_000.0, "entities_max": 10.0}})
    assert len(build(config)) == len(DETECTORS)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"nobody": {"x": 1.0}}, "There is no detector 'nobody'"),
        ({"routes": {"nothing": 1.0}}, "The detector routes has no number 'nothing'"),
        ({"orders": {"entities_max": -5.0}}, "orders.entities_max is a whole number"),
        ({"prices": {"entities_max": 0.5}}, "prices.entities_max is a whole number"),
        ({"drift": {"entities_max": 1e12}}, "drift.entities_max is a whole number from 1 to 100,"),
        ({"access": {"alarm_p": 1.0}}, "access.alarm_p is a probability"),
        ({"routes": {"slow_us_min": -1.0}}, "routes.slow_us_min is a number from 0 on"),
        ({"routes": {"slow_us_min": float("nan")}}, "routes.slow_us_min is a number from 0 on"),
    ],
)
def test_what_nobody_can_work_with_is_refused(
    numbers: dict[str, dict[str, float]], said: str
) -> None:
    """With a sentence that names it, before anything runs."""
    with pytest.raises(Misconfigured, match=said):
        build(DetectConfig(numbers=numbers))
