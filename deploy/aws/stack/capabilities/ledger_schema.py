"""The ledger's schema: brought to each new version by a function of the deployment."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import triggers
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.dead_letters import dead_letters
from stack.capabilities.keys import Keys
from stack.capabilities.ledger_database import LedgerDatabase
from stack.capabilities.network import Network
from stack.capabilities.private_function import PrivateFunction
from stack.profile import Profile

PREPARE_SECONDS = 120
PREPARE_MB = 512
CALLER = "AWSCDK.TriggerCustomResourceProviderCustomResourceProvider"
"""The id under which CDK keeps the function that starts triggers."""


class LedgerSchema(Construct):
    """The one function that comes as the schema's owner; it runs when its code is another."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        ledger: LedgerDatabase,
    ) -> None:
        super().__init__(scope, id_)
        if ledger.secret is None:
            raise TypeError("only the first member of a global cluster has a schema to prepare")
        made = PrivateFunction(
            self,
            "Prepare",
            profile=profile,
            keys=keys,
            network=network,
            handler="prepare",
            description="Tallystick: brings the ledger's schema to this version",
            environment={
                "TALLYSTICK_LEDGER": ledger.owner_address,
                "TALLYSTICK_LEDGER_LOGIN": "secret",
                "TALLYSTICK_LEDGER_SECRET": ledger.secret.secret_arn,
                "TALLYSTICK_LEDGER_TLS": "verify-full",
                "TALLYSTICK_LEDGER_AUTHORITIES": "rds",
                "TALLYSTICK_LEDGER_POOLED": "false",
            },
            statements=[
                iam.PolicyStatement(
                    actions=["secretsmanager:GetSecretValue"],
                    resources=[ledger.secret.secret_arn],
                )
            ],
            dead_letters=dead_letters(self, "DeadLetters", keys=keys),
            timeout_seconds=PREPARE_SECONDS,
            memory_mb=PREPARE_MB,
            reserved=1,
        )
        self.function = made.function
        self.log_group = made.log_group
        self.run = triggers.Trigger(
            self,
            "Run",
            handler=self.function,
            invocation_type=triggers.InvocationType.REQUEST_RESPONSE,
            timeout=cdk.Duration.seconds(PREPARE_SECONDS),
            execute_after=[ledger.cluster],
        )
        caller = cdk.Stack.of(self).node.find_child(CALLER)
        acknowledge(
            caller,
            "NIST.800.53.R5::NIST.800.53.R5-LambdaConcurrency",
            "NIST.800.53.R5::NIST.800.53.R5-LambdaDLQ",
            "NIST.800.53.R5::NIST.800.53.R5-LambdaInsideVPC",
            "PCI.DSS.321::PCI.DSS.321-LambdaInsideVPC",
            "AwsSolutions::AwsSolutions-L1",
            "Serverless::Serverless-LambdaLatestVersion",
            "Serverless::Serverless-LambdaDLQ",
            "Serverless::Serverless-LambdaTracing",
            reason="CDK's own: CloudFormation starts it once in a deployment, which fails with it.",
        )
