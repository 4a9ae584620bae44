"""Thousands of small worlds in which everything goes wrong, and nothing that was promised breaks.

Two processes on one database, now and then a third on a clone of it, a publisher beside each, a
witness, a follower, clients that retry; kill -9, power cuts, failing disks, lost connections,
backups put back, and a network that drops, delays and repeats. What must hold is listed in
`simulated.truth`. A world that fails says how to see it again.
"""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from simulated.database import Lies
from simulated.world import Failed, Plan, simulate

SEEDS = 2_000
SEEDS_LONG = 40_000
SEEDS_AT_ONCE = 250
SEEDS_UNTIL_FOUND = 300
"""Within so many worlds a part that is broken on purpose must be found."""
ONE_SEED = "TALLYSTICK_TEST_SEED"

BROKEN = {
    "a store that acknowledges before it commits": (Plan(lies=Lies(says_early=True)), "I"),
    "a store that flushes later": (Plan(lies=Lies(buffers=True), disasters=("power",)), "I"),
    "a store without compare-and-swap": (Plan(lies=Lies(compares_nothing=True)), "I"),
    "a restored backup without a guard": (Plan(guarded=False, disasters=("restore",)), "I"),
    "a clone without a guard": (Plan(guarded=False, disasters=("clone",)), "I2"),
    "a publisher ahead of the guard": (
        Plan(publishes_unguarded=True, disasters=("clone", "kill")),
        "I2",
    ),
    "a witness that does not store at once": (
        Plan(guarded=False, log_forks=True, racing_witness=True, disasters=("clone", "restore")),
        "I5",
    ),
}


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_every_world_keeps_what_was_promised(first: int) -> None:
    """I1 to I6, in each of these worlds."""
    for seed in range(first, first + SEEDS_AT_ONCE):
        simulate(seed)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.usefixtures("asked_for")
@pytest.mark.parametrize("first", range(SEEDS, SEEDS_LONG, SEEDS_LONG // 4))
def test_many_more_worlds_keep_it_too(first: int) -> None:
    """The same, for whoever has the time."""
    for seed in range(first, first + SEEDS_LONG // 4):
        simulate(seed)


def test_one_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """The world of `TALLYSTICK_TEST_SEED`, with its whole story: to see again what went wrong."""
    truth = simulate(int(os.environ.get(ONE_SEED, "0")))
    if ONE_SEED in os.environ:
        with capsys.disabled():
            sys.stdout.write(f"\n{truth.trace()}\n")


HAPPENS = (
    "kill -9 of", "a power cut", "made the backup of", "put back a backup of", "made a clone of",
    "refuses: Forked", "ends: Forked", " is not settled by p0", "Lost", "TemporaryError",
    "asks the witness for", " 409", "publishes",
)  # fmt: skip


def test_everything_goes_wrong() -> None:
    """The first worlds alone see every kind of trouble there is, most of them many times."""
    stories = "\n".join(simulate(seed).trace() for seed in range(SEEDS_AT_ONCE // 5))
    assert [what for what in HAPPENS if stories.count(what) < 5] == []


def test_a_seed_is_one_world(tmp_path: Path) -> None:
    """The same seed tells the same story, in another process and with other hash seeds too."""
    script = tmp_path / "tell.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from simulated.world import simulate\n"
        "print(*(simulate(seed).trace() for seed in (1, 2)))\n"
    )
    stories = [
        subprocess.run(
            [sys.executable, script], env=os.environ | {"PYTHONHASHSEED": hashing},
            capture_output=True, text=True, check=True,
        ).stdout
        for hashing in ("1", "2")
    ]  # fmt: skip
    here = f"{simulate(1).trace()} {simulate(2).trace()}\n"
    assert [here, here] == stories
    assert len(here.splitlines()) > 50


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_on_purpose_is_found(what: str) -> None:
    """The worlds are bad enough: each of these parts is given away by one of the first of them."""
    plan, invariant = BROKEN[what]
    failures = (failure for seed in range(SEEDS_UNTIL_FOUND) if (failure := fails(seed, plan)))
    found = list(islice(failures, 1))
    assert [str(each.error)[: len(invariant)] for each in found] == [invariant]
    assert f"{ONE_SEED}=" in str(found[0])


def test_a_witness_is_not_taken_in_by_a_log_that_forks() -> None:
    """Without a guard the log shows two histories; the witness cosigns one of them only."""
    plan = Plan(guarded=False, log_forks=True, disasters=("clone", "restore", "kill"))
    for seed in range(SEEDS_AT_ONCE):
        simulate(seed, plan)


def fails(seed: int, plan: Plan) -> Failed | None:
    """How this world fails, if it does."""
    try:
        simulate(seed, plan)
    except Failed as failure:
        return failure
    return None
