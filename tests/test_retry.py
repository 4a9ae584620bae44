"""How long we stay away."""

import random

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.retry import RETRY_AFTER_SECONDS_MAX, back_off, retry_after

NOW_NS = 1_763_800_000 * NS_PER_SECOND  # 2025-11-22T08:26:40Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("17", 17),
        (" 17 ", 17),
        ("99999999999999", RETRY_AFTER_SECONDS_MAX),
        ("Sat, 22 Nov 2025 08:27:40 GMT", 60),
        ("Sat, 22 Nov 2025 08:25:40 GMT", 0),
        ("-5", 0),
    ],
)
def test_retry_after(text: str | None, seconds: int) -> None:
    """Seconds or a date (RFC 9110), never more than an hour, nothing where it is not understood."""
    assert retry_after(text, NOW_NS) == seconds


def test_back_off_doubles_up_to_its_limit_and_is_drawn() -> None:
    """Each wait lies in the upper half of its step, and many clients do not come together."""
    chance = random.Random(7)  # noqa: S311  a seed, to be repeatable

    for attempt in (1, 2, 3, 10, 10_000):
        whole = min(0.5 * 2 ** min(attempt - 1, 20), 60.0)
        drawn = {back_off(attempt, 0.5, 60.0, chance) for _ in range(50)}
        assert len(drawn) > 40
        assert all(whole / 2 <= wait <= whole for wait in drawn)
