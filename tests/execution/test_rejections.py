"""The closed list of rejections."""

import pytest

from tallystick.execution.rejections import RejectionCode, reject


@pytest.mark.parametrize("code", RejectionCode)
def test_a_rejection_says_what_it_means(code: RejectionCode) -> None:
    """The code is the name, the reason a sentence for a person; figures follow it."""
    assert reject(code).code == code.name
    assert reject(code).reason == code.value
    assert code.value.endswith(".")
    assert reject(code, "7 of 5.").reason == f"{code.value} 7 of 5."


def test_codes_are_stable() -> None:
    """Clients and ledgers hold these names: one may be added, none may change."""
    assert {code.name for code in RejectionCode} >= {
        "KILL_SWITCH_ACTIVE",
        "NO_PRICE",
        "STALE_PRICE",
        "QUANTITY_TOO_LARGE",
        "AMOUNT_TOO_SMALL",
        "DUPLICATE_ORDER",
        "PRICE_OUT_OF_COLLAR",
        "OPEN_ORDERS_LIMIT",
        "POSITION_LIMIT",
        "NOT_MARKETABLE",
    }
