"""Secrets that people put in: their places, encrypted, known in both regions by the same name."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.naming import PRODUCT, key_alias
from stack.profile import Profile

TOKENS = f"{PRODUCT}/tokens"
"""Hashes of the API's tokens, in the form of the product's `tokens.json`."""
SPLUNK = f"{PRODUCT}/splunk"
"""`{"hec_token": ...}`, read by Firehose."""


class Secrets(Construct):
    """Places in the primary region, with replicas where a second one stands ready."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        self._profile = profile
        self._keys = keys
        self.tokens = self._place("Tokens", TOKENS, "Hashes of the API's tokens", "[]")
        if profile.switches.splunk:
            self.splunk = self._place(
                "Splunk", SPLUNK, "The HTTP Event Collector's token", '{"hec_token": ""}'
            )

    def _place(self, id_: str, name: str, description: str, empty: str) -> secretsmanager.CfnSecret:
        replicas = None
        if self._profile.switches.recovery:
            replicas = [
                secretsmanager.CfnSecret.ReplicaRegionProperty(
                    region=self._profile.regions.recovery, kms_key_id=key_alias("secrets")
                )
            ]
        place = secretsmanager.CfnSecret(
            self,
            id_,
            name=name,
            description=f"{description}; put in by runbooks, never by a template",
            kms_key_id=self._keys.secrets.key_arn,
            secret_string=empty,
            replica_regions=replicas,
        )
        place.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        acknowledge(
            place,
            "AwsSolutions::AwsSolutions-SMG4",
            "NIST.800.53.R5::NIST.800.53.R5-SecretsManagerRotationEnabled",
            reason="Others issue it (clients, Splunk): no function could make a new one.",
        )
        return place


def secret_arn(scope: Construct, name: str) -> str:
    """A secret's ARN without the letters that Secrets Manager adds: it can be asked for by it."""
    stack = cdk.Stack.of(scope)
    return f"arn:aws:secretsmanager:{stack.region}:{stack.account}:secret:{name}"


def may_read(scope: Construct, name: str) -> iam.PolicyStatement:
    """Read one secret, whatever six letters end its ARN."""
    return iam.PolicyStatement(
        actions=["secretsmanager:GetSecretValue"], resources=[f"{secret_arn(scope, name)}-??????"]
    )
