#!/usr/bin/env python3
"""Says whether the second region could take over now; it changes nothing.

Every morning, and before a change that touches both regions.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of, switches_of
from steps import Answer, Call, Check, Step

NAME = "check_readiness"
GLOBAL = "tallystick-ledger"
GUARD = "tallystick-head-guard"
VAULT = "tallystick-vault"
STATE = "tallystick-state"


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--profile", default="full", help="what was deployed")
    made.add_argument("--log", default="tallystick.example.com/ledger")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """The ledger's copy, the table's copy, the guard, the vault, the alarms.

    Where the profile has no second region, only the guard is there.
    """
    if not switches_of(arguments.profile)["recovery"]:
        return _guard(arguments)
    there = arguments.recovery
    copy = "ledger.GlobalClusters[0].GlobalClusterMembers[?IsWriter==`false`] | [0]"
    connected = f"{copy}.SynchronizationStatus"
    replica = f"state.Table.Replicas[?RegionName=='{there}'] | [0].ReplicaStatus"
    return [
        Call(
            "the ledger's clusters",
            "rds",
            "describe_global_clusters",
            there,
            {"GlobalClusterIdentifier": GLOBAL},
            name="ledger",
        ),
        Check("the copy follows", Answer(connected), lambda is_: is_ == "connected", "connected"),
        Call(
            "the state table",
            "dynamodb",
            "describe_table",
            arguments.primary,
            {"TableName": STATE},
            name="state",
        ),
        Check("its replica is active", Answer(replica), lambda is_: is_ == "ACTIVE", "ACTIVE"),
        *_guard(arguments),
        Call(
            "the vault",
            "backup",
            "describe_backup_vault",
            there,
            {"BackupVaultName": VAULT},
            name="vault",
        ),
        Check("it is locked", Answer("vault.Locked"), lambda is_: is_ is True, "True"),
        Check("copies lie there", Answer("vault.NumberOfRecoveryPoints"), lambda n: n > 0, "some"),
        Call(
            "alarms that ring there",
            "cloudwatch",
            "describe_alarms",
            there,
            {"StateValue": "ALARM", "AlarmNamePrefix": "tallystick"},
            name="alarms",
        ),
        Check("none", Answer("length(alarms.MetricAlarms)"), lambda n: n == 0, "0"),
    ]


def _guard(arguments: argparse.Namespace) -> list[Step]:
    """The signed head's memory, which every profile has in the other region."""
    return [
        Call(
            "the guard knows a head",
            "dynamodb",
            "get_item",
            arguments.recovery,
            {
                "TableName": GUARD,
                "Key": {"id": {"S": f"head {arguments.log}"}},
                "ConsistentRead": True,
            },
            name="guard",
        ),
        Check("there is one", Answer("guard.Item.id.S"), bool, "the log's name"),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
