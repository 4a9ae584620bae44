"""Whose margin may have changed: told for what was done, and for what was taken back."""

from tallystick.execution.book import Book
from tallystick.execution.book.touched import Touched
from tallystick.execution.entries import AccountOpened, LimitsText

LIMITS = LimitsText("1000000", "1000000.00", 100, 1000, 10)
AT = "2026-11-24T10:00:00.000000Z"


def test_each_name_is_told_once_in_the_order_of_the_first_touch() -> None:
    """And then forgotten."""
    touched = Touched()
    for name in ("b", "a", "b"):
        touched[name] = None
    assert "a" in touched
    assert touched.take() == ["b", "a"]
    assert touched.take() == []


def test_taking_back_is_a_change_too() -> None:
    """An account whose entry is rewound has to be looked at again; one without margin never."""
    book = Book()
    book.apply(AccountOpened(AT, "demo", LIMITS, margin="esma_retail", v=2))
    book.apply(AccountOpened(AT, "free", LIMITS))
    assert book.touched.take() == ["demo"]
    book.cut()
    book.apply(AccountOpened(AT, "demo", LIMITS, desk="d", v=2))
    book.touched.take()
    book.rewind(book.cut())
    assert book.touched.take() == ["demo"]
