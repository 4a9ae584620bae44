"""The bounded memory of what was seen."""

import pytest

from tallystick.clock import ManualClock
from tallystick.watch.collect.ingest.seen import Seen


@pytest.mark.parametrize("keys_max", [1, 2, 10, 101])
def test_the_newest_are_known_and_the_memory_is_bounded(keys_max: int) -> None:
    """At least the last half of the limit, never more than the limit (and one)."""
    seen: Seen[int] = Seen(ManualClock(), keys_max)
    for key in range(1_000):
        assert key not in seen
        seen.add(key)
        assert all(each in seen for each in range(max(key - keys_max // 2 + 1, 0), key + 1))
        assert len(seen) <= max(keys_max, 2)


def test_what_is_old_is_forgotten() -> None:
    """Not before its time, and not much later."""
    clock = ManualClock()
    seen: Seen[str] = Seen(clock, 100, seconds=60)
    seen.add("a")
    clock.advance(59)
    seen.forget_old()
    assert "a" in seen
    clock.advance(2)
    seen.forget_old()
    seen.add("b")
    assert "a" in seen
    clock.advance(61)
    seen.forget_old()
    assert ("a" in seen, "b" in seen) == (False, True)
    clock.advance(121)
    seen.forget_old()
    assert len(seen) == 0
