"""What a function finds around it: its secrets, tables and environment.

Nothing here is a mock of ours: secrets, tables and streams are asked over HTTP, as on AWS.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships none
from botocore.session import Session

from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import VerifierKey

HOME, OTHER = "eu-west-1", "eu-central-1"
ACCOUNTS = ("desk", *(f"acct-{n}" for n in range(5)))
KEYRING = FileKeyring("ledger.example/aws", b"\x09" * 32)
VKEY = VerifierKey.of(KEYRING.name, KEYRING.public_key)
LIMITS = {
    "order_quantity_max": "50000000", "position_usd_max": "1000000000000.00", "collar_bps": 500,
    "duplicate_window_ms": 1_000, "duplicates_max": 1_000,
}  # fmt: skip
"""Of the accounts here: wide, with every rule in force."""


@dataclass
class World:
    """What a function finds around it."""

    dsn: str
    """Of the role that functions have, with its password."""
    owner: str
    """Of the owner of the schema."""
    endpoint: str
    tokens: dict[str, str]
    """Token by account; `operator` may open accounts."""
    role: str
    """Its role, and the name of its schema."""
    environment: dict[str, str] = field(default_factory=dict)

    def client(self, service: str, region: str = HOME) -> Any:
        """A client of the service."""
        return Session().create_client(
            service, region_name=region, endpoint_url=self.endpoint,
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip


def table(world: World, region: str, prefix: str) -> str:
    """The name of a new table."""
    name = f"{prefix}-{secrets.token_hex(4)}"
    world.client("dynamodb", region).create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    return name


def furnished(world: World, settings: dict[str, str]) -> World:
    """Secrets, tables and the environment that names them; names are this world's own."""
    mark = secrets.token_hex(4)
    records = []
    for name in ("operator", *ACCOUNTS):
        token = world.tokens[name] = f"tally_{secrets.token_urlsafe(24)}"
        scopes = ["trade", "read"] if name != "operator" else ["operate", "read", "audit"]
        digest = sha256(token.encode()).hexdigest()
        account = "desk" if name == "operator" else name
        records.append({"sha256": digest, "name": name, "account": account, "scopes": scopes})
    keeper = world.client("secretsmanager")
    keeper.create_secret(Name=f"keys-{mark}", SecretString=f"{KEYRING.line}\n")
    keeper.create_secret(Name=f"tokens-{mark}", SecretString=json.dumps(records))
    guard, state = table(world, OTHER, "guard"), table(world, HOME, "state")
    events = world.client("events")
    events.create_event_bus(Name=f"bus-{mark}")
    world.environment = {
        "AWS_ENDPOINT_URL": world.endpoint,
        "AWS_REGION": HOME,
        "AWS_DEFAULT_REGION": HOME,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TALLYSTICK_LEDGER": world.dsn,
        "TALLYSTICK_LEDGER_LOGIN": "address",
        "TALLYSTICK_LEDGER_TLS": "off",
        "TALLYSTICK_KEYS": f"secret:keys-{mark}",
        "TALLYSTICK_TOKENS": f"tokens-{mark}",
        "TALLYSTICK_GUARD": f"dynamodb://{OTHER}/{guard}",
        "TALLYSTICK_STATE": f"dynamodb://{HOME}/{state}",
        "TALLYSTICK_BUS": f"bus-{mark}",
        "TALLYSTICK_PRICES": "simulated",
        "TALLYSTICK_SESSION": "always",
    } | {f"TALLYSTICK_{name.upper()}": value for name, value in settings.items()}
    return world


def run_sql(dsn: str, *statements: str) -> None:
    """Run the statements one after the other, in a session of their own."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())
