"""The ledger's figures are told alike in JSON and in the README, section by section."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import ledger
import ledger_report
from ledger_figures import (
    AppendRound,
    Appends,
    Figures,
    Footprint,
    Latency,
    Peer,
    PeerFigures,
    PeerRound,
    Proofs,
    Scale,
    ScaleRound,
    Spread,
    Waiting,
    Work,
)
from measure import Disk, Machine

FACTS: dict[str, Any] = {
    "at": "2026-11-22T08:00:00+00:00",
    "load": 0.5,
    "machine": Machine("a CPU", 2, "Linux", "CPython", "ext4"),
    "disk": Disk(0.1, 0.2),
    "entry_bytes": 844,
}
QUICK, SLOW = Spread(1, 2, 3), Spread(100, 400, 900)


def figures(*, fast: bool = True) -> Figures:
    """One round of everything; `fast` reaches the aims."""
    seconds = 1.5 if fast else 4.0
    peer = PeerFigures(1_024, 1.0, 2.0, 2.1, QUICK, SLOW, 0)
    late = SLOW if fast else Spread(100, 400, 1_100)
    load = Latency(
        load="a load",
        paced=True,
        entries_per_second=100.0,
        batches=10,
        acknowledged=QUICK,
        proof=QUICK,
        checkpoint=late,
    )
    scales = [
        ScaleRound("sqlite", "random", size, 1, 1_024, took, 0.1, 0.5, 0.01, 0.02)
        for size, took in ((10_000, 1.0), (10_000_000, 1.1 if fast else 1.5))
    ]
    return Figures(
        appends=Appends(
            **FACTS, rounds=[AppendRound("sqlite", 1_024, 1, 1_024, seconds, 0.1, 1.0, 0.1)]
        ),
        peer=Peer(
            **FACTS,
            adders=1_024,
            batch_size=1_024,
            batch_age_ms=100,
            checkpoint_ms=100,
            version="v1",
            rounds=[PeerRound(antispam=True, number=1, peer=peer, seconds=0.5, acknowledged=QUICK)],
        ),
        waiting=Waiting(**FACTS, loads=[load]),
        proofs=Proofs(
            **FACTS,
            size=1_000,
            works=[Work("something", 10.0, 20.0), Work("an audit", 10.0, 20.0, 5.5)],
            footprints=[Footprint("sqlite", 1_024, 1_000, 844.0, 1_100.0, 900.0)],
        ),
        scale=Scale(**FACTS, batch=1_024, rounds=scales),
    )


def test_every_aim_has_its_sentence() -> None:
    """The verdict names the ratio, its aim, and whether it was reached."""
    reached = ledger_report.verdicts(figures())
    assert len(reached) == 5
    assert all(sentence.endswith(": reached") for sentence in reached)
    assert "= 0.67 (0.67 to 0.67), aim >= 0.5" in reached[0]
    missed = [one.endswith(": NOT reached") for one in ledger_report.verdicts(figures(fast=False))]
    assert missed == [True, True, True, False, False]


def test_every_section_has_its_table() -> None:
    """Each table says its figures, and each section where they come from."""
    text = ledger_report.markdown(figures())
    assert "| SQLite | 1,024 | 683 | 1,024 | **0.67 (0.67 to 0.67)** |" in text
    assert "| on | 512 | 2,048 | **4.00 (4.00 to 4.00)** |" in text
    assert "| a load | 100 | 1.0, 2.0, 3.0 |" in text
    assert "| an audit | 10 | 6 | 20 | 0.50 |" in text
    assert "| random | 10,000,000 | 931 |" in text
    assert text.count("fsync on") == 5


def test_a_section_that_was_not_measured_is_left_out() -> None:
    """Nothing is made up; nothing at all is an empty block."""
    assert ledger_report.markdown(Figures()) == ""
    text = ledger_report.markdown(Figures(waiting=figures().waiting))
    assert "What an entry waits for" in text
    assert "Tessera POSIX" not in text


def test_the_readmes_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """Writing twice changes only what stands between the markers; the JSON reads back."""
    readme, results = tmp_path / "README.md", tmp_path / "results" / "ledger.json"
    readme.write_text(f"before\n{ledger_report.BEGIN}\nearlier\n{ledger_report.END}\nafter\n")
    ledger_report.write(figures(), results, readme)
    once = readme.read_text()
    ledger_report.write(ledger_report.read(results), results, readme)
    assert readme.read_text() == once
    assert once.startswith(f"before\n{ledger_report.BEGIN}\n- **ledger / bare")
    assert once.endswith(f"\n{ledger_report.END}\nafter\n")
    assert "earlier" not in once


def test_a_readme_without_markers_is_left_alone(tmp_path: Path) -> None:
    """A lost marker is an error, not a lost page."""
    readme = tmp_path / "README.md"
    readme.write_text("a page")
    with pytest.raises(ValueError, match="markers"):
        ledger_report.write(figures(), tmp_path / "ledger.json", readme)
    assert readme.read_text() == "a page"


def test_the_house_readme_has_its_markers() -> None:
    """A run can write its figures."""
    page = ledger.README.read_text()
    assert page.count(ledger_report.BEGIN) == page.count(ledger_report.END) == 1


@pytest.mark.parametrize("sizes", ["many", "0", "10,"])
def test_sizes_that_cannot_be_read_are_refused(sizes: str) -> None:
    """The command says what the form is, and measures nothing."""
    done = CliRunner().invoke(ledger.main, ["--dry", "--sizes", sizes])
    assert done.exit_code == 2
    assert "--sizes" in done.output
