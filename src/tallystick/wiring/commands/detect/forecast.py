"""`tallystick detect forecast`: how much will be traded in a pair, and how far it will move."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import CONTEXT, JSON, refusals_told

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.detect.forecast.backtest import Backtest
    from tallystick.watch.detect.forecast.forecaster import Forecast
    from tallystick.watch.detect.forecast.series import Series

STEP_MINUTES = 60
HORIZON_STEPS = 24
SAMPLES_PER_STEP = 60
"""Prices a step that realised volatility is made of."""
ENTRIES_A_TURN = 1_000
MEASURES = ("volume", "volatility")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Source(msgspec.Struct, frozen=True):
    """Where the past comes from; the ledger of the settings where nothing is named."""

    data: Path | None
    ticks: Path | None
    rates: Path | None


@click.command(context_settings=CONTEXT)
@click.argument("pair")
@click.option("--measure", type=click.Choice(MEASURES), help="By default volume where it is known.")
@click.option(
    "--step",
    "minutes",
    type=click.IntRange(1, 1_440),
    default=STEP_MINUTES,
    show_default=True,
    help="Minutes a step.",
)
@click.option(
    "--horizon",
    type=click.IntRange(1, 200),
    default=HORIZON_STEPS,
    show_default=True,
    help="Steps that are forecast.",
)
@click.option(
    "--coverage",
    type=click.FloatRange(0.5, 0.99),
    default=0.9,
    show_default=True,
    help="How often the intervals are to hold.",
)
@click.option("--backtest", "tested", is_flag=True, help="Tell how good forecasts were instead.")
@click.option("--data", type=_FOLDER, help="A data folder, or published files of a ledger.")
@click.option("--ticks", type=_FOLDER, help="Recorded ticks: PAIR/YYYYMMDD_quote.zip below it.")
@click.option("--rates", type=_FILE, help="The ECB's zip of daily rates; volatility alone.")
@JSON
def forecast(  # noqa: PLR0913  as many as there are options
    *,
    pair: str,
    measure: str | None,
    minutes: int,
    horizon: int,
    coverage: float,
    tested: bool,
    data: Path | None,
    ticks: Path | None,
    rates: Path | None,
    as_json: bool,
) -> None:
    """Forecast the volume or the volatility of PAIR, step by step, with intervals.

    The past is what the ledger says was filled (a server may run meanwhile), recorded ticks (their
    number is the volume), or daily rates. Volume is in the base currency, volatility in basis
    points a step. With --backtest the past is walked through and forecasts are compared with the
    last value (naive) and with the same hour before (seasonal naive). Exit code: 0 told, 1 refused
    (too short a past), 2 the past cannot be read.

    \b
    Examples:
      tallystick detect forecast EUR/USD
      tallystick detect forecast EUR/USD --measure volatility --step 15 --json
      tallystick detect forecast EUR/USD --ticks lean/oanda/tick --step 15 --backtest
      tallystick detect forecast EUR/USD --rates eurofxref-hist.zip --backtest
    """  # noqa: D301  the mark keeps click from wrapping
    from rich.console import Console  # noqa: PLC0415  help and completion start faster

    from tallystick.watch.detect.forecast import forecaster  # noqa: PLC0415
    from tallystick.watch.detect.forecast.backtest import backtest  # noqa: PLC0415

    source = Source(data, ticks, rates)
    with refusals_told():
        if sum(each is not None for each in (data, ticks, rates)) > 1:
            raise Misconfigured("Only one of --data, --ticks and --rates can be the past.")
        chosen = measure or ("volatility" if rates is not None else "volume")
        series = _series(source, pair.upper(), chosen, minutes * 60)
        told = Console(stderr=True)
        with told.status("Forecasting"):
            if tested:
                report = backtest(series, coverage=coverage)
            else:
                found = forecaster.forecast(series, horizon, coverage)
    if as_json:
        click.echo(msgspec.json.encode(report if tested else found).decode())
    elif tested:
        _show_backtest(report, Console())
    else:
        _show_forecast(found, Console())


def _series(source: Source, pair: str, measure: str, step_seconds: int) -> "Series":
    from tallystick.watch.detect.forecast import series  # noqa: PLC0415  help starts faster

    if source.rates is not None:
        if measure != "volatility":
            raise Misconfigured("Daily rates tell of volatility alone.")
        return series.daily_moves(pair, series.read_rates(source.rates, pair))
    if source.ticks is not None:
        rows = _ticks(source.ticks, pair, measure)
    else:
        rows = ledger_rows(source.data or _settings_folder(), pair, measure)
    if measure == "volume":
        unit = "ticks" if source.ticks is not None else pair[:3]
        return series.volumes(pair, rows, step_seconds, unit)
    sample = max(1, step_seconds // SAMPLES_PER_STEP)
    return series.volatilities(pair, rows, step_seconds, sample)


def _ticks(folder: Path, pair: str, measure: str) -> Iterator[tuple[float, float]]:
    """(time, 1) or (time, mid) of every recorded tick."""
    from tallystick.clock import NS_PER_SECOND  # noqa: PLC0415  help starts faster
    from tallystick.watch.detect.trades.recorded import Recorded  # noqa: PLC0415

    recorded = Recorded(folder)
    names = {name.replace("/", ""): name for name in recorded.pairs}
    name = names.get(pair.replace("/", ""))
    if name is None:
        raise Misconfigured(f"{folder} has ticks of {', '.join(recorded.pairs)}, not of {pair}.")
    for day in recorded.days:
        for tick in recorded.of_day(name, day):
            value = 1.0 if measure == "volume" else (tick.bid + tick.ask) / 2
            yield tick.at_ns / NS_PER_SECOND, value


def ledger_rows(folder: Path, pair: str, measure: str) -> Iterator[tuple[float, float]]:
    """(time, quantity) of every fill, or (time, mid or fill price) of every order, of a pair."""
    from rich.console import Console  # noqa: PLC0415  help starts faster
    from rich.progress import Progress  # noqa: PLC0415

    from tallystick.watch.detect.observation import OrderSeen  # noqa: PLC0415
    from tallystick.watch.detect.orders.reading import entry_seen  # noqa: PLC0415
    from tallystick.wiring.past import published  # noqa: PLC0415

    entries = published(folder)
    wanted = pair.replace("/", "")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Reading the ledger", total=entries.end)
        for message in entries.messages:
            if message.position % ENTRIES_A_TURN == 0:
                progress.update(task, completed=message.position)
            order = entry_seen(message.position, message.body)
            if not isinstance(order, OrderSeen) or order.pair.replace("/", "") != wanted:
                continue
            if measure == "volume":
                if order.filled > 0:
                    yield order.at_seconds, order.filled
            elif (price := order.mid or order.fill_price) is not None:
                yield order.at_seconds, price


def _settings_folder() -> Path:
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415  help starts faster

    return read_settings(os.environ).folder


def _show_forecast(found: "Forecast", to: "Console") -> None:
    from rich.table import Table  # noqa: PLC0415

    share = f"{found.coverage:.0%}"
    table = Table(title=f"{found.pair} {found.measure}, {found.unit} a step")
    for name in ("step from", "expected", f"{share} from", "to"):
        table.add_column(name, justify="right")
    for point in found.points:
        ends = ("?" if end is None else f"{end:,.4g}" for end in (point.low, point.high))
        table.add_row(point.at[:16].replace("T", " "), f"{point.expected:,.4g}", *ends)
    to.print(table)


def _show_backtest(found: "Backtest", to: "Console") -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(
        title=f"{found.pair} {found.measure}: {found.steps:,} steps, MASE (lower is better)"
    )
    for name in (
        "steps ahead", "tested", "model", "naive", "seasonal naive", "sMAPE", "held",
        f"width, {found.unit}",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for each in found.horizons:
        table.add_row(
            str(each.steps_ahead),
            f"{each.tested:,}",
            *(f"{way.mase:.3f}" for way in (each.model, each.naive, each.seasonal_naive)),
            f"{each.model.smape:.3f}",
            f"{each.coverage:.1%}",
            f"{each.width:,.4g}",
        )
    to.print(table)
    to.print(f"Intervals are to hold {found.coverage_aim:.0%} of the time.")
