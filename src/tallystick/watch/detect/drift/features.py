"""What the drift guard and the drift monitor look at, by name."""

from tallystick.watch.detect.drift.kernels import DISTANCE, RATE, SIZE, UTILISATION
from tallystick.watch.detect.feature import Feature, named

_GUARD = ("drift",)
FEATURES = named(
    Feature(
        "drift_size", "USD",
        "The mean size of the account's orders in a trading day, against its anchored past.",
        "ledger", _GUARD,
    ),
    Feature(
        "drift_rate", "orders",
        "The account's orders in a trading day, against its anchored past.", "ledger", _GUARD,
    ),
    Feature(
        "drift_distance", "bps",
        "How far from the mid the account traded in a trading day, against its anchored past.",
        "ledger", _GUARD,
    ),
    Feature(
        "drift_utilisation", "share",
        "The most of its position limit that the account used in a trading day, against its"
        " anchored past.",
        "ledger", _GUARD,
    ),
)  # fmt: skip
NAME_OF = {
    SIZE: "drift_size",
    RATE: "drift_rate",
    DISTANCE: "drift_distance",
    UTILISATION: "drift_utilisation",
}
"""The feature of each aspect of a profile."""
