"""Configuration: recorded everywhere, judged by packs whose rules exist."""

import json
from pathlib import Path
from typing import Any

import aws_cdk.aws_config as config
import pytest
import yaml

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.config_rules import BODY_BYTES_MAX, packs

NOT_IN_CDK = {
    "DYNAMODB_TABLE_DELETION_PROTECTION_ENABLED",
    "NETFW_LOGGING_ENABLED",
    "NETFW_MULTI_AZ_ENABLED",
}
"""Rules that AWS has and CDK's list does not: Security Hub's DynamoDB.6, NetworkFirewall.2, .1."""


def test_both_regions_are_recorded_global_things_once(full: Assembly, values: Values) -> None:
    """A recorder and a channel a region; users and roles are noted in the primary alone."""
    recorders: dict[str, Any] = {
        each.region: values.of(each)
        for each in full.resources("AWS::Config::ConfigurationRecorder")
    }
    assert set(recorders) == {"eu-west-1", "eu-central-1"}
    assert all(each["RecordingGroup"]["AllSupported"] for each in recorders.values())
    assert recorders["eu-west-1"]["RecordingGroup"]["IncludeGlobalResourceTypes"] is True
    assert recorders["eu-central-1"]["RecordingGroup"]["IncludeGlobalResourceTypes"] is False
    assert len(full.resources("AWS::Config::DeliveryChannel")) == 2


def test_packs_are_deployed_after_the_recorder(full: Assembly, values: Values) -> None:
    """Four frameworks, in both regions, each waiting for recorder and channel."""
    for region in ("governance", "recovery"):
        made = full.resources("AWS::Config::ConformancePack", stack=region)
        names = {values.of(each)["ConformancePackName"] for each in made}
        assert names == {f"tallystick-{pack.name}" for pack in packs()}
        for each in made:
            assert any("Recorder" in str(one) for one in each.body["DependsOn"])  # type: ignore[union-attr]
            assert any("Channel" in str(one) for one in each.body["DependsOn"])  # type: ignore[union-attr]


@pytest.mark.parametrize("pack", packs(), ids=lambda pack: pack.name)
def test_pack_has_rules_that_exist(pack: Any) -> None:
    """Every identifier is one of AWS's managed rules; a pack fits inline, without repeats."""
    known = {
        getattr(config.ManagedRuleIdentifiers, name)
        for name in dir(config.ManagedRuleIdentifiers)
        if name.isupper()
    }
    identifiers = [rule.identifier for rule in pack.rules]
    assert set(identifiers) <= known | NOT_IN_CDK
    assert len(set(identifiers)) == len(identifiers)
    assert len(pack.body()) <= BODY_BYTES_MAX
    body = json.loads(pack.body())
    assert all(
        len(each["Properties"]["ConfigRuleName"]) <= 128 for each in body["Resources"].values()
    )
    assert all(rule.holds for rule in pack.rules)


def test_pack_of_our_own_speaks_to_dora_soc2_and_gdpr(here: Path) -> None:
    """AWS has no pack for them: ours names articles of each."""
    lines = yaml.safe_load((here / "packs/european.yaml").read_text())["rules"]
    held = {framework.split("-")[0] for line in lines for framework in line["holds"]}
    assert held == {"DORA", "SOC2", "GDPR"}


def test_history_is_sealed(full: Assembly, values: Values) -> None:
    """Where Config writes is locked, ours by key, and only Config may write there."""
    for stack in ("governance", "recovery"):
        (bucket,) = [
            values.of(each)
            for each in full.resources("AWS::S3::Bucket", stack=stack)
            if "tallystick-configuration" in str(values.of(each)["BucketName"])
        ]
        assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Mode"] == "COMPLIANCE"  # type: ignore[index,call-overload]
