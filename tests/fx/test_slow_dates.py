"""The product against the slow implementation, on random pairs, dates and tenors."""

import random
from datetime import date, timedelta
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

from tallystick.errors import Refused
from tallystick.fx import INSTRUMENTS, TENORS, explain, is_good_day, spot_date, value_dates

CASES = 10_000
FIRST, LAST = date(2014, 2, 1), date(2033, 6, 30)
"""The years that all calendars reach: Saudi Arabia's begins in 2014, India's ends in 2035."""


@pytest.fixture(scope="module")
def slow() -> ModuleType:
    """The other implementation; a file beside this one."""
    found = util.spec_from_file_location(
        "slow_dates", Path(__file__).resolve().parent / "slow_dates.py"
    )
    assert found is not None
    assert found.loader is not None
    module = util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def any_day(chance: random.Random) -> date:
    """A day on which something may happen: around the turns of months and years more often."""
    day = FIRST + timedelta(days=chance.randrange((LAST - FIRST).days))
    if chance.random() < 0.4:
        day = day.replace(day=1) + timedelta(days=chance.randint(-7, 4))
    return day


@pytest.mark.parametrize("seed", range(4))
def test_random_dates_agree_with_a_slow_implementation(slow: ModuleType, seed: int) -> None:
    """Ten thousand random (pair, trade date, tenor) in all: the same dates, the same refusals."""
    chance = random.Random(seed)  # noqa: S311  repeatable
    pairs = list(INSTRUMENTS.values())
    for _ in range(CASES // 4):
        pair, day, tenor = chance.choice(pairs), any_day(chance), chance.choice(TENORS)
        case = (pair.symbol, day.isoformat(), tenor)
        expected = slow.value_dates(pair.symbol, day, tenor)
        if expected is None:
            with pytest.raises(Refused) as refused:
                value_dates(pair, day, tenor)
            assert refused.value.code == "TENOR_NOT_DEALT", case
        else:
            assert value_dates(pair, day, tenor) == expected, case
        assert spot_date(pair, day) == slow.spot(pair.symbol, day), case


def test_random_fixings_agree_with_a_slow_implementation(slow: ModuleType) -> None:
    """Two thousand random fixings of non-deliverable pairs."""
    chance = random.Random(7)  # noqa: S311  repeatable
    pairs = [pair for pair in INSTRUMENTS.values() if pair.settlement == "ndf"]
    for _ in range(2_000):
        pair, day, tenor = chance.choice(pairs), any_day(chance), chance.choice(TENORS[4:])
        found = explain(pair, day, tenor)
        assert found.fixing == slow.fixing(pair.symbol, found.far), (pair.symbol, day, tenor)


def test_every_day_agrees_with_a_slow_calendar(slow: ModuleType) -> None:
    """Every currency, every day of the years around the change of the Emirates' weekend."""
    for currency in slow.CALENDARS:
        for year in (2021, 2022, 2026):
            days = (date(year, 1, 1) + timedelta(days=n) for n in range(365))
            good = {day for day in days if is_good_day(currency, day)}
            assert good == set(slow.good_days(currency, year)), (currency, year)
