"""`tallystick fx`: the conventions of the foreign-exchange market, to look up."""

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec

from tallystick.errors import Misconfigured, TallystickError
from tallystick.wiring.commands import CONTEXT

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tallystick.fx import Pair, SpotStep, ValueDates

EXIT_REFUSED = 2
OVERRIDE_BYTES_MAX = 1_048_576
"""Largest file of one currency's dated holidays."""
WIDTH_MAX = 100
"""Widest output; a table that is wider is hard to read."""
_DAY = "%a %d %b %Y"
_COLOURS = {
    "settles": "green", "fixes": "green", "closed": "yellow", "moved": "yellow", "turns": "yellow",
    "target": "cyan",
}  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


@click.group(context_settings=CONTEXT)
@click.option(
    "--calendars",
    envvar="TALLYSTICK_CALENDARS",
    type=click.Path(path_type=Path),
    help="Folder of your own dated holidays, CUR.toml (docs/guides/value-dates.md).",
)
def fx(calendars: Path | None) -> None:
    """Conventions of the foreign-exchange market."""
    if calendars is None:
        return
    from tallystick.fx import use_overrides  # noqa: PLC0415  other commands start faster

    try:
        use_overrides(read_overrides(calendars))
    except TallystickError as error:
        _fail(str(error))


def read_overrides(folder: Path) -> dict[str, str]:
    """The texts of an operator's calendar files, by currency.

    Raises:
        Misconfigured: the folder is not there, or a file is too large or no text.
    """
    texts = {}
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix != ".toml":
                continue
            if path.stat().st_size > OVERRIDE_BYTES_MAX:
                raise Misconfigured(
                    f"{path} is larger than {OVERRIDE_BYTES_MAX} bytes, too much for holidays."
                )
            texts[path.stem] = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"The calendars in {folder} cannot be read: {error}.") from error
    return texts


@fx.command()
@click.argument("pair")
@click.argument("trade_date", required=False)
@click.option("--tenor", help="SPOT, ON, TN, SN, 1W to 3W, 1M to 12M, 15M, 18M, 21M, 1Y or 2Y.")
@click.option("--value-date", help="A broken date: whether it is a good one, and how far away.")
@_JSON
def dates(
    pair: str, trade_date: str | None, tenor: str | None, value_date: str | None, as_json: bool
) -> None:
    """When a trade in PAIR done on TRADE_DATE (today by default) settles, and why.

    Every day that was looked at is shown for each currency, with its holiday. Exit code: 0 the
    dates are there, 2 there are none (a holiday, an unknown pair), with the reason.

    \b
    Examples:
      tallystick fx dates EURUSD 2017-07-03
      tallystick fx dates USD/KRW 2026-09-22 --tenor 1M
      tallystick fx dates EURUSD --value-date 2027-03-15
      tallystick fx dates USD/CAD --json
    """  # noqa: D301  the mark keeps click from wrapping
    if tenor and value_date:
        _fail("Give --tenor or --value-date, not both.")
    try:
        found = _found(pair, trade_date, tenor, value_date)
    except TallystickError as error:
        _fail(str(error))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
        return
    console = _console()
    console.print(f"{found.pair} traded on {found.trade_date:{_DAY}}", highlight=False)
    console.print(_steps(found.steps))
    console.print(_sentence(found), highlight=False, soft_wrap=True)
    for currency in found.provisional:
        note = f"note: {currency} has not announced all of these days yet; they are provisional"
        console.print(note, style="yellow", highlight=False, soft_wrap=True)


@fx.command()
@_JSON
def pairs(as_json: bool) -> None:
    """Every pair with its conventions: precision, spot, settlement, fixing.

    \b
    Examples:
      tallystick fx pairs
      tallystick fx pairs --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.fx import FIXINGS, INSTRUMENTS  # noqa: PLC0415  other commands start faster

    if as_json:
        facts = [
            msgspec.to_builtins(each)
            | {"fixing": msgspec.to_builtins(FIXINGS.get(each.quote)) if _is_ndf(each) else None}
            for each in INSTRUMENTS.values()
        ]
        click.echo(json.dumps(facts, indent=2))
        return
    console = _console()
    console.print(_table_of_pairs(list(INSTRUMENTS.values())))
    console.print(f"{len(INSTRUMENTS)} pairs", highlight=False)


def _found(
    pair: str, trade_date: str | None, tenor: str | None, value_date: str | None
) -> "ValueDates":
    """The dates that were asked for."""
    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.fx import explain, explain_date, parse_instrument, parse_tenor  # noqa: PLC0415
    from tallystick.fx import trade_date as trade_date_of  # noqa: PLC0415

    traded = parse_instrument(pair)
    day = _date(trade_date) if trade_date else trade_date_of(SystemClock().now_ns(), traded)
    if value_date:
        return explain_date(traded, day, _date(value_date))
    return explain(traded, day, parse_tenor(tenor or "SPOT"))


def _steps(steps: "tuple[SpotStep, ...]") -> "Table":
    """One line a day and currency; the day is written once."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("day", "currency", "verdict"):
        table.add_column(title, no_wrap=True, header_style="dim")
    table.add_column("reason", header_style="dim", overflow="fold")
    before = None
    for each in steps:
        day = "" if each.day == before else f"{each.day:{_DAY}}"
        before = each.day
        reason = f"{each.reason} (provisional)" if each.provisional else each.reason
        colour = _COLOURS.get(each.verdict, "")
        verdict = f"[{colour}]{each.verdict}[/]" if colour else each.verdict
        table.add_row(day, each.currency, verdict, escape(reason))
    return table


def _sentence(found: "ValueDates") -> str:
    """The result."""
    settles = f"settles on {found.far:{_DAY}}"
    fixed = f"is fixed on {found.fixing:{_DAY}}" if found.fixing else ""
    if fixed and found.tenor in {"SPOT", "BROKEN"}:
        settles = f"{fixed} and {settles}"
    if found.tenor == "SPOT":
        return f"{found.pair} at spot {settles}"
    distance = f"{abs(found.days)} day{'s' if abs(found.days) != 1 else ''}"
    away = f"{distance} {'before' if found.days < 0 else 'after'} spot" if found.days else "at spot"
    if found.tenor == "BROKEN":
        return f"{found.pair} {settles}, {away}"
    begins = f"begins on {found.near:{_DAY}}{', ' if fixed else ''}{fixed}"
    return f"{found.tenor} of {found.pair} {begins} and {settles}, {away}"


def _table_of_pairs(pairs: "list[Pair]") -> "Table":
    from rich.table import Table  # noqa: PLC0415

    from tallystick.fx import FIXINGS, is_provisional  # noqa: PLC0415
    from tallystick.money import format_decimal  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("pair", "pip", "price step", "spot", "settlement", "provisional", "fixing"):
        table.add_column(title, no_wrap=title != "fixing", header_style="dim", overflow="fold")
    for each in pairs:
        fixing = FIXINGS[each.quote] if _is_ndf(each) else None
        table.add_row(
            each.symbol,
            format_decimal(1, each.pip_digits),
            format_decimal(1, each.price_digits),
            f"T+{each.spot_lag}",
            each.settlement,
            " ".join(code for code in (each.base, each.quote) if is_provisional(code)),
            f"T-{fixing.days} {fixing.rate}" if fixing else "",
        )
    return table


def _is_ndf(pair: "Pair") -> bool:
    return pair.settlement == "ndf"


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415

    console = Console(file=sys.stdout)
    console.width = min(console.width, WIDTH_MAX) if console.is_terminal else WIDTH_MAX
    return console


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        _fail(f"{text!r} is not a date such as 2017-07-03.")


def _fail(sentence: str) -> NoReturn:
    click.echo(f"tallystick: {sentence}", err=True)
    sys.exit(EXIT_REFUSED)
