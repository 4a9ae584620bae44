"""The log store's benchmarks measure what they say, on stores small enough for a test."""

from pathlib import Path

import msgspec
import pytest

import logs_queries
import logs_race
from log_mix import log_blocks, log_lines
from logs_figures import Figures, markdown
from measure import Disk, Machine


def silence(_what: str) -> None:
    """Nobody watches a test's bar."""


def test_the_mix_is_the_same_for_the_same_seed() -> None:
    """Lines are JSON objects of about the size that the API's have, in the order of time."""
    lines = list(log_lines(2_000))
    assert lines == list(log_lines(2_000))
    assert lines != list(log_lines(2_000, seed=2))
    decoded = [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
    stamps = [str(line["timestamp"]) for line in decoded]
    assert stamps == sorted(stamps)
    assert 300 < sum(map(len, lines)) / len(lines) < 350
    own = sum("com.splunk.index" not in line for line in decoded)
    assert 0.75 < own / len(lines) < 0.85


@pytest.mark.parametrize("size", [0, 500])
def test_lines_have_at_least_the_size_asked_for(size: int) -> None:
    """And come in blocks, the last of which is shorter."""
    blocks = list(log_blocks(log_lines(2_500, size=size)))
    assert [len(block) for block in blocks] == [1_000, 1_000, 500]
    assert min(len(line) for block in blocks for line in block) >= size


def test_a_small_run_tells_every_aim(tmp_path: Path) -> None:
    """Ingest against DuckDB, bytes, memory, and each kind of query; nothing is lost."""
    queries = logs_queries.measure(tmp_path / "queries", 5_000, 1, silence)
    assert (queries.events, queries.parts) == (5_000, 3)
    assert 0 < queries.event_bytes < 100
    rows = {each.query: each.rows for each in queries.times}
    assert rows["nosuchword"] == 0
    assert rows["timeout"] == 100
    assert rows["* | stats p99(duration_us) by route"] == 8
    ingest = logs_race.race(tmp_path, 2_000, 1, silence)
    assert [each.events for each in ingest] == [2_000]
    machine = Machine("cpu", 2, "Linux", "CPython", "ext4")
    told = markdown(Figures("now", 0.1, machine, Disk(0.1, 0.2), ingest, queries))
    assert told.count("aim") == 8
