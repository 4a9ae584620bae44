"""The archive: what nobody can change or delete before its time, in two regions."""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket, locked
from stack.capabilities.replication import Replication, not_replicated
from stack.naming import bucket_name
from stack.profile import Profile

YEAR_DAYS = 365.25
WHOLE = "It is the copy itself, or the profile has switched the second region off."


class Archive(Construct):
    """A bucket under Object Lock (`Retention.lock`); each prefix has its own way into the cold.

    ledger/   tiles, checkpoints, exports: Glacier, then Deep Archive
    logs/     sealed log partitions, searched at times: Intelligent-Tiering with its archive tiers
    models/   detectors' models: Intelligent-Tiering
    """

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        keep = profile.retention
        self.primary = cdk.Stack.of(self).region == profile.regions.primary
        self.bucket = PrivateBucket(
            self,
            "Bucket",
            key=keys.archive,
            name=bucket_name(self, "archive"),
            lock=locked(profile, int(keep.archive_years * YEAR_DAYS)),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ledger-into-the-cold",
                    prefix="ledger/",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER,
                            transition_after=cdk.Duration.days(keep.archive_cold_days),
                        ),
                        s3.Transition(
                            storage_class=s3.StorageClass.DEEP_ARCHIVE,
                            transition_after=cdk.Duration.days(keep.archive_deep_days),
                        ),
                    ],
                ),
                *(
                    s3.LifecycleRule(
                        id=f"{prefix}-by-use",
                        prefix=f"{prefix}/",
                        transitions=[
                            s3.Transition(
                                storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                                transition_after=cdk.Duration.days(0),
                            )
                        ],
                    )
                    for prefix in ("logs", "models")
                ),
            ],
            intelligent_tiering=[
                s3.IntelligentTieringConfiguration(
                    name="logs",
                    prefix="logs/",
                    archive_access_tier_time=cdk.Duration.days(keep.archive_cold_days),
                    deep_archive_access_tier_time=cdk.Duration.days(keep.archive_deep_days),
                )
            ],
        )
        if self.primary and profile.switches.recovery:
            self.replication = Replication(
                self,
                "Replication",
                bucket=self.bucket,
                purpose="archive",
                key_purpose="archive",
                region=profile.regions.recovery,
            )
        else:
            not_replicated(self.bucket, WHOLE)
