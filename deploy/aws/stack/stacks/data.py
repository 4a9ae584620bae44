"""Data, one a region: the ledger's database, the state table, the cache."""

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities.cache import Cache
from stack.capabilities.keys import Keys
from stack.capabilities.ledger_database import LedgerDatabase
from stack.capabilities.ledger_schema import LedgerSchema
from stack.capabilities.network import Network
from stack.capabilities.state_table import StateTable
from stack.profile import Profile


class Data(cdk.Stack):
    """What remembers. In the recovery region the table comes as a replica of the first one."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        keys: Keys,
        network: Network,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.ledger = LedgerDatabase(self, "Ledger", profile=profile, keys=keys, network=network)
        self.schema: LedgerSchema | None = None
        if self.ledger.primary:
            self.schema = LedgerSchema(
                self,
                "Schema",
                profile=profile,
                keys=keys,
                network=network,
                ledger=self.ledger,
            )
        self.state: StateTable | None = None
        if self.ledger.primary:
            self.state = StateTable(self, "State", profile=profile, keys=keys)
        self.cache: Cache | None = None
        if profile.switches.elasticache:
            self.cache = Cache(self, "Cache", profile=profile, keys=keys, network=network)
