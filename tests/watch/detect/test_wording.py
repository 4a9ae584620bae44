"""Numbers read as a trader would say them."""

from collections.abc import Callable

import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.wording import deed, grouped, once_in, percent, rounded


@pytest.mark.parametrize(
    ("p_value", "text"),
    [
        (0.5, "once in 2"),
        (1 / 3.2e6, "once in 3 million"),
        (1e-5, "once in 100 thousand"),
        (2e-10, "once in 5 billion"),
        (1e-12, "less than once in a trillion"),
    ],
)
def test_once_in(p_value: float, text: str) -> None:
    """A p-value is said as a frequency, to one digit."""
    assert once_in(p_value) == text


def test_numbers_are_rounded_and_grouped() -> None:
    """Two digits that matter; thousands grouped; no idle decimals."""
    assert grouped(rounded(2_137_000.4)) == "2,100,000"
    assert grouped(0.25) == "0.25"
    assert grouped(1_000_000.5) == "1,000,000.5"
    assert rounded(0) == 0
    assert percent(0.0463) == "4.6 %"


@pytest.mark.parametrize(
    ("state", "text"),
    [("filled", "bought"), ("new", "ordered to buy"), ("rejected", "tried to buy")],
)
def test_the_deed_says_what_happened(
    make_order: Callable[..., OrderSeen], state: str, text: str
) -> None:
    """A rejected order was not bought."""
    assert deed(make_order(1, state=state)) == text
