#!/usr/bin/env python3
"""Breaks something on purpose, and measures what the table of recovery times promises.

Each experiment says what we believe, looks that all is well before, is given up by its abort
condition, and puts back what it broke, also when it is stopped by hand. Run it in staging every
month and in production every quarter, announced; write what was seen into the incident log.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from experiments import EXPERIMENTS, WATCH
from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, Until

NAME = "game_day"
QUIET_SECONDS_MAX = 900


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--what", choices=sorted(EXPERIMENTS), default="database")
    made.add_argument("--domain", default="tallystick.example.com")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Look that all is well, break, watch, put back, look again."""
    region = arguments.primary
    experiment = EXPERIMENTS[arguments.what]
    kinds = ["CompositeAlarm"]
    ringing = {"StateValue": "ALARM", "AlarmNamePrefix": WATCH, "AlarmTypes": kinds}
    said = {"HistoryItemType": "StateUpdate", "AlarmTypes": [*kinds, "MetricAlarm"]}
    return [
        Say(
            f"Hypothesis: {experiment.hypothesis} Abort: {experiment.abort} Tell the desk that "
            "the game begins. Keep placing orders (tallystick load)."
        ),
        _quiet(region, ringing, "before"),
        Check("nothing rings now", Answer("length(before.CompositeAlarms)"), _none, "0"),
        *experiment.breaks(region, arguments.domain),
        Until(_quiet(region, ringing, ""), "length(CompositeAlarms)", 0, QUIET_SECONDS_MAX),
        Call("what rang and when", "cloudwatch", "describe_alarm_history", region, said, "history"),
        Say(
            "Run `tallystick check` and `tallystick verify`: no entry is missing, all proofs hold. "
            "Does the hypothesis?"
        ),
    ]


def _quiet(region: str, ringing: Mapping[str, object], name: str) -> Call:
    return Call("alarms that ring", "cloudwatch", "describe_alarms", region, ringing, name)


def _none(found: int) -> bool:
    return found == 0


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
