"""A plan keeps to its limits, and a mix is read as it is written."""

import msgspec
import pytest

from tallystick.errors import Misconfigured
from tallystick.wiring.load import Plan, parse_mix

GOOD = {"url": "http://127.0.0.1:1", "token": "t", "prefix": "p"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connections", 0),
        ("connections", 10_000),
        ("seconds", -1.0),
        ("seconds", float("nan")),
        ("rate", 0.0),
        ("rate", float("inf")),
        ("requests", 0),
        ("batch", 1_001),
        ("accounts", 0),
        ("pairs", []),
        ("mix", {"market": 0.0}),
        ("mix", {"market": float("nan")}),
        ("drop", 1.5),
        ("answer_seconds", 0.0),
        ("retry_seconds", -1.0),
        ("prefix", ""),
        ("prefix", 'quote"'),
        ("prefix", "x" * 60),
        ("account", "two words"),
        ("token", "line\r\nbreak"),
    ],
)
def test_a_plan_keeps_to_its_limits(name: str, value: object) -> None:
    """Nothing unbounded is asked for, and nothing that would break a header or a JSON string."""
    with pytest.raises(Misconfigured, match=f"{name} = .* is outside its limits"):
        msgspec.convert(GOOD | {name: value}, Plan)


def test_what_is_dropped_must_be_tried_again() -> None:
    """Cutting connections without retries would only lose orders."""
    with pytest.raises(Misconfigured, match="tried again"):
        msgspec.convert(GOOD | {"drop": 0.1}, Plan)


def test_a_mix_is_kinds_and_shares() -> None:
    """A kind alone has the share 1."""
    assert parse_mix("market=70, limit=20,cancel") == {"market": 70, "limit": 20, "cancel": 1}
    with pytest.raises(Misconfigured, match="not of the form"):
        parse_mix("market=many")


def test_accounts_are_numbered_only_where_there_are_several() -> None:
    """One account keeps its name."""
    one = msgspec.convert(GOOD, Plan)
    assert one.account_names == ["demo"]
    assert msgspec.structs.replace(one, accounts=2).account_names == ["demo-000000", "demo-000001"]
