"""`tallystick fx`: value dates and pairs for a person, and as JSON."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tallystick.fx import INSTRUMENTS, explain, pair, use_overrides
from tallystick.wiring.commands.fx import OVERRIDE_BYTES_MAX, WIDTH_MAX, fx


@pytest.fixture
def calendars(tmp_path: Path) -> Iterator[Path]:
    """A folder for dated holidays; what they change is taken back."""
    yield tmp_path
    use_overrides({})


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(fx, arguments, catch_exceptions=False)


def lines(result: Result) -> list[str]:
    """What it said, without padding."""
    return [line.rstrip() for line in result.stdout.splitlines()]


def test_dates_for_a_person() -> None:
    """One line a day and currency, verdict and reason, and the result in one sentence."""
    said = run("dates", "EURUSD", "2017-07-03")
    waived = "Independence Day, but only the last USD day must be good"
    assert said.exit_code == 0
    assert lines(said) == [
        "EUR/USD traded on Mon 03 Jul 2017",
        "day              currency  verdict  reason",
        "Tue 04 Jul 2017  EUR       counts   good day 1 of 2",
        "Wed 05 Jul 2017  EUR       counts   good day 2 of 2",
        f"Tue 04 Jul 2017  USD       counts   {waived}",
        "Wed 05 Jul 2017  USD       counts   good day 2 of 2",
        "                 EUR       settles  good day",
        "                 USD       settles  good day",
        "EUR/USD at spot settles on Wed 05 Jul 2017",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence", "end"),
    [
        (
            ("EUR/USD", "2026-07-01", "--tenor", "1M"),
            "1M of EUR/USD begins on Fri 03 Jul 2026 and settles on {}",
            "Mon 03 Aug 2026, 31 days after spot",
        ),
        (
            ("USD/KRW", "2026-09-22", "--tenor", "1m"),
            "1M of USD/KRW begins on Mon 28 Sep 2026, is fixed on {}",
            "Mon 26 Oct 2026 and settles on Wed 28 Oct 2026, 30 days after spot",
        ),
        (
            ("EUR/USD", "2026-11-04", "--tenor", "ON"),
            "ON of EUR/USD begins on Wed 04 Nov 2026 and settles on {}",
            "Thu 05 Nov 2026, 1 day before spot",
        ),
        (
            ("USD/CAD", "2026-11-04", "--tenor", "o/n"),
            "ON of USD/CAD begins on Wed 04 Nov 2026 and settles on {}",
            "Thu 05 Nov 2026, at spot",
        ),
        (
            ("EUR/USD", "2026-07-01", "--value-date", "2026-08-04"),
            "EUR/USD settles on {}",
            "Tue 04 Aug 2026, 32 days after spot",
        ),
    ],
)
def test_the_result_is_one_sentence(arguments: tuple[str, ...], sentence: str, end: str) -> None:
    """It stands at the end, on one line."""
    assert lines(run("dates", *arguments))[-1] == sentence.format(end)


def test_what_is_provisional_is_said() -> None:
    """In the line of the day, and once more below the result."""
    said = lines(run("dates", "USD/TRY", "2027-03-01", "--tenor", "1W"))
    assert said[-1].startswith("note: TRY has not announced all of these days yet")
    assert any("Eid al-Fitr (provisional)" in line for line in said)
    assert not any("USD" in line and "provisional" in line for line in said)


def test_dates_for_a_program() -> None:
    """All facts, as the API gives them."""
    facts = json.loads(run("dates", "EURUSD", "2026-01-28", "--tenor", "1M", "--json").stdout)
    expected = explain(pair("EUR/USD"), date(2026, 1, 28), "1M")
    assert facts["far"] == expected.far.isoformat() == "2026-02-27"
    assert len(facts["steps"]) == len(expected.steps)


def test_today_is_the_default() -> None:
    """Whatever day it is, there is a spot date."""
    facts = json.loads(run("dates", "EURUSD", "--json").stdout)
    assert facts["tenor"] == "SPOT"
    assert facts["spot"] > facts["trade_date"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("EURXXX",), "EUR/XXX"),
        (("EURUSD", "03.07.2017"), "2017-07-03"),
        (("EURUSD", "2017-02-30"), "2017-02-30"),
        (("EURUSD", "1700-01-03"), "1700"),
        (("EURUSD", "--tenor", "4W"), "'4W' is not a tenor"),
        (("USDCAD", "2026-11-04", "--tenor", "TN"), "there is no TN"),
        (("EURUSD", "2026-07-01", "--value-date", "2026-12-25"), "Christmas Day"),
        (("EURUSD", "--tenor", "1M", "--value-date", "2026-12-24"), "not both"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    """On standard error, with exit code 2, and nothing on standard output."""
    said = run("dates", *arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert re.fullmatch(r"tallystick: [^\n]+\.\n", said.stderr)
    assert words in said.stderr


def test_pairs_for_a_person() -> None:
    """Every pair on a line, none wider than the page; and how many there are."""
    said = lines(run("pairs"))
    assert said[0].split() == (
        ["pair", "pip", "price", "step", "spot", "settlement", "provisional", "fixing"]
    )
    named = [line.split()[0] for line in said[1:-1] if not line.startswith(" ")]
    assert named == list(INSTRUMENTS)
    assert said[-1] == f"{len(INSTRUMENTS)} pairs"
    assert max(map(len, said)) <= WIDTH_MAX


def test_pairs_for_a_program() -> None:
    """All conventions, with the fixing of those that have one."""
    facts = {each["symbol"]: each for each in json.loads(run("pairs", "--json").stdout)}
    assert list(facts) == list(INSTRUMENTS)
    assert facts["USD/KRW"]["fixing"]["days"] == 2
    assert facts["EUR/USD"]["fixing"] is None
    assert facts["EUR/USD"]["pip_digits"] == 4


def test_the_operators_own_holidays(calendars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an option, or by the setting that the server has too."""
    head = 'source = "the bank"\nas_of = 2026-11-22\n'
    (calendars / "EUR.toml").write_text(head + '[closed]\n2026-11-25 = "Mourning"\n')
    (calendars / "README.md").write_text("not a calendar")
    asked = ("dates", "EURUSD", "2026-11-23")

    assert lines(run(*asked))[-1].endswith("Wed 25 Nov 2026")
    said = lines(run("--calendars", str(calendars), *asked))
    assert said[-1].endswith("Fri 27 Nov 2026")
    assert any("closed   Mourning" in line for line in said)

    use_overrides({})
    monkeypatch.setenv("TALLYSTICK_CALENDARS", str(calendars))
    assert lines(run(*asked))[-1].endswith("Fri 27 Nov 2026")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("EUR.toml", b"closed = 1", "EUR: "),
        ("EUR.toml", b"\xff", "cannot be read"),
        ("EUR.toml", b"#" * (OVERRIDE_BYTES_MAX + 1), "is larger than 1048576 bytes"),
        ("eur.toml", b"", "'eur' is no currency with a calendar of its own"),
    ],
)
def test_a_bad_calendar_is_told(calendars: Path, name: str, content: bytes, words: str) -> None:
    """One sentence, exit code 2, and no dates."""
    (calendars / name).write_bytes(content)
    said = run("--calendars", str(calendars), "dates", "EURUSD", "2026-11-23")
    assert (said.exit_code, said.stdout) == (2, "")
    assert words in said.stderr
    missing = run("--calendars", str(calendars / "none"), "dates", "EURUSD")
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (2, True)
