"""The page of codes has every one of the three closed lists."""

import re
from typing import get_args

from tallystick.api.codes import reject_codes
from tallystick.api.problems import REFUSAL_STATUS, TITLES
from tallystick.execution import RejectionCode
from tallystick.execution.entries import CancelCode


def test_every_code_is_listed_once() -> None:
    """Rejections, cancellations, refusals, each under its heading."""
    parts = re.split(r"^## .*$", reject_codes(), flags=re.MULTILINE)[1:]
    listed = [re.findall(r"^\| `([A-Z_]+)` \|", part, re.MULTILINE) for part in parts]

    assert listed[0] == [code.name for code in RejectionCode]
    assert sorted(listed[1]) == sorted(get_args(CancelCode))
    assert listed[2] == list(TITLES)


def test_a_refusal_is_listed_with_its_status() -> None:
    """As problems give it."""
    page = reject_codes()

    assert "| `ORDER_NOT_OPEN` | 409 | " in page
    assert "| `AMOUNT_TOO_PRECISE` | 422 | " in page
    assert "| `UNAVAILABLE` | 503 | " in page
    assert all(f"| `{code}` | {status} | " in page for code, status in REFUSAL_STATUS.items())
