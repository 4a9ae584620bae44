"""Upkeep: which parts to merge and which lines are old enough to go; decisions without a disk."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tallystick.clock import NS_PER_SECOND
from tallystick.limits import LOG_PART_BYTES_MAX, LOG_PART_LINES_MAX
from tallystick.watch.collect.store.parts import Part, Slot, slot_of

NS_PER_DAY = 86_400 * NS_PER_SECOND
_NS_PER_HOUR = NS_PER_DAY // 24
_SMALL = 4  # a part is small below a fourth of the largest


@dataclass(frozen=True)
class Merge:
    """Parts that become one in this slot."""

    slot: Slot
    parts: tuple[Part, ...]


def next_merge(parts: Iterable[Part], now_ns: int, small_files: int) -> Merge | None:
    """The next merge that pays, if there is one.

    Within an hour, `small_files` small parts are merged; when it has been over for an hour, a few
    that are about as long as the longest. A day that has been over for a day becomes parts of its
    own, once, and again when many small ones came late.
    """
    slots: dict[Slot, list[Part]] = {}
    for part in parts:
        if part.state == "hot" and not part.lock.holds(now_ns) and _is_small(part):
            slots.setdefault(slot_of(part), []).append(part)
    for merge in (*_days(slots, now_ns, small_files), *_hours(slots, now_ns, small_files)):
        if len(merge.parts) > 1:
            return merge
    return None


def expired(
    parts: Iterable[Part], retention_days: Mapping[str, int], now_ns: int
) -> tuple[Part, ...]:
    """The parts whose newest line is older than their index keeps lines, and that are not held."""
    return tuple(
        part
        for part in parts
        if (days := retention_days.get(part.index)) is not None
        and part.max_time < now_ns - days * NS_PER_DAY
        and not part.lock.holds(now_ns)
    )


def _days(slots: dict[Slot, list[Part]], now_ns: int, small_files: int) -> Iterator[Merge]:
    days: dict[Slot, list[Part]] = {}
    for slot, parts in slots.items():
        day = slot.of_day()
        if now_ns >= (day.hour // 24 + 2) * NS_PER_DAY:
            days.setdefault(day, []).extend(parts)
    for day, parts in sorted(days.items()):
        if day not in slots or len(parts) >= small_files:
            yield _fitting(day, parts)


def _hours(slots: dict[Slot, list[Part]], now_ns: int, small_files: int) -> Iterator[Merge]:
    for slot, parts in sorted(slots.items()):
        over = not slot.day and now_ns >= (slot.hour + 2) * _NS_PER_HOUR
        if len(parts) >= small_files or (over and _pays(parts)):
            yield _fitting(slot, parts)


def _pays(parts: list[Part]) -> bool:
    """Whether the longest is rewritten for enough others: so each line is, a few times at most."""
    longest = max(part.rows for part in parts)
    return sum(part.rows for part in parts) - longest >= longest / _SMALL


def _fitting(slot: Slot, parts: list[Part]) -> Merge:
    """The oldest of the parts, as many as may stand in one."""
    chosen: list[Part] = []
    lines = size = 0
    for part in sorted(parts, key=lambda part: (part.min_time, part.path)):
        lines += part.rows
        size += part.line_bytes
        if chosen and (lines > LOG_PART_LINES_MAX or size > LOG_PART_BYTES_MAX):
            break
        chosen.append(part)
    return Merge(slot, tuple(chosen))


def _is_small(part: Part) -> bool:
    return part.rows * _SMALL < LOG_PART_LINES_MAX and part.line_bytes * _SMALL < LOG_PART_BYTES_MAX
