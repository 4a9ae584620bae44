#!/usr/bin/env python3
"""Brings trading back to the primary region, without loss.

The ledger switches over when the primary's copy has caught up; orders are refused for that moment.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Say, Step, Until

NAME = "fail_back"
GLOBAL = "tallystick-ledger"
MINUTES_MAX = 30


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--domain", default="tallystick.example.com")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Sleep there, switch over, wake here, give the name back."""
    at_home = f"[?contains(DBClusterArn, ':{arguments.primary}:')] | [0]"
    members = "GlobalClusters[0].GlobalClusterMembers"
    host = f"api-{arguments.primary}.{arguments.domain}"
    check = f"HealthChecks[?HealthCheckConfig.FullyQualifiedDomainName=='{host}'] | [0].Id"
    whole = {"GlobalClusterIdentifier": GLOBAL}
    return [
        Call(
            "which clusters the ledger has",
            "rds",
            "describe_global_clusters",
            arguments.primary,
            whole,
            name="ledger",
        ),
        *_loops("disable_rule", arguments.recovery),
        Call(
            "the ledger comes home when its copy is complete",
            "rds",
            "switchover_global_cluster",
            arguments.primary,
            {
                **whole,
                "TargetDbClusterIdentifier": Answer(f"ledger.{members}{at_home}.DBClusterArn"),
            },
        ),
        Until(
            Call(
                "the primary region writes",
                "rds",
                "describe_global_clusters",
                arguments.primary,
                whole,
            ),
            f"{members}{at_home}.IsWriter",
            wanted=True,
            seconds_max=MINUTES_MAX * 60,
        ),
        *_loops("enable_rule", arguments.primary),
        Call(
            "the primary region's health check",
            "route53",
            "list_health_checks",
            "us-east-1",
            name="checks",
        ),
        Call(
            "the name comes home",
            "route53",
            "update_health_check",
            "us-east-1",
            {"HealthCheckId": Answer(f"checks.{check}"), "Inverted": False},
        ),
        Say("Run promote_guard.py --home, so that the guard is in the recovery region again."),
    ]


def _loops(operation: str, region: str) -> list[Step]:
    made: list[Step] = []
    for loop in ("Relay", "Tend"):
        key = f"{loop.lower()}_{operation}"
        listed = {"NamePrefix": f"tallystick-service-{loop}"}
        made += [
            Call(f"the rule of {loop}", "events", "list_rules", region, listed, name=key),
            Call(
                f"{operation} for {loop}",
                "events",
                operation,
                region,
                {"Name": Answer(f"{key}.Rules[0].Name")},
            ),
        ]
    return made


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
