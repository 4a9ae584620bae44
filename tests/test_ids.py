"""The identifiers: an id leads back to the ledger position that made it, and to no other."""

import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.ids import fill_id, new_guid, new_secret, order_id, order_position

POSITIONS = st.integers(0, 10**15 - 1)


@given(POSITIONS)
@example(0)
@example(10**15 - 1)
def test_an_order_id_leads_back_to_its_position(position: int) -> None:
    """Every position that fits its fifteen digits survives the round trip."""
    assert order_position(order_id(position)) == position


@given(st.text(max_size=40) | st.from_regex(r"(O-)?[-+ _0-9]{0,20}\n?", fullmatch=True))
@example("O-")
@example("O-01")
@example("O-+1")
@example("O-1_0")
@example("O-1\n")
@example("o-1")
@example("1")
@example("O-O-1")
@example("O-٣")
@example("O-²")
@example("O-" + "9" * 16)
@example("O-" + "9" * 5_000)
def test_only_the_canonical_form_is_an_order_id(text: str) -> None:
    """A text is refused with a stable code, or it is exactly the id of the position it gives."""
    try:
        read: tuple[str, str] = ("READ", order_id(order_position(text)))
    except Refused as refused:
        read = (refused.code, text)

    assert read in {("READ", text), ("UNKNOWN_ORDER", text)}


@given(POSITIONS, st.integers(1, 1_000), POSITIONS, st.integers(1, 1_000))
def test_fill_ids_never_collide(position: int, number: int, position2: int, number2: int) -> None:
    """Two fills share an id only if they are the same fill of the same entry."""
    same = (position, number) == (position2, number2)

    assert (fill_id(position, number) == fill_id(position2, number2)) is same


def test_the_form_of_a_fill_id() -> None:
    """It names the entry and the fill's number in it."""
    assert fill_id(12, 1) == "F-12-1"


def test_secrets_are_long_recognisable_and_new() -> None:
    """192 random bits behind the prefix, safe in a header, never the same twice."""
    made = {new_secret("tally") for _ in range(100)}

    assert len(made) == 100
    assert all(one.startswith("tally_") and len(one) == 6 + 32 and one.isascii() for one in made)


@pytest.mark.parametrize("text", ["O-x", "F-1-1", ""])
def test_a_refusal_repeats_what_was_asked(text: str) -> None:
    """The sentence names the id, so a trader sees the slip."""
    with pytest.raises(Refused, match=r"There is no order") as caught:
        order_position(text)

    assert repr(text) in str(caught.value)


def test_guids_are_version_4_and_new() -> None:
    """The form of RFC 9562 section 5.4, never the same twice."""
    made = {new_guid() for _ in range(100)}

    assert len(made) == 100
    assert all(uuid.UUID(one).version == 4 and str(uuid.UUID(one)) == one for one in made)
