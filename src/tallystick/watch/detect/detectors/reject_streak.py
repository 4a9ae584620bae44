"""Reject streak: are far more of this account's orders rejected than usual?

A client whose system has lost its limits, its prices or its mind is seen first by its rejections
(probing of limits reads the same). A CUSUM of rejected against taken orders, an account each.
"""

import math

import msgspec

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.entities import Entities
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.robust import Streak, StreakState
from tallystick.watch.detect.score import ALARM_P_MAX, Contribution, Reason, Score
from tallystick.watch.detect.wording import once_in, percent

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[tuple[str, StreakState]])


class RejectStreak:
    """Scores every decided order of an account by the rejections piled up to it."""

    name = "reject_streak"
    refractory_seconds = 60.0
    observes = OrderSeen

    def __init__(self, entities_max: int = ENTITIES_MAX) -> None:
        self._streaks: Entities[Streak] = Entities(Streak, entities_max)

    def observe(self, observation: Observation) -> Score | None:
        """Score the account's streak with this order in it."""
        if not isinstance(observation, OrderSeen) or observation.event != "decided":
            return None
        rejected = observation.state == "rejected"
        streak = self._streaks.of(observation.account)
        usual = streak.share
        p_value = streak.observe(bad=rejected)
        if p_value is None:
            return None
        odd = rejected and p_value < ALARM_P_MAX
        reason = _reason(observation, streak, usual, p_value) if odd else None
        return Score(observation.account, p_value, reason)

    def snapshot(self) -> bytes:
        """All streaks."""
        return _ENCODER.encode([(name, streak.to_state()) for name, streak in self._streaks])

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        self._streaks.replace((name, Streak.from_state(state)) for name, state in saved)


def _reason(order: OrderSeen, streak: Streak, usual: float, p_value: float) -> Reason:
    expected = f"about {percent(usual)} rejected"
    came = f"{streak.bad} of the last {streak.recent} orders rejected"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{order.account} had {came}; usually {percent(usual)} of its orders are "
            f"({once_in(p_value)})."
        ),
        contributions=(
            Contribution(
                "rejected share",
                "share",
                streak.bad / streak.recent,
                0.0,
                usual,
                -math.log10(p_value),
            ),
        ),
    )
