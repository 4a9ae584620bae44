"""One call to AWS during a deployment, for what CloudFormation has no type for.

CDK's own custom resource makes it: one small function a stack, which nobody else can start. Its
failure fails the deployment, so it needs no queue for what was lost and no reserved capacity.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as cr
from constructs import Construct, IConstruct

from stack.acknowledge import acknowledge
from stack.capabilities.logging import log_group

LOG_GROUP = "DeploymentCalls"
ROLE = "DeploymentRole"
MEMORY_MB = 192
SINGLETON = f"AWS{cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replace('-', '')}"
"""The id under which CDK keeps its one function of a stack."""


class DeploymentCall(Construct):
    """The call at creation and at each update."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        call: cr.AwsSdkCall,
        actions: Sequence[str],
        resources: Sequence[str],
        key: kms.IKey,
        log_days: int,
        when: Mapping[str, Mapping[str, str]] | None = None,
        also: Sequence[iam.PolicyStatement] = (),
        on_delete: cr.AwsSdkCall | None = None,
    ) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        found = stack.node.try_find_child(LOG_GROUP)
        group = found or log_group(stack, LOG_GROUP, days=log_days, key=key)
        self._call = cr.AwsCustomResource(
            self,
            "Call",
            on_create=call,
            on_update=call,
            on_delete=on_delete,
            install_latest_aws_sdk=False,
            memory_size=MEMORY_MB,
            role=self._role(
                stack,
                cast("logs.ILogGroup", group),
                [
                    iam.PolicyStatement(
                        actions=list(actions), resources=list(resources), conditions=when
                    ),
                    *also,
                ],
            ),
            log_group=cast("logs.ILogGroup", group),
        )

        self._acknowledge(stack)

    @staticmethod
    def _role(
        stack: cdk.Stack, log: logs.ILogGroup, allowed: Sequence[iam.PolicyStatement]
    ) -> iam.Role:
        """The role of the stack's one function grows with each call."""
        found = stack.node.try_find_child(ROLE)
        if isinstance(found, iam.Role):
            role = found
        else:
            role = iam.Role(
                stack,
                ROLE,
                assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
                description="Calls AWS during a deployment",
            )
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[log.log_group_arn],
                )
            )
        for statement in allowed:
            role.add_to_policy(statement)
        return role

    def answer(self, path: str) -> str:
        """What the call answered there; known when it was made."""
        return self._call.get_response_field(path)

    @property
    def role(self) -> IConstruct:
        """The construct on which wildcards are acknowledged."""
        return cdk.Stack.of(self).node.find_child(ROLE)

    @staticmethod
    def _acknowledge(stack: cdk.Stack) -> None:
        function = stack.node.find_child(SINGLETON)
        acknowledge(
            function,
            "NIST.800.53.R5::NIST.800.53.R5-LambdaConcurrency",
            "NIST.800.53.R5::NIST.800.53.R5-LambdaDLQ",
            "NIST.800.53.R5::NIST.800.53.R5-LambdaInsideVPC",
            "PCI.DSS.321::PCI.DSS.321-LambdaInsideVPC",
            "Serverless::Serverless-LambdaDLQ",
            "Serverless::Serverless-LambdaTracing",
            reason="CloudFormation starts it once in a deployment, which fails where it fails; it "
            "speaks to AWS's own endpoints alone.",
        )
