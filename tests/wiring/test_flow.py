"""The demo's flow of orders: the same for a seed, with every planted anomaly in it."""

import random
from collections import Counter

import pytest

from tallystick.watch.detect.orders.watch import OrderWatch
from tallystick.wiring.demo_screen import PLANTED_AND_SEEN
from tallystick.wiring.flow import (
    BURST_AFTER_SECONDS,
    CLIENTS,
    LIMIT_TIMES,
    REJECT_ORDERS,
    TYPE_SHARES,
    Flow,
    PlannedOrder,
)

PAIRS = sorted({pair for client in CLIENTS for pair in client.pairs})
RATE = 100
LONG = round(BURST_AFTER_SECONDS * RATE * 2)


def flow(seed: int, orders: int = LONG) -> list[PlannedOrder]:
    """All orders of a flow."""
    return list(Flow(orders, RATE, PAIRS, random.Random(seed)))  # noqa: S311  seeded


def kinds(placed: list[PlannedOrder]) -> Counter[str]:
    """How many orders were planted of each kind."""
    return Counter(order.planted.kind for order in placed if order.planted)


def test_a_seed_is_a_flow() -> None:
    """The same seed gives the same orders; another one others."""
    assert flow(7) == flow(7)
    assert flow(7) != flow(8)


def test_every_planted_anomaly_is_there() -> None:
    """Each kind, declared as planted, in the second half, in addition to the usual orders."""
    placed = flow(7)
    planted = kinds(placed)

    assert planted.keys() == PLANTED_AND_SEEN.keys()
    assert sum(order.planted is None for order in placed) == LONG
    assert (planted["fat finger"], planted["reject storm"]) == (2, REJECT_ORDERS)
    first = next(number for number, order in enumerate(placed) if order.planted)
    assert first >= LONG // 2


def test_what_should_see_a_planting_is_a_detector_of_orders() -> None:
    """Each planted kind names a look at orders that there is."""
    assert set(PLANTED_AND_SEEN.values()) <= set(OrderWatch(entities_max=1).names)


def test_each_planting_is_told_apart() -> None:
    """Orders of one planting stand together under one number; two plantings have two."""
    numbers = [order.planted.number for order in flow(7) if order.planted]

    assert numbers == sorted(numbers)
    assert len(set(numbers)) == len(PLANTED_AND_SEEN) + 1  # the fat finger comes twice


@pytest.mark.parametrize("orders", [100, LONG])
def test_the_total_is_counted_before(orders: int) -> None:
    """What a progress bar is told is what comes; a run too short for a burst says so."""
    made = Flow(orders, RATE, PAIRS, random.Random(7))  # noqa: S311  seeded
    placed = list(made)

    assert len(placed) == made.total
    assert kinds(placed).keys() | {"burst"} == PLANTED_AND_SEEN.keys()
    assert ("burst" in kinds(placed)) == (made.left_out == ())


def test_clients_deal_in_what_they_deal_in() -> None:
    """Own pairs only, round amounts, a time in force that suits the type."""
    dealt = {client.account: client.pairs for client in CLIENTS}
    for order in flow(1):
        assert order.pair in dealt[order.account]
        assert order.units > 0
        assert order.units % 1_000 == 0
        assert (order.time_in_force == "FOK") == (order.type == "market")
        assert (order.lives_seconds > 0) == (order.time_in_force == "GTD")
        assert (order.stop_bps > 0) == (order.type in {"stop", "market_if_touched"})
        assert order.then is None or order.time_in_force in {"GTC", "GTD"}


def test_clients_use_what_there_is() -> None:
    """Every type and time in force, orders that close, trailing ones, cancels and replacements."""
    placed = flow(7)
    usual = [order for order in placed if order.planted is None]
    closing = [order.if_done for order in usual if order.if_done is not None]

    assert {order.type for order in usual} == set(TYPE_SHARES)
    assert {order.time_in_force for order in usual} == {"FOK", *LIMIT_TIMES}
    assert {order.then for order in usual} == {None, "cancel", "replace"}
    assert {each.trails for each in closing} == {True, False}
    assert all(each.profit_bps > 0 and each.loss_bps > 0 for each in closing)
    assert sum(order.type == "market" for order in usual) > len(usual) / 2


def test_what_is_planted_stands_alone() -> None:
    """Nothing comes with it and nobody changes it: it is found for what it is."""
    for order in flow(5):
        if order.planted is not None:
            assert (order.if_done, order.then, order.stop_bps) == (None, None, 0.0)


def test_a_fat_finger_is_far_above_the_clients_usual() -> None:
    """No usual order of that client comes near it."""
    placed = flow(3)
    planted = [each for each in placed if each.planted and each.planted.kind == "fat finger"]
    usual = [o.units for o in placed if o.account == planted[0].account and o.planted is None]

    assert min(order.units for order in planted) > max(usual)


def test_only_pairs_with_prices_are_dealt_in() -> None:
    """A recording of two pairs gives a flow of these two."""
    some = {"EUR/USD", "USD/JPY"}
    placed = list(Flow(300, RATE, sorted(some), random.Random(1)))  # noqa: S311  seeded

    assert {order.pair for order in placed} == some
