"""How the drift monitor's streams stand: plain values, for whoever shows them."""

from typing import Literal

import msgspec

Kind = Literal["feature", "calibration"]


class DriftState(msgspec.Struct, frozen=True):
    """How one stream of numbers stands against its reference.

    `distance` is the Kolmogorov-Smirnov distance of a feature, 0 to 1; of a calibration the
    logarithm (base 10) of its share of small p-values over the reference's. It drifts beyond
    `limit`. `share` is the share of p-values below 0.01 lately, null for a feature. `drifted_at`
    (RFC 3339, the stream's own time) is when it last began to drift, `shifts` how often the
    reference was given up for what is now.
    """

    stream: str
    kind: Kind
    observed: int
    distance: float
    limit: float
    drifting: bool
    drifted_at: str | None = None
    share: float | None = None
    shifts: int = 0
