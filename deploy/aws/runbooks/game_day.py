#!/usr/bin/env python3
"""Breaks something on purpose, and measures what the table of recovery times promises.

The experiment stops by itself when the alarm DoorFails rings. Run it in staging every
month and in production every quarter, announced; write what was seen into the incident log.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, Until

NAME = "game_day"
EXPERIMENTS = {"ledger": "tallystick-ledger-writer-dies"}
MINUTES_MAX = 30


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--what", choices=sorted(EXPERIMENTS), default="ledger")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Look that all is well, break, watch, look again."""
    region = arguments.primary
    name = EXPERIMENTS[arguments.what]
    template = Answer(f"templates.experimentTemplates[?tags.Name=='{name}'] | [0].id", like="EXT0")
    quiet = Call(
        "alarms that ring",
        "cloudwatch",
        "describe_alarms",
        region,
        {"StateValue": "ALARM", "AlarmNamePrefix": "tallystick", "AlarmTypes": ["CompositeAlarm"]},
        name="before",
    )
    return [
        quiet,
        Check("nothing rings now", Answer("length(before.CompositeAlarms)"), lambda n: n == 0, "0"),
        Call("the experiments", "fis", "list_experiment_templates", region, name="templates"),
        Say("Tell the desk that the game begins. Keep placing orders (tallystick load)."),
        Call(
            "break it",
            "fis",
            "start_experiment",
            region,
            {"experimentTemplateId": template, "tags": {"Reason": "game day"}},
            name="game",
        ),
        Until(
            Call(
                "it is over",
                "fis",
                "get_experiment",
                region,
                {"id": Answer("game.experiment.id", like="EXP0")},
                name="over",
            ),
            "experiment.state.status",
            wanted="completed",
            seconds_max=MINUTES_MAX * 60,
        ),
        Call(
            "what rang and when",
            "cloudwatch",
            "describe_alarm_history",
            region,
            {"HistoryItemType": "StateUpdate", "AlarmTypes": ["CompositeAlarm", "MetricAlarm"]},
            name="history",
        ),
        Say(
            "Run `tallystick check` and `tallystick verify`: no entry is missing, all proofs hold."
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
