"""Every feature of every detector, for the reference and for whoever reads an explanation."""

from tallystick.watch.detect.combination.features import FEATURES as COMBINATION
from tallystick.watch.detect.drift.features import FEATURES as DRIFT
from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.operations.features import FEATURES as OPERATIONS
from tallystick.watch.detect.orders.looks import FEATURES as ORDERS
from tallystick.watch.detect.sagemaker.features import FEATURES as FOREST

FEATURES: tuple[Feature, ...] = (
    *ORDERS.values(),
    *OPERATIONS.values(),
    *DRIFT.values(),
    *COMBINATION.values(),
    *FOREST.values(),
)
