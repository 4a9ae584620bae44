"""DORA (Regulation (EU) 2022/2554), by article.

What the templates and the folder have to say for each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

from proof.assembly import MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from proof.assembly import Assembly, Resource
    from proof.values import Values

TAGS = {"Product", "Stage", "Owner", "DataClass", "CostCentre", "Tier"}
STORES = (
    "AWS::RDS::DBCluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::Kinesis::Stream",
)
"""Types that keep what cannot be made again."""
KEPT = {"Retain", "Snapshot", "RetainExceptOnCreate"}


def tags(resource: Resource) -> set[str]:
    """Return the names of a resource's tags, in whichever form its type writes them."""
    own = resource.properties.get("Tags") or resource.properties.get("BackupVaultTags")
    if own is None and (replicas := resource.get("Replicas.0.Tags")) is not MISSING:
        own = replicas
    if isinstance(own, list):
        return {str(each["Key"]) for each in own if isinstance(each, dict) and "Key" in each}
    return set(own) if isinstance(own, dict) else set()


def paths(found: list[Resource]) -> list[str]:
    """Return where the resources stand, for a failure that says it."""
    return [each.path for each in found]


def test_dora_8_every_asset_says_whose_it_is(full: Assembly) -> None:
    """Whatever wears tags wears all six.

    Product, stage, owner, class of data, cost centre and recovery class.
    """
    tagged = [each for each in full.resources() if tags(each)]
    assert len(tagged) > 100
    assert paths([each for each in tagged if not tags(each) >= TAGS]) == []
    stores = [each for type_ in STORES for each in full.resources(type_)]
    assert paths([each for each in stores if not tags(each) >= TAGS]) == []


def test_dora_9_what_holds_data_does_not_go_by_accident(full: Assembly) -> None:
    """Stores outlive their stack, and database, tables, pool and firewall refuse to be deleted."""
    going = [
        each
        for type_ in STORES
        for each in full.resources(type_)
        if each.body.get("DeletionPolicy") not in KEPT
    ]
    assert paths(going) == []
    unprotected = [
        each
        for each in full.resources("AWS::RDS::DBCluster")
        if each.get("DeletionProtection") is not True
    ]
    unprotected += [
        each
        for each in full.resources("AWS::DynamoDB::GlobalTable")
        if each.get("Replicas.0.DeletionProtectionEnabled") is not True
    ]
    unprotected += [
        each
        for each in full.resources("AWS::Cognito::UserPool")
        if each.get("DeletionProtection") != "ACTIVE"
    ]
    unprotected += [
        each
        for each in full.resources("AWS::NetworkFirewall::Firewall")
        if each.get("DeleteProtection") is not True
    ]
    assert paths(unprotected) == []


def test_dora_10_what_goes_wrong_is_noticed(full: Assembly, values: Values) -> None:
    """Alarms watch every part of the order's way.

    API, functions, stream, database, dead letters, table, and the product's own metrics.
    """
    watched = {
        str(values.of(each).get("Namespace")) for each in full.resources("AWS::CloudWatch::Alarm")
    }
    for each in full.resources("AWS::CloudWatch::Alarm"):
        watched |= set(re.findall(r"'Namespace': '([^']+)'", str(values.of(each))))
    wanted = {
        "AWS/ApiGateway",
        "AWS/Lambda",
        "AWS/Kinesis",
        "AWS/RDS",
        "AWS/SQS",
        "AWS/DynamoDB",
        "Tallystick",
    }
    assert wanted <= watched, wanted - watched
    silent = [
        each
        for each in full.resources("AWS::CloudWatch::CompositeAlarm")
        if not each.properties.get("AlarmActions")
    ]
    assert paths(silent) == []


def test_dora_11_backups_are_taken_and_locked(full: Assembly) -> None:
    """A plan takes what wears the tier's tag.

    Both vaults are locked, so that nobody shortens what they keep.
    """
    assert full.resources("AWS::Backup::BackupPlan")
    assert full.resources("AWS::Backup::BackupSelection")
    vaults = full.resources("AWS::Backup::BackupVault")
    assert {each.region for each in vaults} >= {"eu-west-1", "eu-central-1"}
    assert (
        paths(
            [each for each in vaults if each.get("LockConfiguration.MinRetentionDays") is MISSING]
        )
        == []
    )


def test_dora_12_backups_lie_elsewhere_and_are_restored(full: Assembly) -> None:
    """Backups are copied into the other region, and restores are tried every week."""
    plans = [
        each
        for each in full.resources("AWS::Backup::BackupPlan")
        if "CopyActions" in str(each.properties)
    ]
    assert plans
    assert all("eu-central-1" in str(each.properties) for each in plans)
    assert full.resources("AWS::Backup::RestoreTestingPlan")
    tried = {
        str(each.get("ProtectedResourceType"))
        for each in full.resources("AWS::Backup::RestoreTestingSelection")
    }
    assert {"Aurora", "DynamoDB", "S3"} <= tried


def test_dora_17_incidents_say_what_they_are(full: Assembly, values: Values) -> None:
    """What an event rule tells carries what an incident is classified by.

    A sentence and whom it concerns.
    """
    told = []
    for resource in full.resources("AWS::Events::Rule"):
        own = values.of(resource)
        if "EventPattern" not in own or own.get("EventBusName", "default") == "default":
            continue
        targets = cast("list[dict[str, Any]]", own.get("Targets", []))
        told += [
            str(each["InputTransformer"]["InputTemplate"])
            for each in targets
            if "InputTransformer" in each
        ]
    assert told
    assert [each for each in told if "summary" not in each] == []


def test_dora_24_resilience_is_exercised(full: Assembly, here: Path) -> None:
    """A game day is a template that stops by an alarm, and its runbook can be rehearsed."""
    drills = full.resources("AWS::FIS::ExperimentTemplate")
    assert drills
    for resource in drills:
        stops = cast("list[dict[str, Any]]", resource.get("StopConditions"))
        assert any(each["Source"] == "aws:cloudwatch:alarm" for each in stops), resource.path
    assert list((here / "runbooks").glob("*.py"))


def endpoints(full: Assembly, values: Values) -> set[str]:
    """Return the names of hosts outside AWS that the templates speak to."""
    hosts: set[str] = set()
    for resource in full.resources("AWS::SNS::Subscription"):
        own = values.of(resource)
        if own.get("Protocol") == "https":
            hosts |= set(re.findall(r"https://([^/:{}]+)", str(own.get("Endpoint"))))
    for resource in full.resources("AWS::KinesisFirehose::DeliveryStream"):
        hosts |= set(re.findall(r"'HECEndpoint': 'https://([^/:']+)", str(values.of(resource))))
    for resource in full.resources("AWS::NetworkFirewall::RuleGroup"):
        listed = values.of(resource).get("RuleGroup")
        hosts |= {each.lstrip(".") for each in re.findall(r"'([\w.-]+\.[a-z]{2,})'", str(listed))}
    return {
        each for each in hosts if not re.search(r"amazonaws\.com$|aws\.amazon\.com$|aws$", each)
    }


def test_dora_28_third_parties_are_registered(full: Assembly, values: Values, here: Path) -> None:
    """Every host outside AWS that the templates name belongs to a provider in the register.

    Each provider there has a way out.
    """
    register = cast(
        "list[dict[str, Any]]", yaml.safe_load((here / "registers/third-parties.yaml").read_text())
    )
    for party in register:
        assert set(party) == {
            "provider",
            "service",
            "function",
            "critical",
            "hosts",
            "data",
            "exit",
        }, party
        assert len(party["exit"]) >= 30
    known = [host for party in register for host in party["hosts"]]
    unknown = [
        each
        for each in endpoints(full, values)
        if not any(each == host or each.endswith("." + host) for host in known)
    ]
    assert unknown == []
