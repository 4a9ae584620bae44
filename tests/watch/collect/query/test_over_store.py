"""The same answers from the real store: from its hot tail, from sealed parts, and from both."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.clock import ManualClock, parse_rfc3339
from tallystick.watch.collect.query import compile_query, event_line, parse, table_rows
from tallystick.watch.collect.store import LogStore

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")


def _examples() -> Any:
    """The module with the examples of all commands; test modules are no package."""
    path = Path(__file__).parent / "commands" / "test_commands.py"
    spec = importlib.util.spec_from_file_location("examples_of_commands", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = _examples()


@pytest.fixture(scope="module", params=["hot", "sealed", "both"])
def store(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    """A store with the four accounts."""
    store = LogStore(tmp_path_factory.mktemp("store") / "logs", ManualClock(NOW_NS))
    lines = [msgspec.json.encode(line) for line in COMMANDS.LINES]
    half = {"hot": 0, "sealed": 4, "both": 2}[request.param]
    if half:
        store.append(lines[:half])
        store.seal()
    if half < 4:
        store.append(lines[half:])
    yield store
    store.close()


@pytest.mark.parametrize(
    ("query", "wanted"), COMMANDS.EXAMPLES, ids=[query for query, _ in COMMANDS.EXAMPLES]
)
def test_a_command_gives_the_same(
    store: LogStore, query: str, wanted: list[dict[str, object]]
) -> None:
    """Whatever shape the lines have in the store."""
    plan = compile_query(parse(query, NOW_NS), COMMANDS.People())
    with store.rows(plan, seconds_max=20) as found:
        rows = [row for batch in found for row in batch]
    if plan.shape == "events":
        lines = (event_line(plan, row) for row in rows)
        table = [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
    else:
        fields, shown = table_rows(plan, rows)
        table = [
            {name: value for name, value in zip(fields, row, strict=True) if value is not None}
            for row in shown
        ]
    assert table == [
        {n: pytest.approx(v) if isinstance(v, float) else v for n, v in row.items()}
        for row in wanted
    ]
