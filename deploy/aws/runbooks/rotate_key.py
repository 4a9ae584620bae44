#!/usr/bin/env python3
"""Gives a key new material today instead of on its yearly day, and secrets a new value.

Old material stays and decrypts what it encrypted. The signing key is not rotated by AWS: a new one
is announced in the ledger first (`tallystick keys`), because verifiers know it by its public half.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Call, Step, Until

NAME = "rotate_key"
PURPOSES = ("ledger", "logs", "archive", "messages", "secrets", "page")


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--purpose", choices=PURPOSES, action="append", help="by default all")
    made.add_argument(
        "--secret", action="append", default=[], help="a secret's name, to be rotated too"
    )
    made.add_argument("--region", help="by default both regions")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Each key in each region, then each secret in the primary."""
    regions = [arguments.region] if arguments.region else [arguments.primary, arguments.recovery]
    made: list[Step] = []
    for region in regions:
        for purpose in arguments.purpose or PURPOSES:
            alias = f"alias/tallystick/{purpose}"
            key = f"{purpose}_{region}"
            made += [
                Call(f"the key {alias}", "kms", "describe_key", region, {"KeyId": alias}, name=key),
                Call("new material", "kms", "rotate_key_on_demand", region, {"KeyId": alias}),
                Until(
                    Call("it has it", "kms", "get_key_rotation_status", region, {"KeyId": alias}),
                    "OnDemandRotationStartDate",
                    wanted=None,
                ),
            ]
    for secret in arguments.secret:
        made.append(
            Call(
                f"a new value for {secret}",
                "secretsmanager",
                "rotate_secret",
                arguments.primary,
                {"SecretId": secret, "RotateImmediately": True},
            )
        )
    return made


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
