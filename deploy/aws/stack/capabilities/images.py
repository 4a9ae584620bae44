"""Container images: immutable tags, scanned, encrypted with our key, copied to where they run.

The pipeline's account builds each image once and copies it into the stages' registries, in both
regions; its digest stays the same, and the templates name it. Without a pipeline an image is pushed
into the primary region by hand and copied into the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.profile import Profile

IMAGES_MAX = 50
Replication = ecr.CfnReplicationConfiguration


@dataclass(frozen=True)
class Registry:
    """Where images are copied to."""

    account: str
    region: str


class Images(Construct):
    """One repository an image; `repositories` by name."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        copied_to: Sequence[Registry] = (),
        copied_from: str | None = None,
    ) -> None:
        """`copied_from` is the account that may put its images here."""
        super().__init__(scope, id_)
        self.repositories = {
            name: ecr.Repository(
                self,
                name.capitalize(),
                repository_name=name,
                image_tag_mutability=ecr.TagMutability.IMMUTABLE,
                image_scan_on_push=True,
                encryption=ecr.RepositoryEncryption.KMS,
                encryption_key=keys.archive,
                lifecycle_rules=[ecr.LifecycleRule(max_image_count=IMAGES_MAX)],
                removal_policy=cdk.RemovalPolicy.RETAIN,
            )
            for name in (profile.service.image, profile.stream.detector_image)
        }
        if copied_to:
            self._copy(copied_to)
        if copied_from is not None:
            self._take(copied_from)

    @property
    def arns(self) -> list[str]:
        """The repositories."""
        stack = cdk.Stack.of(self)
        here = f"arn:aws:ecr:{stack.region}:{stack.account}:repository"
        return [f"{here}/{name}" for name in self.repositories]

    def _copy(self, registries: Sequence[Registry]) -> None:
        rule = Replication.ReplicationRuleProperty(
            destinations=[
                Replication.ReplicationDestinationProperty(
                    region=each.region, registry_id=each.account
                )
                for each in registries
            ],
            repository_filters=[
                Replication.RepositoryFilterProperty(filter=name, filter_type="PREFIX_MATCH")
                for name in self.repositories
            ],
        )
        Replication(
            self,
            "Replication",
            replication_configuration=Replication.ReplicationConfigurationProperty(rules=[rule]),
        )

    def _take(self, account: str) -> None:
        """Let the account copy into these repositories; it makes no others and reads nothing."""
        ecr.CfnRegistryPolicy(
            self,
            "CopiedFrom",
            policy_text={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "ImagesOfThePipeline",
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                        "Action": "ecr:ReplicateImage",
                        "Resource": self.arns,
                    }
                ],
            },
        )


def image_uri(scope: Construct, repository: str, version: str) -> str:
    """An image of this account and region, by its tag or by `sha256:` and its digest."""
    stack = cdk.Stack.of(scope)
    mark = "@" if version.startswith("sha256:") else ":"
    return f"{stack.account}.dkr.ecr.{stack.region}.amazonaws.com/{repository}{mark}{version}"
