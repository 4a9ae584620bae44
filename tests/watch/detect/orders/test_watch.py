"""The detector as a whole: names, slots, snapshots, forgetting; and every feature has a test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.columns import Tables
from tallystick.watch.detect.orders.looks import FEATURES, LOOKS
from tallystick.watch.detect.orders.slots import Slots
from tallystick.watch.detect.orders.watch import OrderWatch

DETECTORS = {
    "cancel_ratio", "layering", "limit_creep", "margin_run_up", "new_currency", "off_market",
    "order_burst", "order_size", "reject_streak", "round_trip", "unusual_hour", "wash_trades",
}  # fmt: skip
PACKAGES = {"exposure", "novelty", "outcomes", "pace", "price", "size", "washing"}


def test_its_names_are_those_of_all_looks() -> None:
    """Twelve detectors in seven looks, each name once."""
    assert set(LOOKS) == PACKAGES
    names = OrderWatch(10).names
    assert set(names) == DETECTORS
    assert len(names) == len(DETECTORS)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_every_feature_is_documented_and_tested(name: str) -> None:
    """A unit, one sentence, its detectors; and a test that speaks of it."""
    feature = FEATURES[name]
    assert feature.name == name
    assert feature.unit
    assert feature.meaning.endswith(".")
    assert feature.source == "ledger"
    assert set(feature.detectors) <= DETECTORS
    written = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    spoken = {name, "orders_in_1/10/60/3600_seconds" if name.startswith("orders_in_") else name}
    assert any(word in written for word in spoken)


def test_slots_are_given_again_and_the_least_recent_goes() -> None:
    """A released slot is the next one given away; else the least recently used entity goes."""
    slots: Slots[str] = Slots(3)
    given = [slots.of(name) for name in "abc"]
    assert given == [0, 1, 2]
    assert slots.knows("a")
    assert not slots.knows("d")
    slots.touch(np.array([0, 1, 2, 0]), np.arange(4))
    with pytest.raises(IndexError):
        slots.of("d")
    assert slots.forget().tolist() == [1]
    assert slots.of("d") == 1
    assert slots.release("a") == 0
    assert slots.release("a") == -1
    assert slots.of("e") == 0


def test_slots_come_back_as_they_were() -> None:
    """After `restore` the same entity goes next, and slots that overlap are refused."""
    slots: Slots[str] = Slots(4)
    for name in "abcd":
        slots.touch(np.array([slots.of(name)]), np.array([slots.of(name)]))
    slots.release("c")
    again: Slots[str] = Slots(4)
    again.restore(list(slots.names), slots.saved())
    assert again.saved() == slots.saved()
    assert again.of("x") == slots.of("x")
    assert again.forget().tolist() == slots.forget().tolist()
    broken = slots.saved()
    broken.slots[0] = broken.slots[-1]
    with pytest.raises(ValueError, match="belong together"):
        Slots[str](4).restore(list(slots.names), broken)


def test_rows_become_numbers(make: Callable[..., OrderSeen]) -> None:
    """Sides, states and currencies are numbered; a waiting order keeps its slot until it ends."""
    tables = Tables(10)
    waits = make(1, state="new", limit_price=1.07, filled=0.0)
    gone = make(2, 5.0, event="cancelled", state="cancelled", order_id="O-1", side="sell")
    rows = tables.columns([waits, gone, make(3, quantity=float("nan"))])
    assert rows["kind"].tolist() == [0, 2, -1]
    assert rows["side"].tolist() == [1, -1, 1]
    assert rows["order"].tolist() == [0, 0, -1]
    assert rows["quote"].tolist() == [0, 0, 0]
    assert rows["base"].tolist() == [1, 1, 1]
    assert len(tables.orders) == 0


def test_a_snapshot_is_as_large_as_what_is_known(make: Callable[..., OrderSeen]) -> None:
    """A hundred accounts of a hundred thousand: megabytes, not gigabytes; less than 8 KiB each."""
    watch = OrderWatch()
    empty = len(watch.snapshot())
    watch.observe([make(n, n * 60.0, account=f"a{n % 100}") for n in range(1_000)])
    assert watch.entities == 100
    assert watch.warming == 100
    assert len(watch.snapshot()) - empty < 100 * 8_192


def test_a_snapshot_of_another_size_is_refused() -> None:
    """State belongs to a detector of the same limit."""
    with pytest.raises(ValueError, match="another detector"):
        OrderWatch(20).restore(OrderWatch(10).snapshot())


def test_bytes_that_are_no_numbers_are_refused(make: Callable[..., OrderSeen]) -> None:
    """A snapshot whose arrays hold a NaN is no snapshot."""
    watch = OrderWatch(10)
    watch.observe([make(n, n * 60.0) for n in range(50)])
    data = bytearray(watch.snapshot())
    data[-8:] = np.array([np.nan]).tobytes()
    with pytest.raises(ValueError, match="no number"):
        watch.restore(bytes(data))


def test_a_forgotten_account_is_a_stranger(make: Callable[..., OrderSeen]) -> None:
    """Whoever comes back after it was forgotten is warming up again."""
    watch = OrderWatch(4)
    blind = {"mid": None, "bid": None, "ask": None, "state": "new", "filled": 0.0}
    watch.observe([make(n, n * 600.0, **blind) for n in range(60)])
    assert not np.isnan(watch.observe([make(60, 40_000.0, **blind)]).p_values[0])
    watch.observe([make(100 + n, 50_000.0 + n, account=f"b{n}", **blind) for n in range(9)])
    assert watch.entities <= 4
    assert np.isnan(watch.observe([make(200, 60_000.0, **blind)]).p_values[0])
