"""What the page says of orders is what execution knows: its types, their members, their states."""

import re
from pathlib import Path
from typing import get_args

import pytest

from tallystick.execution.entries import OrderState
from tallystick.execution.orders import ORDERS
from tallystick.execution.orders.kind import WAITING

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "frontend/src/orders.ts").read_text()
KINDS = dict(re.findall(r"^  (\w+): \{ name: (.*) \},$", SOURCE, re.MULTILINE))
"""The lines of `KINDS` and of `TIMES`, by their key."""


def test_the_ticket_offers_every_order_type() -> None:
    """But the one that takes a quote, which somebody has to ask for first."""
    assert {name for name in KINDS if name.islower()} == ORDERS.keys() - {"quoted"}


@pytest.mark.parametrize("name", sorted(ORDERS.keys() - {"quoted"}))
def test_a_type_has_the_members_and_times_that_it_has(name: str) -> None:
    """The ticket asks for what the type needs, and offers the times in force it may have."""
    kind, line = ORDERS[name], KINDS[name]
    members = {"price": "price", "stop": "stop_price", "distance": "distance"}
    asked = {member for word, member in members.items() if f" {word}: true" in line}
    times = line.split("times: ")[1].replace("...WAITING", ", ".join(WAITING))

    assert asked == set(kind.needs)
    assert ("closes: true" in line) == kind.reduces
    assert tuple(re.findall(r"[A-Z]{3}", times.replace("WAITING", " ".join(WAITING)))) == kind.times


def test_every_state_has_a_word_a_rank_and_a_meaning() -> None:
    """In the page, and in its guide."""
    guide = (ROOT / "docs/guides/page.md").read_text()
    for state in get_args(OrderState):
        assert len(re.findall(rf"\b{state}: (?:\d|\")", SOURCE)) == 3, state
        assert re.search(rf"\b{state}\b", guide), state
