"""The simulated desk: in order of time, in bounded memory, and like a trading house."""

import random
from collections import Counter, defaultdict

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp
from tallystick.fx import session
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import LogSeen, OrderSeen, QuoteSeen, TimeSeen
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.trades.plan import Plan, day, weeks
from tallystick.watch.detect.trades.simulator import Happening, Simulator


def simulated(plan: Plan, seed: int = 1) -> list[Happening]:
    """Everything of a stream in which nothing is planted."""
    return list(Simulator(plan, random.Random(seed)).happenings())  # noqa: S311  a simulation


def at_ns(one: Happening) -> int:
    """When it happened."""
    if isinstance(one, Message):
        return parse_own_stamp(msgspec.json.decode(one.body)["at"])
    return (
        parse_own_stamp(str(one["timestamp"]))
        if isinstance(one, dict)
        else round(one.at_seconds * NS_PER_SECOND)
    )


def orders_of(plan: Plan, seed: int = 1) -> list[OrderSeen]:
    """The orders of a stream, as detectors read them."""
    seen = (
        entry_seen(one.position, one.body)
        for one in simulated(plan, seed)
        if isinstance(one, Message)
    )
    return [one for one in seen if isinstance(one, OrderSeen)]


def test_everything_comes_in_order_of_time() -> None:
    """Entries, calls, quotes, volumes and ticks of time: none is older than the one before."""
    last = 0
    for one in simulated(day(accounts=30, hours=2)):
        now = at_ns(one)
        assert now >= last - 1_000  # stamps are cut to the microsecond
        last = now


def test_a_day_at_the_pace_of_life_has_all_five_forms() -> None:
    """Time each second; every service and pair that should speak does."""
    found = simulated(day(accounts=30, hours=1))
    kinds = Counter(type(one).__name__ for one in found)

    assert kinds["TimeSeen"] == 3_600
    assert {"Message", "dict", "QuoteSeen", "LogSeen", "TimeSeen"} == set(kinds)
    assert len({one.pair for one in found if isinstance(one, QuoteSeen)}) == 17
    assert {one.service for one in found if isinstance(one, LogSeen)} == {
        "tallystick", "gateway", "margin-engine", "price-feed", "netting-batch",
    }  # fmt: skip


def test_weeks_have_no_quotes_but_the_orders_name_theirs() -> None:
    """The market moves unseen; each order was decided on a two-sided quote."""
    plan = weeks(accounts=20, days=2)
    kinds = {type(one) for one in simulated(plan)}

    assert kinds == {Message, dict, TimeSeen}
    for order in orders_of(plan):
        if order.event == "decided":
            assert order.mid is not None


def test_nobody_trades_while_the_market_is_closed() -> None:
    """From Friday to Sunday, 17:00 in New York: who comes late is rejected, others look in."""
    plan = weeks("2026-03-06", accounts=40, days=4)
    weekend_calls = 0
    for one in simulated(plan):
        if isinstance(one, Message):
            entry = msgspec.json.decode(one.body)
            if entry["kind"] == "order_decided" and not session(at_ns(one)).open:
                assert entry["rejection"]["code"] == "MARKET_CLOSED"
            assert entry["kind"] != "order_filled" or session(at_ns(one)).open
        elif isinstance(one, dict):
            weekend_calls += not session(at_ns(one)).open

    assert weekend_calls > 0


def test_accounts_keep_to_their_characters() -> None:
    """Market makers cancel nearly all, robots send one size, treasurers sleep at night."""
    sizes: defaultdict[str, set[float]] = defaultdict(set)
    decided: Counter[str] = Counter()
    cancelled: Counter[str] = Counter()
    for order in orders_of(weeks(accounts=60, days=6)):
        character = order.account.split("-")[0]
        if order.event == "decided":
            decided[character] += 1
            sizes[order.account].add(order.quantity)
        elif order.event == "cancelled":
            cancelled[character] += 1

    assert cancelled["algo"] > 0.85 * decided["algo"]
    assert cancelled["treasurer"] < 0.2 * decided["treasurer"]
    robots = [found for name, found in sizes.items() if name.startswith("robot")]
    assert sum(len(found) == 1 for found in robots) >= len(robots) - 1  # one may have grown
    assert all(decided[name] for name in ("treasurer", "retail", "fund", "algo", "scalper"))


def test_sizes_have_an_honest_tail() -> None:
    """The largest innocent order of an account is many times its median one."""
    sizes: defaultdict[str, list[float]] = defaultdict(list)
    for order in orders_of(weeks(accounts=60, days=12)):
        if order.event == "decided" and order.account.startswith(("treasurer", "retail")):
            sizes[order.account].append(order.quantity)
    ratios = sorted(
        max(one) / sorted(one)[len(one) // 2] for one in sizes.values() if len(one) > 60
    )

    assert ratios[len(ratios) // 2] > 4
    assert ratios[-1] > 8


def test_another_seed_is_another_desk() -> None:
    """Nothing is the same but the calendar."""
    plan = weeks(accounts=12, days=1)

    assert simulated(plan, 1) == simulated(plan, 1)
    assert simulated(plan, 1) != simulated(plan, 2)
