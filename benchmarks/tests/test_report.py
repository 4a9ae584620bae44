"""What a run found is told alike in JSON and in the README."""

from pathlib import Path

import msgspec
import pytest

from load import Result
from measure import Disk, cpu_seconds, filesystem, machine, probe_disk
from report import BEGIN, END, Report, Round, figures, ratios, verdicts, write
from targets import TargetName


def one_round(number: int, target: TargetName, rate: float) -> Round:
    """A round with this rate."""
    load = Result(
        requests=100,
        seconds=1.0,
        requests_per_second=rate,
        latency_ms_p50=1.0,
        latency_ms_p90=2.0,
        latency_ms_p99=3.0,
        latency_ms_max=4.0,
        statuses={"201": 100},
        expected=100,
        unanswered=0,
        request_bytes=300.0,
        answer_bytes=1_800.0,
        cpu_seconds=0.001,
        ended="time",
    )
    return Round(number, target, load, 50.0, 0.0)


RATES: dict[TargetName, tuple[float, ...]] = {
    "durable": (4_000, 9_000, 5_000),
    "ceiling": (10_000, 18_000, 11_000),
    "naive": (100, 450, 200),
}
ROUNDS = [
    one_round(number, target, rate)
    for target, rates in RATES.items()
    for number, rate in enumerate(rates, 1)
]


def report(folder: Path) -> Report:
    """A report of `ROUNDS`."""
    return Report(
        at="2026-11-22T04:00:00+00:00",
        machine=machine(folder),
        disk_before=Disk(0.1, 0.2),
        disk_after=Disk(0.1, 0.2),
        connections=64,
        seconds=1.0,
        pinned=False,
        naive_workers=1,
        load_cpu_us=9.0,
        rounds=ROUNDS,
        figures={name: figures(one for one in ROUNDS if one.target == name) for name in RATES},
        ratios=ratios(ROUNDS),
    )


def test_ratios_are_taken_round_by_round(tmp_path: Path) -> None:
    """A ratio is the median of the rounds' own ratios, and says if its aim was reached."""
    found = {(ratio.over, ratio.under): ratio for ratio in ratios(ROUNDS)}
    ceiling, naive = found["durable", "ceiling"], found["durable", "naive"]
    assert (ceiling.median, ceiling.lowest, ceiling.highest) == (0.455, 0.4, 0.5)
    assert (naive.median, naive.lowest, naive.highest) == (25.0, 20.0, 40.0)
    assert all(sentence.endswith(": reached") for sentence in verdicts(report(tmp_path)))
    slow = [one_round(1, "durable", 3_900), one_round(1, "ceiling", 10_000)]
    missed = msgspec.structs.replace(report(tmp_path), ratios=ratios(slow))
    assert [sentence.endswith(": NOT reached") for sentence in verdicts(missed)] == [True]


def test_the_readmes_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """Writing twice changes only what stands between the markers; the JSON reads back."""
    readme, results = tmp_path / "README.md", tmp_path / "results" / "latest.json"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    written = report(tmp_path)
    write(written, results, readme)
    once = readme.read_text()
    write(written, results, readme)
    assert readme.read_text() == once
    assert once.startswith(f"before\n{BEGIN}\n")
    assert once.endswith(f"\n{END}\nafter\n")
    assert "| Tallystick | 5,000 |" in once
    assert "old" not in once
    assert msgspec.json.decode(results.read_bytes(), type=Report) == written


def test_a_readme_without_markers_is_left_alone(tmp_path: Path) -> None:
    """A lost marker is an error, not a lost page."""
    readme = tmp_path / "README.md"
    readme.write_text("a page")
    with pytest.raises(ValueError, match="markers"):
        write(report(tmp_path), tmp_path / "latest.json", readme)
    assert readme.read_text() == "a page"


def test_the_machine_is_measured(tmp_path: Path) -> None:
    """Disk, file system and CPU come from this machine."""
    assert probe_disk(tmp_path).fdatasync_ms_p50 > 0
    assert filesystem(Path("/proc")) == "proc"
    assert cpu_seconds(None) == 0
    assert cpu_seconds(1) >= 0
