"""Versions of detection: kept, promoted by entries, rolled back, compared, tried on the past."""

from tallystick.watch.detect.models.champion import Champion, Promotion
from tallystick.watch.detect.models.comparison import Comparison, Shadow
from tallystick.watch.detect.models.registry import Registry, model_of
from tallystick.watch.detect.models.version import REVISION, Model, shipped

__all__ = [
    "REVISION",
    "Champion",
    "Comparison",
    "Model",
    "Promotion",
    "Registry",
    "Shadow",
    "model_of",
    "shipped",
]
