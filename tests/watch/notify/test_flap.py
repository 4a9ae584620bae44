"""When openings and resolutions are too many."""

from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.notify.config import FlapText
from tallystick.watch.notify.flap import CHANGES_KEPT_MAX, flap_sentence, flaps, with_change

SECOND = 10**9
FLAP = FlapText(changes=3, seconds=60, quiet_seconds=30)


def test_more_changes_than_may_be_are_flapping() -> None:
    """Three within a minute are not, the fourth is; after a minute they are forgotten."""
    changes: tuple[int, ...] = ()
    seen = []
    for at in (100, 110, 120, 130, 175):
        changes = with_change(changes, at * SECOND, FLAP)
        seen.append(flaps(changes, at * SECOND, FLAP))
    assert seen == [False, False, False, True, False]
    assert not flaps(changes, 500 * SECOND, FLAP)
    assert "more than 3 times within 60 s" in flap_sentence(FLAP)


@given(st.lists(st.integers(0, 10), max_size=400))
def test_what_is_remembered_is_bounded_and_enough(steps: list[int]) -> None:
    """However fast it goes, the answer is that of all changes."""
    now = 0
    all_changes: list[int] = []
    kept: tuple[int, ...] = ()
    for step in steps:
        now += step * SECOND
        all_changes.append(now)
        kept = with_change(kept, now, FLAP)
        late = [each for each in all_changes if each > now - 60 * SECOND]
        assert flaps(kept, now, FLAP) is (len(late) > 3)
        assert len(kept) <= CHANGES_KEPT_MAX
