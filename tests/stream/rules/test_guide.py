"""The guide's rules, events and code are what the product takes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from tallystick.stream.rules import (
    TARGETS,
    compile_pattern,
    read_rule,
    shipped_rules,
    signed_headers,
)
from tallystick.stream.rules.operators import OPERATORS

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "event-rules.md"
TEXT = GUIDE.read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_rules_of_the_guide_can_be_used() -> None:
    """The first matches the event that the guide shows; the second is a schedule."""
    fills, daily = (read_rule("x", block.encode(), "toml") for block in blocks("toml"))
    (event,) = (json.loads(block) for block in blocks("json"))
    assert fills.pattern is not None
    assert fills.pattern.matches(event)
    assert daily.schedule is not None
    assert tomllib.loads(blocks("toml")[1])["time_zone"] == "America/New_York"


def test_the_receivers_code_knows_our_signature() -> None:
    """What the guide tells a receiver to do is right."""
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  the guide's own code
    secret = b"a shared secret of enough bytes"
    headers = signed_headers(secret, 1_000, "key", b"{}")
    assert names["is_ours"](secret, headers, b"{}")
    assert not names["is_ours"](secret, headers, b"[]")


def test_everything_there_is_is_named() -> None:
    """Operators, targets and shipped rules."""
    for name in (*OPERATORS, *TARGETS, "exists", *(rule.name for rule in shipped_rules())):
        assert f"`{name}`" in TEXT, name


def test_the_pattern_that_is_tried_says_what_the_guide_says() -> None:
    """The sentence in the guide is the one that is said."""
    (event,) = (json.loads(block) for block in blocks("json"))
    asked = {"detail": {"order": {"quantity": [{"numeric": [">=", 5_000_000]}]}}}
    assert not compile_pattern(asked, decimals=True).matches(event)
