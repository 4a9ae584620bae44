"""Only what the pair is for."""

from typing import Any

import msgspec
import pytest

from tallystick.execution.rules import reference_data
from tallystick.fx import instrument


@pytest.mark.parametrize(
    ("symbol", "type_", "dealt"),
    [("EUR/USD", "market", True), ("USD/KRW", "market", False), ("USD/KRW", "quoted", True)],
)
def test_non_deliverable_pairs_are_dealt_by_quote(
    words: Any, symbol: str, type_: str, *, dealt: bool
) -> None:
    """A spot order in won is rejected before anything else is looked at; a quote is taken."""
    request = msgspec.structs.replace(words.request(), pair=instrument(symbol), type=type_)
    case = msgspec.structs.replace(words.case(words.request()), request=request)

    rejection = reference_data.check(case)

    assert (rejection is None) == dealt
    if rejection is not None:
        assert rejection.code == "PAIR_NOT_DEALT"
        assert "USD/KRW is a non-deliverable forward" in rejection.reason
