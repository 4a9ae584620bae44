"""Watching over margin: calls, their end, and closing positions out, as proposals to the desk."""

from tallystick.execution.margin_call.assess import CALL_AGAIN_SECONDS, CLOSE_OUT, assess
from tallystick.execution.margin_call.monitor import CHECKS_AT_ONCE_MAX, MarginMonitor
from tallystick.execution.margin_call.odometer import Odometer, bearable

__all__ = [
    "CALL_AGAIN_SECONDS",
    "CHECKS_AT_ONCE_MAX",
    "CLOSE_OUT",
    "MarginMonitor",
    "Odometer",
    "assess",
    "bearable",
]
