"""What a run found is told alike in JSON and in the README."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from measure import Disk, machine
from orders_figures import Aim, Figures, Race, Round, Stage, Stages, Start
from orders_report import BEGIN, END, LABELS, markdown, read, verdicts, write
from orders_sections import FLAT_AIMS, POSTGRES_AIMS, SQLITE_AIMS

RATES = {
    "single": (5_000.0, 9_000.0, 6_000.0),
    "parse": (10_000.0, 18_000.0, 11_000.0),
    "naive": (100.0, 450.0, 200.0),
}
P99 = {"single": 6.0, "parse": 2.5, "naive": 500.0}


def one_round(number: int, name: str, rate: float) -> Round:
    """A round with this rate."""
    return Round(
        number=number,
        name=name,
        orders_per_second=rate,
        latency_ms_p50=1.0,
        latency_ms_p99=P99[name],
        latency_ms_max=9.0,
        server_cpu_us=50.0,
        database_cpu_us=0.0,
        load_cpu_us=14.0,
        request_bytes=300.0,
        answer_bytes=2_300.0,
    )


def figures(folder: Path) -> Figures:
    """One of everything."""
    facts: dict[str, Any] = {
        "at": "2026-11-22T04:00:00+00:00",
        "load_before": 0.1,
        "machine": machine(folder),
        "disk": Disk(0.1, 0.2),
    }
    rounds = [
        one_round(number, name, rate)
        for name, rates in RATES.items()
        for number, rate in enumerate(rates, 1)
    ]
    race = Race(**facts, seconds=5.0, pinned=False, aims=SQLITE_AIMS, rounds=rounds)
    stages = Stages(
        **facts,
        batch=64,
        ledger_size=100_000,
        entry_bytes=850,
        answer_bytes=2_300,
        stages=[Stage("decode", 1.0), Stage("decide", 9.0)],
        rules=[Stage("collar", 0.4)],
        http_us=20.0,
        server_us=100.0,
    )
    start = Start(**facts, entries=1_000_000, seconds=[2.5, 3.5])
    return Figures(sqlite=race, start=start, stages=stages)


def test_ratios_are_taken_round_by_round(tmp_path: Path) -> None:
    """A ratio is the median of the rounds' own ratios, and says if its aim was reached."""
    race = figures(tmp_path).sqlite
    assert race is not None
    ratio = race.ratio(Aim("single", "parse", "orders_per_second", 0.5))
    assert ratio is not None
    assert (ratio.median, ratio.lowest, ratio.highest) == (0.5, 0.5, 0.5455)
    assert race.ratio(Aim("batch", "journal", "orders_per_second", 0.3)) is None


def test_each_aim_is_a_sentence(tmp_path: Path) -> None:
    """Reached or not, at least or at most; what was not measured is not said."""
    said = {
        sentence.rpartition(": ")[0].split(" = ")[0]: sentence.rpartition(": ")[2]
        for sentence in verdicts(figures(tmp_path))
    }
    ours, parse, naive = LABELS["single"], LABELS["parse"], LABELS["naive"]
    assert said == {
        f"sqlite: orders/s, {ours} / {parse}": "reached",
        f"sqlite: p99, {ours} / {parse}": "reached",
        f"sqlite: orders/s, {ours} / {naive}": "NOT reached",
        "start with 1,000,000 entries: slowest 3.50 s, aim <= 3": "NOT reached",
    }


def test_every_aim_is_about_a_row_that_is_measured() -> None:
    """Aims and rows share their names."""
    for aim in (*SQLITE_AIMS, *POSTGRES_AIMS, *FLAT_AIMS):
        assert {aim.over, aim.under} <= set(LABELS)


def test_the_rest_of_the_way_is_the_difference(tmp_path: Path) -> None:
    """Steps, HTTP and the rest add up to what an order costs in the server."""
    said = markdown(figures(tmp_path))
    assert "| cold memory, switching, and all who watch | 70.0 | 70% |" in said
    assert "| an order in the server | 100.0 |" in said


def test_the_readmes_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """Writing twice changes only what stands between the markers; the JSON reads back."""
    readme, results = tmp_path / "README.md", tmp_path / "results" / "orders.json"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    found = figures(tmp_path)
    write(found, results, readme)
    once = readme.read_text()
    write(found, results, readme)
    assert readme.read_text() == once
    assert once.startswith(f"before\n{BEGIN}\n")
    assert once.endswith(f"\n{END}\nafter\n")
    assert f"| {LABELS['single']} | 6,000 |" in once
    assert "\nold\n" not in once
    assert msgspec.to_builtins(read(results)) == msgspec.to_builtins(found)
    assert read(tmp_path / "none.json") == Figures()


def test_a_readme_without_markers_is_left_alone(tmp_path: Path) -> None:
    """A lost marker is an error, not a lost page."""
    readme = tmp_path / "README.md"
    readme.write_text("a page")
    with pytest.raises(ValueError, match="markers"):
        write(figures(tmp_path), tmp_path / "orders.json", readme)
    assert readme.read_text() == "a page"


def test_the_readme_has_its_markers() -> None:
    """The page that the tool writes into is ready for it."""
    text = Path(__file__).resolve().parents[1].joinpath("README.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1
