#!/usr/bin/env python3
"""Restores the newest backup of one resource beside the old one; nothing is overwritten.

The ledger's restored cluster refuses to sign while it lacks entries: the guard knows the head that
was signed last. `reset_guard.py` is the decision that they are lost. `--from-copy` takes the other
region's copy.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, Until

NAME = "restore_backup"
VAULT = "tallystick-vault"
METADATA = {
    "Aurora": {
        "DBClusterIdentifier": "tallystick-ledger-restored",
        "Engine": "aurora-postgresql",
        "DBSubnetGroupName": "{subnet_group}",
        "VpcSecurityGroupIds": "{security_group}",
        "EnableIAMDatabaseAuthentication": "true",
    },
    "DynamoDB": {"targetTableName": "tallystick-state-restored", "encryptionType": "KMS"},
    "S3": {"NewBucket": "false", "DestinationBucketName": "{bucket}", "Encrypted": "true"},
}
HOURS_MAX = 6


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--kind", choices=sorted(METADATA), default="Aurora")
    made.add_argument("--role", default="arn:aws:iam::333333333333:role/tallystick-backup")
    made.add_argument("--subnet-group", default="tallystick-data")
    made.add_argument("--security-group", default="sg-00000000000000000")
    made.add_argument("--bucket", default="tallystick-restored")
    made.add_argument(
        "--from-copy", action="store_true", help="take the copy in the recovery region"
    )
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Find the newest point, look at it, restore, wait."""
    region = arguments.recovery if arguments.from_copy else arguments.primary
    newest = "points.RecoveryPoints | sort_by(@, &to_string(CreationDate)) | [-1]"
    about = {
        key: value.format(**vars(arguments)) for key, value in METADATA[arguments.kind].items()
    }
    return [
        Call(
            "what lies in the vault",
            "backup",
            "list_recovery_points_by_backup_vault",
            region,
            {"BackupVaultName": VAULT, "ByResourceType": arguments.kind},
            name="points",
        ),
        Check(
            "the newest is complete",
            Answer(f"{newest}.Status"),
            lambda is_: is_ == "COMPLETED",
            "COMPLETED",
        ),
        Call(
            "restore it beside the old one",
            "backup",
            "start_restore_job",
            region,
            {
                "RecoveryPointArn": Answer(f"{newest}.RecoveryPointArn"),
                "Metadata": about,
                "IamRoleArn": arguments.role,
                "ResourceType": arguments.kind,
            },
            name="job",
        ),
        Until(
            Call(
                "it is restored",
                "backup",
                "describe_restore_job",
                region,
                {"RestoreJobId": Answer("job.RestoreJobId")},
                name="restored",
            ),
            "Status",
            wanted="COMPLETED",
            seconds_max=HOURS_MAX * 3_600,
        ),
        Say("Compare it: `tallystick check`; point at it; where entries are lost, reset_guard.py."),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
