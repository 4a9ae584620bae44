"""Real ticks in the simulated desk."""

import random
import zipfile
from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.observation import QuoteSeen
from tallystick.watch.detect.trades.days import replay
from tallystick.watch.detect.trades.plan import Plan
from tallystick.watch.detect.trades.recorded import Recorded
from tallystick.watch.detect.trades.simulator import Simulator
from tallystick.watch.detect.watcher import Watcher

TICKS = Path(__file__).resolve().parents[4] / "../shared/data/fx/lean"


def write_day(folder: Path, pair: str, day: str, rows: list[str]) -> None:
    """One file in the layout of LEAN."""
    place = folder / pair
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place / f"{day}_quote.zip", "w") as bundle:
        bundle.writestr(f"{day}_{pair}_tick_quote.csv", "\n".join(rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pairs, a day."""
    for day in ("20140505",):
        for pair, bid in (("eurusd", 1.3870), ("nzdusd", 0.8700)):
            rows = [
                f"{28_800_000 + 700 * n},{bid + 1e-5 * (n % 7):.5f},{bid + 1e-4:.5f}"
                for n in range(2_000)
            ]
            write_day(tmp_path, pair, day, rows)
    return tmp_path


def test_ticks_are_given_once_in_order_of_time(folder: Path) -> None:
    """Up to a moment, and the rest later."""
    recorded = Recorded(folder)
    first = list(recorded.until("EUR/USD", 1_399_276_900 * 1_000_000_000))
    rest = list(recorded.until("EUR/USD", 1_500_000_000 * 1_000_000_000))

    assert recorded.pairs == ("EUR/USD", "NZD/USD")
    assert recorded.days == ["20140505"]
    assert 0 < len(first) < 2_000
    assert len(first) + len(rest) == 2_000
    assert [*first, *rest] == sorted([*first, *rest])
    assert rest[-1].bid == pytest.approx(1.3870, abs=1e-4)


def test_a_folder_without_ticks_is_told(tmp_path: Path) -> None:
    """The sentence names the folder and what was looked for."""
    with pytest.raises(Misconfigured, match=r"eurusd/20140505_quote\.zip"):
        Recorded(tmp_path)


def test_clients_trade_on_the_recorded_prices(folder: Path) -> None:
    """Every quote of the files is seen, no other; orders are filled at them."""
    plan = Plan("2014-05-05", "day", 30, 12, activity=5.0, operations=True, life=False)
    source = random.Random(1)  # noqa: S311  a simulation
    simulator = Simulator(plan, source, Recorded(folder))
    quotes = [one for one in simulator.happenings() if isinstance(one, QuoteSeen)]

    assert len(quotes) == 4_000
    assert {one.pair for one in quotes} == {"EUR/USD", "NZD/USD"}
    assert simulator.desk.position > 100
    assert {pair for one in simulator.clients for pair in one.pairs} <= {"EUR/USD", "NZD/USD"}


def test_each_day_is_told_with_its_moves(folder: Path) -> None:
    """How many quotes, how far a minute moved; a watcher that finds nothing says nothing."""
    source = random.Random(3)  # noqa: S311  a simulation
    days = replay(folder, source, Watcher([]), lambda: 0.0)

    assert [one.date for one in days.days] == ["20140505"]
    assert [one.quotes for one in days.days] == [4_000]
    assert 0 < days.days[0].moved_bps < 2
    assert (days.alerts, days.days[0].alerts) == (0, ())


@pytest.mark.slow
def test_the_real_days_are_what_the_guide_says() -> None:
    """2 May 2014 was the jobs report: a minute moved five times as far as on the quiet 5th."""
    if not TICKS.is_dir():
        pytest.skip("the recorded ticks are not here: see docs/guides/detection-bench.md")
    source = random.Random(3)  # noqa: S311  a simulation
    days = {one.date: one for one in replay(TICKS, source, Watcher([]), lambda: 0.0).days}

    assert days["20140502"].moved_bps > 5 * days["20140505"].moved_bps
    assert days["20140505"].quotes > 50_000
