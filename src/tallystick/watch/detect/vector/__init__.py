"""Rows of several numbers: which combination is odd for whom, and which number makes it so."""

from tallystick.watch.detect.vector.config import EVENTS, SENSORS, VectorConfig
from tallystick.watch.detect.vector.streams import VectorScores, VectorStreams

__all__ = ["EVENTS", "SENSORS", "VectorConfig", "VectorScores", "VectorStreams"]
