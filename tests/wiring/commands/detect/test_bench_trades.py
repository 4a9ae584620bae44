"""`tallystick detect bench trades`, as its user meets it."""

import json
from pathlib import Path

from click.testing import CliRunner

from tallystick.wiring.commands.detect.bench_trades import trades


def test_the_bench_prints_facts_as_json() -> None:
    """One kind, no clean events: recall and delay by the shipped detectors, and the cost."""
    result = CliRunner().invoke(
        trades,
        ["--kind", "crossed_quotes", "--events", "0", "--instances", "1", "--quick", "--json"],
    )

    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    kind = facts["kinds"]["crossed_quotes"]
    assert kind["planted"] == 4
    assert kind["recall"] >= 0.5
    assert facts["clean"]["events"] == 0
    assert facts["events_per_cpu_second"] > 0
    assert facts["ticks"] is None


def test_without_the_real_ticks_it_says_so_and_goes_on(tmp_path: Path) -> None:
    """The table is printed all the same."""
    missing = str(tmp_path / "none")
    result = CliRunner().invoke(
        trades,
        [
            "--kind",
            "crossed_quotes",
            "--events",
            "0",
            "--instances",
            "1",
            "--quick",
            "--ticks",
            missing,
        ],
    )

    assert result.exit_code == 0, result.output
    assert "the days of real ticks are left out" in " ".join(result.stderr.split())
    assert "crossed_quotes" in result.stdout
    assert "CPU second" in " ".join(result.stdout.split())


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    """Exit code 2, and the list."""
    result = CliRunner().invoke(trades, ["--kind", "spoofing"])

    assert result.exit_code == 2
    assert "layering" in result.stderr


def test_the_memory_of_many_accounts_is_measured_instead() -> None:
    """Bytes before and after, and how large a snapshot of them is."""
    result = CliRunner().invoke(trades, ["--entities", "200", "--json"])

    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["entities"] == 200
    assert facts["rss_after"] > 1_000_000
    assert facts["snapshot_bytes"] > 0
