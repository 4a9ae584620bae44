"""One command of the command line a file; `wiring/cli.py` lists them. Here is what they share."""

import os
import sys
from typing import NoReturn

import click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How every command shows its help, also where it is called by itself."""
JSON = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
BY = click.option("--by", default=lambda: os.environ.get("USER", "operator"), help="Who does it.")
REASON = click.option("--reason", required=True, help="Why; it is written into the ledger.")

EXIT_CANNOT = 2
"""What was asked for cannot be done or told: wrong settings, nobody there, misused options."""


def fail(sentence: str, status: int = EXIT_CANNOT) -> NoReturn:
    """End the program with a sentence for its user."""
    click.echo(f"tallystick: {sentence}", err=True)
    sys.exit(status)
