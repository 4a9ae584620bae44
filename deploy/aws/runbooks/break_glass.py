#!/usr/bin/env python3
"""Takes the emergency role for an hour, seen by everybody; `--end` takes it back from all.

For when the pipeline cannot help. It wants a second factor that is not older than a quarter of an
hour, tells the critical topic why, and leaves its calls in the audit trail.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Say, Step

NAME = "break_glass"
ROLE = "tallystick-break-glass"
SECONDS = 3_600


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--account", default="333333333333")
    made.add_argument("--user", default="operator", help="who breaks it")
    made.add_argument("--code", default="000000", help="the second factor's code of now")
    made.add_argument("--reason", default="drill", help="told to everybody")
    made.add_argument("--topic", default="", help="ARN; by default the critical topic")
    made.add_argument(
        "--since", default="2026-01-01T00:00:00Z", help="with --end: sessions older end"
    )
    made.add_argument("--end", action="store_true", help="end every session of the role")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Tell, take; or end, and show what was done."""
    return _end(arguments) if arguments.end else _take(arguments)


def _take(arguments: argparse.Namespace) -> list[Step]:
    found = Answer("topics.Topics[?contains(TopicArn, 'AlertsCritical')] | [0].TopicArn")
    return [
        Call("the topics", "sns", "list_topics", arguments.primary, name="topics"),
        Call(
            "everybody hears of it",
            "sns",
            "publish",
            arguments.primary,
            {
                "TopicArn": arguments.topic or found,
                "Subject": "Tallystick: glass broken",
                "Message": f"{arguments.user}: {arguments.reason}",
            },
        ),
        Call(
            "take the role",
            "sts",
            "assume_role",
            arguments.primary,
            {
                "RoleArn": f"arn:aws:iam::{arguments.account}:role/{ROLE}",
                "RoleSessionName": arguments.user,
                "DurationSeconds": SECONDS,
                "SerialNumber": f"arn:aws:iam::{arguments.account}:mfa/{arguments.user}",
                "TokenCode": arguments.code,
                "SourceIdentity": arguments.user,
            },
            name="session",
        ),
        Say("The session is good for an hour. Afterwards run this with --end."),
    ]


def _end(arguments: argparse.Namespace) -> list[Step]:
    ended = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",'
        '"Condition":{"DateLessThan":{"aws:TokenIssueTime":"' + arguments.since + '"}}}]}'
    )
    return [
        Call(
            "sessions that were taken before end now",
            "iam",
            "put_role_policy",
            "us-east-1",
            {"RoleName": ROLE, "PolicyName": "SessionsEnded", "PolicyDocument": ended},
        ),
        Call(
            "what was done",
            "cloudtrail",
            "lookup_events",
            arguments.primary,
            {"LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": arguments.user}]},
            name="done",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
