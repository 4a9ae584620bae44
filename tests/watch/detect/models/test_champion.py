"""The champion is a fold over the ledger: promoted, rolled back, the same on every replay."""

import pytest

from tallystick.watch.detect.models import Champion
from tallystick.watch.detect.models.champion import PROMOTIONS_KEPT_MAX

from .conftest import promotion

A, B, C, SHIPPED = "a" * 12, "b" * 12, "c" * 12, "0" * 12
ENTRIES = [
    promotion(A, SHIPPED),
    promotion(B, A),
    promotion(C, B),
    promotion(B, C, rollback=True),
    promotion(A, B, rollback=True),
    promotion(SHIPPED, A, rollback=True),
]


def folded(entries: list[bytes]) -> Champion:
    """The champion after these entries."""
    champion = Champion()
    for position, entry in enumerate(entries):
        champion.learn(position, entry)
    return champion


def test_each_promotion_and_each_rollback_is_followed() -> None:
    """Back and back again goes down the way that was come up, to what is shipped."""
    ways = [folded(ENTRIES[:count]).version for count in range(len(ENTRIES) + 1)]
    assert ways == [None, A, B, C, B, A, None]
    befores = [folded(ENTRIES[:count]).previous for count in range(len(ENTRIES) + 1)]
    assert befores == [None, None, A, B, A, None, None]
    assert [each.rollback for each in folded(ENTRIES).promotions] == [False] * 3 + [True] * 3


def test_only_a_change_is_one() -> None:
    """Other entries, other scopes and what cannot be read change nothing."""
    champion = Champion()
    assert not champion.learn(0, b'{"kind":"order_decided"}')
    assert not champion.learn(1, b"raw")
    assert not champion.learn(2, b'{"kind":"model_promoted","v":9}')
    assert not champion.learn(3, b'{"kind":"x","text":"\\"kind\\":\\"model_promoted\\""}')
    assert not champion.learn(4, promotion(A, SHIPPED, scope="forecast"))
    assert not champion.learn(4, b'{"kind":"model_promoted","at":"\xff"}')
    assert champion.version is None
    assert champion.learn(5, promotion(A, SHIPPED))


def test_what_was_decided_on_another_champion_does_not_count() -> None:
    """Of two promotions at once the first in the ledger holds; nobody is rolled back twice."""
    champion = folded([promotion(A, SHIPPED), promotion(B, SHIPPED)])
    assert champion.version == A
    assert not champion.learn(9, promotion(C, B))
    champion = folded(
        [promotion(A, SHIPPED), promotion(B, A), promotion(SHIPPED, B, rollback=True)]
    )
    assert champion.version == B
    champion = folded([promotion(SHIPPED, A, rollback=True)])
    assert champion.version is None


def test_an_entry_counts_once() -> None:
    """What is fed again after a restart changes nothing."""
    champion = folded(ENTRIES[:2])
    for position, entry in enumerate(ENTRIES[:2]):
        assert not champion.learn(position, entry)
    assert champion.version == B


@pytest.mark.parametrize("cut", range(len(ENTRIES) + 1))
def test_a_restart_changes_nothing(cut: int) -> None:
    """A snapshot at any place, and the rest of the entries."""
    again = Champion()
    again.restore(folded(ENTRIES[:cut]).snapshot())
    for position, entry in enumerate(ENTRIES):
        again.learn(position, entry)
    whole = folded(ENTRIES)
    assert (again.version, again.previous) == (whole.version, whole.previous)
    assert again.promotions == whole.promotions


def test_bad_snapshots_are_refused() -> None:
    """Bytes of something else."""
    with pytest.raises(ValueError, match=r"."):
        Champion().restore(b"{}")


def test_memory_is_bounded() -> None:
    """Only so many promotions are told and can be rolled back."""
    names = [f"{number:012x}" for number in range(1, PROMOTIONS_KEPT_MAX + 50)]
    champion = folded(
        [promotion(name, before) for before, name in zip([SHIPPED, *names], names, strict=False)]
    )
    assert champion.version == names[-1]
    assert len(champion.promotions) == PROMOTIONS_KEPT_MAX
