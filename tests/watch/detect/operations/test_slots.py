"""Rows of arrays for entities: who has one, who loses it, and what is saved."""

import numpy as np
import pytest

from tallystick.watch.detect.operations.slots import SavedSlots, Slots, pieces

FORM = {"number": ("f8", 0), "row": ("f8", 3)}


def _slots(limit: int = 3) -> Slots:
    return Slots(FORM, limit)


def test_names_have_rows_and_keep_them() -> None:
    """The same name has the same row; nobody has none."""
    slots = _slots()
    assert slots.rows(["a", "b", None, "a"]).tolist() == [0, 1, -1, 0]
    assert (slots.name(1), slots.known("b"), slots.known("x")) == ("b", 1, -1)
    assert slots.names() == ["a", "b"]


def test_the_least_recently_used_goes() -> None:
    """A stranger takes the row of whoever was longest not heard of, and it is blank."""
    slots = _slots()
    slots.rows(["a", "b", "c"])
    slots.numbers("row")[:] = 7.0
    slots.row("a")
    assert slots.row("d") == 1
    assert slots.known("b") == -1
    assert slots.numbers("row")[1].tolist() == [0, 0, 0]
    assert slots.numbers("row")[0].tolist() == [7, 7, 7]


def test_it_grows_up_to_its_limit() -> None:
    """Columns have as many rows as there are names, in steps, and keep what stood in them."""
    slots = _slots(1_000)
    slots.row("first")
    slots.numbers("number")[0] = 5.0
    slots.rows([f"n{n}" for n in range(500)])
    assert slots.numbers("number")[0] == 5.0
    assert 501 <= len(slots.numbers("number")) <= 1_000


def test_it_says_how_far_nobody_is_forgotten() -> None:
    """Rows are safe up to the first stranger for whom there is no room; one always is taken."""
    slots = _slots()
    slots.rows(["a", "b"])
    assert slots.safe(["a", "c", None, "c", "d", "e"]) == 4
    slots.row("c")
    assert slots.safe(["x", "y"]) == 1
    assert slots.safe(["a", None, "b", "c"]) == 4


def test_what_was_saved_is_known_again() -> None:
    """Names, their numbers and the order of use come back."""
    slots = _slots()
    slots.rows(["a", "b", "c", "a"])
    slots.numbers("number")[:3] = [1, 2, 3]
    other = _slots()
    other.load(slots.save())
    assert [other.numbers("number")[other.known(name)] for name in "abc"] == [1, 2, 3]
    assert other.save() == slots.save()
    other.row("d")
    assert other.known("b") == -1


def test_a_smaller_memory_keeps_the_most_recent() -> None:
    """Loaded into fewer rows, those used last stay."""
    slots = _slots()
    slots.rows(["a", "b", "c"])
    smaller = _slots(2)
    smaller.load(slots.save())
    assert smaller.names() == ["b", "c"]


@pytest.mark.parametrize(
    "saved",
    [
        SavedSlots([], {}),
        SavedSlots(["a"], {"number": b"", "row": b""}),
        SavedSlots(["a", "a"], {"number": bytes(16), "row": bytes(48)}),
        SavedSlots(["a"], {"number": bytes(8), "other": bytes(24)}),
    ],
    ids=["no columns", "too short", "a name twice", "other columns"],
)
def test_it_refuses_what_it_did_not_save(saved: SavedSlots) -> None:
    """Another form is an error and changes nothing."""
    slots = _slots()
    slots.row("a")
    with pytest.raises(ValueError, match="another detector"):
        slots.load(saved)
    assert slots.names() == ["a"]


def test_columns_of_other_kinds() -> None:
    """Sketches are single precision, hashes 64 bits."""
    slots = Slots({"sketch": ("f4", 2), "hash": ("u8", 2)}, 2)
    slots.row("a")
    assert slots.sketches("sketch").dtype == np.float32
    assert slots.hashes("hash").dtype == np.uint64


def test_a_batch_comes_in_pieces() -> None:
    """No piece has more rows than there are entities."""
    assert list(pieces(5, 2)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(pieces(0, 2)) == []
