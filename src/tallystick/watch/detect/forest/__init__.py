"""The random cut forest: what a cloud's built-in detector runs, as one of ours."""

from tallystick.watch.detect.forest.forest import RandomCutForest, restored

__all__ = ["RandomCutForest", "restored"]
