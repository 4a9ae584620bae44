"""What the warehouse's statements name is what stands in the stream's events."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.execution import encode
from tallystick.execution.entries import (
    Fill,
    Order,
    OrderDecided,
    OrderFilled,
    QuoteSeen,
    Rejection,
)
from tallystick.stream.event import to_json
from tallystick.stream.message import Message, entry_envelope

STATEMENTS = Path(__file__).resolve().parents[3] / "deploy/aws/analytics"
QUERIES = ("turnover", "rejections", "missing")
AT = "2026-11-22T04:30:00.000000Z"
PATH = re.compile(r'\be\.event((?:\."?[a-z_]+"?)+)')
FILL_PATH = re.compile(r"\bfill\.([a-z_]+)")


def statement(name: str) -> str:
    """A file's statements without comments."""
    lines = (STATEMENTS / f"{name}.sql").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def event(entry: OrderDecided | OrderFilled) -> dict[str, Any]:
    """The record on Kinesis, as JSON."""
    made = entry_envelope("fx.example/ledger")(Message(7, encode(entry)))
    found: dict[str, Any] = json.loads(to_json(made))
    return found


def samples() -> Iterator[dict[str, Any]]:
    """An order that was filled at once, one later, and one that was rejected."""
    order = Order(
        id="O-12", client_order_id="c-12", account="demo", pair="EUR/USD", side="buy",
        quantity="1000000.00", type="market", time_in_force="FOK", price=None, state="filled",
    )  # fmt: skip
    quote = QuoteSeen("1.08249", "1.08251", AT, "ecb-anchored (synthetic)")
    fill = Fill("F-12-1", "1.08251", "1000000.00", "1082510.00", "2026-11-25")
    yield event(OrderDecided(AT, order, "ab" * 32, fills=(fill,), quote=quote))
    yield event(OrderFilled(AT, order, (fill,), (), quote))
    yield event(OrderDecided(AT, order, "cd" * 32, rejection=Rejection("NO_PRICE", "None.")))


@pytest.mark.parametrize("name", QUERIES)
def test_each_path_of_a_query_is_in_an_event(name: str) -> None:
    """A member that has another name would be NULL there, and nobody would see it."""
    events = list(samples())
    paths = [found.replace('"', "").split(".")[1:] for found in PATH.findall(statement(name))]
    assert paths or name == "missing"
    for path in paths:
        assert any(_has(each, path) for each in events), path
    for member in FILL_PATH.findall(statement(name)):
        assert member in events[0]["data"]["fills"][0]
    types = set(re.findall(r"'(tallystick\.[a-z_.]+)'", statement(name)))
    assert types <= {each["type"] for each in events}


def test_the_view_takes_attributes_that_every_event_has() -> None:
    """Position, type and account stand in columns; the rest is asked of the event."""
    view = statement("view")
    named = re.findall(r"'utf-8'\), '([a-z]+)'\)", view)
    assert named == ["id", "type", "subject"]
    for each in samples():
        assert set(named) <= set(each)
        assert int(each["id"]) == 7
        assert each["subject"] == "demo"
        assert len(each["type"]) <= 64


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_names_columns_of_the_view_alone(name: str) -> None:
    """`entries` is the view without what was said twice."""
    columns = re.search(r"VIEW entries AS\nSELECT ([a-z, ]+)\n", statement("view"))
    assert columns is not None
    known = set(columns[1].split(", "))
    assert set(re.findall(r"\be\.([a-z_]+)", statement(name))) <= known
    assert "FROM entries" in statement(name)


def _has(value: Any, path: list[str]) -> bool:
    for member in path:
        if not isinstance(value, dict) or member not in value:
            return False
        value = value[member]
    return True
