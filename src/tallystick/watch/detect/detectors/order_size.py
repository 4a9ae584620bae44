"""Order size: is this order far larger than this account's orders in this pair usually are?

The fat finger of RTS 6 article 15(1)(b). Sizes of one client in one pair are roughly log-normal,
so the logarithm of the quantity is compared with the profile of its (account, pair).
"""

import math

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.profiles import Profiles
from tallystick.watch.detect.robust import Profile
from tallystick.watch.detect.score import ALARM_P_MAX, Contribution, Reason, Score
from tallystick.watch.detect.wording import deed, grouped, once_in, rounded

SPREAD_MIN = 0.25
"""An account that always trades the same size is still allowed to vary by a factor e**0.25."""


class OrderSize:
    """Scores decided orders; only too large is odd. See `Detector` for the contract."""

    name = "order_size"
    refractory_seconds = 5.0
    observes = OrderSeen

    def __init__(self, entities_max: int = ENTITIES_MAX) -> None:
        self._profiles = Profiles(SPREAD_MIN, entities_max)

    def observe(self, observation: Observation) -> Score | None:
        """Score a decided order by the logarithm of its quantity."""
        if not isinstance(observation, OrderSeen) or observation.event != "decided":
            return None
        value = math.log(observation.quantity)
        entity = f"{observation.account} {observation.pair}"
        profile = self._profiles.of(entity)
        p_value = self._profiles.judge(profile, value)
        score = None
        if p_value is not None:
            odd = p_value < ALARM_P_MAX
            score = Score(entity, p_value, _reason(observation, profile, p_value) if odd else None)
        profile.window.add(value)
        return score

    def snapshot(self) -> bytes:
        """All profiles and the tail."""
        return self._profiles.snapshot()

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        self._profiles.restore(data)


def _reason(order: OrderSeen, profile: Profile, p_value: float) -> Reason:
    low, high = (rounded(math.exp(edge)) for edge in profile.usual())
    expected = f"between {grouped(low)} and {grouped(high)}"
    if low == high:
        expected = f"about {grouped(low)}"
    came = grouped(order.quantity)
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{order.account} {deed(order)} {came} {order.pair}; its orders in {order.pair} "
            f"are usually {expected} ({once_in(p_value)})."
        ),
        contributions=(
            Contribution(
                "quantity", order.pair[:3], order.quantity, low, high, -math.log10(p_value)
            ),
        ),
    )
