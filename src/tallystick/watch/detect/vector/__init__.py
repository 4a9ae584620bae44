"""Rows of several numbers: which combination is odd for whom, and which number makes it so."""

from tallystick.watch.detect.vector.config import EVENTS, SENSORS, VectorConfig, version
from tallystick.watch.detect.vector.state import VectorScores
from tallystick.watch.detect.vector.streams import VectorStreams

__all__ = ["EVENTS", "SENSORS", "VectorConfig", "VectorScores", "VectorStreams", "version"]
