"""What is odd: online detectors score orders and API calls as they flow, and say why.

It reads messages of the stream and log lines, and knows nothing of those it tells: `Watcher` calls
the function it was given.
"""

from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.detectors import DETECTORS
from tallystick.watch.detect.observation import (
    CallSeen,
    Observation,
    OrderSeen,
    UnreadableError,
    call_seen,
    order_seen,
)
from tallystick.watch.detect.score import ALARM_P_MAX, Anomaly, Contribution, Reason, Score
from tallystick.watch.detect.watcher import Watcher

__all__ = [
    "ALARM_P_MAX",
    "DETECTORS",
    "Anomaly",
    "CallSeen",
    "Contribution",
    "Detector",
    "Observation",
    "OrderSeen",
    "Reason",
    "Score",
    "UnreadableError",
    "Watcher",
    "call_seen",
    "order_seen",
]
