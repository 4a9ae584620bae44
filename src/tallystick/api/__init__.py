"""The door: HTTP; bytes to values and back; decides nothing."""

from tallystick.api.app import OPERATIONS, Api
from tallystick.api.calls import Calls
from tallystick.api.metrics import Metrics
from tallystick.api.services import Services

__all__ = ["OPERATIONS", "Api", "Calls", "Metrics", "Services"]
