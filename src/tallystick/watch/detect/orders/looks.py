"""The looks at orders; a new one is a package of its own and a line here."""

from collections.abc import Callable, Mapping

from tallystick.watch.detect.feature import Feature, named
from tallystick.watch.detect.orders.exposure import look as exposure
from tallystick.watch.detect.orders.look import Look
from tallystick.watch.detect.orders.novelty import look as novelty
from tallystick.watch.detect.orders.outcomes import look as outcomes
from tallystick.watch.detect.orders.pace import look as pace
from tallystick.watch.detect.orders.price import look as price
from tallystick.watch.detect.orders.size import look as size
from tallystick.watch.detect.orders.washing import look as washing

LOOKS: dict[str, Callable[[Mapping[str, int]], Look]] = {
    "exposure": exposure.Exposure,
    "novelty": novelty.Novelty,
    "outcomes": outcomes.Outcomes,
    "pace": pace.Pace,
    "price": price.Price,
    "size": size.Size,
    "washing": washing.Washing,
}
"""By the name of the package; given how many slots each table has, they make their arrays."""

FEATURES: dict[str, Feature] = named(
    exposure.CLIMBED,
    exposure.EXPOSURE,
    exposure.ONE_SIDED,
    exposure.UTILISATION,
    novelty.CURRENCY,
    novelty.CURRENCY_RARENESS,
    novelty.HOUR,
    novelty.HOUR_SURPRISE,
    outcomes.CANCELLED_SHARE,
    outcomes.LAYERED_QUANTITY,
    outcomes.LAYERED_SHARE,
    outcomes.REJECTED_SHARE,
    *pace.RATES,
    price.DISTANCE,
    price.SPREADS,
    price.VOLATILITY,
    size.QUANTITY,
    size.REFUSED_FEATURE,
    size.RIGHTED_FEATURE,
    size.TIMES,
    washing.TOGETHER,
    washing.TRIPS,
    washing.WASHED,
)
"""Everything that these looks look at."""
