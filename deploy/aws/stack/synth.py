"""Builds the whole app of one profile and stage, offline: nothing is looked up, ever."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from stack.capabilities.edge_log import edge_log_name
from stack.managed_policies import ManagedPolicies
from stack.naming import BOUNDARY, PRODUCT, bucket_arn
from stack.profile import Profile
from stack.stacks.analytics import Analytics
from stack.stacks.data import Data
from stack.stacks.delivery import Delivery
from stack.stacks.edge import Edge
from stack.stacks.foundation import Foundation
from stack.stacks.governance import Governance
from stack.stacks.guard import Guard
from stack.stacks.network import NetworkStack
from stack.stacks.recovery import Recovery
from stack.stacks.service import Service
from stack.stacks.stream import StreamStack
from stack.stacks.watch import Watch

FLAGS: Mapping[str, object] = {
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/core:target-partitions": ["aws"],
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-apigateway:disableCloudWatchRole": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/aws-ec2:restrictDefaultSecurityGroup": True,
}
TIERS = {
    "data": "1",
    "service": "1",
    "network": "1",
    "foundation": "1",
    "guard": "1",
    "stream": "2",
}
"""Recovery class by stack; what is not named is class 3. `recovery` reads what a class promises."""


class Deployment:
    """One app: every stack of a profile and stage, in the order in which they are deployed."""

    def __init__(self, profile: Profile, *, stage: str, outdir: str | None = None) -> None:
        self._every_stage = profile
        self.profile = profile.of_stage(stage)
        self.stage = stage
        self.account = profile.account(stage)
        self.app = cdk.App(
            outdir=outdir,
            analytics_reporting=False,
            tree_metadata=False,
            post_cli_context=dict(FLAGS) | self._zones(),
        )
        self._compose()
        self._govern()
        self._finish()

    def _zones(self) -> dict[str, object]:
        """Zones as the context that a lookup would have filled."""
        return {
            f"availability-zones:account={self.account}:region={region}": list(zones)
            for region, zones in self.profile.zones.items()
        }

    def env(self, region: str) -> cdk.Environment:
        """The stage's account in `region`."""
        return cdk.Environment(account=self.account, region=region)

    @staticmethod
    def name(stack: str) -> str:
        """The CloudFormation name of a stack."""
        return f"{PRODUCT}-{stack}"

    def _compose(self) -> None:
        """Foundations first: the primary region's archive copies into the other one's."""
        regions = self.profile.regions
        self.recovery_foundation: Foundation | None = None
        self.foundation = self._foundation("", regions.primary)
        self.here = Region(self, "", self.foundation)
        self.network, self.data = self.here.network, self.here.data
        self.stream, self.service = self.here.stream, self.here.service
        self.there: Region | None = None
        if self.profile.switches.recovery:
            self.recovery_foundation = self._foundation("recovery-", regions.recovery)
            self.foundation.add_stack_dependency(self.recovery_foundation)
            self.there = Region(self, "recovery-", self.recovery_foundation)
            self.there.data.add_stack_dependency(self.data)
        self.analytics: Analytics | None = None
        if self.profile.switches.redshift or self.profile.switches.batch_fleet:
            self.analytics = Analytics(
                self.app,
                "analytics",
                profile=self.profile,
                env=self.env(regions.primary),
                name=self.name("analytics"),
                keys=self.foundation.keys,
                signing=self.foundation.signing,
                network=self.network.network,
                ledger=self.data.ledger,
            )

    def _foundation(self, prefix: str, region: str) -> Foundation:
        return Foundation(
            self.app,
            f"{prefix}foundation",
            profile=self.profile,
            env=self.env(region),
            name=self.name("foundation"),
        )

    def _govern(self) -> None:
        """What watches, proves, recovers and delivers."""
        profile, regions = self.profile, self.profile.regions
        here, there = self.env(regions.primary), self.env(regions.recovery)
        keys = self.foundation.keys
        guard = Guard(self.app, "guard", profile=profile, env=there, name=self.name("guard"))
        self.service.add_stack_dependency(guard)
        self.watch = Watch(
            self.app,
            "watch",
            profile=profile,
            env=here,
            name=self.name("watch"),
            keys=keys,
            network=self.network,
            data=self.data,
            stream=self.stream,
            service=self.service,
        )
        self.governance = Governance(
            self.app,
            "governance",
            profile=profile,
            env=here,
            name=self.name("governance"),
            stage=self.stage,
            keys=keys,
            alerts=self.watch.alerts,
        )
        if self.there is not None:
            self._stand_by(self.there, there)
        if profile.switches.page:
            self._edge()
        if profile.switches.delivery:
            self._deliver()

    def _stand_by(self, region: "Region", env: cdk.Environment) -> None:
        """The recovery region's own alerts, detectors and vault, before anything copies into it."""
        recovery = Recovery(
            self.app,
            "recovery",
            profile=self.profile,
            env=env,
            name=self.name("recovery"),
            keys=region.foundation.keys,
            data=region.data,
        )
        self.governance.add_stack_dependency(recovery)

    def _edge(self) -> None:
        """CloudFront's side, in the one region where AWS takes it."""
        edge = Edge(
            self.app,
            "edge",
            profile=self.profile,
            env=self.env(self.profile.regions.edge),
            name=self.name("edge"),
            firewall_log=bucket_arn(edge_log_name(self.account)),
        )
        edge.add_stack_dependency(self.governance)

    def _deliver(self) -> None:
        """The pipeline, in an account of its own."""
        env = cdk.Environment(
            account=self.profile.accounts.delivery, region=self.profile.regions.primary
        )
        Delivery(
            self.app, "delivery", profile=self._every_stage, env=env, name=self.name("delivery")
        )

    def _finish(self) -> None:
        """What holds for every stack: tags, the boundary, the order."""
        tags = self.profile.tags
        for key, value in {
            "Product": PRODUCT,
            "Stage": self.stage,
            "Owner": tags.owner,
            "DataClass": tags.data_class,
            "CostCentre": tags.cost_centre,
        }.items():
            cdk.Tags.of(self.app).add(key, value)
        cdk.Aspects.of(self.app).add(ManagedPolicies())
        for stack in self.app.node.children:
            if not isinstance(stack, cdk.Stack):
                continue
            cdk.Tags.of(stack).add("Tier", TIERS.get(stack.node.id.removeprefix("recovery-"), "3"))
            boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Bound", BOUNDARY)
            iam.PermissionsBoundary.of(stack).apply(boundary)
            if stack.account != self.account:
                continue  # the delivery account has a foundation of its own
            if stack not in (self.foundation, self.recovery_foundation):
                stack.add_stack_dependency(self.foundation)


class Region:
    """What stands in each region that trades, or could: the same stacks, one by one."""

    def __init__(self, deployment: Deployment, prefix: str, foundation: Foundation) -> None:
        app, profile = deployment.app, deployment.profile
        env = deployment.env(foundation.region)
        keys = foundation.keys
        self.foundation = foundation
        self.network = NetworkStack(
            app,
            f"{prefix}network",
            profile=profile,
            env=env,
            name=deployment.name("network"),
            keys=keys,
        )
        network = self.network.network
        self.data = Data(
            app,
            f"{prefix}data",
            profile=profile,
            env=env,
            name=deployment.name("data"),
            keys=keys,
            network=network,
        )
        self.stream = StreamStack(
            app,
            f"{prefix}stream",
            profile=profile,
            env=env,
            name=deployment.name("stream"),
            keys=keys,
            network=network,
        )
        self.service = Service(
            app,
            f"{prefix}service",
            profile=profile,
            env=env,
            name=deployment.name("service"),
            keys=keys,
            network=network,
            data=self.data,
            delivery=self.stream.log_delivery,
            signing=foundation.signing,
        )


def build(profile: Profile, *, stage: str = "production", outdir: str | None = None) -> cdk.App:
    """The app, built and not yet synthesised: gates may still add their plugins to it."""
    return Deployment(profile, stage=stage, outdir=outdir).app
