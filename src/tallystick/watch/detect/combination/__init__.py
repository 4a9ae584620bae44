"""Orders whose parts are all usual for the account, but not together."""

from tallystick.watch.detect.combination.detector import Combination

__all__ = ["Combination"]
