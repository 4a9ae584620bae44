#!/usr/bin/env python3
"""Asks the warehouse, or makes the view by which it follows the stream of entries.

Without `--query` it runs `analytics/view.sql`, once after the warehouse was switched on; with it,
one of the queries beside that file. The statements go to Redshift's Data API, as the owner of the
warehouse, whose password AWS keeps.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner import main, parser_of
from steps import Answer, Call, Check, Step, Until

NAME = "query_warehouse"
WAREHOUSE = "tallystick-warehouse"
DATABASE = "tallystick"
STATEMENTS = Path(__file__).resolve().parents[1] / "analytics"
QUERIES = ("turnover", "rejections", "missing")
STATEMENT_SECONDS_MAX = 600


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--query", choices=QUERIES, help="a query to ask, in place of the view")
    return made


def statements(name: str) -> list[str]:
    """Of one file, without its comments."""
    lines = (STATEMENTS / f"{name}.sql").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return [each.strip() for each in text.split(";") if each.strip()]


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Find the owner's secret, run one statement after the other, show what came of a query."""
    return list(_steps(arguments.primary, arguments.query))


def _steps(region: str, query: str | None) -> Iterator[Step]:
    secret = Answer(
        "found.namespace.adminPasswordSecretArn",
        like=f"arn:aws:secretsmanager:{region}:333333333333:secret:redshift!owner-AbCdEf",
    )
    yield Call(
        "where the owner's password is",
        "redshift-serverless",
        "get_namespace",
        region,
        {"namespaceName": WAREHOUSE},
        name="found",
    )
    for number, statement in enumerate(statements(query or "view")):
        sent = f"sent{number}"
        its_id = Answer(f"{sent}.Id", like="00000000-0000-0000-0000-000000000000")
        yield Call(
            f"{query or 'view'}, statement {number + 1}",
            "redshift-data",
            "execute_statement",
            region,
            {
                "WorkgroupName": WAREHOUSE,
                "Database": DATABASE,
                "SecretArn": secret,
                "Sql": statement,
            },
            name=sent,
        )
        yield Until(
            Call("it ended", "redshift-data", "describe_statement", region, {"Id": its_id}),
            "Status",
            "FINISHED",
            STATEMENT_SECONDS_MAX,
        )
        if query is not None:
            yield Call(
                "its rows",
                "redshift-data",
                "get_statement_result",
                region,
                {"Id": its_id},
                name="rows",
            )
            yield Check(
                "rows came", Answer("rows.Records", like=[]), lambda _rows: True, "any number"
            )


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
