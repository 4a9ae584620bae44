"""Whether everything still is as it should be: AWS Config, and packs of rules by framework.

The recorder notes every change of every resource; the packs in `packs/*.yaml` judge what it notes.
Each line there is one of AWS's managed rules with the requirements that it speaks to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
import yaml
from aws_cdk import aws_config as config
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.capabilities.alerts import Alerts
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket, locked
from stack.capabilities.replication import not_replicated
from stack.naming import PRODUCT, bucket_name
from stack.profile import Profile

PACKS = Path(__file__).resolve().parents[2] / "packs"
BODY_BYTES_MAX = 51_200
"""Longest pack that CloudFormation takes inline."""
BROKEN = {
    "source": ["aws.config"],
    "detail-type": ["Config Rules Compliance Change"],
    "detail": {
        "messageType": ["ComplianceChangeNotification"],
        "newEvaluationResult": {"complianceType": ["NON_COMPLIANT"]},
    },
}


@dataclass(frozen=True)
class PackRule:
    """A managed rule, the requirements it speaks to, and its parameters."""

    identifier: str
    holds: tuple[str, ...]
    parameters: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name in a pack."""
        return self.identifier.lower().replace("_", "-")


@dataclass(frozen=True)
class Pack:
    """A framework's rules."""

    name: str
    about: str
    rules: tuple[PackRule, ...]

    def body(self) -> str:
        """The pack as the template that Config takes."""
        resources = {
            rule.identifier.title().replace("_", ""): _resource(rule) for rule in self.rules
        }
        return json.dumps({"Resources": resources}, separators=(",", ":"))


def packs() -> list[Pack]:
    """The packs in `packs/`, by name."""
    return [_read(path) for path in sorted(PACKS.glob("*.yaml"))]


def _read(path: Path) -> Pack:
    written = yaml.safe_load(path.read_text())
    rules = tuple(
        PackRule(line["rule"], tuple(line["holds"]), line.get("with", {}))
        for line in written["rules"]
    )
    return Pack(path.stem, written["about"], rules)


def _resource(rule: PackRule) -> dict[str, object]:
    properties: dict[str, object] = {
        "ConfigRuleName": rule.name,
        "Description": ", ".join(rule.holds),
        "Source": {"Owner": "AWS", "SourceIdentifier": rule.identifier},
    }
    if rule.parameters:
        properties["InputParameters"] = dict(rule.parameters)
    return {"Type": "AWS::Config::ConfigRule", "Properties": properties}


class ConfigRules(Construct):
    """The recorder of a region, where it writes, and the packs that judge."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, alerts: Alerts
    ) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self._first = stack.region == profile.regions.primary
        self.bucket = PrivateBucket(
            self,
            "Bucket",
            key=keys.logs,
            name=bucket_name(self, "configuration"),
            lock=locked(profile, profile.retention.log_days),
        )
        not_replicated(
            self.bucket, "Each region's recorder writes its own; what Config knows stays in Config."
        )
        self._may_write(stack.account)
        recorder = self._recorder(stack.account)
        channel = config.CfnDeliveryChannel(
            self,
            "Channel",
            s3_bucket_name=self.bucket.bucket_name,
            s3_kms_key_arn=keys.logs.key_arn,
            config_snapshot_delivery_properties=config.CfnDeliveryChannel.ConfigSnapshotDeliveryPropertiesProperty(
                delivery_frequency="TwentyFour_Hours"
            ),
        )
        channel.node.add_dependency(self.bucket)
        self.packs = [self._pack(pack, recorder, channel) for pack in packs()]
        alerts.tell(
            self,
            "Broken",
            pattern=BROKEN,
            severity="notice",
            description="A resource is no longer as a rule wants it",
        )

    def _recorder(self, account: str) -> config.CfnConfigurationRecorder:
        """It works as Config's own role, which AWS alone changes; global things are noted once."""
        recorder = config.CfnConfigurationRecorder(
            self,
            "Recorder",
            name=PRODUCT,
            role_arn=f"arn:aws:iam::{account}:role/aws-service-role/"
            "config.amazonaws.com/AWSServiceRoleForConfig",
            recording_group=config.CfnConfigurationRecorder.RecordingGroupProperty(
                all_supported=True, include_global_resource_types=self._first
            ),
            recording_mode=config.CfnConfigurationRecorder.RecordingModeProperty(
                recording_frequency="CONTINUOUS"
            ),
        )
        if self._first:
            recorder.add_resource_dependency(
                iam.CfnServiceLinkedRole(self, "Role", aws_service_name="config.amazonaws.com")
            )
        return recorder

    def _pack(self, pack: Pack, *after: cdk.CfnResource) -> config.CfnConformancePack:
        body = pack.body()
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"the pack {pack.name} is longer than {BODY_BYTES_MAX} bytes")
        made = config.CfnConformancePack(
            self,
            "".join(word.title() for word in pack.name.split("-")),
            conformance_pack_name=f"{PRODUCT}-{pack.name}",
            template_body=body,
        )
        for resource in after:
            made.add_resource_dependency(resource)
        return made

    def _may_write(self, account: str) -> None:
        service = iam.ServicePrincipal("config.amazonaws.com")
        ours = {"StringEquals": {"aws:SourceAccount": account}}
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service],
                actions=["s3:GetBucketAcl", "s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions=ours,
            )
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"AWSLogs/{account}/Config/*")],
                conditions=ours,
            )
        )
