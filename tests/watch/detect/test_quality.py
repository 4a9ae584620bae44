"""How good the detectors are, on seeded flows whose anomalies are known because planted.

The flow: 8 accounts, 4 pairs, Poisson arrivals, log-normal sizes (sigma 0.3 to 0.7), exponential
limit distances, 3 % random rejections, 20,000 orders. Planted from the first fifth on, 10 each:
a quantity times 100, 40 orders in 2 s, a limit 3 % to 15 % off the market, 15 rejections in a row.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from tallystick.watch.detect import DETECTORS, Anomaly, Watcher, order_seen


@pytest.mark.parametrize("seed", [20, 21])
def test_planted_anomalies_are_found_and_little_else(
    make_flow: Callable[..., object], seed: int
) -> None:
    """Every planted anomaly is found; fewer than 2 false alarms in 10,000 orders."""
    flow = make_flow(seed)
    found: list[Anomaly] = []
    watcher = Watcher([new() for new in DETECTORS.values()], found.append)
    watcher.take(flow.messages)  # type: ignore[attr-defined]
    planted = flow.planted  # type: ignore[attr-defined]
    missed = Counter(p.detector for p in planted)
    false = []
    for anomaly in found:
        position = anomaly.position
        assert position is not None
        hits = [
            p for p in planted if p.detector == anomaly.detector and p.first <= position <= p.last
        ]
        missed -= Counter(p.detector for p in hits)
        if not hits:
            false.append(anomaly.sentence)
    assert len(planted) == 40
    assert missed == Counter()
    assert len(false) / 2 < 2, false


def test_a_flow_without_anomalies_is_quiet(make_flow: Callable[..., object]) -> None:
    """Nothing planted: fewer than 2 alarms in 10,000 orders."""
    found: list[Anomaly] = []
    watcher = Watcher([new() for new in DETECTORS.values()], found.append)
    watcher.take(make_flow(30, plants=0).messages)  # type: ignore[attr-defined]
    assert len(found) / 2 < 2, [anomaly.sentence for anomaly in found]


@pytest.mark.parametrize("name", ["order_size", "off_market"])
@pytest.mark.parametrize("share", [0.05, 0.01, 0.002])
def test_p_values_are_calibrated(make_flow: Callable[..., object], name: str, share: float) -> None:
    """Of an ordinary flow's scores, about the share p is at most p."""
    detector = DETECTORS[name]()
    p_values = []
    for message in make_flow(31, plants=0).messages:  # type: ignore[attr-defined]
        order = order_seen(message.position, message.body)
        score = order and detector.observe(order)
        if score:
            p_values.append(score.p_value)
    assert 0.5 * share <= sum(p <= share for p in p_values) / len(p_values) <= 1.6 * share
