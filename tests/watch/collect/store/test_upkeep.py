"""Upkeep: which parts are merged and which are let go, decided from the manifest alone."""

from collections.abc import Iterable

import msgspec
import pytest

from tallystick.limits import LOG_PART_BYTES_MAX, LOG_PART_LINES_MAX
from tallystick.watch.collect.store.parts import Lock, Part, Slot
from tallystick.watch.collect.store.upkeep import NS_PER_DAY, Merge, expired, next_merge

HOUR_NS = 3_600 * 10**9
NOW_NS = 20_000 * NS_PER_DAY
LONG_AGO_NS = NOW_NS - 90 * NS_PER_DAY


def part(name: str, at_ns: int, *, rows: int = 10, day: bool = False, **more: object) -> Part:
    """A part with its lines at this time."""
    slot = Slot("main", at_ns // HOUR_NS)
    slot = slot.of_day() if day else slot
    size = rows * 100
    made = Part(
        name, "main", slot.date, slot.hour_of_day, rows, size, size, 1, 2, at_ns, at_ns, {}, ""
    )
    return msgspec.structs.replace(made, **more)


def names(merge: Merge | None) -> list[str]:
    """The parts of a merge."""
    return [] if merge is None else [each.path for each in merge.parts]


def of_now(count: int, **more: object) -> list[Part]:
    """Parts of the present hour."""
    return [part(f"p{n}", NOW_NS + n, **more) for n in range(count)]  # type: ignore[arg-type]


def test_an_hour_waits_until_it_has_enough_small_parts() -> None:
    """Then all of them become one of the same hour."""
    assert next_merge(of_now(7), NOW_NS, 8) is None
    merge = next_merge(of_now(8), NOW_NS, 8)
    assert merge is not None
    assert names(merge) == [f"p{n}" for n in range(8)]
    assert merge.slot == Slot("main", NOW_NS // HOUR_NS)


@pytest.mark.parametrize(
    "more",
    [
        {"rows": LOG_PART_LINES_MAX // 4},
        {"line_bytes": LOG_PART_BYTES_MAX // 4},
        {"state": "archived", "place": "vault"},
        {"lock": Lock("governance", NOW_NS + 1)},
        {"lock": Lock(legal_hold=True)},
    ],
    ids=str,
)
def test_some_parts_are_left_alone(more: dict[str, object]) -> None:
    """Those that are large, archived, locked or held."""
    assert next_merge(of_now(9, **more), NOW_NS, 8) is None


def test_a_lock_that_has_ended_holds_nothing() -> None:
    """From the moment that it names on."""
    assert next_merge(of_now(8, lock=Lock("compliance", NOW_NS)), NOW_NS, 8) is not None


def test_a_merge_does_not_become_too_large() -> None:
    """The oldest parts that fit; the others are merged the next time."""
    rows = LOG_PART_LINES_MAX // 4 - 1
    merge = next_merge(of_now(8, rows=rows, line_bytes=rows), NOW_NS, 8)
    assert names(merge) == ["p0", "p1", "p2", "p3"]


def test_an_hour_that_is_over_becomes_one_part() -> None:
    """An hour later; a little that comes late does not have the whole hour written again."""
    parts = of_now(2)
    later_ns = (NOW_NS // HOUR_NS + 2) * HOUR_NS
    assert next_merge(parts, later_ns - 1, 8) is None
    assert names(next_merge(parts, later_ns, 8)) == ["p0", "p1"]
    whole = part("whole", NOW_NS, rows=1_000)
    assert next_merge([whole, *parts], later_ns, 8) is None
    late = part("late", NOW_NS, rows=250)
    assert names(next_merge([whole, late], later_ns, 8)) == ["late", "whole"]


def test_a_day_that_is_over_becomes_one_part() -> None:
    """A day later, once; what comes late after that waits for company."""
    start = NOW_NS - 2 * NS_PER_DAY
    hours = [part(f"h{n}", start + n * HOUR_NS) for n in range(3)]
    assert next_merge(hours, NOW_NS - 1, 8) is None
    merge = next_merge(hours, NOW_NS, 8)
    assert merge is not None
    assert names(merge) == ["h0", "h1", "h2"]
    assert merge.slot == Slot("main", start // HOUR_NS, day=True)
    assert merge.slot.path("x") == "index=main/dt=2024-10-02/part-x.parquet"
    day = part("d", start, day=True)
    late = [part(f"l{n}", start + n) for n in range(7)]
    late = [
        msgspec.structs.replace(each, hour=n, min_time=start + n * HOUR_NS)
        for n, each in enumerate(late)
    ]
    assert next_merge([day, *late[:6]], NOW_NS, 8) is None
    assert names(next_merge([day, *late], NOW_NS, 8)) == ["d", *(each.path for each in late)]


def test_one_part_is_never_merged_with_itself() -> None:
    """However small it is."""
    assert next_merge([part("a", LONG_AGO_NS)], NOW_NS, 1) is None


def gone(parts: Iterable[Part], **days: int) -> list[str]:
    """What retention lets go."""
    return [each.path for each in expired(parts, days, NOW_NS)]


def test_lines_are_kept_for_as_long_as_their_index_says() -> None:
    """Counted from the newest line of a part; an index that is not named keeps everything."""
    old, fresh = part("old", NOW_NS - 30 * NS_PER_DAY - 1), part("fresh", NOW_NS - 30 * NS_PER_DAY)
    assert gone([old, fresh], main=30) == ["old"]
    assert gone([old, fresh], other=30) == []


def test_retention_obeys_locks() -> None:
    """What is locked or held stays until it is not."""
    held = part("held", LONG_AGO_NS, lock=Lock(legal_hold=True))
    locked = part("locked", LONG_AGO_NS, lock=Lock("compliance", NOW_NS + 1))
    free = part("free", LONG_AGO_NS, lock=Lock("compliance", NOW_NS))
    assert gone([held, locked, free], main=30) == ["free"]
