"""Limit creep and margin run-up: positions and leverage by hand, and what is said of them."""

from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import AccountSeen, OrderSeen

CREEP, MARGIN = ("exposure", "limit_creep"), ("exposure", "margin_run_up")


def business(make: Callable[..., OrderSeen], number: int, **members: object) -> list[OrderSeen]:
    """Deals of 100,000 to 300,000 on either side, each half hour, never far from flat."""
    chance = np.random.default_rng(3)
    seen, held = [], 0.0
    for n in range(number):
        size = float(np.round(chance.uniform(1e5, 3e5), -3))
        side = "sell" if held > 3e5 or (held > -3e5 and chance.random() < 0.5) else "buy"
        held += size if side == "buy" else -size
        seen.append(make(n, n * 1_800.0, quantity=size, side=side, **members))
    return seen


def test_exposure_is_that_of_a_slow_sum(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """gross_exposure: positions of all pairs in US dollars, without signs, after each deal."""
    chance = np.random.default_rng(5)
    rates = {"EUR/USD": (1.08, 1.08), "USD/JPY": (150.0, 1.0), "GBP/USD": (1.27, 1.27)}
    eye = looking(*MARGIN)
    eye.see([make_account(0, funds_usd=100_000.0)])
    held: dict[str, float] = {}
    for n in range(1, 120):
        pair = str(chance.choice(sorted(rates)))
        mid, usd = rates[pair]
        size = float(np.round(chance.uniform(1e3, 1e5)))
        side = "buy" if chance.random() < 0.5 else "sell"
        held[pair] = held.get(pair, 0.0) + (size if side == "buy" else -size)
        order = make(n, n * 60.0, pair=pair, side=side, quantity=size, mid=mid, bid=mid, ask=mid)
        eye.see([order])
        slow = sum(abs(units) * rates[pair][1] for pair, units in held.items())
        state = eye.look.state["account"]
        assert state.gross[0] == pytest.approx(slow)
        assert state.leverage[0] == pytest.approx(slow / 100_000)
        assert usd > 0


def test_the_desks_own_deals_move_positions_only(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """A close-out changes what is held, and is nobody's habit."""
    eye = looking(*CREEP)
    eye.see([make(1, 0.0, quantity=1e6), make(2, 60.0, quantity=1e6, side="sell", own=False)])
    assert eye.look.state["account"].gross[0] == pytest.approx(0.0)
    assert eye.look.state["account"].deals[0] == 1


def test_a_creep_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """one_sided_deals, limit_utilisation: fifty small deals to one side, to 96 % of the limit."""
    limit = make_account(0, event="limits", position_usd_max=5_000_000.0)
    creep = [make(500 + n, 200_000.0 + 300 * n, quantity=90_000.0) for n in range(50)]
    told = looking(*CREEP).see([limit, *business(make, 100), *creep], 1e-6)
    first = told.findings[0]
    assert first.entity == "acme EUR/USD"
    assert "of its limit of 5,000,000 USD" in first.reason.sentence
    assert {part.feature for part in first.reason.contributions} == {
        "limit_utilisation",
        "one_sided_deals",
    }
    assert set(first.reason.positions) <= set(range(500, 550))


def test_large_steps_are_no_creep(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """Whoever fills its limit with five deals hides nothing."""
    limit = make_account(0, event="limits", position_usd_max=5_000_000.0)
    large = [make(500 + n, 200_000.0 + 300 * n, quantity=900_000.0) for n in range(5)]
    assert not looking(*CREEP).see([limit, *business(make, 100), *large], 1e-6).findings


def test_a_hedger_who_always_buys_does_not_creep(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """What goes on for weeks is a habit: evidence fades."""
    limit = make_account(0, event="limits", position_usd_max=20_000_000.0)
    buys = [make(1 + n, n * 7_200.0, quantity=90_000.0) for n in range(190)]
    assert not looking(*CREEP).see([limit, *buys], 1e-6).findings


def test_a_run_up_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """leverage_climbed, gross_exposure: ten deals to one side, to 28 times the money."""
    seen: list[OrderSeen | AccountSeen] = []
    for k in range(6):
        seen.append(make_account(k, account=f"a{k}", funds_usd=100_000.0))
        seen += business(make, 300, account=f"a{k}")
    seen.sort(key=lambda each: each.at_seconds)
    up = [make(900 + n, 600_000.0 + 600 * n, account="a1", quantity=280_000.0) for n in range(10)]
    eye = looking(*MARGIN)
    assert not eye.see(seen, 1e-6).findings
    told = eye.see(up, 1e-6)
    last = told.findings[-1]
    assert last.entity == "a1"
    assert "times its money" in last.reason.sentence
    assert [part.feature for part in last.reason.contributions] == [
        "leverage_climbed",
        "gross_exposure",
    ]
    assert set(last.reason.positions) <= set(range(900, 910))


def in_and_out(
    make: Callable[..., OrderSeen], number: int, quantity: float = 300_000.0
) -> list[OrderSeen]:
    """Round trips of one size: flat in between."""
    return [
        make(1 + n, n * 900.0, quantity=quantity, side="sell" if n % 2 else "buy")
        for n in range(2 * number)
    ]


def test_what_a_round_trip_leads_to_is_the_usual_highest(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """Whoever is flat every other deal is used to the leverage between; a slip is no habit."""
    eye = looking(*MARGIN)
    eye.see([make_account(0, funds_usd=50_000.0), *in_and_out(make, 100)])
    state = eye.look.state["account"]
    assert state.highest[0] == pytest.approx(300_000 * 1.08 / 50_000, rel=0.01)
    slip = make(900, 200_000.0, quantity=1_100_000.0)
    assert not eye.see([slip], 1e-6).findings
    assert state.leverage[0] > 22
    eye.see([make(901, 200_060.0, quantity=1_100_000.0, side="sell")])
    assert state.highest[0] < 7


def test_a_climb_teaches_once(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """Forty deals of one climb leave one trace in what is held for ordinary, when it is over."""
    eye = looking(*MARGIN)
    eye.see([make_account(0, funds_usd=50_000.0), *in_and_out(make, 100)])
    _rates, tail = eye.look.state["shared"]
    before = tail.ring.copy()
    up = [make(900 + n, 200_000.0 + 60 * n, quantity=300_000.0) for n in range(40)]
    eye.see(up)
    assert eye.look.state["account"].crest[0] > 10
    changed = tail.ring[tail.ring != before]
    assert not changed.any()
    down = make(950, 203_000.0, quantity=12_000_000.0, side="sell")
    eye.see([down, make(951, 203_060.0, quantity=1.0), make(952, 300_000.0, quantity=1.0)])
    eye.see([make(953 + n, 300_000.0 + n, quantity=1.0, side="sell") for n in range(3)])
    assert eye.look.state["account"].crest[0] == 0.0
    changed = tail.ring[tail.ring != before]
    assert (changed > 0).sum() == 1


def test_who_lives_near_the_call_is_left_in_peace(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """A leverage of 22 to 26 is no news where it was so for weeks."""
    start = make(1, 60.0, quantity=1_100_000.0)
    walk = [
        make(2 + n, 3_600.0 * (n + 1), quantity=50_000.0, side="sell" if n % 4 > 1 else "buy")
        for n in range(300)
    ]
    told = looking(*MARGIN).see([make_account(0, funds_usd=50_000.0), start, *walk], 1e-6)
    assert not told.findings


def test_money_that_leaves_is_seen_too(
    looking: Callable, make: Callable[..., OrderSeen], make_account: Callable[..., AccountSeen]
) -> None:
    """A withdrawal raises the leverage without a deal; a deposit and a margin event do not."""
    eye = looking(*MARGIN)
    eye.see([make_account(0, funds_usd=100_000.0), *business(make, 30)])
    gross = eye.look.state["account"].gross[0]
    eye.see([make_account(50, 90_000.0, funds_usd=-60_000.0)])
    assert eye.look.state["account"].leverage[0] == pytest.approx(gross / 40_000)
    eye.see([make_account(51, 90_060.0, event="margin", equity_usd=50_000.0, used_usd=1.0)])
    assert eye.look.state["account"].equity[0] == 50_000.0


def test_who_has_no_money_here_has_no_margin(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Where no money is known nothing is said of margin."""
    assert np.isnan(looking(*MARGIN).see(business(make, 60)).p).all()
