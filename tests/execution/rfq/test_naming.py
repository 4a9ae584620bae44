"""The ids of quotes."""

from collections.abc import Callable

import pytest

from tallystick.execution.rfq import quote_id, quote_position


@pytest.mark.parametrize("position", [0, 7, 10**15 - 1])
def test_an_id_holds_its_position(position: int) -> None:
    """There and back."""
    assert quote_position(quote_id(position)) == position


@pytest.mark.parametrize("text", ["", "Q-", "O-1", "7", "Q-07", "Q--1", "Q-1 ", "Q-" + "9" * 16])
def test_anything_else_is_no_quote(
    refused: Callable[[Callable[[], object]], str], text: str
) -> None:
    """One position has one id, and text of any length is refused."""
    assert refused(lambda: quote_position(text)) == "UNKNOWN_QUOTE"
