"""Entities are bounded, and the least recently used goes first."""

from tallystick.watch.detect.entities import Entities


def test_the_least_recently_used_goes_first() -> None:
    """Using an entity saves it; the idle one is forgotten when the limit is reached."""
    entities: Entities[list[int]] = Entities(list, 2)
    entities.of("a").append(1)
    entities.of("b").append(2)
    entities.of("a")
    entities.of("c")
    assert [name for name, _ in entities] == ["a", "c"]
    assert entities.of("a") == [1]
    assert entities.of("b") == []
    assert len(entities) == 2


def test_a_replacement_keeps_the_order_and_the_limit() -> None:
    """What is put back beyond the limit loses its oldest."""
    entities: Entities[list[int]] = Entities(list, 2)
    entities.replace((name, []) for name in "abc")
    assert [name for name, _ in entities] == ["b", "c"]
