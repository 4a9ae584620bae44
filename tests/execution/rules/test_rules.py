"""The registry of rules."""

from pathlib import Path

from tallystick.execution.rules import RULES


def test_the_order_of_the_checks() -> None:
    """The first rejection stands, so the order is part of what clients see."""
    assert list(RULES) == [
        "reference_data",
        "session",
        "trading_state",
        "message_rate",
        "duplicate",
        "price_age",
        "order_size",
        "order_value",
        "collar",
        "open_orders",
        "margin",
        "position_limit",
        "settlement",
        "throttle",
    ]


def test_every_rule_has_its_test_file() -> None:
    """Adding a rule is adding two files."""
    here = Path(__file__).parent

    assert {path.stem for path in here.glob("test_*.py")} == {
        "test_exposure",
        "test_rules",
        *(f"test_{name}" for name in RULES),
    }
