"""Orders that take a quote: what they may say."""

from collections.abc import Callable
from typing import Any

import pytest

Code = Callable[[Callable[[], object]], str]


def test_a_quoted_order_names_its_quote_and_nothing_else(words: Any) -> None:
    """All or nothing at the quote's price: it needs no price, and never waits."""
    request = words.request(type="quoted", quote="Q-7")

    assert (request.type, request.quote, request.time_in_force) == ("quoted", "Q-7", "FOK")
    assert (request.price, request.kind.waits) == (None, None)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, "MEMBER_REQUIRED"),
        ({"quote": "Q 7"}, "BAD_KEY"),
        ({"quote": ""}, "BAD_KEY"),
        ({"quote": "Q-7", "price": "1.08"}, "PRICE_NOT_ALLOWED"),
        ({"quote": "Q-7", "price_bound": "1.08"}, "MEMBER_NOT_ALLOWED"),
        ({"quote": "Q-7", "stop_price": "1.08"}, "MEMBER_NOT_ALLOWED"),
        ({"quote": "Q-7", "trade": "F-7-1"}, "MEMBER_NOT_ALLOWED"),
        ({"quote": "Q-7", "time_in_force": "GTC"}, "TIME_IN_FORCE_NOT_ALLOWED"),
        ({"quote": "Q-7", "time_in_force": "IOC"}, "TIME_IN_FORCE_NOT_ALLOWED"),
    ],
)
def test_what_it_may_not_say(words: Any, refused: Code, members: dict[str, Any], code: str) -> None:
    """Each with its code."""
    said = {"type": "quoted", "price": None} | members
    assert refused(lambda: words.request(**said)) == code


def test_only_a_quoted_order_takes_a_quote(words: Any, refused: Code) -> None:
    """A market order that names one is refused, and so is a quoted one that comes with another."""
    assert refused(lambda: words.request(quote="Q-7")) == "MEMBER_NOT_ALLOWED"
    child = [{"type": "quoted"}]
    assert refused(lambda: words.request(if_done=child)) == "MEMBER_REQUIRED"


def test_another_quote_is_another_request(words: Any) -> None:
    """Under one client_order_id that is a conflict."""
    first, second = (words.request(type="quoted", quote=name) for name in ("Q-7", "Q-8"))
    assert first.digest != second.digest
