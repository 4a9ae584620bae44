"""The forest as a detector: our own and a hosted one, on orders of many accounts."""

import random
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Misconfigured
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.forest import RandomCutForest
from tallystick.watch.detect.models import Shadow
from tallystick.watch.detect.models.beside import Beside
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen
from tallystick.watch.detect.sagemaker.detector import (
    ENDPOINT,
    NAME,
    WARM_UP,
    ForestDetector,
    OwnForest,
    forest_detector,
)
from tallystick.watch.detect.sagemaker.features import FEATURES, NAMES, OrderRows
from tallystick.watch.detect.sagemaker.model import Description, HostedModel
from tallystick.watch.detect.score import Judged
from tallystick.watch.detect.watcher import Watcher

from .conftest import container_of

START = 1_772_000_000.0


def order(position: int, quantity: float = 100_000.0, **changes: object) -> OrderSeen:
    """An order, 20 seconds after the one before."""
    at = START + position * 20.0
    plain = OrderSeen(
        position, rfc3339(round(at * NS_PER_SECOND)), at, "decided", f"O-{position}",
        f"client-{position % 5}", "EUR/USD", "buy", "filled", quantity, None, 1.1001, 1.1,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def orders(count: int, seed: int = 1) -> list[Observation]:
    """Ordinary orders, among them what is no business of a forest."""
    chance = random.Random(seed)  # noqa: S311  a test's dice
    found: list[Observation] = []
    for position in range(count):
        found.append(
            order(
                position, chance.lognormvariate(11.5, 0.4), fill_price=1.1 + chance.random() / 1e4
            )
        )
        if position % 7 == 0:
            found.append(order(position, own=False))
        if position % 11 == 0:
            found.append(CallSeen("", START, "GET /", 200, 1.0, None))
    return found


def small() -> ForestDetector:
    """A detector with few trees."""
    return ForestDetector(OwnForest(20, 64), alarm_p=1e-4, warm_up=256)


def together(judged: Sequence[Judged]) -> tuple[list[float], int]:
    """All p-values, and how many findings."""
    numbers = [number for each in judged for number in each.p_values]
    return numbers, sum(len(each.findings) for each in judged)


def test_an_order_unlike_all_others_is_found_and_explained() -> None:
    """A huge one: told by its size, with what is usual and the nearest ordinary order."""
    detector = ForestDetector(OwnForest(50, 256), warm_up=512)
    quiet = detector.observe(orders(2_000))
    assert quiet.findings == []

    judged = detector.observe([order(2_001), order(2_002, 1e9), order(2_003)])
    (found,) = judged.findings
    assert (found.row, found.detector, found.entity) == (1, NAME, "client-2")
    assert judged.p_values[1] == found.p_value < 1e-6 < judged.p_values[0]
    first = found.reason.contributions[0]
    assert (first.feature, first.came) == ("forest_quantity", 9.0)
    assert 4 < first.expected_low < first.expected_high < 7
    assert "most of it is its quantity" in found.reason.sentence
    assert "buy 1,000,000,000 EUR/USD" in found.reason.sentence
    assert found.reason.nearest is not None
    assert found.reason.positions == (2_002,)
    whole = sum(each.surprise for each in found.reason.contributions)
    assert whole <= -np.log10(found.p_value) + 0.01


def test_only_what_clients_order_is_judged() -> None:
    """Fills, what the desk placed, and calls have no p-value; nor has the warm-up."""
    stream = orders(600)
    judged = ForestDetector(OwnForest(10, 32), warm_up=512).observe(stream)
    own = [isinstance(each, OrderSeen) and each.own for each in stream]
    known = [not np.isnan(number) for number in judged.p_values]
    assert sum(known) == 600 - 512
    assert all(mine for mine, told in zip(own, known, strict=True) if told)


@pytest.mark.parametrize("size", [1, 37, 1_000])
def test_batches_and_restarts_change_nothing(size: int) -> None:
    """Cut anywhere, restored anywhere: the same p-values to the last bit."""
    stream = orders(700)
    expected = small().observe(stream)
    detector, judged = small(), []
    for start in range(0, len(stream), size):
        judged.append(detector.observe(stream[start : start + size]))
        if start % (3 * size) == 0 and start % 5 == 0:
            again = small()
            again.restore(detector.snapshot())
            detector = again
    numbers, findings = together(judged)
    assert np.array_equal(numbers, expected.p_values, equal_nan=True)
    assert findings == len(expected.findings)


def test_it_sees_no_later_order() -> None:
    """Streams with one beginning are judged alike there."""
    stream = orders(600)
    alone = small().observe(stream[:500]).p_values
    more = small().observe([*stream[:500], *orders(100, 9)]).p_values
    assert np.array_equal(alone, more[:500], equal_nan=True)


def test_poison_breaks_nothing() -> None:
    """Numbers that are none, clocks that jump: it goes on and is as good as before."""
    nan, inf = float("nan"), float("inf")
    poison: list[Observation] = [
        order(1, nan), order(2, inf), order(3, -1.0), order(4, at_seconds=nan),
        order(5, at_seconds=-1e300), order(6, mid=0.0), order(7, mid=nan), order(8, fill_price=inf),
    ]  # fmt: skip
    detector = ForestDetector(OwnForest(20, 64), warm_up=512)
    for start in range(0, 1_000, 100):
        detector.observe(orders(100, start))
        judged = detector.observe(poison)
        assert all(np.isnan(each) or 0 < each <= 1 for each in judged.p_values)
    rows = OrderRows()
    assert all(np.isfinite(rows.row(each)).all() for each in poison if isinstance(each, OrderSeen))


def test_rows_are_what_the_features_say() -> None:
    """Size, cost against the market, time since the account's last order, time of day."""
    rows = OrderRows()
    first = rows.row(order(0, 1_000.0))
    assert first[0] == 3.0
    assert first[1] == pytest.approx(np.log1p(0.909), rel=1e-3)
    assert first[2] == pytest.approx(np.log10(3_600))
    second = rows.row(order(5, side="sell", limit_price=1.2))
    assert second[1] < 0
    assert second[2] == pytest.approx(2.0)
    assert second[3] ** 2 + second[4] ** 2 == pytest.approx(1.0)
    assert rows.row(order(6, mid=None))[1] == 0.0
    assert set(NAMES) == set(FEATURES)


def test_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently seen account is forgotten."""
    monkeypatch.setattr("tallystick.watch.detect.sagemaker.features.ENTITIES_MAX", 2)
    rows = OrderRows()
    for position in range(10):
        rows.row(order(position))
    assert [account for account, _ in rows.snapshot()] == ["client-3", "client-4"]


def hosted_orders() -> HostedModel:
    """A forest that was trained on ordinary orders' rows, as one would for an endpoint."""
    rows = OrderRows()
    made = np.array([rows.row(each) for each in orders(1_000) if isinstance(each, OrderSeen)])
    forest = RandomCutForest(len(NAMES), 50, 256)
    forest.learn(made)
    return HostedModel(forest, Description("rcf", len(NAMES), NAMES, len(made), ()))


def test_a_hosted_forest_is_a_detector_too() -> None:
    """The built-in forest's contract is enough to be compared; it explains nothing."""
    with container_of(hosted_orders()) as client:
        artefact = msgspec.json.encode({"url": str(client.base_url)})
        config = DetectConfig(alarm_p=1e-4)
        detector = forest_detector(config, {ENDPOINT: artefact})
        assert detector is not None
        detector.observe(orders(WARM_UP + 500, 2))
        (found,) = detector.observe([order(5_000, 1e9)]).findings
        assert found.reason.contributions == ()
        assert "is unlike the orders so far" in found.reason.sentence
        again = forest_detector(config, {ENDPOINT: artefact})
        assert again is not None
        again.restore(detector.snapshot())
        assert len(again.observe([order(5_000, 1e9)]).findings) == 1


def test_a_hosted_forest_challenges_and_nobody_waits_for_it() -> None:
    """Beside a champion that finds the same order, over HTTP and in a thread of its own."""
    with container_of(hosted_orders()) as client:
        artefact = msgspec.json.encode({"url": str(client.base_url)})
        hosted = forest_detector(DetectConfig(alarm_p=1e-4), {ENDPOINT: artefact})
        assert hosted is not None
        own = ForestDetector(OwnForest(50, 256), alarm_p=1e-4)
        champion = Watcher([own], "a" * 12)
        challenger = Beside(Watcher([hosted], "b" * 12))
        shadow = Shadow(champion.model, challenger.model)
        stream = [*orders(1_500, 2), order(5_000, 1e9), *orders(100, 3)]
        for start in range(0, len(stream), 64):
            batch = stream[start : start + 64]
            shadow.add(champion.see(batch), challenger.see(batch), len(batch))
        challenger.finish()
        shadow.add([], challenger.see([]), 0)
        challenger.close()
    found = shadow.report()
    assert found.all.both == 1
    assert challenger.dropped == 0


def test_a_host_that_is_away_judges_nothing() -> None:
    """Its time-outs are counted, nothing breaks, and the operator hears of it once."""
    artefact = msgspec.json.encode({"url": "http://127.0.0.1:9"})
    detector = forest_detector(SHIPPED, {ENDPOINT: artefact})
    assert detector is not None
    judged = detector.observe(orders(20))
    assert all(np.isnan(judged.p_values))
    assert detector._scorer.failed == 1  # type: ignore[attr-defined]
    detector.observe(orders(20))
    beside = Beside(Watcher([detector], "b" * 12))
    [note] = beside.noted()
    assert note.startswith("The hosted forest gives no scores, and finds nothing: http://127.0.0.1")
    assert beside.noted() == []
    beside.close()


def test_it_is_there_when_it_is_asked_for() -> None:
    """By numbers of its name, or by an endpoint; and only with numbers that it knows."""
    assert forest_detector(SHIPPED, {}) is None
    asked = forest_detector(DetectConfig(numbers={NAME: {"trees": 10.0, "warm_up": 9.0}}), {})
    assert asked is not None
    assert asked._warm_up == 9
    for numbers in ({"tree": 1.0}, {"trees": 0.0}, {"trees": 1e9}):
        with pytest.raises(Misconfigured):
            forest_detector(DetectConfig(numbers={NAME: numbers}), {})
    with pytest.raises(Misconfigured, match=r"endpoint\.json"):
        forest_detector(SHIPPED, {ENDPOINT: b"[]"})


def test_a_snapshot_of_something_else_is_refused() -> None:
    """Bytes, and a forest of another size; it is as it was."""
    detector = small()
    with pytest.raises(ValueError, match=r"."):
        detector.restore(b"")
    with pytest.raises(ValueError, match="another size"):
        detector.restore(ForestDetector(OwnForest(10, 64)).snapshot())
    assert detector.observe(orders(10)).findings == []
