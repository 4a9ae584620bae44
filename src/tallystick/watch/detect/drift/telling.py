"""What the drift guard says: numbers of an alarm to a sentence that a trader understands."""

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.drift import kernels
from tallystick.watch.detect.drift.features import FEATURES, NAME_OF
from tallystick.watch.detect.score import P_VALUE_MIN, Contribution, Example, Finding, Reason

DAY_SECONDS = 86_400
REFRACTORY_SECONDS = 7 * 86_400.0
"""Somebody who has drifted has drifted tomorrow too: it is said once a week."""

OTHERS_MIN = 1.1
"""What everybody's rise has to be to be told."""

Floats = NDArray[np.float64]


def finding(row: int, account: str, told: Floats, trail: Iterable[int]) -> Finding:
    """The finding of an alarm; `told` as `kernels.run` left it, `trail` the last entries."""
    return Finding(
        row=row,
        detector="drift",
        family="fraud",
        entity=account,
        p_value=max(P_VALUE_MIN, float(told[kernels.T_P])),
        refractory_seconds=REFRACTORY_SECONDS,
        reason=_reason(account, told, trail),
    )


def _reason(account: str, told: Floats, trail: Iterable[int]) -> Reason:
    aspect = int(told[kernels.T_ASPECT])
    subject, shown, back = _WORDS[aspect]
    anchor, recent, spread, everybody = (
        float(told[n])
        for n in (
            kernels.T_ANCHOR, kernels.T_RECENT, kernels.T_SPREAD, kernels.T_OTHERS + aspect,
        )
    )  # fmt: skip
    low, usual, high = (back(anchor + step * spread) for step in (-2, 0, 2))
    came = back(recent)
    since = _date(told[kernels.T_SINCE])
    times = f"{came / usual:.1f} times" if usual > 0 else "far above"
    rose = math.exp(everybody)
    others = f"grew {rose:.1f} times meanwhile" if rose >= OTHERS_MIN else "did not grow meanwhile"
    sentence = (
        f"{account}'s {subject} has drifted to {times} what it was: {shown(came)} lately,"
        f" {shown(usual)} before. It began about {since}; others' {others}."
    )
    return Reason(
        expected=f"{shown(low)} to {shown(high)}, as in {account}'s anchored past",
        came=f"{shown(came)} lately",
        sentence=sentence,
        contributions=_contributions(told, low, high, came),
        nearest=_nearest(aspect, told),
        positions=tuple(sorted({int(each) for each in trail if each > 0})),
    )


def _contributions(told: Floats, low: float, high: float, came: float) -> tuple[Contribution, ...]:
    """The aspect that alarmed with its figures, and the surprise of the others."""
    aspect = int(told[kernels.T_ASPECT])
    feature = FEATURES[NAME_OF[aspect]]
    surprise = float(told[kernels.T_SURPRISE + aspect])
    return (Contribution(feature.name, feature.unit, came, low, high, surprise),)


def _nearest(aspect: int, told: Floats) -> Example | None:
    """The last day that was as the anchor says."""
    if told[kernels.T_NORMAL_DAY] <= 0:
        return None
    _subject, shown, back = _WORDS[aspect]
    day = _date(told[kernels.T_NORMAL_DAY])
    stamp = rfc3339(int(told[kernels.T_NORMAL_DAY]) * DAY_SECONDS * NS_PER_SECOND)
    text = f"{shown(back(float(told[kernels.T_NORMAL])))} on {day}"
    return Example(stamp, text, int(told[kernels.T_NORMAL_AT]))


def _date(number: float) -> str:
    return rfc3339(int(number) * DAY_SECONDS * NS_PER_SECOND)[:10]


def _grouped(number: float) -> str:
    """Three digits that say something, thousands grouped."""
    if number <= 0:
        return "0"
    digits = 2 - math.floor(math.log10(number))
    number = round(number, digits)
    return (
        f"{number:,.0f}" if digits <= 0 else f"{number:,.{min(digits, 6)}f}".rstrip("0").rstrip(".")
    )


def _usd(number: float) -> str:
    return f"{_grouped(number)} USD an order"


def _orders(number: float) -> str:
    return f"{_grouped(number)} orders a day"


def _bps(number: float) -> str:
    return f"{_grouped(number)} bps"


def _share(number: float) -> str:
    return f"{_grouped(100 * number)} % of the limit"


_WORDS: dict[int, tuple[str, Callable[[float], str], Callable[[float], float]]] = {
    kernels.SIZE: ("order size", _usd, math.exp),
    kernels.RATE: ("number of orders", _orders, math.exp),
    kernels.DISTANCE: (
        "distance from the market", _bps,
        lambda level: max(0.0, math.exp(level) - kernels.DISTANCE_OFFSET),
    ),
    kernels.UTILISATION: (
        "use of its position limit", _share,
        lambda level: max(0.0, math.exp(level) - kernels.USED_OFFSET),
    ),
}  # fmt: skip
"""Of each aspect: what it is called, how its figure reads, and the figure of its level."""
