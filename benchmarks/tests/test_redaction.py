"""The benchmark of redaction measures what it says."""

from pathlib import Path

import msgspec

import redaction
from tallystick.watch.collect.redact import Redactor


def test_lines_are_what_they_are_called() -> None:
    """Each a JSON object; something is found where the name says so, and nowhere else."""
    found = {
        name: sum(bool(Redactor().find(line)) for line in lines[:100])
        for name, lines in redaction.kinds(100).items()
        if all(msgspec.json.decode(line, type=dict[str, object]) for line in lines)
    }
    assert found == {
        "own order lines": 0,
        "own mixed lines": 0,
        "nginx": 0,
        "HEC with trace ids": 0,
        "1 finding in 100": 1,
        "every line a finding": 100,
    }


def test_a_small_run_tells_all(tmp_path: Path) -> None:
    """Every kind of line, and ingest with and without."""
    result = redaction.measure(1, 50, tmp_path)
    assert result.keys() == {
        "microseconds_a_line", "events_per_second", "ingest_ratio", "ingest_ratios",
    }  # fmt: skip
