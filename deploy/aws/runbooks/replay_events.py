#!/usr/bin/env python3
"""Says past events again on the bus, to those rules that are named (or all).

A replayed event has `replay-name`; those who act on events drop what they know by its position.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Step, Until

NAME = "replay_events"
ARCHIVE = "tallystick"
MINUTES_MAX = 120


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--account", default="333333333333")
    made.add_argument("--start", default="2026-01-01T00:00:00+00:00")
    made.add_argument("--end", default="2026-01-01T01:00:00+00:00")
    made.add_argument("--rule", action="append", default=[], help="ARN of a rule; by default all")
    made.add_argument("--replay", default="tallystick-replay", help="name of the replay")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Start it, watch it end."""
    region = arguments.primary
    bus = f"arn:aws:events:{region}:{arguments.account}:event-bus/tallystick"
    start = dt.datetime.fromisoformat(arguments.start)
    end = dt.datetime.fromisoformat(arguments.end)
    if not start < end:
        raise ValueError("the end is after the start")
    destination: dict[str, object] = {"Arn": bus}
    if arguments.rule:
        destination["FilterArns"] = arguments.rule
    return [
        Call(
            "the archive",
            "events",
            "list_archives",
            region,
            {"EventSourceArn": bus},
            name="archives",
        ),
        Call(
            "say it again",
            "events",
            "start_replay",
            region,
            {
                "ReplayName": arguments.replay,
                "EventSourceArn": Answer(
                    "join('', ['arn:aws:events:"
                    + region
                    + ":"
                    + arguments.account
                    + ":archive/', archives.Archives[0].ArchiveName])"
                ),
                "EventStartTime": start,
                "EventEndTime": end,
                "Destination": destination,
            },
        ),
        Until(
            Call("all said", "events", "describe_replay", region, {"ReplayName": arguments.replay}),
            "State",
            wanted="COMPLETED",
            seconds_max=MINUTES_MAX * 60,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
