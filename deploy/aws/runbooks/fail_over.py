#!/usr/bin/env python3
"""Lets the recovery region trade.

Planned (`--planned`: the primary region is well) nothing is lost: Aurora switches over when the
copy has caught up. Unplanned, what the copy had not received is lost, at most the RPO; the head
guard then says how much: nothing is signed until `reset_guard.py` says that it is lost.
Afterwards: promote_guard.py, so that the guard is again in the other region.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, Until

NAME = "fail_over"
GLOBAL = "tallystick-ledger"
LOOPS = ("Relay", "Tend")
CAUGHT_UP_MINUTES = 15


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--planned", action="store_true", help="the primary region is well")
    made.add_argument("--domain", default="tallystick.example.com")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Stop the old, move the ledger, wake the new, move the name."""
    return [
        *(_loops("disable_rule", arguments.primary) if arguments.planned else []),
        *_ledger(arguments),
        *_loops("enable_rule", arguments.recovery),
        *_name(arguments),
        Say(
            "Look whether orders are taken: delivery/smoke.py --url https://api."
            f"{arguments.domain}; then promote_guard.py, or, where entries are lost, "
            "reset_guard.py first."
        ),
    ]


def _ledger(arguments: argparse.Namespace) -> list[Step]:
    members = "ledger.GlobalClusters[0].GlobalClusterMembers"
    target = Answer(
        f"{members}[?contains(DBClusterArn, ':{arguments.recovery}:')] | [0].DBClusterArn"
    )
    moved = {"GlobalClusterIdentifier": GLOBAL, "TargetDbClusterIdentifier": target}
    found = Call(
        "which clusters the ledger has",
        "rds",
        "describe_global_clusters",
        arguments.recovery,
        {"GlobalClusterIdentifier": GLOBAL},
        name="ledger",
    )
    if arguments.planned:
        move = Call(
            "the ledger moves when its copy is complete",
            "rds",
            "switchover_global_cluster",
            arguments.recovery,
            moved,
        )
    else:
        move = Call(
            "the ledger moves with what the copy has",
            "rds",
            "failover_global_cluster",
            arguments.recovery,
            {**moved, "AllowDataLoss": True},
        )
    done = Until(
        Call(
            "the recovery region writes",
            "rds",
            "describe_global_clusters",
            arguments.recovery,
            {"GlobalClusterIdentifier": GLOBAL},
            name="moved",
        ),
        f"GlobalClusters[0].GlobalClusterMembers[?contains(DBClusterArn, ':{arguments.recovery}:')]"
        " | [0].IsWriter",
        wanted=True,
        seconds_max=CAUGHT_UP_MINUTES * 60,
    )
    return [found, move, done]


def _loops(operation: str, region: str) -> list[Step]:
    """The functions that work each minute: asleep where the ledger is not."""
    made: list[Step] = []
    for loop in LOOPS:
        key = f"{loop.lower()}_{operation}"
        made += [
            Call(
                f"the rule of {loop}",
                "events",
                "list_rules",
                region,
                {"NamePrefix": f"tallystick-service-{loop}"},
                name=key,
            ),
            Call(
                f"{operation} for {loop}",
                "events",
                operation,
                region,
                {"Name": Answer(f"{key}.Rules[0].Name")},
            ),
        ]
    return made


def _name(arguments: argparse.Namespace) -> list[Step]:
    """Route 53 leaves the primary region by itself when it is silent; this makes sure."""
    host = f"api-{arguments.primary}.{arguments.domain}"
    query = f"HealthChecks[?HealthCheckConfig.FullyQualifiedDomainName=='{host}'] | [0]"
    return [
        Call(
            "the primary region's health check",
            "route53",
            "list_health_checks",
            "us-east-1",
            name="checks",
        ),
        Check("it is there", Answer(f"checks.{query}.Id"), bool, "an id"),
        Call(
            "the name leaves the primary region",
            "route53",
            "update_health_check",
            "us-east-1",
            {"HealthCheckId": Answer(f"checks.{query}.Id"), "Inverted": True},
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
