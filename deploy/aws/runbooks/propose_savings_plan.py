#!/usr/bin/env python3
"""Proposes a savings plan from what was used, and buys it only when told to.

A plan is a promise of one or three years, so no code makes it by itself: `--buy OFFERING` is a
person's decision, for the commitment that the proposal named.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Call, Step

NAME = "propose_savings_plan"
REGION = "us-east-1"
"""Where both services are."""
TERMS = {"1": "ONE_YEAR", "3": "THREE_YEARS"}


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--years", choices=sorted(TERMS), default="1")
    made.add_argument("--buy", metavar="OFFERING", help="id of the offering to be bought")
    made.add_argument(
        "--usd-per-hour", default="0.10", help="commitment of the plan that is bought"
    )
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """What is recommended, what is offered, and, if told so, the purchase."""
    seconds = int(arguments.years) * 31_536_000
    made: list[Step] = [
        Call(
            "what Cost Explorer recommends",
            "ce",
            "get_savings_plans_purchase_recommendation",
            REGION,
            {
                "SavingsPlansType": "COMPUTE_SP",
                "TermInYears": TERMS[arguments.years],
                "PaymentOption": "NO_UPFRONT",
                "LookbackPeriodInDays": "SIXTY_DAYS",
            },
            name="proposal",
        ),
        Call(
            "what is offered",
            "savingsplans",
            "describe_savings_plans_offerings",
            REGION,
            {
                "planTypes": ["Compute"],
                "paymentOptions": ["No Upfront"],
                "durations": [seconds],
                "currencies": ["USD"],
            },
            name="offers",
        ),
    ]
    if arguments.buy:
        made.append(
            Call(
                "buy it",
                "savingsplans",
                "create_savings_plan",
                REGION,
                {
                    "savingsPlanOfferingId": arguments.buy,
                    "commitment": arguments.usd_per_hour,
                    "tags": {"Product": "tallystick"},
                },
            )
        )
    return made


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
