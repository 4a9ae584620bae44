"""Order rate: does this account suddenly send far more orders than it does?

The message limits and execution throttles of RTS 6 article 15(1)(d) and 15(3). Two exponentially
decayed counts an account: a short one (now) against a long one (its habit). For Poisson arrivals
the square root of the short count has the same spread at every rate, so one deviation fits all
accounts; the shared tail learns how much burstier than Poisson real clients are.
"""

import math

import msgspec

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.entities import Entities
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.robust import PRIOR_POINTS, TAIL_POINTS, WARM_UP_POINTS, Tail, Window
from tallystick.watch.detect.score import ALARM_P_MAX, Contribution, Reason, Score
from tallystick.watch.detect.wording import grouped, once_in

SHORT_SECONDS = 5.0
"""Time constant of "now"."""
LONG_SECONDS = 600.0
"""Time constant of the habit."""
WARM_UP_SECONDS = 3 * SHORT_SECONDS
"""An account is known only after this long (and WARM_UP_POINTS orders)."""
BURST_ORDERS_MIN = 10.0
"""Fewer orders than this within the short time are never a burst."""
_ROOT_SPREAD = 1 / (2 * math.sqrt(2))
"""Standard deviation of the square root of exponentially decayed Poisson shot noise."""


class Rate:
    """One account's two decayed counts; times are seconds since the epoch."""

    __slots__ = ("first", "last", "learnt", "long", "orders", "short")

    def __init__(self) -> None:
        self.first = self.last = self.learnt = 0.0
        self.short = self.long = 0.0
        self.orders = 0

    def usual(self, now: float) -> float | None:
        """Orders expected in the short count at an order; None while warming up."""
        age = now - self.first
        if self.orders < WARM_UP_POINTS or age < WARM_UP_SECONDS:
            return None
        # The long count has not seen LONG_SECONDS yet: divide by what it has seen.
        seen_seconds = -LONG_SECONDS * math.expm1(-age / LONG_SECONDS)
        return 1 + self.long * SHORT_SECONDS / seen_seconds

    def advance(self, now: float) -> float:
        """Let both counts decay up to `now`, count an order, and give the short count."""
        if not self.orders:
            self.first = self.last = now
        passed = max(0.0, now - self.last)
        self.last += passed
        self.long *= math.exp(-passed / LONG_SECONDS)
        self.short = self.short * math.exp(-passed / SHORT_SECONDS) + 1
        self.orders = min(self.orders + 1, WARM_UP_POINTS)
        return self.short

    def learn(self, usual: float | None) -> None:
        """Let the order count in the habit, in a burst only at the habitual pace."""
        burst = usual is not None and self.short > 2 * usual + WARM_UP_POINTS / 4
        self.long += usual / self.short if usual is not None and burst else 1.0


class _Saved(msgspec.Struct):
    tail: bytes
    rates: list[tuple[str, float, float, float, float, float, int]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class OrderRate:
    """Scores every decided order of an account by how many came just before it."""

    name = "order_rate"
    refractory_seconds = 60.0
    observes = OrderSeen

    def __init__(self, entities_max: int = ENTITIES_MAX) -> None:
        self._rates: Entities[Rate] = Entities(Rate, entities_max)
        self._tail = Tail()

    def observe(self, observation: Observation) -> Score | None:
        """Score the account's short count at this order."""
        if not isinstance(observation, OrderSeen) or observation.event != "decided":
            return None
        rate = self._rates.of(observation.account)
        short = rate.advance(observation.at_seconds)
        usual = rate.usual(rate.last)
        score = None
        if usual is not None:
            deviation = (math.sqrt(short) - math.sqrt(usual)) / _ROOT_SPREAD
            p_value = self._tail.p_value(deviation)
            odd = p_value < ALARM_P_MAX and short >= BURST_ORDERS_MIN
            reason = _reason(observation, short, usual, p_value) if odd else None
            score = Score(observation.account, p_value, reason)
            if rate.last - rate.learnt >= SHORT_SECONDS:
                # Neighbouring counts are nearly the same number: the tail takes one a while.
                self._tail.learn(deviation)
                rate.learnt = rate.last
        rate.learn(usual)
        return score

    def snapshot(self) -> bytes:
        """All counts and the tail."""
        rates = [
            (name, r.first, r.last, r.learnt, r.short, r.long, r.orders) for name, r in self._rates
        ]
        return _ENCODER.encode(_Saved(self._tail.window.to_bytes(), rates))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        window = Window.from_bytes(TAIL_POINTS, saved.tail)
        if len(window) < PRIOR_POINTS:
            raise ValueError("this tail was learnt by another detector")
        self._rates.replace((name, _rate(numbers)) for name, *numbers in saved.rates)
        self._tail = Tail(window)


def _rate(numbers: list[float]) -> Rate:
    rate = Rate()
    rate.first, rate.last, rate.learnt, rate.short, rate.long, orders = numbers
    rate.orders = int(orders)
    return rate


def _reason(order: OrderSeen, short: float, usual: float, p_value: float) -> Reason:
    high = math.ceil((math.sqrt(usual) + 2 * _ROOT_SPREAD) ** 2)
    expected = f"up to {grouped(high)} orders in {SHORT_SECONDS:.0f} seconds"
    came = f"about {short:,.0f} orders in {SHORT_SECONDS:.0f} seconds"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{order.account} sent {came}; it usually sends up to {grouped(high)} "
            f"({once_in(p_value)})."
        ),
        contributions=(
            Contribution(
                "order rate",
                f"orders per {SHORT_SECONDS:.0f} s",
                round(short, 1),
                0.0,
                high,
                -math.log10(p_value),
            ),
        ),
    )
