"""Analytics: the warehouse and the batch fleet, each where it is switched on."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.capabilities.analytics import Warehouse
from stack.capabilities.batch_fleet import BatchFleet
from stack.capabilities.keys import Keys
from stack.capabilities.ledger_database import LedgerDatabase
from stack.capabilities.network import Network
from stack.capabilities.runtime_settings import RuntimeSettings
from stack.profile import Profile


class Analytics(cdk.Stack):
    """What thinks about it afterwards; in the primary region alone."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        keys: Keys,
        signing: kms.IKey | None,
        network: Network,
        ledger: LedgerDatabase,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.warehouse: Warehouse | None = None
        self.batch: BatchFleet | None = None
        if profile.switches.redshift:
            self.warehouse = Warehouse(
                self, "Warehouse", profile=profile, keys=keys, network=network
            )
        if profile.switches.batch_fleet and signing is not None:
            settings = RuntimeSettings(
                self, profile=profile, keys=keys, signing=signing, ledger=ledger
            )
            self.batch = BatchFleet(
                self, "Batch", profile=profile, keys=keys, network=network, settings=settings
            )
