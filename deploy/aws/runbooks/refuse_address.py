#!/usr/bin/env python3
"""Refuses addresses at the web firewall, or lets them in again (`--again`).

The change holds within a minute. The list is replaced whole; a lock token keeps two people from
overwriting each other.
"""

import argparse
import ipaddress
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Step

NAME = "refuse_address"
BEFORE = {
    "REGIONAL": ("tallystick-service-webfirewall", "tallystick-service-signinfirewall"),
    "CLOUDFRONT": ("tallystick-edge-webfirewall",),
}
"""Every web firewall by its scope."""
NOBODY = ("192.0.2.0/24", "2001:db8::/32")
"""Addresses that nobody has: for a rehearsal, and to empty both lists."""


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument(
        "--address", action="append", default=[], help="a network such as 192.0.2.0/24"
    )
    made.add_argument("--scope", choices=("REGIONAL", "CLOUDFRONT"), default="REGIONAL")
    made.add_argument(
        "--again", action="store_true", help="let them in again: the list becomes empty"
    )
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """For each version of the protocol that is named: find the list, replace it."""
    region = "us-east-1" if arguments.scope == "CLOUDFRONT" else arguments.primary
    networks = [ipaddress.ip_network(each) for each in arguments.address or NOBODY]
    made: list[Step] = [
        Call("the lists", "wafv2", "list_ip_sets", region, {"Scope": arguments.scope}, name="lists")
    ]
    for version in sorted({network.version for network in networks}):
        listed = [] if arguments.again else [str(n) for n in networks if n.version == version]
        for firewall in BEFORE[arguments.scope]:
            held = f"lists.IPSets[?Name=='{firewall}-refused-v{version}']"
            made += _refuse(f"{held} | [0]", listed, arguments.scope, region)
    return made


def _refuse(held: str, listed: list[str], scope: str, region: str) -> list[Step]:
    """Replace one list; `held` is the path to what is known of it."""
    unknown = "00000000-0000-0000-0000-000000000000"
    return [
        Check("the list is there", Answer(f"{held}.Id"), bool, "an id"),
        Call(
            "refuse them",
            "wafv2",
            "update_ip_set",
            region,
            {
                "Name": Answer(f"{held}.Name", like="RefusedV4"),
                "Scope": scope,
                "Id": Answer(f"{held}.Id", like=unknown),
                "Addresses": listed,
                "LockToken": Answer(f"{held}.LockToken", like=unknown),
            },
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
