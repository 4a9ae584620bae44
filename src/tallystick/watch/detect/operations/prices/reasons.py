"""Why a price is odd, for an operator."""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.operations.prices import state as k
from tallystick.watch.detect.operations.wording import span, stamp, surprise, time_of_day
from tallystick.watch.detect.score import Contribution, Example, Reason
from tallystick.watch.detect.wording import grouped, once_in, rounded

_BPS = 10_000.0


def reason_of(
    kind: int, entity: str, legs: tuple[str, str, str], line: NDArray[np.float64]
) -> Reason:
    """The reason of a finding of the kernel."""
    if kind == k.CROSSED:
        return _crossed(entity, line)
    if kind == k.WIDE:
        return _wide(entity, line)
    if kind == k.APART:
        return _apart(legs, line)
    return _silent(kind, entity, line)


def _silent(kind: int, entity: str, line: NDArray[np.float64]) -> Reason:
    p_value, age, last, half, most = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C, k.F_D))
    more = int(line[k.F_F])
    feature, what = {
        k.STALE: ("quote_age", "no quote"),
        k.FROZEN: ("price_age", "no new price"),
        k.SILENT_SOURCE: ("source_age", "no quote of any pair"),
    }[kind]
    came = f"{what} for {span(age)}"
    expected = f"one every {span(half)}, 99 % within {span(most)}"
    repeated = ""
    contributions = [
        Contribution(feature, "s", rounded(age), 0.0, rounded(most), surprise(p_value))
    ]
    if kind == k.FROZEN and more:
        repeated = f" while the same quote came {more:,} times"
        contributions.append(
            Contribution("unchanged_quotes", "quotes", more, 0.0, rounded(line[k.F_E]), 0.0)
        )
    whose = f"Source {entity} ({more} pairs)" if kind == k.SILENT_SOURCE else entity
    near = f"{entity} quoted{time_of_day(last)}" if stamp(last) else ""
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{whose}: {came}{repeated}; at this hour usually {expected} ({once_in(p_value)})."
        ),
        contributions=tuple(contributions),
        nearest=Example(stamp(last), near) if near else None,
    )


def _crossed(pair: str, line: NDArray[np.float64]) -> Reason:
    p_value, bid, ask, usual = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    came = f"bid {bid:.7g} at or above ask {ask:.7g}, several quotes in a row"
    if not (0.0 < bid < np.inf and 0.0 < ask < np.inf):
        came = f"bid {bid:.7g} and ask {ask:.7g}, which are no prices, several quotes in a row"
    expected = f"a bid below the ask, by about {grouped(rounded(usual * _BPS))} bps"
    spread = _finite((ask - bid) / (0.5 * (ask + bid)) * _BPS if ask + bid > 0 else 0.0)
    return Reason(
        expected=expected,
        came=came,
        sentence=f"{pair}: {came}; usually {expected} ({once_in(p_value)}).",
        contributions=(
            Contribution("spread", "bps", spread, 0.0, rounded(usual * _BPS), surprise(p_value)),
        ),
        nearest=_good(pair, line),
    )


def _wide(pair: str, line: NDArray[np.float64]) -> Reason:
    p_value, bid, ask, usual = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    spread = (ask - bid) / (0.5 * (ask + bid)) * _BPS
    came = f"a spread of {grouped(rounded(spread))} bps"
    expected = f"about {grouped(rounded(usual * _BPS))} bps"
    return Reason(
        expected=expected,
        came=came,
        sentence=f"{pair}: {came}; usually {expected} ({once_in(p_value)}).",
        contributions=(
            Contribution(
                "spread", "bps", rounded(spread), 0.0, rounded(usual * _BPS), surprise(p_value)
            ),
        ),
        nearest=_good(pair, line),
    )


def _apart(legs: tuple[str, str, str], line: NDArray[np.float64]) -> Reason:
    p_value, spreads, usual, run, seconds = (
        float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C, k.F_D)
    )
    pair, first, second = legs
    came = f"{grouped(rounded(spreads))} times their three spreads apart"
    expected = f"within {grouped(rounded(usual))} times"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{pair} and what {first} and {second} make of it are {came}, for {run:.0f} quotes in "
            f"{span(seconds)}; usually {expected} ({once_in(p_value)})."
        ),
        contributions=(
            Contribution(
                "triangle_error",
                "spreads",
                rounded(spreads),
                0.0,
                rounded(usual),
                surprise(p_value),
            ),
        ),
    )


def _good(pair: str, line: NDArray[np.float64]) -> Example | None:
    """The last quote that was as it should be."""
    bid, ask, at = (float(line[each]) for each in (k.F_D, k.F_E, k.F_F))
    if not stamp(at) or bid <= 0:
        return None
    return Example(stamp(at), f"{pair} {bid:.7g} / {ask:.7g}{time_of_day(at)}")


def _finite(number: float) -> float:
    return round(number, 2) if abs(number) < 1e12 else 0.0
