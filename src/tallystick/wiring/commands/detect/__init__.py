"""`tallystick detect`: what is odd, why, how good the detectors are, and which of them run."""

import click

from tallystick.wiring.commands import CONTEXT
from tallystick.wiring.commands.detect.bench_nab import nab
from tallystick.wiring.commands.detect.bench_trades import trades
from tallystick.wiring.commands.detect.container import container


@click.group(context_settings=CONTEXT)
def detect() -> None:
    """See, explain and judge anomalies; measure, train and change the detectors."""


@detect.group(context_settings=CONTEXT)
def bench() -> None:
    """Measure the detectors on public benchmarks and on a simulated desk."""


for command in (nab, trades):
    bench.add_command(command)
for command in (container,):
    detect.add_command(command)
