"""The drift guard sees the slow attacker, and nobody else."""

import math
import random
import statistics
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.drift.features import FEATURES
from tallystick.watch.detect.drift.guard import DriftGuard
from tallystick.watch.detect.drift.kernels import ARRAY_BYTES_A_SLOT
from tallystick.watch.detect.observation import AccountSeen, CallSeen, Observation, OrderSeen
from tallystick.watch.detect.score import ALARM_P_MAX

Watched = Callable[..., tuple[list[Any], dict[str, list[tuple[int, Any]]]]]
DAY_SECONDS = 86_400
START_SECONDS = 20_514 * DAY_SECONDS + 36_000.0
BEGIN = 60
"""Day on which the attackers of the long run begin."""


def order(position: int, day: float, **members: object) -> OrderSeen:
    """An ordinary order of acme on this day; members may be others."""
    at_seconds = START_SECONDS + day * DAY_SECONDS
    usual: dict[str, object] = {
        "position": position,
        "at": rfc3339(round(at_seconds * NS_PER_SECOND)),
        "at_seconds": at_seconds,
        "event": "decided",
        "order_id": f"O-{position}",
        "account": "acme",
        "pair": "EUR/USD",
        "side": "buy" if position % 2 else "sell",
        "state": "filled",
        "quantity": 100_000.0 * (1 + position % 7 / 10),
        "limit_price": None,
        "fill_price": 1.0801 if position % 2 else 1.0799,
        "mid": 1.08,
        "filled": 100_000.0,
    }
    return OrderSeen(**usual | members)  # type: ignore[arg-type]


def days(count: int, times: Callable[[int], float], **members: object) -> list[Observation]:
    """Five orders a day, whose size is multiplied by what `times` says of the day."""
    rows: list[Observation] = []
    for day in range(count):
        for number in range(5):
            position = len(rows)
            quantity = 100_000.0 * (1 + position % 7 / 10) * times(day)
            rows.append(order(position, day + number / 100, **{"quantity": quantity} | members))
    return rows


@pytest.fixture(scope="module")
def attacked(market: ModuleType, watched: Watched) -> tuple[list[Any], dict[str, Any]]:
    """A year with an attacker of each kind and speed among clean accounts."""
    attacks = tuple(
        market.Attack(aspect, growth, BEGIN, 12.0)
        for aspect in ("size", "rate", "distance", "utilisation")
        for growth in (0.015, 0.03, 0.1)
    )
    return watched(1, 220, 36, attacks)


@pytest.mark.parametrize("number", range(12))
def test_a_slow_attacker_is_seen_before_he_is_ten_times_himself(
    attacked: tuple[list[Any], dict[str, Any]], number: int
) -> None:
    """Sizes, rate, distance from the market, use of the limit; by 1.5 %, 3 % and 10 % a day."""
    client = attacked[0][number]
    day, finding = attacked[1][client.name][0]
    assert client.attack.begin < day < client.attack.day_of(10)
    assert finding.reason.contributions[0].feature == f"drift_{client.attack.aspect}"
    assert finding.p_value <= ALARM_P_MAX


def test_nobody_else_is_accused(attacked: tuple[list[Any], dict[str, Any]]) -> None:
    """Among clean accounts with seasons, growth and month's ends there is no alert."""
    clients, found = attacked
    assert not set(found) - {client.name for client in clients[:12]}


def test_each_step_of_his_is_ordinary_against_his_recent_past(market: ModuleType) -> None:
    """Why a detector that adapts does not see him: he never stands out of his last 200 orders."""
    rng = random.Random(4)  # noqa: S311  a seeded test
    (client,) = market.accounts(rng, 1)
    client.attack = market.Attack("size", 0.03, 30)
    recent: deque[float] = deque(maxlen=200)
    worst = 0.0
    for _day, rows in market.trading(rng, [client], 150):
        for each in rows:
            if isinstance(each, OrderSeen):
                size = math.log(each.quantity)
                if len(recent) == recent.maxlen:
                    spread = statistics.pstdev(recent)
                    worst = max(worst, (size - statistics.fmean(recent)) / spread)
                recent.append(size)
    assert client.attack.times(150) == client.attack.most
    assert worst < 4.8  # once in a million


@pytest.mark.parametrize("seed", [2, 4])
def test_a_changed_market_is_nobodys_drift(watched: Watched, seed: int) -> None:
    """Everybody trades three times as large and wide from one day on: no alert."""
    _clients, found = watched(seed, 200, 40, changes=100)
    assert found == {}


def test_a_young_account_is_anchored_soon(market: ModuleType, watched: Watched) -> None:
    """An attacker who begins after a week is seen too, though slow ones could hide in it."""
    attacks = tuple(market.Attack(aspect, 0.12, 6, 10.0) for aspect in ("size", "rate"))
    clients, found = watched(11, 40, 20, attacks)
    for client in clients[:2]:
        assert found[client.name][0][0] < client.attack.day_of(10)
    assert len(found) == 2


def test_a_leap_is_not_said_at_once() -> None:
    """One day of ten times the size is a month's end, or for another detector."""
    guard = DriftGuard()
    assert not guard.observe(days(60, lambda day: 10.0 if day == 40 else 1.0)).findings


def test_what_it_says() -> None:
    """A sentence, what was expected, what came, the last ordinary day and the entries."""
    guard = DriftGuard()
    findings = guard.observe(days(80, lambda day: 1.05 ** max(0, day - 30))).findings
    first = findings[0]
    reason = first.reason

    assert (first.detector, first.family, first.entity) == ("drift", "fraud", "acme")
    assert first.refractory_seconds == 7 * DAY_SECONDS
    assert reason.sentence.startswith("acme's order size has drifted to ")
    assert "USD an order lately" in reason.sentence
    assert "It began about 2026-0" in reason.sentence
    assert reason.sentence.endswith("others' did not grow meanwhile.")
    assert reason.came.endswith(" USD an order lately")
    assert reason.expected.endswith(" USD an order, as in acme's anchored past")
    (contribution,) = reason.contributions
    assert contribution.feature in FEATURES
    assert contribution.unit == FEATURES[contribution.feature].unit
    assert 50_000 < contribution.expected_low < contribution.expected_high < contribution.came
    assert contribution.came > 3 * 1.08 * 100_000
    assert contribution.surprise >= 6
    assert reason.nearest is not None
    assert reason.nearest.position is not None
    assert reason.nearest.position < reason.positions[-1] <= first.row
    assert "USD an order on 2026-0" in reason.nearest.text
    assert len(reason.positions) == 6
    assert list(reason.positions) == sorted(reason.positions)


def test_a_look_is_taken_when_a_day_has_ended() -> None:
    """p-values stand at the first order of a day, once the account is warm; else NaN."""
    judged = DriftGuard().observe(days(30, lambda _day: 1.0))
    looks = [n for n, p in enumerate(judged.p_values) if not math.isnan(p)]
    assert looks == [5 * day for day in range(11, 30)]
    assert all(0 < judged.p_values[n] <= 1 for n in looks)


def test_use_of_a_limit_needs_a_limit() -> None:
    """Without one nothing is said of it; with one the same positions are drift."""
    rows = days(80, lambda _day: 1.0)
    growing = [
        order(each.position, each.position / 5 // 1 + each.position % 5 / 100, side="buy",
              filled=1_000.0 if n < 150 else 100_000.0)
        for n, each in enumerate(rows)
        if isinstance(each, OrderSeen)
    ]  # fmt: skip
    limit = AccountSeen(0, growing[0].at, growing[0].at_seconds, "limits", "acme", None, 2e7)
    assert not DriftGuard().observe(growing).findings
    found = DriftGuard().observe([limit, *growing]).findings
    assert found
    assert found[0].reason.contributions[0].feature == "drift_utilisation"
    assert "% of the limit" in found[0].reason.sentence
    lifted = AccountSeen(0, growing[0].at, growing[0].at_seconds, "limits", "acme", None, None)
    assert not DriftGuard().observe([limit, lifted, *growing]).findings


def test_what_the_client_did_not_do_is_no_behaviour() -> None:
    """Fills and orders that the desk placed move positions, and nothing else."""
    calm = days(60, lambda _day: 1.0)
    noise = [
        order(10_000 + n, 30 + n / 10, quantity=1e9, own=False, event="filled") for n in range(300)
    ]
    rows = sorted([*calm, *noise], key=lambda each: each.at_seconds)
    assert not DriftGuard().observe(rows).findings


def run(guard: DriftGuard, rows: list[Observation], cut: int) -> list[object]:
    """What it says, in batches of so many: p-values as text (NaN equals NaN), then sentences."""
    said: list[object] = []
    for begin in range(0, len(rows), cut):
        batch = rows[begin : begin + cut]
        judged = guard.observe(batch)
        said += map(repr, judged.p_values)
        said += [(begin + each.row, each.p_value, each.reason) for each in judged.findings]
    return sorted(said, key=repr)


@pytest.fixture(scope="module")
def mixed(market: ModuleType) -> list[Observation]:
    """Attacked accounts, API calls between their orders."""
    rng = random.Random(9)  # noqa: S311  a seeded test
    clients = market.accounts(rng, 12)
    clients[0].attack = market.Attack("size", 0.1, 15)
    rows: list[Observation] = []
    for _day, some in market.trading(rng, clients, 60):
        for each in some:
            rows.append(each)
            if each.position % 3 == 0:
                rows.append(CallSeen(each.at, each.at_seconds, "GET /", 200, 5.0, None))
    return rows


def test_batches_change_nothing(mixed: list[Observation]) -> None:
    """One row at a time, all at once, or in between; the future is never seen."""
    whole = run(DriftGuard(), mixed, len(mixed))
    assert any(isinstance(each, tuple) for each in whole)
    assert run(DriftGuard(), mixed, 97) == whole
    assert run(DriftGuard(), mixed[:3_000], 1) == run(DriftGuard(), mixed[:3_000], 3_000)


def test_a_restart_changes_nothing(mixed: list[Observation]) -> None:
    """What is restored goes on as what never stopped."""
    steady, half = DriftGuard(), len(mixed) // 2
    steady.observe(mixed[:half])
    restarted = DriftGuard()
    restarted.restore(steady.snapshot())
    assert restarted.snapshot() == steady.snapshot()
    assert run(restarted, mixed[half:], 500) == run(steady, mixed[half:], 500)
    assert restarted.snapshot() == steady.snapshot()


@pytest.mark.parametrize("data", [b"", b"\x90", b"nonsense", b"\x81\xa1v\x02"])
def test_it_refuses_a_snapshot_of_something_else(data: bytes, mixed: list[Observation]) -> None:
    """An error, and it is as it was."""
    guard = DriftGuard()
    guard.observe(mixed[:500])
    before = guard.snapshot()
    with pytest.raises(ValueError, match=r"."):
        guard.restore(data)
    with pytest.raises(ValueError, match=r"."):
        guard.restore(before[:-40])
    with pytest.raises(ValueError, match=r"."):
        DriftGuard(entities_max=3).restore(before)
    assert guard.snapshot() == before


def test_the_least_recent_account_is_forgotten() -> None:
    """Beyond the limit a slot is another account's, of which nothing was known before."""
    guard = DriftGuard(entities_max=2)
    rows = days(30, lambda _day: 1.0)
    guard.observe([*rows, order(900, 31, account="beta")])
    assert guard.entities == 2
    fresh = DriftGuard(entities_max=2)
    fresh.observe([order(900, 31, account="beta"), order(901, 31, account="gamma")])
    guard.observe([order(901, 31, account="gamma")])
    assert guard.entities == 2
    again = [order(902 + n, 32 + n / 10, account="acme") for n in range(5)]
    assert run(guard, list(again), 5) == run(fresh, list(again), 5)
    assert guard.warming == 2


def test_many_accounts_cost_little() -> None:
    """Room grows with the accounts; a slot is less than a kilobyte with its name."""
    guard = DriftGuard(entities_max=5_000)
    guard.observe([order(n, 0, account=f"client-{n}") for n in range(6_000)])
    assert guard.entities == 5_000
    assert len(guard.snapshot()) < 5_000 * 700
    assert ARRAY_BYTES_A_SLOT <= 700


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, 1e300, -1.0, 0.0])
def test_poison_breaks_nothing(poison: float) -> None:
    """After numbers that are none it is as good a detector as before."""
    rows = days(80, lambda day: 1.05 ** max(0, day - 30))
    poisoned: list[Observation] = []
    for each in rows:
        assert isinstance(each, OrderSeen)
        poisoned.append(each)
        if each.position % 9 == 0 and each.position < 200:
            at = each.at_seconds
            poisoned += [
                order(each.position, 0, at_seconds=poison),
                order(each.position, 0, at_seconds=at, quantity=poison, filled=poison),
                order(each.position, 0, at_seconds=at, mid=poison, fill_price=poison),
                order(each.position, 0, at_seconds=at, limit_price=poison),
                AccountSeen(0, each.at, poison, "limits", "acme", None, poison),
            ]  # fmt: skip
    guard = DriftGuard()
    judged = guard.observe(poisoned)
    assert all(math.isnan(p) or 0 < p <= 1 for p in judged.p_values)
    assert judged.findings
    restored = DriftGuard()
    restored.restore(guard.snapshot())


def test_a_clock_that_jumps() -> None:
    """A stamp of the year 2150, one of 1970, late and repeated rows: then it goes on as before."""
    rows = days(80, lambda day: 1.05 ** max(0, day - 40))
    odd = [
        order(0, 0, at_seconds=5_680_000_000.0),
        order(0, 0, at_seconds=0.0),
        order(0, 0, at_seconds=-1e12),
        order(0, 0, at_seconds=1e18),
    ]
    guard = DriftGuard()
    half: list[Observation] = [*rows[:100], *odd, *rows[95:100], *rows[100:]]
    assert guard.observe(half).findings


def test_what_it_looks_at() -> None:
    """Its name, and the observations that it wants."""
    guard = DriftGuard()
    assert guard.names == ("drift",)
    assert set(guard.observes) == {OrderSeen, AccountSeen}
    assert guard.observe([]).p_values == []
    assert guard.warming == 0
