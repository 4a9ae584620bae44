"""One command of the command line a file; `wiring/cli.py` lists them. Here is what they share."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from tallystick.errors import Refused, TallystickError

if TYPE_CHECKING:
    from tallystick.wiring.server_client import ServerClient

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How every command shows its help, also where it is called by itself."""
JSON = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
BY = click.option("--by", default=lambda: os.environ.get("USER", "operator"), help="Who does it.")
REASON = click.option("--reason", required=True, help="Why; it is written into the ledger.")

EXIT_REFUSED = 1
"""The server, or the rule that holds for it, says no."""
EXIT_CANNOT = 2
"""What was asked for cannot be done or told: wrong settings, nobody there, misused options."""


def fail(sentence: str, status: int = EXIT_CANNOT) -> NoReturn:
    """End the program with a sentence for its user."""
    click.echo(f"tallystick: {sentence}", err=True)
    sys.exit(status)


F = TypeVar("F", bound=Callable[..., None])


def server_options(scope: str = "operate") -> Callable[[F], F]:
    """`--url` and `--token`: the running server that is asked, by a token with this scope."""
    url = click.option("--url", help="The server; by default the one that runs on the data folder.")
    token = click.option(
        "--token", envvar="TALLYSTICK_TOKEN", help=f"A token with the scope {scope}."
    )
    return lambda command: url(token(command))


@contextmanager
def refusals_told() -> Iterator[None]:
    """Whatever is refused, or cannot be told, ends the program with its sentence."""
    try:
        yield
    except Refused as refusal:
        fail(str(refusal), EXIT_REFUSED)
    except TallystickError as error:
        fail(str(error))


@contextmanager
def connected(url: str | None, token: str | None, advice: str = "") -> Iterator["ServerClient"]:
    """The server that is named, or that runs on the data folder; what it refuses is told.

    `advice` is told where no answer comes.
    """
    from tallystick.wiring.server_client import ServerClient, place_of  # noqa: PLC0415  fast help

    with refusals_told(), closing(ServerClient(*place_of(url, token), advice=advice)) as server:
        yield server
