"""Container images: immutable tags, scanned, encrypted with our key, copied to the other region."""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.profile import Profile

IMAGES_MAX = 50


class Images(Construct):
    """One repository an image; `repositories` by name."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
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
        stack = cdk.Stack.of(self)
        if profile.switches.recovery and stack.region == profile.regions.primary:
            ecr.CfnReplicationConfiguration(
                self,
                "Replication",
                replication_configuration=ecr.CfnReplicationConfiguration.ReplicationConfigurationProperty(
                    rules=[
                        ecr.CfnReplicationConfiguration.ReplicationRuleProperty(
                            destinations=[
                                ecr.CfnReplicationConfiguration.ReplicationDestinationProperty(
                                    region=profile.regions.recovery, registry_id=stack.account
                                )
                            ],
                            repository_filters=[
                                ecr.CfnReplicationConfiguration.RepositoryFilterProperty(
                                    filter=name, filter_type="PREFIX_MATCH"
                                )
                                for name in self.repositories
                            ],
                        )
                    ]
                ),
            )
