"""Makes the ledger's schema and the role of the functions: run by a deployment, before all others.

It is the only one that comes as the schema's owner (`TALLYSTICK_LEDGER_LOGIN=secret`), straight to
the cluster (`TALLYSTICK_LEDGER_POOLED=false`): the proxy knows IAM alone. So its server shows a
certificate of RDS' own authorities (`TALLYSTICK_LEDGER_AUTHORITIES=rds`). It may run again at any
time: what is there stays, what a new version brings is added. The functions' role can read and
append, and neither change nor delete an entry; the role with `_reader` behind it can only read.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.clock import Clock, SystemClock
from tallystick.errors import Misconfigured
from tallystick.ledger import PostgresStore
from tallystick.ledger.storage.postgres.faults import FAILURES, explained
from tallystick.ledger.storage.postgres.session import (
    CLOSE_SECONDS_MAX,
    ROLE_SETTINGS,
    Manners,
    open_session,
)
from tallystick.wiring.aws.runtime import manners_of
from tallystick.wiring.aws.settings import read_aws_settings
from tallystick.wiring.aws.snapshots import Snapshots
from tallystick.wiring.aws.telemetry import COUNT, configure, logger, metrics

SCHEMA = "ledger"
ROLE = "tallystick"
READER = "_reader"
"""Behind the role's name: another role, of who only reads."""
_CREATE_ROLE = (resources.files(__package__) / "sql" / "role.sql").read_text()


def prepare(
    environment: Mapping[str, str],
    clock: Clock,
    *,
    schema: str = SCHEMA,
    role: str = ROLE,
    password: str | None = None,
) -> None:
    """Bring the database to this version; `password` of the role where IAM is not there (tests).

    Raises:
        Misconfigured: the names are no plain words.
        TemporaryError, PermanentError: the database cannot be used.
    """
    if not all(name.isidentifier() and name.islower() for name in (schema, role)):
        raise Misconfigured("A schema and a role are named by one plain word in lower case.")
    settings = read_aws_settings(environment)
    manners = manners_of(settings)
    asyncio.run(_run(settings.ledger, manners, list(_before(schema, role, password))))
    separator = "&" if "?" in settings.ledger else "?"
    owner = f"{settings.ledger}{separator}search_path={schema}"
    PostgresStore(owner, clock, manners).close()
    snapshots = Snapshots(owner, manners)
    try:
        snapshots.prepare()
    finally:
        snapshots.close()
    asyncio.run(_run(settings.ledger, manners, list(_after(schema, role))))


def _before(schema: str, role: str, password: str | None) -> Iterator[str]:
    """The schema, and the roles with the settings that a shared session cannot set for itself."""
    yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    for each in (role, role + READER):
        yield _CREATE_ROLE.replace("ROLE_NAME", each)
        yield f"ALTER ROLE {each} SET search_path = {schema}"
        for name, value in ROLE_SETTINGS.items():
            yield f"ALTER ROLE {each} SET {name} = '{value}'"
        if password is not None:
            if not password.isalnum():
                raise Misconfigured("A password given here has letters and digits only.")
            yield f"ALTER ROLE {each} PASSWORD '{password}'"
    yield f"ALTER ROLE {role}{READER} SET default_transaction_read_only = on"


def _after(schema: str, role: str) -> Iterator[str]:
    """As much as a writer needs (docs/guides/postgresql.md), and a reader."""
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}, {role}{READER}"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}{READER}"
    yield f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    yield f"GRANT UPDATE ON {schema}.ledger_head, {schema}.book_snapshot TO {role}"


async def _run(dsn: str, manners: Manners, statements: list[str]) -> None:
    connection = await open_session(dsn, manners)
    try:
        async with connection.transaction():
            for statement in statements:
                await connection.execute(statement)
    except FAILURES as error:
        raise explained(error) from error
    finally:
        await connection.close(timeout=CLOSE_SECONDS_MAX)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Prepare the database; the answer names schema and role."""
    del event, context
    metrics.add_metric("Invocations", COUNT, 1)
    configure("info")
    prepare(os.environ, SystemClock())
    return {"schema": SCHEMA, "role": ROLE}
