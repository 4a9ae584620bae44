"""Evidence: collected every day, sealed, and what is missing is named."""

import datetime as dt
import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from botocore.stub import ANY, Stubber

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.audit_manager import FRAMEWORKS, AuditManager


@pytest.fixture
def collector(here: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, with the environment that the stack gives it."""
    for name, value in {"BUCKET": "evidence", "PREFIX": "evidence", "PACKS": "tallystick"}.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("evidence", here / "functions/evidence/index.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(here)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOBODY = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
"""Credentials of a client that asks nobody."""


class Clients:
    """Real clients whose answers are prescribed; what goes into the bucket is kept."""

    def __init__(self, *, hub_is_away: bool = False) -> None:
        self.made = {
            name: boto3.client(name, region_name="eu-west-1", **NOBODY)
            for name in ("s3", "config", "securityhub", "backup")
        }
        self.stubs = {name: Stubber(client) for name, client in self.made.items()}
        self.written: dict[str, bytes] = {}
        self.made["s3"].put_object = self._put
        self._config()
        self._hub(hub_is_away)
        self.stubs["backup"].add_response("list_restore_jobs", {"RestoreJobs": []}, {})
        self.stubs["backup"].add_response("list_frameworks", {"Frameworks": []}, {})
        for stub in self.stubs.values():
            stub.activate()

    def __call__(self, service: str) -> Any:
        """As boto3.client."""
        return self.made[service]

    def _put(self, **given: Any) -> None:
        self.written[given["Key"]] = given["Body"]

    def _config(self) -> None:
        pack = {
            "ConformancePackName": "tallystick-european",
            "ConformancePackArn": "arn:aws:config:eu-west-1:1:conformance-pack/t/1",
            "ConformancePackId": "1",
        }
        foreign = {**pack, "ConformancePackName": "somebody-elses"}
        stub = self.stubs["config"]
        stub.add_response(
            "describe_conformance_packs", {"ConformancePackDetails": [pack, foreign]}, {}
        )
        rule = {"ConfigRuleName": "x", "ComplianceType": "COMPLIANT"}
        stub.add_response(
            "describe_conformance_pack_compliance",
            {
                "ConformancePackName": "tallystick-european",
                "ConformancePackRuleComplianceList": [rule],
            },
            {"ConformancePackName": "tallystick-european"},
        )
        stub.add_response(
            "get_conformance_pack_compliance_details",
            {"ConformancePackName": "tallystick-european"},
            {
                "ConformancePackName": "tallystick-european",
                "Filters": {"ComplianceType": "NON_COMPLIANT"},
            },
        )

    def _hub(self, away: bool) -> None:
        stub = self.stubs["securityhub"]
        if away:
            stub.add_client_error("get_findings", "InvalidAccessException", "not subscribed")
        else:
            stub.add_response(
                "get_findings", {"Findings": []}, {"Filters": ANY, "SortCriteria": ANY}
            )


def test_files_of_the_day_and_their_digests(collector: ModuleType) -> None:
    """Each source becomes a file; the manifest, written last, has the digest of each."""
    clients = Clients()
    at = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
    manifest = collector.collect(at, clients)
    assert list(clients.written)[-1] == "evidence/2026/11/22/manifest.json"
    assert manifest["missing"] == {}
    for name, digest in manifest["sha256"].items():
        body = clients.written[f"evidence/2026/11/22/{name}.json"]
        assert hashlib.sha256(body).hexdigest() == digest
    packs = json.loads(clients.written["evidence/2026/11/22/conformance.json"])
    assert set(packs) == {"tallystick-european"}, "packs of others are not ours to show"


def test_a_source_that_is_away_is_named(collector: ModuleType) -> None:
    """What could not be read stands in the manifest with its reason; the rest is there."""
    clients = Clients(hub_is_away=True)
    at = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
    manifest = collector.collect(at, clients)
    assert set(manifest["missing"]) == {"findings"}
    assert "not subscribed" in manifest["missing"]["findings"]
    assert set(manifest["sha256"]) == {"conformance", "restore-tests", "backup-frameworks"}


def test_collector_may_read_and_write_one_folder(full: Assembly, values: Values) -> None:
    """It reads the state of controls and writes below evidence/; it deletes nothing."""
    (policy,) = [
        values.of(each)
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="governance")
        if "EvidenceRole" in each.logical_id
    ]
    actions = str(policy["PolicyDocument"])
    assert "s3:PutObject" in actions
    assert "Delete" not in actions
    assert "s3:GetObject" not in actions


def test_collector_runs_every_morning_once(full: Assembly, values: Values) -> None:
    """A schedule, one at a time, its failures kept."""
    (function,) = [
        values.of(each)
        for each in full.resources("AWS::Lambda::Function", stack="governance")
        if "EvidenceCollector" in each.logical_id
    ]
    assert function["ReservedConcurrentExecutions"] == 1
    assert function["DeadLetterConfig"]
    schedules = [
        values.of(each).get("ScheduleExpression")
        for each in full.resources("AWS::Events::Rule", stack="governance")
    ]
    assert "cron(0 4 * * ? *)" in schedules


def test_audit_manager_is_off(full: Assembly) -> None:
    """It is closed to new customers: no profile deploys it."""
    assert not full.resources("AWS::AuditManager::Assessment")


def test_audit_manager_can_be_switched_on_by_those_who_have_it() -> None:
    """An assessment for each framework, its report in the evidence bucket."""
    stack = cdk.Stack(cdk.App(), "audit")
    bucket = s3.Bucket(stack, "Evidence")
    owner = iam.Role(stack, "Owner", assumed_by=iam.AccountRootPrincipal())
    made = AuditManager(stack, "AuditManager", evidence=bucket, owner=owner)
    assert len(made.assessments) == len(FRAMEWORKS) == 3
    said: Any = stack.resolve(made.assessments[0].assessment_reports_destination)
    assert said["destinationType"] == "S3"
