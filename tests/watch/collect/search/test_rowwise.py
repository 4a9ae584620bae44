"""Which queries look at each line by itself."""

import pytest

from tallystick.watch.collect.query import parse
from tallystick.watch.collect.search.rowwise import ROWWISE, is_rowwise

BY_LINE = {
    "Drop": "fields - a",
    "Eval": "eval a=1",
    "Extract": "kv",
    "FillNull": "fillnull a",
    "Keep": "table a",
    "Lookup": "lookup t a",
    "MakeMv": "makemv a",
    "Regex": 'regex a="x"',
    "Rename": "rename a AS b",
    "Rex": 'rex "(?<a>x)"',
    "SearchAgain": "search a=1",
    "Sed": 'rex mode=sed "s/a/b/"',
    "Spath": "spath path=a.b output=c",
    "Where": "where a=1",
}


@pytest.mark.parametrize("command", ROWWISE, ids=lambda command: command.__name__)
def test_a_command_that_looks_at_one_line(command: type[object]) -> None:
    """Each of the list, as it is written."""
    pipeline = parse(f"x | {BY_LINE[command.__name__]}", 0)
    assert isinstance(pipeline.commands[0], command)
    assert is_rowwise(pipeline)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", True),
        ("x | bin _time span=5m", True),
        ("x | bin n bins=10", False),
        ("x | stats count", False),
        ("x | eval a=1 | head 5", False),
        ("x | sort a", False),
        ("x | dedup a", False),
        ("x | eventstats count", False),
        ("x | mvexpand a", False),
    ],
)
def test_whole_queries(query: str, expected: object) -> None:
    """One command that needs other lines is enough."""
    assert is_rowwise(parse(query, 0)) is expected
