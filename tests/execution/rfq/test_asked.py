"""What a request for a quote may say, and what it means."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.execution.rfq import dates_of

Code = Callable[[Callable[[], object]], str]
TUESDAY = date(2026, 11, 24)
"""A trade date; EUR/USD spot is Friday 27 November, over Thanksgiving."""


@pytest.mark.parametrize(
    ("members", "dates"),
    [
        ({}, ["2026-11-27"]),
        ({"type": "outright", "tenor": "1M"}, ["2026-12-28"]),
        ({"type": "outright", "tenor": "12M"}, ["2027-11-29"]),
        ({"type": "outright", "value_date": "2027-03-15"}, ["2027-03-15"]),
        ({"type": "outright", "value_date": "2026-11-25"}, ["2026-11-25"]),
        ({"type": "swap", "tenor": "ON"}, ["2026-11-24", "2026-11-25"]),
        ({"type": "swap", "tenor": "TN"}, ["2026-11-25", "2026-11-27"]),
        ({"type": "swap", "tenor": "SN"}, ["2026-11-27", "2026-11-30"]),
        ({"type": "swap", "tenor": "1M"}, ["2026-11-27", "2026-12-28"]),
        ({"type": "swap", "far_tenor": "1W"}, ["2026-11-27", "2026-12-04"]),
        ({"type": "swap", "near_tenor": "1W", "far_date": "2027-01-04"},
         ["2026-12-04", "2027-01-04"]),
        ({"type": "swap", "near_date": "2026-11-24", "far_tenor": "SPOT"},
         ["2026-11-24", "2026-11-27"]),
    ],
)  # fmt: skip
def test_what_dates_are_meant(rfq: Any, members: dict[str, str], dates: list[str]) -> None:
    """Spot, a tenor, a broken date, both ends of a swap by one tenor or each by its own."""
    found = dates_of(rfq.asked(**members), TUESDAY)

    assert [each.isoformat() for each in found] == dates


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"pair": "USD/EUR"}, "UNKNOWN_PAIR", "pair"),
        ({"pair": "USD/KRW"}, "PAIR_NOT_DEALT", "pair"),
        ({"pair": "USD/KRW", "type": "ndf", "tenor": "1M"}, "PAIR_NOT_DEALT", "pair"),
        ({"type": "ndf", "tenor": "1M"}, "PAIR_NOT_DEALT", "type"),
        ({"quantity": "0"}, "AMOUNT_NOT_POSITIVE", "quantity"),
        ({"quantity": "-1"}, "AMOUNT_NOT_POSITIVE", "quantity"),
        ({"quantity": "1e6"}, "AMOUNT_MALFORMED", "quantity"),
        ({"quantity": "0.001"}, "AMOUNT_TOO_PRECISE", "quantity"),
        ({"client_quote_id": "a b"}, "BAD_KEY", "client_quote_id"),
        ({"tenor": "1M"}, "MEMBER_NOT_ALLOWED", "tenor"),
        ({"value_date": "2027-03-15"}, "MEMBER_NOT_ALLOWED", "value_date"),
        ({"type": "outright"}, "MEMBER_REQUIRED", "tenor"),
        ({"type": "outright", "tenor": "1M", "value_date": "2027-03-15"}, "MEMBER_NOT_ALLOWED",
         "value_date"),
        ({"type": "outright", "tenor": "5W"}, "UNKNOWN_TENOR", "tenor"),
        ({"type": "outright", "tenor": "TN"}, "TENOR_NOT_DEALT", "tenor"),
        ({"type": "outright", "far_tenor": "1M"}, "MEMBER_NOT_ALLOWED", "far_tenor"),
        ({"type": "swap"}, "MEMBER_REQUIRED", "far_tenor"),
        ({"type": "swap", "near_tenor": "1M"}, "MEMBER_REQUIRED", "far_tenor"),
        ({"type": "swap", "tenor": "1M", "far_tenor": "2M"}, "MEMBER_NOT_ALLOWED", "far_tenor"),
        ({"type": "swap", "far_tenor": "ON"}, "TENOR_NOT_DEALT", "far_tenor"),
        ({"type": "swap", "far_tenor": "2M", "far_date": "2027-03-15"}, "MEMBER_NOT_ALLOWED",
         "far_date"),
        ({"type": "swap", "far_tenor": "2M", "value_date": "2027-03-15"}, "MEMBER_NOT_ALLOWED",
         "value_date"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(rfq: Any, members: dict[str, str], code: str, field: str) -> None:
    """A code, a sentence, and the member that is wrong."""
    with pytest.raises(Refused) as caught:
        rfq.asked(**members)

    assert (caught.value.code, caught.value.field) == (code, field)
    assert str(caught.value).endswith(".")
    assert (caught.value.step == "0.01") == (code == "AMOUNT_TOO_PRECISE")


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"type": "outright", "value_date": "2026-11-26"}, "VALUE_DATE_CLOSED", "value_date"),
        ({"type": "outright", "value_date": "2026-11-23"}, "VALUE_DATE_RANGE", "value_date"),
        ({"type": "outright", "value_date": "2030-11-25"}, "VALUE_DATE_RANGE", "value_date"),
        ({"type": "swap", "far_date": "2026-12-25"}, "VALUE_DATE_CLOSED", "far_date"),
        ({"type": "swap", "near_date": "2026-12-26", "far_tenor": "1Y"}, "VALUE_DATE_CLOSED",
         "near_date"),
        ({"type": "swap", "far_tenor": "SPOT"}, "VALUE_DATE_RANGE", "far_tenor"),
        ({"type": "swap", "near_tenor": "2M", "far_tenor": "1M"}, "VALUE_DATE_RANGE", "far_tenor"),
        ({"type": "swap", "pair": "USD/CAD", "tenor": "TN"}, "TENOR_NOT_DEALT", "tenor"),
    ],
)  # fmt: skip
def test_dates_that_are_not_dealt(rfq: Any, members: dict[str, str], code: str, field: str) -> None:
    """Thanksgiving, yesterday, too far, a far leg before its near one, TN of a T+1 pair."""
    with pytest.raises(Refused) as caught:
        dates_of(rfq.asked(**members), TUESDAY)

    assert (caught.value.code, caught.value.field) == (code, field)


def test_the_same_request_has_one_digest(rfq: Any) -> None:
    """However it is spelled; another date, side or name is another request."""
    first = rfq.asked(type="swap", tenor="1M")
    same = rfq.asked(type="swap", tenor="1m", quantity="1000000.00")
    others = [
        rfq.asked(type="swap", far_tenor="1M"),
        rfq.asked(type="swap", tenor="2M"),
        rfq.asked(type="swap", tenor="1M", side="buy"),
        rfq.asked(type="swap", tenor="1M", client_quote_id="mine"),
        rfq.asked(type="outright", tenor="1M"),
        rfq.asked(type="swap", tenor="1M", account="other"),
    ]

    assert same.digest == first.digest
    assert len({each.digest for each in others} - {first.digest}) == len(others)
