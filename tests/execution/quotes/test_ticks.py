"""Real ticks replayed: in order of time, crossed quotes dropped and counted."""

import csv
import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.execution import LeanTicks, Quote
from tallystick.execution.quotes import ticks
from tallystick.execution.quotes.ticks import tick_files

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "fx" / "lean"
real = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real ticks in {SHARED}")
HOUR_NS = 3_600 * NS_PER_SECOND


def write(folder: Path, symbol: str, day: str, rows: str) -> None:
    """A tick file in LEAN's layout."""
    path = folder / symbol / f"{day}_quote.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr(f"{day}_{symbol}_tick_quote.csv", rows)


def rows_of(path: Path) -> list[list[str]]:
    """The rows of a tick file, read in the simplest way."""
    with zipfile.ZipFile(path) as bundle:
        text = bundle.read(bundle.namelist()[0]).decode()
    return list(csv.reader(io.StringIO(text)))


def replay(source: LeanTicks, start_ns: int) -> list[Quote]:
    """Everything the source has, in as many steps as it takes."""
    quotes: list[Quote] = []
    while not source.finished:
        quotes += source.quotes(start_ns + 10_000 * HOUR_NS * (len(quotes) > 0))
    return quotes


@real
@pytest.mark.parametrize("day", ["20140501", "20140504"])
def test_crossed_quotes_of_a_real_venue_are_dropped(words: Any, tmp_path: Path, day: str) -> None:
    """About a tenth of this venue's quotes are crossed as published; the rest comes through."""
    original = SHARED / "fxcm" / "tick" / "eurusd" / f"{day}_quote.zip"
    (tmp_path / "eurusd").mkdir()
    (tmp_path / "eurusd" / original.name).symlink_to(original)
    rows = rows_of(original)
    good = [(bid, ask) for _at, bid, ask in rows if float(bid) < float(ask)]
    source = LeanTicks(tmp_path)

    quotes = replay(source, words.START_NS)

    assert all(0 < quote.bid < quote.ask for quote in quotes)
    assert [(q.bid, q.ask) for q in quotes] == [
        (round(float(bid) * 100_000), round(float(ask) * 100_000)) for bid, ask in good
    ]
    assert source.dropped == len(rows) - len(good)
    if day == "20140501":
        assert 0.02 < source.dropped / len(rows) < 0.3


@real
def test_two_real_pairs_come_in_order_of_time(words: Any, tmp_path: Path) -> None:
    """Merged by the moment each tick was made; an hour later the next hour has come."""
    wanted: list[int] = []
    for symbol in ("eurusd", "nzdusd"):
        for day in ("20140504", "20140505"):
            original = SHARED / "oanda" / "tick" / symbol / f"{day}_quote.zip"
            (tmp_path / symbol).mkdir(exist_ok=True)
            (tmp_path / symbol / original.name).symlink_to(original)
            midnight = (int(day[-2:]) - 4) * 24 * HOUR_NS
            wanted += [
                midnight + int(at) * 1_000_000
                for at, bid, ask in rows_of(original)
                if float(bid) < float(ask)
            ]
    wanted.sort()
    source = LeanTicks(tmp_path)
    assert source.pairs == ["EUR/USD", "NZD/USD"]

    for hour in range(4):
        now = words.START_NS + hour * HOUR_NS
        while quotes := source.quotes(now):
            assert {quote.at_ns for quote in quotes} == {now}
        due = sum(at - wanted[0] <= hour * HOUR_NS for at in wanted)
        assert source.given == due
    assert source.given > 1_000


def test_pairs_are_merged_by_time(words: Any, tmp_path: Path) -> None:
    """Whatever the files, days and pairs."""
    write(tmp_path, "eurusd", "20140506", "0,1.39,1.391\n")
    write(tmp_path, "eurusd", "20140505", "1000,1.10,1.11\n3000,1.12,1.13\n")
    write(tmp_path / "deeper", "usdjpy", "20140505", "500,102.1,102.2\n2000,102.3,102.4\n")
    source = LeanTicks(tmp_path)

    quotes = replay(source, words.START_NS)

    assert [(q.pair, q.bid) for q in quotes] == [
        ("USD/JPY", 102_100),
        ("EUR/USD", 110_000),
        ("USD/JPY", 102_300),
        ("EUR/USD", 112_000),
        ("EUR/USD", 139_000),
    ]
    assert quotes[0].source == f"lean-ticks ({tmp_path.name})"


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 10), (2.0, 5), (0.5, 20), (60.0, 1)])
def test_speed(words: Any, tmp_path: Path, speed: float, seconds: int) -> None:
    """A replay twice as fast takes half as long; the first tick is due at once."""
    write(tmp_path, "eurusd", "20140505", "5000,1.10,1.11\n15000,1.12,1.13\n")
    source = LeanTicks(tmp_path, speed=speed)
    start = words.START_NS

    assert len(source.quotes(start)) == 1
    assert not source.finished
    early = source.quotes(start + seconds * NS_PER_SECOND - 1)
    assert len(early) == (1 if speed > 10 else 0)
    assert len(early) + len(source.quotes(start + seconds * NS_PER_SECOND)) == 1
    assert source.finished
    assert source.quotes(start + HOUR_NS) == []


def test_rows_that_are_no_quotes_are_counted(words: Any, tmp_path: Path) -> None:
    """Crossed, locked, empty, negative, over-precise, torn: dropped; the good ones come."""
    bad = [
        "1,1.11,1.10",
        "2,1.10,1.10",
        "3,0,1.10",
        "4,-1.10,1.10",
        "5,1.100001,1.11",
        "6,,",
        "7,1.10",
        "8",
        "",
        "nine,1.10,1.11",
        "10,1e0,1.11",
        "11,NaN,inf",
    ]
    write(tmp_path, "eurusd", "20140505", "\n".join(["0,1.10,1.11", *bad, "12,1.12,1.13"]) + "\n")
    source = LeanTicks(tmp_path)

    quotes = replay(source, words.START_NS)

    assert [quote.bid for quote in quotes] == [110_000, 112_000]
    assert source.dropped == len(bad)
    assert source.given == 2


def test_a_burst_is_handed_out_in_parts(
    words: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call gives more than its bound, and nothing is lost."""
    monkeypatch.setattr(ticks, "QUOTES_AT_ONCE_MAX", 7)
    write(tmp_path, "eurusd", "20140505", "".join(f"{n},1.1,1.2\n" for n in range(20)))
    source = LeanTicks(tmp_path)
    source.quotes(words.START_NS)

    parts = [len(source.quotes(words.START_NS + HOUR_NS)) for _ in range(4)]

    assert parts == [7, 7, 5, 0]


def test_no_ticks_is_said_at_the_start(tmp_path: Path) -> None:
    """An empty folder, or pairs that nobody trades."""
    write(tmp_path, "xauusd", "20140505", "1,1300,1301\n")

    with pytest.raises(Misconfigured, match="no tick files"):
        LeanTicks(tmp_path)


def test_files_are_found_by_day(tmp_path: Path) -> None:
    """Below any folders, in order of their days; other files are left alone."""
    for symbol, day in (("eurusd", "20140506"), ("NZDUSD", "20140505"), ("other", "20140501")):
        write(tmp_path / "venue", symbol, day, "")
    (tmp_path / "venue" / "eurusd" / "readme.txt").write_text("no ticks")

    found = [(pair.symbol, day) for pair, day, _path in tick_files(tmp_path)]

    assert found == [("NZD/USD", date(2014, 5, 5)), ("EUR/USD", date(2014, 5, 6))]
