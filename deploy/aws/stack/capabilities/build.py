"""One step of the pipeline that runs commands: a CodeBuild project with a role of its own.

Its commands stand in `delivery/NAME.yaml`, beside the code that they build.
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.private_bucket import PrivateBucket, wildcard_of
from stack.naming import PRODUCT

IMAGE = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
BUILDSPECS = "deploy/aws/delivery"
MINUTES_MAX = 60
QUEUED_MINUTES_MAX = 60
Project = codebuild.CfnProject


class Build(Construct):
    """A project that reads and writes the pipeline's artefacts, and may do what is said of it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        keys: Keys,
        artefacts: PrivateBucket,
        log_days: int,
        environment: Mapping[str, str] | None = None,
        roles_to_assume: Sequence[str] = (),
        large: bool = False,
        statements: Sequence[iam.PolicyStatement] = (),
        containers: bool = False,
    ) -> None:
        """`containers`: it builds images, for which CodeBuild wants its privileged mode."""
        super().__init__(scope, id_)
        self.step = id_.lower()
        log = log_group(self, "Log", days=log_days, key=keys.logs)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
            description=f"The pipeline's step {self.step}",
        )
        self._may(log.log_group_arn, artefacts, keys.archive, roles_to_assume)
        for statement in statements:
            self.role.add_to_policy(statement)
        variables = [
            Project.EnvironmentVariableProperty(name=name, value=value)
            for name, value in (environment or {}).items()
        ]
        self.project = Project(
            self,
            "Project",
            name=f"{PRODUCT}-{self.step}",
            description=f"{BUILDSPECS}/{self.step}.yaml",
            service_role=self.role.role_arn,
            encryption_key=keys.archive.key_arn,
            source=Project.SourceProperty(
                type="CODEPIPELINE", build_spec=f"{BUILDSPECS}/{self.step}.yaml"
            ),
            artifacts=Project.ArtifactsProperty(type="CODEPIPELINE"),
            environment=Project.EnvironmentProperty(
                type="ARM_CONTAINER",
                image=IMAGE,
                compute_type="BUILD_GENERAL1_LARGE" if large else "BUILD_GENERAL1_SMALL",
                privileged_mode=containers,
                environment_variables=variables or None,
            ),
            logs_config=Project.LogsConfigProperty(
                cloud_watch_logs=Project.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=log.log_group_name
                )
            ),
            timeout_in_minutes=MINUTES_MAX,
            queued_timeout_in_minutes=QUEUED_MINUTES_MAX,
        )
        self.project.node.add_dependency(self.role)
        acknowledge(
            self.project,
            "PCI.DSS.321::PCI.DSS.321-CodeBuildProjectSourceRepoUrl",
            reason="The source is the pipeline's artefact; there is no repository address and no "
            "credential in the project.",
        )
        if containers:
            acknowledge(
                self.project,
                "AwsSolutions::AwsSolutions-CB3",
                reason="An image is built by a container engine, which CodeBuild gives in this "
                "mode alone; the project reaches no account but its own, and pushes, nothing else.",
            )
        self.name = f"{PRODUCT}-{self.step}"
        stack = cdk.Stack.of(self)
        self.arn = f"arn:aws:codebuild:{stack.region}:{stack.account}:project/{self.name}"

    def _may(
        self, log_arn: str, artefacts: PrivateBucket, key: kms.IKey, assume: Sequence[str]
    ) -> None:
        for actions, resources in (
            (("logs:CreateLogStream", "logs:PutLogEvents"), [log_arn]),
            (
                ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
                [artefacts.arn_for_objects("*")],
            ),
            (("kms:Decrypt", "kms:GenerateDataKey"), [key.key_arn]),
            (("sts:AssumeRole",), list(assume)),
        ):
            if resources:
                self.role.add_to_policy(
                    iam.PolicyStatement(actions=list(actions), resources=resources)
                )
        artefact_objects = wildcard_of(artefacts)
        acknowledge(
            self.role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{artefact_objects}]",
            reason="The pipeline names the artefacts of each run itself; nothing else lies in "
            "this bucket.",
        )
