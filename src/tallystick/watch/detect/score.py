"""What a detector says about one observation, and what an anomaly is made of."""

import msgspec

ALARM_P_MAX = 5e-5
"""A point this improbable or more is an anomaly: about one false alarm in 20,000 points.

Four detectors look at an order, so a well calibrated house says about two false words in 10,000
orders; tests/watch/detect/test_quality.py measures it."""
P_VALUE_MIN = 1e-12
"""Nothing is called rarer than this: no history here is long enough to say more."""


class Contribution(msgspec.Struct, frozen=True):
    """One feature's part in the surprise, in numbers.

    `came` against the usual range `expected_low` .. `expected_high`, all in `unit`; `surprise` is
    -log10 of the feature's own p-value.
    """

    feature: str
    unit: str
    came: float
    expected_low: float
    expected_high: float
    surprise: float


class Reason(msgspec.Struct, frozen=True):
    """Why a point is an anomaly, for a person: what was expected, what came, one sentence."""

    expected: str
    came: str
    sentence: str
    contributions: tuple[Contribution, ...]


class Score(msgspec.Struct, frozen=True, gc=False):
    """How odd one point is for its entity.

    `p_value` is the estimated share of ordinary points that are at least as odd, P_VALUE_MIN to 1.
    `reason` is there when the point is an anomaly.
    """

    entity: str
    p_value: float
    reason: Reason | None


class Anomaly(msgspec.Struct, frozen=True):
    """Something odd happened; a fact that replays to the same `id` from the same observation.

    `at` is RFC 3339, the observation's own stamp. `position` and `order_id` lead to the proof of
    the order; both are None for API calls, `route` is None for orders.
    """

    id: str
    detector: str
    at: str
    p_value: float
    expected: str
    came: str
    sentence: str
    contributions: tuple[Contribution, ...]
    account: str | None = None
    pair: str | None = None
    route: str | None = None
    position: int | None = None
    order_id: str | None = None
