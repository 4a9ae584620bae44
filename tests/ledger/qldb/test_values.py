"""Ion timestamps: what is one, and which moment it is."""

import pytest

from tallystick.ledger.qldb.values import Struct, Timestamp


@pytest.mark.parametrize(
    "text",
    ["2017T", "2017-01T", "2017-01-01", "2017-01-01T", "2017-01-01T00:00Z", "0001-01-01T00:00Z",
     "2017-01-01T23:59:59.000-23:59"],
)  # fmt: skip
def test_timestamps(text: str) -> None:
    """Every precision of the specification is read, and its text kept."""
    assert Timestamp.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "2017", "2017-01", "2017-13T", "2017-02-30", "2017-01-01T00:00", "2017-01-01T24:00Z",
     "2017-01-01T00:00:60Z", "0001-01-01T00:00+00:01", "9999-12-31T23:59-00:01",
     "2017-01-01 00:00Z", "2017-01-01T00:00:00.Z", "\u0662017T"],
)  # fmt: skip
def test_what_is_no_timestamp(text: str) -> None:
    """A precision without its letter, no such day or minute, a moment out of range."""
    with pytest.raises(ValueError, match=r".+"):
        Timestamp.parse(text)


def test_a_struct_gives_the_first_of_a_name() -> None:
    """A name may stand twice; one that is not there is nothing."""
    struct = Struct((("a", 1), ("a", 2), (None, 3)))

    assert (struct.get("a"), struct.get("b")) == (1, None)
