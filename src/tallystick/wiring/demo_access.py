"""Whose the demo's tokens are: a beginner's account, made once and kept in `demo.json`."""

from pathlib import Path

from tallystick.access import Tokens
from tallystick.ids import new_secret
from tallystick.wiring.facts import Facts, facts_of

DEMO_ACCOUNT = "demo"


def demo_facts(folder: Path, tokens: Tokens) -> Facts:
    """The demo's tokens: those of `demo.json` while they are valid, new ones otherwise."""
    facts = facts_of(folder)
    if facts is not None and tokens.knows(facts.token):
        return facts
    token = tokens.issue("demo trader", DEMO_ACCOUNT, ("trade", "read", "operate"))
    return Facts("", DEMO_ACCOUNT, token, new_secret("hec"), "")
