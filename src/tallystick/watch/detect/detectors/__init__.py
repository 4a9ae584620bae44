"""The detectors that run; a new one is a package of its own and a line here."""

import inspect
import math
from collections.abc import Callable, Mapping

from tallystick.errors import Misconfigured
from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.combination import Combination
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.drift.guard import DriftGuard
from tallystick.watch.detect.operations.calls.client_access import ClientAccess
from tallystick.watch.detect.operations.calls.route_health import RouteHealth
from tallystick.watch.detect.operations.logs.log_silence import LogSilence
from tallystick.watch.detect.operations.prices.price_feed import PriceFeed
from tallystick.watch.detect.operations.series.metric_shift import MetricShift
from tallystick.watch.detect.orders.watch import OrderWatch
from tallystick.watch.detect.sagemaker.detector import forest_detector
from tallystick.watch.detect.sagemaker.features import NAME as FOREST

DETECTORS: dict[str, Callable[..., Detector]] = {
    "orders": OrderWatch,
    "access": ClientAccess,
    "routes": RouteHealth,
    "prices": PriceFeed,
    "log_lines": LogSilence,
    "series": MetricShift,
    "drift": DriftGuard,
    "combination": Combination,
}
"""By the names that their numbers have in a configuration; a number is a constructor's argument."""


def build(config: DetectConfig = SHIPPED, artefacts: Mapping[str, bytes] = {}) -> list[Detector]:
    """New detectors of this configuration; `artefacts` are what was trained for it.

    Raises:
        Misconfigured: it has numbers for what is no detector, that the detector does not know, or
            that it cannot work with.
    """
    strange = config.numbers.keys() - DETECTORS.keys() - {FOREST}
    if strange:
        raise Misconfigured(f"There is no detector {min(strange)!r}: {', '.join(DETECTORS)}.")
    made = [_made(name, make, config) for name, make in DETECTORS.items()]
    forest = forest_detector(config, artefacts)
    return made if forest is None else [*made, forest]


def _made(name: str, make: Callable[..., Detector], config: DetectConfig) -> Detector:
    known = inspect.signature(make).parameters
    given = {key: _whole(value) for key, value in config.numbers.get(name, {}).items()}
    strange = given.keys() - known.keys()
    if strange:
        sentence = f"The detector {name} has no number {min(strange)!r}: {', '.join(known)}."
        raise Misconfigured(sentence)
    for key, value in given.items():
        _check(f"{name}.{key}", key, value)
    if "alarm_p" in known:
        given.setdefault("alarm_p", config.alarm_p)
    return make(**given)


def _check(said: str, key: str, value: float) -> None:
    """Refuse what would only fail, or take all memory, once a version is to alert."""
    if key == "entities_max":
        if not (isinstance(value, int) and 1 <= value <= ENTITIES_MAX):
            raise Misconfigured(f"{said} is a whole number from 1 to {ENTITIES_MAX:,}.")
    elif key == "alarm_p":
        if not 0 < value < 1:
            raise Misconfigured(f"{said} is a probability between 0 and 1, not {value:g}.")
    elif not 0 <= value < math.inf:
        raise Misconfigured(f"{said} is a number from 0 on, not {value:g}.")


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() else value
