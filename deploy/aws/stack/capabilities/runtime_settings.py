"""What the product's runtime is told, and what it may touch: one method a kind of work.

The names are those of `tallystick.wiring.aws.settings`; a function is given only what it needs.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.ledger_database import LedgerDatabase
from stack.capabilities.private_function import may_use
from stack.capabilities.secrets import TOKENS, may_read, secret_arn
from stack.naming import (
    BUS,
    DEAD_STREAM,
    ENTRIES_STREAM,
    GUARD_TABLE,
    PRODUCT,
    STATE_TABLE,
    key_alias,
)
from stack.profile import Profile

Settings = dict[str, str]
Statements = list[iam.PolicyStatement]


class RuntimeSettings:
    """Settings and permissions of the runtime in one region."""

    def __init__(
        self,
        scope: Construct,
        *,
        profile: Profile,
        keys: Keys,
        signing: kms.IKey,
        ledger: LedgerDatabase,
    ) -> None:
        self._scope = scope
        self._stack = cdk.Stack.of(scope)
        self._profile = profile
        self._keys = keys
        self._signing = signing
        self._ledger = ledger
        regions = profile.regions
        self._guard_region = regions.recovery
        """Away from where the ledger writes; after a failover `runbooks/promote_guard.py` tells
        the recovery region's functions of the primary's."""
        self._guard_regions = [regions.recovery]
        if self._stack.region == regions.recovery:
            self._guard_regions.append(regions.primary)

    def writing(self) -> Settings:
        """For who appends to the ledger."""
        return self._of_ledger() | {
            "TALLYSTICK_KEYS": f"kms:{self._signing.key_arn}",
            "TALLYSTICK_ORIGIN": f"{self._profile.domain}/ledger",
            "TALLYSTICK_GUARD": f"dynamodb://{self._guard_region}/{GUARD_TABLE}",
            "TALLYSTICK_STATE": self._state(),
            "TALLYSTICK_TOKENS": secret_arn(self._scope, TOKENS),
        }

    def writing_statements(self) -> Statements:
        """Append, sign, keep the guard's head, read prices and tokens."""
        return [
            self._connect(),
            iam.PolicyStatement(
                actions=["kms:Sign", "kms:GetPublicKey"], resources=[self._signing.key_arn]
            ),
            self._on_guard("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            self._guards_key(),
            self._on_state("dynamodb:GetItem"),
            may_use(self._keys.ledger.key_arn),
            may_read(self._scope, TOKENS),
        ]

    def tending(self) -> Settings:
        """For who tends prices, resting orders and margin: a writer."""
        return {k: v for k, v in self.writing().items() if k != "TALLYSTICK_TOKENS"}

    def tending_statements(self) -> Statements:
        """As a writer, and put prices into the state table."""
        return [
            *self.writing_statements()[:-1],
            self._on_state("dynamodb:PutItem", "dynamodb:UpdateItem"),
        ]

    def relaying(self) -> Settings:
        """For who says the ledger's entries on the stream: a reader, who asks for no signature."""
        return self._of_ledger() | {
            "TALLYSTICK_KEYS": f"kms-public:{self._signing.key_arn}",
            "TALLYSTICK_ORIGIN": f"{self._profile.domain}/ledger",
            "TALLYSTICK_GUARD": f"dynamodb://{self._guard_region}/{GUARD_TABLE}",
            "TALLYSTICK_STATE": self._state(),
            "TALLYSTICK_STREAM": f"kinesis://{self._stack.region}/{PRODUCT}",
        }

    def relaying_statements(self) -> Statements:
        """Read the ledger, know its key, keep the cursor, put records; it cannot sign."""
        return [
            self._connect(),
            iam.PolicyStatement(actions=["kms:GetPublicKey"], resources=[self._signing.key_arn]),
            self._on_guard("dynamodb:GetItem", "dynamodb:UpdateItem"),
            self._guards_key(),
            self._on_state("dynamodb:GetItem", "dynamodb:UpdateItem"),
            may_use(self._keys.ledger.key_arn),
            iam.PolicyStatement(
                actions=[
                    "kinesis:PutRecords",
                    "kinesis:DescribeStreamSummary",
                    "kinesis:ListShards",
                ],
                resources=[
                    self._arn("kinesis", f"stream/{ENTRIES_STREAM}"),
                    self._arn("kinesis", f"stream/{DEAD_STREAM}"),
                ],
            ),
            may_use(self._keys.messages.key_arn),
        ]

    def verifying(self) -> Settings:
        """For who checks the whole ledger: from a reader, past the proxy, with public keys."""
        return {
            "TALLYSTICK_LEDGER": self._ledger.reader_address,
            "TALLYSTICK_LEDGER_LOGIN": "iam",
            "TALLYSTICK_LEDGER_TLS": "verify-full",
            "TALLYSTICK_LEDGER_AUTHORITIES": "rds",
            "TALLYSTICK_LEDGER_POOLED": "false",
            "TALLYSTICK_KEYS": f"kms-public:{self._signing.key_arn}",
            "TALLYSTICK_ORIGIN": f"{self._profile.domain}/ledger",
            "TALLYSTICK_GUARD": f"dynamodb://{self._guard_region}/{GUARD_TABLE}",
        }

    def verifying_statements(self) -> Statements:
        """Read the ledger, its public key and the guard's head; nothing is written anywhere."""
        return [
            iam.PolicyStatement(actions=["rds-db:connect"], resources=[self._ledger.reader_arn]),
            iam.PolicyStatement(actions=["kms:GetPublicKey"], resources=[self._signing.key_arn]),
            self._on_guard("dynamodb:GetItem"),
            self._guards_key("kms:Decrypt"),
        ]

    def authorising(self) -> Settings:
        """For who only looks at tokens."""
        return {"TALLYSTICK_TOKENS": secret_arn(self._scope, TOKENS)}

    def authorising_statements(self) -> Statements:
        """Read the tokens."""
        return [may_read(self._scope, TOKENS)]

    def _of_ledger(self) -> Settings:
        past_the_proxy = {"TALLYSTICK_LEDGER_AUTHORITIES": "rds"}
        return {
            "TALLYSTICK_LEDGER": self._ledger.address,
            "TALLYSTICK_LEDGER_LOGIN": "iam",
            "TALLYSTICK_LEDGER_TLS": "verify-full",
            "TALLYSTICK_LEDGER_POOLED": str(self._ledger.proxy is not None).lower(),
        } | (past_the_proxy if self._ledger.proxy is None else {})

    def _state(self) -> str:
        return f"dynamodb://{self._stack.region}/{STATE_TABLE}"

    def _connect(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(actions=["rds-db:connect"], resources=[self._ledger.user_arn])

    def _on_state(self, *actions: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=list(actions), resources=[self._arn("dynamodb", f"table/{STATE_TABLE}")]
        )

    def _on_guard(self, *actions: str) -> iam.PolicyStatement:
        account = self._stack.account
        tables = [
            f"arn:aws:dynamodb:{region}:{account}:table/{GUARD_TABLE}"
            for region in self._guard_regions
        ]
        return iam.PolicyStatement(actions=list(actions), resources=tables)

    def answer_wildcards(self, role: iam.IRole) -> None:
        """Say on a role why it names the guard's key by its alias."""
        for keys in self._guards_keys():
            acknowledge(
                role,
                f"AwsSolutions::AwsSolutions-IAM5[Resource::{keys}]",
                reason="The guard's key belongs to another stack or region: a condition names it "
                "by its alias.",
            )

    def _guards_keys(self) -> list[str]:
        account = self._stack.account
        return [f"arn:aws:kms:{region}:{account}:key/*" for region in self._guard_regions]

    def _guards_key(self, *actions: str) -> iam.PolicyStatement:
        """Use the guard's key, known by its alias."""
        return iam.PolicyStatement(
            actions=list(actions or ("kms:Decrypt", "kms:GenerateDataKey")),
            resources=self._guards_keys(),
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": key_alias("guard")}},
        )

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._stack.region}:{self._stack.account}:{resource}"


def bus_arn(scope: Construct) -> str:
    """The event bus of the scope's region."""
    stack = cdk.Stack.of(scope)
    return f"arn:aws:events:{stack.region}:{stack.account}:event-bus/{BUS}"
