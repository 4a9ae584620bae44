"""The loops of the process: prices move the page."""

from tallystick.clock import ManualClock, rfc3339
from tallystick.execution import Quote
from tallystick.money import Price
from tallystick.wiring.tasks import price_row

CLOCK = ManualClock()


def test_a_price_has_its_pairs_digits() -> None:
    """Points become decimals as the pair is quoted."""
    quote = Quote("USD/JPY", Price(149_120), Price(149_128), CLOCK.now_ns(), "test")
    row = price_row(quote)

    assert (row.bid, row.ask, row.at) == ("149.120", "149.128", rfc3339(CLOCK.now_ns()))
