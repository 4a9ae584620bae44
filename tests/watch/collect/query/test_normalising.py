"""Patterns of messages: what changes from line to line is masked, what says something stays."""

from typing import Any

import duckdb
import pytest

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import normalised


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Connection refused", "Connection refused"),
        ("took 12 ms", "took <*> ms"),
        ("took 1.5ms, size -3", "took <*>, size -<*>"),
        ("order O-17 rejected", "order <*> rejected"),
        ("from 10.0.0.1:8080 to 10.0.0.2", "from <*> to <*>"),
        ("id 01890a5d-ac96-774b-bcce-b302099a8057 gone", "id <*> gone"),
        ("hash 0cc175b9c0f1b6a831c399e269772661", "hash <*>"),
        ("at 2026-11-22T04:08:16.123Z sharp", "at <*> sharp"),
        ("mail amber.duke@pyrami.com now", "mail <*> now"),
        ('said "hello there" twice', "said <*> twice"),
        ("user=u7 state=FILLED", "user=<*> state=FILLED"),
        ("", ""),
    ],
)
def test_what_a_message_becomes(text: str, pattern: str) -> None:
    """By examples."""
    made = normalised(Sql("CAST(? AS VARCHAR)", (text,)))
    with duckdb.connect(":memory:") as connection:
        row: Any = connection.execute(f"SELECT {made.text}", list(made.values)).fetchone()
    assert row[0] == pattern
