"""From a commit to production: nothing is deployed that was not tested, synthesised and judged.

    source -> tests -> images -> synthesis -> gates -> staging -> smoke
           -> approval -> production -> smoke

Images, page and templates are made once and handed on: the templates name the images by their
digest, and both stages get theirs from one synthesis. `gates` judges the commit that they were
made of: it synthesises the profile `full` from it once more, with the packs and the validator, and
reads those templates. What differs between that and a stage is its profile. In production
CodeDeploy moves a tenth of the orders first and goes back by itself when an alarm rings
(`order_function`); a stage that fails is rolled back to what ran before it.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codestarnotifications as notifications
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.build import Build
from stack.capabilities.images import Images
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket, wildcard_of
from stack.capabilities.replication import not_replicated
from stack.naming import PAGE_PUBLISHER, PRODUCT, bucket_name
from stack.profile import Profile

STAGES = ("staging", "production")
QUALIFIER = "hnb659fds"
"""CDK's own; `cdk bootstrap --trust DELIVERY_ACCOUNT` makes these roles in each account."""
BOOTSTRAP_ROLES = ("deploy", "file-publishing", "lookup")
EVENTS = (
    "codepipeline-pipeline-pipeline-execution-failed",
    "codepipeline-pipeline-manual-approval-needed",
    "codepipeline-pipeline-manual-approval-failed",
    "codepipeline-pipeline-pipeline-execution-succeeded",
)
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImageScanFindings",
    "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
APPROVAL_MINUTES = 3 * 24 * 60
Pipe = codepipeline.CfnPipeline


class Pipeline(Construct):
    """The pipeline with its steps, its artefacts, and those who hear of it."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, images: Images
    ) -> None:
        super().__init__(scope, id_)
        self._images = images
        self._profile = profile
        self._account = cdk.Stack.of(self).account
        self.artefacts = PrivateBucket(
            self, "Artefacts", key=keys.archive, name=bucket_name(self, "artefacts")
        )
        not_replicated(self.artefacts, "Artefacts are built anew from the commit in any region.")
        self.builds = self._builds(keys)
        self.topic = sns.Topic(
            self,
            "Topic",
            display_name="Tallystick delivery",
            master_key=keys.messages,
            enforce_ssl=True,
        )
        self._listen()
        self.role = self._role(keys)
        self.pipeline = Pipe(
            self,
            "Pipeline",
            name=PRODUCT,
            pipeline_type="V2",
            execution_mode="QUEUED",
            restart_execution_on_update=False,
            role_arn=self.role.role_arn,
            artifact_store=Pipe.ArtifactStoreProperty(
                type="S3",
                location=self.artefacts.bucket_name,
                encryption_key=Pipe.EncryptionKeyProperty(type="KMS", id=keys.archive.key_arn),
            ),
            stages=self._stages(),
            triggers=[self._trigger()],
        )
        self.pipeline.node.add_dependency(self.role)

    @property
    def connection_arn(self) -> str:
        """The connection to the repository; a person confirms it once in the console."""
        region = cdk.Stack.of(self).region
        return (
            f"arn:aws:codeconnections:{region}:{self._account}:connection/"
            f"{self._profile.delivery.connection_id}"
        )

    def _builds(self, keys: Keys) -> dict[str, Build]:
        days = self._profile.retention.log_days
        plain = {"keys": keys, "artefacts": self.artefacts, "log_days": days}
        named = {"PROFILE": self._profile.name}
        made = {
            "tests": Build(self, "Tests", **plain, large=True),  # type: ignore[arg-type]
            "synthesis": Build(self, "Synthesis", **plain, environment=named),  # type: ignore[arg-type]
            "gates": Build(self, "Gates", **plain, environment=named, large=True),  # type: ignore[arg-type]
            "smoke": Build(self, "Smoke", **plain),  # type: ignore[arg-type]
        }
        made["images"] = self._images_build(plain)
        for stage in STAGES:
            made[f"deploy-{stage}"] = Build(
                self,
                f"Deploy-{stage.title()}",
                **plain,  # type: ignore[arg-type]
                environment={**named, "STAGE": stage, **self._page(stage)},
                roles_to_assume=[*self._bootstrap_roles(stage), *self._page_roles(stage)],
            )
        return made

    def _images_build(self, plain: dict[str, object]) -> Build:
        """Builds and pushes both images, and waits for what the scan finds."""
        stack = cdk.Stack.of(self)
        push = iam.PolicyStatement(actions=list(PUSH), resources=self._images.arns)
        login = iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])
        build = Build(
            self,
            "Images",
            **plain,  # type: ignore[arg-type]
            environment={
                "REGISTRY": f"{stack.account}.dkr.ecr.{stack.region}.amazonaws.com",
                "ORDER": self._profile.service.image,
                "DETECTOR": self._profile.stream.detector_image,
            },
            statements=[push, login],
            large=True,
            containers=True,
        )
        acknowledge(
            build.role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="ecr:GetAuthorizationToken takes no resource; everything else is by ARN.",
        )
        return build

    def _bootstrap_roles(self, stage: str) -> list[str]:
        """CDK's roles in the stage's account: what a deployment may is said there."""
        account = self._profile.account(stage)
        regions = self._profile.regions
        return [
            f"arn:aws:iam::{account}:role/cdk-{QUALIFIER}-{role}-role-{account}-{region}"
            for region in (regions.primary, regions.recovery, regions.edge)
            for role in BOOTSTRAP_ROLES
        ]

    def _page(self, stage: str) -> dict[str, str]:
        """What `delivery/publish_page.sh` is told; nothing where there is no page."""
        return {
            name: value
            for role in self._page_roles(stage)
            for name, value in (
                ("PAGE_ROLE", role),
                ("PAGE_DOMAIN", self._profile.of_stage(stage).domain),
                ("PAGE_REGION", self._profile.regions.primary),
            )
        }

    def _page_roles(self, stage: str) -> list[str]:
        account = self._profile.account(stage)
        return [f"arn:aws:iam::{account}:role/{PAGE_PUBLISHER}"] * self._profile.switches.page

    def _stages(self) -> list[Pipe.StageDeclarationProperty]:
        return [
            _stage("Source", [self._source()]),
            _stage("Tests", [self._build("tests", ["source"])]),
            _stage("Images", [self._build("images", ["source"], namespace="images")]),
            _stage("Synthesis", [self._synthesis()]),
            _stage("Gates", [self._build("gates", ["source", "assembly"])]),
            _stage("Staging", self._deploy("staging"), rolled_back=True),
            _stage("Approval", [self._approval()]),
            _stage("Production", self._deploy("production"), rolled_back=True),
        ]

    def _synthesis(self) -> Pipe.ActionDeclarationProperty:
        built = {name: f"#{{images.{name}}}" for name in ("ORDER_IMAGE", "DETECTOR_IMAGE")}
        return self._build("synthesis", ["source"], output="assembly", variables=built)

    def _deploy(self, stage: str) -> list[Pipe.ActionDeclarationProperty]:
        url = f"https://{self._profile.of_stage(stage).api_domain}"
        return [
            self._build(f"deploy-{stage}", ["source", "assembly"]),
            self._build("smoke", ["source"], order=2, variables={"URL": url, "STAGE": stage}),
        ]

    def _source(self) -> Pipe.ActionDeclarationProperty:
        return Pipe.ActionDeclarationProperty(
            name="source",
            action_type_id=_type("Source", "AWS", "CodeStarSourceConnection"),
            configuration={
                "ConnectionArn": self.connection_arn,
                "FullRepositoryId": self._profile.delivery.repository,
                "BranchName": self._profile.delivery.branch,
                "OutputArtifactFormat": "CODE_ZIP",
                "DetectChanges": "false",
            },
            output_artifacts=[Pipe.OutputArtifactProperty(name="source")],
        )

    def _trigger(self) -> Pipe.PipelineTriggerDeclarationProperty:
        push = Pipe.GitPushFilterProperty(
            branches=Pipe.GitBranchFilterCriteriaProperty(includes=[self._profile.delivery.branch])
        )
        return Pipe.PipelineTriggerDeclarationProperty(
            provider_type="CodeStarSourceConnection",
            git_configuration=Pipe.GitConfigurationProperty(
                source_action_name="source", push=[push]
            ),
        )

    def _build(
        self,
        step: str,
        inputs: Sequence[str],
        *,
        output: str | None = None,
        order: int = 1,
        variables: dict[str, str] | None = None,
        namespace: str | None = None,
    ) -> Pipe.ActionDeclarationProperty:
        configuration: dict[str, object] = {
            "ProjectName": self.builds[step].name,
            "PrimarySource": "source",
        }
        if variables:
            listed = [
                {"name": name, "value": value, "type": "PLAINTEXT"}
                for name, value in variables.items()
            ]
            configuration["EnvironmentVariables"] = cdk.Stack.of(self).to_json_string(listed)
        return Pipe.ActionDeclarationProperty(
            name=step,
            action_type_id=_type("Build", "AWS", "CodeBuild"),
            configuration=configuration,
            input_artifacts=[Pipe.InputArtifactProperty(name=name) for name in inputs],
            output_artifacts=[Pipe.OutputArtifactProperty(name=output)] if output else None,
            run_order=order,
            namespace=namespace,
        )

    def _approval(self) -> Pipe.ActionDeclarationProperty:
        """A person looks at staging and says yes; nobody approves what he wrote alone."""
        return Pipe.ActionDeclarationProperty(
            name="approve",
            action_type_id=_type("Approval", "AWS", "Manual"),
            configuration={
                "NotificationArn": self.topic.topic_arn,
                "CustomData": "Staging runs this version and its smoke test passed.",
                "ExternalEntityLink": f"https://{self._profile.of_stage('staging').api_domain}",
            },
            timeout_in_minutes=APPROVAL_MINUTES,
        )

    def _role(self, keys: Keys) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"),
            description="Starts the steps of the pipeline",
        )
        objects = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject")
        for actions, resources in (
            (objects, [self.artefacts.arn_for_objects("*")]),
            (("s3:GetBucketVersioning",), [self.artefacts.bucket_arn]),
            (("kms:Decrypt", "kms:GenerateDataKey"), [keys.archive.key_arn]),
            (("kms:Decrypt", "kms:GenerateDataKey"), [keys.messages.key_arn]),
            (
                ("codebuild:StartBuild", "codebuild:BatchGetBuilds"),
                [build.arn for build in self.builds.values()],
            ),
            (("codeconnections:UseConnection",), [self.connection_arn]),
            (("sns:Publish",), [self.topic.topic_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{wildcard_of(self.artefacts)}]",
            reason="The pipeline names the artefacts of each run itself; nothing else lies in "
            "this bucket.",
        )
        return role

    def _listen(self) -> None:
        """Mail for whoever approves, and for everybody when something failed."""
        if self._profile.contacts.mail:
            mail = sns.CfnSubscription(
                self.topic,
                "Mail",
                topic_arn=self.topic.topic_arn,
                protocol="email",
                endpoint=self._profile.contacts.mail,
            )
            acknowledge(
                mail,
                "Serverless::Serverless-SNSRedrivePolicy",
                reason="What the pipeline says also stands in its own history.",
            )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("codestar-notifications.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self._account}},
            )
        )
        region = cdk.Stack.of(self).region
        notifications.CfnNotificationRule(
            self,
            "Notices",
            name=f"{PRODUCT}-delivery",
            detail_type="FULL",
            event_type_ids=list(EVENTS),
            resource=f"arn:aws:codepipeline:{region}:{self._account}:{PRODUCT}",
            targets=[
                notifications.CfnNotificationRule.TargetProperty(
                    target_type="SNS", target_address=self.topic.topic_arn
                )
            ],
        )


def _type(category: str, owner: str, provider: str) -> Pipe.ActionTypeIdProperty:
    return Pipe.ActionTypeIdProperty(category=category, owner=owner, provider=provider, version="1")


def _stage(
    name: str, actions: Sequence[Pipe.ActionDeclarationProperty], *, rolled_back: bool = False
) -> Pipe.StageDeclarationProperty:
    failed = Pipe.FailureConditionsProperty(result="ROLLBACK") if rolled_back else None
    return Pipe.StageDeclarationProperty(name=name, actions=list(actions), on_failure=failed)
