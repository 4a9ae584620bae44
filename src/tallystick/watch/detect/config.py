"""What makes one version of detection differ from another: plain numbers and names.

A configuration is data, so that it can be hashed, stored beside its backtest, promoted and rolled
back. What a number means stands with the detector that reads it.
"""

import msgspec

from tallystick.watch.detect.score import ALARM_P_MAX


class DetectConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which detectors run, and how.

    `disabled` names findings that are not reported (`order_burst`), `numbers` overrides a
    detector's constants (`{"orders": {"warm_up": 50}}`). The default is what is shipped.
    """

    alarm_p: float = ALARM_P_MAX
    disabled: tuple[str, ...] = ()
    numbers: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    v: int = 1


SHIPPED = DetectConfig()
"""The configuration of a new installation."""
