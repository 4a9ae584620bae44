"""`tallystick detect`: what is odd, why, how good the detectors are, and which of them run."""

import click

from tallystick.wiring.commands import CONTEXT
from tallystick.wiring.commands.detect.anomalies import anomalies, explain
from tallystick.wiring.commands.detect.backtest import backtest
from tallystick.wiring.commands.detect.bench_fraud import fraud
from tallystick.wiring.commands.detect.bench_nab import nab
from tallystick.wiring.commands.detect.bench_sets import sets
from tallystick.wiring.commands.detect.bench_trades import trades
from tallystick.wiring.commands.detect.container import container
from tallystick.wiring.commands.detect.forecast import forecast
from tallystick.wiring.commands.detect.judge import confirm, dismiss
from tallystick.wiring.commands.detect.models import challenge, models, promote, rollback
from tallystick.wiring.commands.detect.train import train


@click.group(context_settings=CONTEXT)
def detect() -> None:
    """See, explain and judge anomalies; measure, train and change the detectors."""


@detect.group(context_settings=CONTEXT)
def bench() -> None:
    """Measure the detectors on public benchmarks and on a simulated desk."""


for command in (fraud, nab, sets, trades):
    bench.add_command(command)
for command in (
    anomalies, backtest, challenge, confirm, container, dismiss, explain, forecast, models, promote,
    rollback, train,
):  # fmt: skip
    detect.add_command(command)
