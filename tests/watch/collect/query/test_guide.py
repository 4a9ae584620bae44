"""The guide: every query in it runs and finds something, and it names all there is."""

import re
from pathlib import Path
from typing import Any

import pytest

from tallystick.watch.collect.query import (
    AGGREGATES,
    ALIASES,
    COMMANDS,
    FUNCTIONS,
    LookupTable,
    compile_sql,
)

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "log-queries.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(query|sql)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


class Desks:
    """The table that the guide looks up."""

    def names(self) -> list[str]:
        """One."""
        return ["desks"]

    def table(self, name: str) -> LookupTable:
        """Whose order it is."""
        assert name == "desks"
        return LookupTable(("order.id", "desk"), [("O-1", "majors"), ("O-2", "metals")])


@pytest.mark.parametrize(("kind", "text"), BLOCKS, ids=[text.split("\n")[0] for _, text in BLOCKS])
def test_each_query_of_the_guide_runs(log: Any, kind: str, text: str) -> None:
    """As it stands there, over an hour of requests."""
    if kind == "sql":
        assert log.run(compile_sql(text))
    else:
        assert log.table(text.replace("\n", " "), lookups=Desks())


@pytest.mark.parametrize(
    ("registry", "what"),
    [(COMMANDS, "commands"), (FUNCTIONS, "functions"), (AGGREGATES, "aggregates")],
    ids=["commands", "functions", "aggregates"],
)
def test_the_guide_names_all_there_is(registry: dict[str, object], what: str) -> None:
    """Whoever adds one finds that this page waits for it."""
    words = set(re.findall(r"`([^`\n]+)`", TEXT))
    assert sorted(set(registry) - words) == [], what


def test_the_guide_names_the_aliases() -> None:
    """But for those that start with an at sign or are another spelling."""
    words = set(re.findall(r"`([^`\n]+)`", TEXT))
    assert sorted(set(ALIASES) - words) == [
        "@message",
        "@timestamp",
        "client_ip",
        "log_level",
        "uri",
    ]
