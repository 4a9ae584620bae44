"""An odd combination in a trader's words: what does not go together, and what was expected."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.combination.features import (
    DISTANCE,
    FEATURES,
    GAP,
    HOUR_COSINE,
    HOUR_SINE,
    LIMIT,
    PAIR_GAP,
    PAIR_SHARE,
    QUANTITY,
    SIDE,
)
from tallystick.watch.detect.combination.kernels import COUPLES as PARTS_OF
from tallystick.watch.detect.combination.kernels import HOUR, KIND, PAIR, SINGLES, SIZE
from tallystick.watch.detect.combination.kernels import SIDE as SIDE_PART
from tallystick.watch.detect.combination.rows import Last
from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.telling import short, span
from tallystick.watch.detect.score import Contribution, Example, Reason
from tallystick.watch.detect.vector import VectorScores
from tallystick.watch.detect.wording import deed, grouped, once_in, percent, rounded

TOLD_MIN, TOLD_MAX = 2, 3
"""So many coordinates the sentence names."""
TOLD_SHARE = 0.12
"""A coordinate with a smaller part in the surprise is not named, but for the first ones."""
HALF = 0.5
_NAMES = tuple(FEATURES)
_AT = {name: place for place, name in enumerate(_NAMES)}


class Odd(NamedTuple):
    """An odd order: its row and counts, what was said of row `i`, and the nearest ordinary one."""

    order: OrderSeen
    row: NDArray[np.float64]
    counts: NDArray[np.float64]
    said: VectorScores
    i: int
    p_value: float
    nearest: Last | None


class Phrase(NamedTuple):
    """One coordinate: what came, what was to be expected, and both as part of a sentence."""

    came: str
    expected: str
    clause: str


def reason(odd: Odd) -> Reason:
    """Why the order is odd."""
    told = _largest(odd)
    phrases = {phrase.clause: phrase for _, phrase in told}
    order = odd.order
    kind = _kind(order)
    return Reason(
        expected="; ".join(phrase.expected for phrase in phrases.values()),
        came="; ".join(phrase.came for phrase in phrases.values()),
        sentence=(
            f"{order.account} {deed(order)} {grouped(order.quantity)} {order.pair} at"
            f" {order.at[11:16]} UTC ({kind}), which do not go together for it:"
            f" {'; '.join(phrases)} ({once_in(odd.p_value)})."
        ),
        contributions=tuple(_contribution(odd, j) for j, _ in told),
        nearest=_example(odd.nearest),
        positions=(order.position,),
    )


def _largest(odd: Odd) -> list[tuple[int, Phrase]]:
    """The coordinates with the largest part in the surprise, two or three, and what they say."""
    surprise = odd.said.surprise[odd.i]
    least = TOLD_SHARE * float(surprise.sum())
    told: list[tuple[int, Phrase]] = []
    for j in np.argsort(-surprise, kind="stable").tolist():
        phrase = _phrase(odd, j)
        # Parts that come together often are no reason, whatever the others let expect; and what
        # reads as it was expected says nothing.
        says = odd.row[j] < 0 if j >= SINGLES else phrase.came != phrase.expected
        if says and (len(told) < TOLD_MIN or surprise[j] >= least):
            told.append((j, phrase))
        if len(told) == TOLD_MAX:
            break
    return told


def _contribution(odd: Odd, j: int) -> Contribution:
    said, i, feature = odd.said, odd.i, FEATURES[_NAMES[j]]
    # The vector's own p-value is shared out; the finding's is the honest one.
    share = float(said.surprise[i, j] / max(said.surprise[i].sum(), 1e-9))
    return Contribution(
        feature.name,
        feature.unit,
        came=short(float(odd.row[j])),
        expected_low=short(float(said.low[i, j])),
        expected_high=short(float(said.high[i, j])),
        surprise=round(share * -math.log10(odd.p_value), 3),
    )


def _phrase(odd: Odd, j: int) -> Phrase:
    if j >= SINGLES:
        return _together(odd, j - SINGLES)
    feature = FEATURES[_NAMES[j]]
    if feature in (HOUR_SINE, HOUR_COSINE):
        return _hour(odd)
    expected = min(
        max(odd.said.expected[odd.i, j], odd.said.low[odd.i, j]), odd.said.high[odd.i, j]
    )
    came, usual = (_SINGLE[feature.name](float(each), odd.order) for each in (odd.row[j], expected))
    return Phrase(came, usual, f"{came} where the rest of the order lets expect {usual}")


def _together(odd: Odd, couple: int) -> Phrase:
    """Two parts that each are usual, and how often they came together."""
    one, other = (_part(odd.order, int(part)) for part in PARTS_OF[couple])
    had, has, together, total = (round(float(each)) for each in odd.counts[couple])
    chance = odd.counts[couple, 0] * odd.counts[couple, 1] / max(odd.counts[couple, 3], 1.0)
    number = "none" if together == 0 else f"{grouped(together)}"
    return Phrase(
        f"{number} of {grouped(total)} orders both {one} and {other}",
        f"about {grouped(rounded(float(chance)))} orders both {one} and {other}",
        f"{grouped(had)} of {grouped(total)} orders before were {one}, {grouped(has)} {other},"
        f" and {'none' if together == 0 else f'only {number}'} both",
    )


def _part(order: OrderSeen, part: int) -> str:
    """The part as it stands behind "orders" or "were"."""
    return {
        PAIR: f"in {order.pair}",
        SIDE_PART: f"to {order.side}",
        KIND: f"{_kind(order)}s",
        SIZE: f"for about {grouped(rounded(order.quantity, 1))}",
        HOUR: f"near {order.at[11:13]}:00 UTC",
    }[part]


def _hour(odd: Odd) -> Phrase:
    sine, cosine = (odd.said.expected[odd.i, _AT[one.name]] for one in (HOUR_SINE, HOUR_COSINE))
    hours = math.atan2(sine, cosine) / (2 * math.pi) * 24 % 24
    came, usual = f"{odd.order.at[11:16]} UTC", f"about {round(hours) % 24:02}:00 UTC"
    return Phrase(came, usual, f"{came} where the rest of the order lets expect {usual}")


def _example(last: Last | None) -> Example | None:
    if last is None:
        return None
    at = rfc3339(max(round(last.at * NS_PER_SECOND), 0))
    side = "buy" if last.quantity > 0 else "sell"
    text = f"{side} {grouped(abs(last.quantity))} {last.pair} at {at[11:19]}"
    return Example(at, text, last.position)


def _kind(order: OrderSeen) -> str:
    if order.limit_price is not None:
        return "limit order"
    return f"{order.kind or 'market'} order".replace("_", " ")


def _power(number: float) -> float:
    return math.pow(10.0, min(max(number, -12.0), 21.0))


def _distance(number: float, order: OrderSeen) -> str:
    if order.limit_price is None:
        return "no limit"
    bps = math.expm1(min(abs(number), 10.0))
    where = "beyond" if number > 0 else "short of"
    return f"a limit {grouped(rounded(bps))} bps {where} the middle of the market"


_SINGLE: dict[str, Callable[[float, OrderSeen], str]] = {
    QUANTITY.name: lambda number, _order: f"a size of {grouped(rounded(_power(number)))}",
    DISTANCE.name: _distance,
    GAP.name: lambda number, _order: f"{span(_power(number))} since the order before",
    PAIR_GAP.name: lambda number, order: f"{span(_power(number))} since the last {order.pair}",
    LIMIT.name: lambda number, _order: "a limit order" if number > HALF else "an order at market",
    SIDE.name: lambda number, _order: "a buy" if number > 0 else "a sale",
    PAIR_SHARE.name: lambda number, _order: (
        f"a pair with {percent(min(2.0**number, 1.0))} of its orders"
    ),
}
"""How a coordinate that stands for itself is said."""
