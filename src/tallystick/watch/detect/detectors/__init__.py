"""The detectors, one file each; a new one is a file and a line here."""

from collections.abc import Callable

from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.detectors.off_market import OffMarket
from tallystick.watch.detect.detectors.order_rate import OrderRate
from tallystick.watch.detect.detectors.order_size import OrderSize
from tallystick.watch.detect.detectors.reject_streak import RejectStreak
from tallystick.watch.detect.detectors.request_errors import RequestErrors

DETECTORS: dict[str, Callable[[], Detector]] = {
    "off_market": OffMarket,
    "order_rate": OrderRate,
    "order_size": OrderSize,
    "reject_streak": RejectStreak,
    "request_errors": RequestErrors,
}

__all__ = ["DETECTORS", "OffMarket", "OrderRate", "OrderSize", "RejectStreak", "RequestErrors"]
