"""When a storm breaks out, and when it is over."""

from tallystick.watch.notify.config import StormText
from tallystick.watch.notify.storm import breaks_out, is_over, storm_key, storm_title

STORM = StormText(incidents=3, seconds=60)


def test_one_more_than_may_be_is_a_storm() -> None:
    """Three may open; with the fourth it is one."""
    assert not breaks_out(2, STORM)
    assert breaks_out(3, STORM)


def test_it_is_over_when_few_open_and_few_are_left() -> None:
    """Both: else hundreds would speak at once when it ends."""
    assert is_over(2, 3, STORM)
    assert not is_over(3, 0, STORM)
    assert not is_over(0, 4, STORM)


def test_its_key_and_title_stay_the_same() -> None:
    """One key a storm; the title does not count, so that threads hold together."""
    assert storm_key("fx", 1) == storm_key("fx", 1) != storm_key("fx", 2)
    assert len(storm_key("fx", 1)) == 64
    assert "more than 3 incidents of route fx within 60 s" in storm_title("fx", STORM)
