"""The command line: examples for a newcomer, facts as JSON, mistakes in one sentence."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import click
import pytest

from tallystick import __version__
from tallystick.wiring.cli import main

Run = Callable[..., "CompletedProcess[str]"]


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(main))
SILENT = {
    ("serve",), ("reference",), ("alarms", "delete"), ("incidents", "postmortem"),
    ("oncall", "calendar"),
}  # fmt: skip
"""Commands that print no facts, or write a document in a form of its own."""


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example(tallystick: Run, path: tuple[str, ...]) -> None:
    """`-h` and `--help` say the same, and a line of it can be typed as it stands."""
    short, long = tallystick(*path, "-h"), tallystick(*path, "--help")

    assert short.returncode == long.returncode == 0
    assert short.stdout == long.stdout
    assert re.search(rf"^ +(\w+=\S+ )*tallystick {' '.join(path)}", long.stdout, re.MULTILINE)
    options = {option for p in COMMANDS[path].params for option in p.opts if option[:1] == "-"}
    examples = long.stdout.partition("xample")[2]
    shown = set(re.findall(r"(?<!\S)--[a-z-]+", examples.partition("\nOptions:")[0]))
    assert shown <= options | {"--help"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_facts_can_be_had_as_json(path: tuple[str, ...]) -> None:
    """Commands that print facts have `--json`; a server and a writer of files print none."""
    names = {option for parameter in COMMANDS[path].params for option in parameter.opts}

    silent = path in SILENT or path[:2] == ("detect", "container")
    assert ("--json" in names) == (not silent)


def test_the_version(tallystick: Run) -> None:
    """As the package has it."""
    assert tallystick("--version").stdout == f"tallystick, version {__version__}\n"


def test_spot_over_independence_day(tallystick: Run) -> None:
    """The fourth of July counts for a trade of the third: the dollar is the middle currency."""
    run = tallystick("fx", "dates", "EURUSD", "2017-07-03", "--json")

    assert run.returncode == 0
    assert json.loads(run.stdout)["spot"] == "2017-07-05"


def test_dates_for_a_person(tallystick: Run) -> None:
    """Each day that was looked at, and the one it settles on."""
    run = tallystick("fx", "dates", "EUR/USD", "2017-07-03")

    assert run.stdout.startswith("EUR/USD traded on Mon 03 Jul 2017\n")
    assert "settles on Wed 05 Jul 2017\n" in run.stdout
    assert "Independence Day" in run.stdout
    assert tallystick("fx", "dates", "USDJPY").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fx", "dates", "EURXXX"), "EUR/XXX"),
        (("fx", "dates", "EURUSD", "03.07.2017"), "2017-07-03"),
        (("fx", "dates", "EURUSD", "2017-02-30"), "2017-02-30"),
        (("fx", "dates", "EURUSD", "1700-01-03"), "1700"),
        (("reference", "--write", "/proc/nowhere"), "/proc/nowhere"),
    ],
)
def test_a_mistake_is_one_sentence(tallystick: Run, arguments: tuple[str, ...], words: str) -> None:
    """On standard error, with exit code 2; nothing on standard output, no traceback."""
    run = tallystick(*arguments)

    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(r"tallystick: [^\n]+\.\n", run.stderr)
    assert words in run.stderr


@pytest.mark.parametrize("arguments", [("fly",), ("serve", "--port", "1"), ("fx", "dates")])
def test_a_usage_mistake_shows_the_usage(tallystick: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 2 with the way to the help."""
    run = tallystick(*arguments)

    assert run.returncode == 2
    assert "--help" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_reference_is_written_where_it_is_wanted(tallystick: Run, tmp_path: Path) -> None:
    """Each page is named, and the same bytes come out again."""
    folder = tmp_path / "new" / "reference"
    first = tallystick("reference", "--write", str(folder))
    pages = {path.name: path.read_bytes() for path in folder.iterdir()}
    second = tallystick("reference", "--write", str(folder))

    assert first.returncode == second.returncode == 0
    assert first.stdout.split() == [
        str(folder / name)
        for name in ("settings.md", "cli.md", "api.md", "features.md", "reject-codes.md")
    ]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == pages
