"""Off market: is this price far from the market, by the measure of its pair?

The price collar of RTS 6 article 15(1)(a), learnt: the distance of a limit price (and of every
later fill's price) from the quote's mid, in basis points, against what is usual in the pair.
Distances are roughly exponential with a heavy tail, so their logarithm is profiled.
"""

import math

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.profiles import Profiles
from tallystick.watch.detect.robust import Profile
from tallystick.watch.detect.score import ALARM_P_MAX, Contribution, Reason, Score
from tallystick.watch.detect.wording import once_in, percent, rounded

SPREAD_MIN = 0.5
"""In logarithms of basis points: a pair always limited at the touch may vary by some points."""
DISTANCE_BPS_MIN = 25.0
"""A price nearer to the market than this is never odd, however tight the pair usually is."""
_BPS = 10_000


class OffMarket:
    """Scores limit prices when orders are decided, and prices of later fills, a pair each."""

    name = "off_market"
    refractory_seconds = 5.0
    observes = OrderSeen

    def __init__(self, entities_max: int = ENTITIES_MAX) -> None:
        self._profiles = Profiles(SPREAD_MIN, entities_max)

    def observe(self, observation: Observation) -> Score | None:
        """Score a price that has a quote to be compared with."""
        if not isinstance(observation, OrderSeen) or observation.mid is None:
            return None
        decided = observation.event == "decided"
        price = observation.limit_price if decided else observation.fill_price
        if price is None:
            return None
        bps = (price / observation.mid - 1) * _BPS
        value = math.log1p(abs(bps))
        profile = self._profiles.of(f"{observation.event} {observation.pair}")
        p_value = self._profiles.judge(profile, value)
        score = None
        if p_value is not None:
            odd = p_value < ALARM_P_MAX and abs(bps) >= DISTANCE_BPS_MIN
            reason = _reason(observation, price, bps, profile, p_value) if odd else None
            score = Score(f"{observation.account} {observation.pair}", p_value, reason)
        profile.window.add(value)
        return score

    def snapshot(self) -> bytes:
        """All profiles and the tail."""
        return self._profiles.snapshot()

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        self._profiles.restore(data)


def _reason(order: OrderSeen, price: float, bps: float, profile: Profile, p_value: float) -> Reason:
    low, high = (math.expm1(edge) for edge in profile.usual())
    side = "above" if bps > 0 else "below"
    came = f"{percent(abs(bps) / _BPS)} {side} the market"
    expected = f"within {percent(high / _BPS)} of it"
    limit = order.event == "decided"
    what = f"limit to {order.side} {order.pair}" if limit else f"{order.pair} fill"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{order.account}'s {what} at {price:.7g} is {came}; "
            f"{order.pair} {'limits' if limit else 'fills'} are usually {expected} "
            f"({once_in(p_value)})."
        ),
        contributions=(
            Contribution(
                "distance from mid",
                "bps",
                round(bps, 2),
                rounded(low),
                rounded(high),
                -math.log10(p_value),
            ),
        ),
    )
