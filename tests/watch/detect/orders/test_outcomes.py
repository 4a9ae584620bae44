"""Reject streaks, cancel ratios, layering: outcomes by hand, against scans, and in sentences."""

from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders import kernels as streaks
from tallystick.watch.detect.orders.outcomes import kernels


def placed(
    make: Callable[..., OrderSeen], position: int, at: float, **members: object
) -> OrderSeen:
    """A limit that waits a pip behind the touch."""
    side = members.get("side", "buy")
    price = 1.0790 if side == "buy" else 1.0810
    known = {"state": "new", "limit_price": price, "filled": 0.0, "kind": "limit"} | members
    return make(position, at, **known)


def ended(
    make: Callable[..., OrderSeen], position: int, at: float, of: int, **members: object
) -> OrderSeen:
    """What became of the order placed at a position: cancelled by its client, if not said."""
    known = {"event": "cancelled", "state": "cancelled", "order_id": f"O-{of}"} | members
    return make(position, at, **known)


def deals(make: Callable[..., OrderSeen], number: int, every: float = 600.0) -> list[OrderSeen]:
    """Ordinary business: market orders on alternating sides."""
    return [make(n, n * every, side="buy" if n % 2 else "sell") for n in range(number)]


def test_rejections_are_counted_as_a_slow_reference_does(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """rejected_share: the account's usual share is the mean of its outcomes, drawn to all's."""
    chance = np.random.default_rng(1)
    bad = chance.random(200) < 0.1
    eye = looking("outcomes", "reject_streak")
    eye.see([make(n, n * 3_600.0, state="rejected" if b else "filled") for n, b in enumerate(bad)])
    row = eye.look.state["account"].rejects[0]
    assert row[streaks.SHARE] == pytest.approx((bad.sum() + 10 * 0.05) / 210, abs=0.02)


def test_a_reject_streak_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Ten rejections in ten minutes, after a hundred orders of which two were."""
    seen = deals(make, 100)
    seen += [
        make(100 + n, 60_000.0 + 60 * n, state="rejected", code="PRICE_MOVED") for n in range(10)
    ]
    told = looking("outcomes", "reject_streak").see(seen, 1e-6)
    last = told.findings[-1]
    assert last.family == "fraud"
    assert "10 of the last 10 orders rejected" in last.reason.sentence
    assert last.reason.positions == tuple(range(100, 110))
    assert last.reason.contributions[0].feature == "rejected_share"
    assert np.nanmax(told.p[20:100]) == 1.0


def test_a_cancel_ratio_is_held_against_the_accounts_own(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """cancelled_share: twenty in an hour by one who cancels nothing; not by one who does."""
    found = {}
    for habit in (False, True):
        seen = []
        for n in range(200):
            seen.append(placed(make, 2 * n, n * 600.0))
            gone = habit and n % 10
            members = {} if gone else {"event": "filled", "state": "filled"}
            seen.append(ended(make, 2 * n + 1, n * 600.0 + 300, 2 * n, **members))
        for n in range(20):
            seen.append(placed(make, 400 + 2 * n, 121_000.0 + 120 * n))
            seen.append(ended(make, 401 + 2 * n, 121_060.0 + 120 * n, 400 + 2 * n))
        found[habit] = looking("outcomes", "cancel_ratio").see(seen, 1e-6).findings
    assert not found[True]
    assert "acme cancelled" in found[False][0].reason.sentence
    assert found[False][0].family == "market_abuse"


def layers(
    make: Callable[..., OrderSeen], first: int, at: float, **members: object
) -> list[OrderSeen]:
    """Four sell orders away from the touch, a deal to buy, and all are taken back."""
    seen = [placed(make, first + n, at + n, side="sell", **members) for n in range(4)]
    seen.append(make(first + 4, at + 5, side="buy"))
    return seen + [ended(make, first + 5 + n, at + 8 + n, first + n, side="sell") for n in range(4)]


def test_layering_is_found_and_explained(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """layered_share, layered_times_dealt: within four rounds of four layers, with every entry."""
    seen = deals(make, 60)
    for turn in range(4):
        seen += layers(make, 100 * (turn + 1), 40_000.0 + 300 * turn)
    told = looking("outcomes", "layering").see(seen, 1e-6)
    first = told.findings[0]
    assert first.entity == "acme EUR/USD"
    assert "sell orders" in first.reason.sentence
    assert "bought 1,000,000" in first.reason.sentence
    assert seen[first.row].position in first.reason.positions
    assert {104, 204, 304, 404} & set(first.reason.positions)
    parts = {part.feature: part for part in first.reason.contributions}
    assert set(parts) == {"layered_share", "layered_times_dealt"}
    assert parts["layered_times_dealt"].came == int(told.came[first.row])


@pytest.mark.parametrize("what", ["late", "near", "no deal", "both sides", "filled"])
def test_what_is_no_layer(looking: Callable, make: Callable[..., OrderSeen], what: str) -> None:
    """Taken back after minutes, at the touch, without a deal, of one who makes a market, dealt."""
    seen = deals(make, 60)
    for n in range(8):
        at, first = 40_000.0 + 300 * n, 100 + 10 * n
        price = {"limit_price": 1.0801} if what == "near" else {}
        seen.append(placed(make, first, at, side="sell", **price))
        if what == "both sides":
            seen.append(placed(make, first + 1, at + 1, side="buy"))
        if what != "no deal":
            seen.append(make(first + 2, at + 5, side="buy"))
        end = at + (400 if what == "late" else 10)
        members = {"event": "filled", "state": "filled"} if what == "filled" else {}
        seen.append(ended(make, first + 3, end, first, side="sell", **members))
    seen.sort(key=lambda each: each.at_seconds)
    assert not looking("outcomes", "layering").see(seen, 1e-6).findings


def test_layers_are_those_of_a_slow_scan(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """Of random orders, the layered ones are those that a scan over all entries finds."""
    chance = np.random.default_rng(4)
    seen, waiting, at = list[OrderSeen](), list[OrderSeen](), 0.0
    for position in range(400):
        at += float(chance.exponential(60))
        what = chance.random()
        side = "buy" if chance.random() < 0.5 else "sell"
        if what < 0.4:
            waiting.append(placed(make, position, at, side=side))
            seen.append(waiting[-1])
        elif what < 0.7 and waiting:
            one = waiting.pop(int(chance.integers(len(waiting))))
            seen.append(ended(make, position, at, one.position, side=one.side))
        else:
            seen.append(make(position, at, side=side))
    told = looking("outcomes", "layering").see(seen)
    for row, end in enumerate(seen):
        if end.event != "cancelled" or np.isnan(told.p[row]):
            continue
        begin = next(each for each in seen if each.order_id == end.order_id)
        others = [each for each in seen[:row] if each.side != begin.side]
        near = [each for each in others if each.state == "new"]
        before = [each.at_seconds for each in near if each.position < begin.position]
        layered = (
            end.at_seconds - begin.at_seconds <= kernels.LIFE_SECONDS_MAX
            and any(each.filled and each.position > begin.position for each in others)
            and not (before and begin.at_seconds - max(before) <= kernels.BOTH_SIDES_SECONDS)
            and not (
                near and abs(near[-1].at_seconds - begin.at_seconds) <= kernels.BOTH_SIDES_SECONDS
            )
        )
        assert (told.p[row] < 1.0) == layered or told.p[row] == pytest.approx(1e-3)
