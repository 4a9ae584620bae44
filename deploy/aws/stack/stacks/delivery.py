"""Delivery: the pipeline, in an account of its own."""

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities.boundary import Boundary
from stack.capabilities.images import Images, Registry
from stack.capabilities.keys import Keys
from stack.capabilities.pipeline import STAGES, Pipeline
from stack.capabilities.private_bucket import AccessLogs
from stack.capabilities.replication import not_replicated
from stack.profile import Profile


class Delivery(cdk.Stack):
    """From a commit to production."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        # The stage's foundation is in another account: this one has its own.
        self.keys = Keys(self, "Keys")
        self.access_logs = AccessLogs(self, "AccessLogs", days=profile.retention.log_days)
        not_replicated(self.access_logs, "Who read artefacts, expiring; artefacts are built anew.")
        boundary = Boundary(self, "Boundary", profile=profile)
        self.images = Images(
            self, "Images", profile=profile, keys=self.keys, copied_to=_registries(profile)
        )
        self.pipeline = Pipeline(
            self, "Pipeline", profile=profile, keys=self.keys, images=self.images
        )
        self.pipeline.node.add_dependency(boundary, self.access_logs)


def _registries(profile: Profile) -> list[Registry]:
    """Of every stage, where its images run."""
    regions = [profile.regions.primary]
    if profile.switches.recovery:
        regions.append(profile.regions.recovery)
    return [Registry(profile.account(stage), region) for stage in STAGES for region in regions]
