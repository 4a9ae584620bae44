"""What makes one version of detection differ from another: plain numbers and names.

A configuration is data, so that it can be hashed, stored beside its backtest, promoted and rolled
back. What a number means stands with the detector that reads it.
"""

import msgspec

from tallystick.watch.detect.score import ALARM_P_MAX


class DetectConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which detectors run, and how.

    `alarm_p` is the p-value from which an observation is an anomaly, `likely_min` the probability
    below which a trained classifier holds one back. `disabled` names findings that are not
    reported (`order_burst`), `numbers` overrides a detector's constants
    (`{"routes": {"slow_us_min": 50000}}`). The default is what is shipped.
    """

    alarm_p: float = ALARM_P_MAX
    likely_min: float = 0.05
    disabled: tuple[str, ...] = ()
    numbers: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    v: int = 1


SHIPPED = DetectConfig()
"""The configuration of a new installation."""
