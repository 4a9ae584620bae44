"""A released archive is installed without Node: what it makes is there by its own service's API."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

import install
import release

if TYPE_CHECKING:
    from pathlib import Path

    from proof.emulators import Emulator

OWNER = "123456789012"
REGION = "eu-west-1"
CODE = "asset.0123456789abcdef"
BUCKET = "cdk-hnb659fds-assets-333333333333-eu-west-1"
PROFILE: dict[str, Any] = {
    "name": "one",
    "domain": "tallystick.example.com",
    "accounts": {"delivery": "111111111111", "production": "333333333333"},
}
MINE = 'domain = "acme.test"\n[accounts]\nproduction = "123456789012"\n'
TEMPLATE = {
    "Parameters": {
        "BootstrapVersion": {
            "Type": "AWS::SSM::Parameter::Value<String>",
            "Default": "/cdk-bootstrap/hnb659fds/version",
        }
    },
    "Resources": {
        "Letters": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "letters", "MessageRetentionPeriod": 1209600},
        },
        "Where": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": "/tallystick/where",
                "Type": "String",
                "Value": f"https://api.tallystick.example.com {BUCKET}/code.zip",
            },
        },
    },
}


def assembled(folder: Path, template: dict[str, Any]) -> Path:
    """An assembly of one stack and one file, as the CDK writes it."""
    (folder / CODE).mkdir(parents=True)
    (folder / CODE / "index.py").write_text("answer = 42\n")
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://333333333333/{REGION}",
        "properties": {
            "templateFile": "one.template.json",
            "stackName": "tallystick-one",
            "terminationProtection": True,
            "tags": {"Product": "tallystick"},
        },
        "dependencies": ["one.assets"],
    }
    place = {"bucketName": BUCKET, "objectKey": "code.zip", "region": REGION}
    files = {
        "0123": {
            "displayName": "Code",
            "source": {"path": CODE, "packaging": "zip"},
            "destinations": {"there": place},
        }
    }
    for name, document in {
        "manifest.json": {"artifacts": {"one": stack}},
        "one.assets.json": {"files": files, "dockerImages": {}},
        "one.template.json": template,
    }.items():
        (folder / name).write_text(json.dumps(document, indent=1))
    return folder


class Installer:
    """Installs archives of one stack into ministack."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self._emulator = emulator
        self._folder = folder
        (folder / "mine.toml").write_text(MINE)
        self._count = 0

    def client(self, service: str, region: str = REGION) -> Any:
        """A client whose account is that of its access key."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self._emulator.address,
            aws_access_key_id=OWNER,
            aws_secret_access_key="test",  # noqa: S106  emulators take any
            config=Config(s3={"addressing_style": "path"}),
        )

    def __call__(self, template: dict[str, Any], *more: str) -> int:
        """Release a stack and install it."""
        self._count += 1
        folder = assembled(self._folder / f"out{self._count}", template)
        archive = self._folder / f"one{self._count}.tar.gz"
        archive.write_bytes(release.pack("one", release.contents(folder, PROFILE, "1.0")))
        line = [str(archive), "--values", str(self._folder / "mine.toml"), *more]
        return install.main(line, self.client)


@pytest.fixture
def installer(
    running_ministack: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installer:
    """An empty ministack to install into."""
    monkeypatch.setattr(install, "POLL_SECONDS", 0.05)
    running_ministack.reset()
    return Installer(running_ministack, tmp_path)


def test_an_archive_becomes_resources(
    installer: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bootstrap, upload, change set, resource; then again without a change, then a changed one."""
    assert installer(TEMPLATE, "--yes") == 0, capsys.readouterr().err
    queues = installer.client("sqs")
    address = queues.get_queue_url(QueueName="letters")["QueueUrl"]
    kept = queues.get_queue_attributes(QueueUrl=address, AttributeNames=["All"])["Attributes"]
    assert kept["MessageRetentionPeriod"] == "1209600"
    bucket = f"cdk-hnb659fds-assets-{OWNER}-{REGION}"
    where = installer.client("ssm").get_parameter(Name="/tallystick/where")["Parameter"]["Value"]
    assert where == f"https://api.acme.test {bucket}/code.zip"
    code = installer.client("s3").get_object(Bucket=bucket, Key="code.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(code)) as packed:
        assert packed.read("index.py") == b"answer = 42\n"
    stacks = {each["StackName"]: each for each in _stacks(installer)}
    assert stacks.keys() == {"CDKToolkit", "tallystick-one"}
    assert all(each["EnableTerminationProtection"] for each in stacks.values())

    capsys.readouterr()
    assert installer(TEMPLATE, "--yes") == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "tallystick-one: no changes" in said.err
    assert "put_object" not in said.out
    assert "execute_change_set" not in said.out

    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["Letters"]["Properties"]["MessageRetentionPeriod"] = 86400
    assert installer(changed, "--yes") == 0, capsys.readouterr().err
    kept = queues.get_queue_attributes(QueueUrl=address, AttributeNames=["All"])["Attributes"]
    assert kept["MessageRetentionPeriod"] == "86400"
    assert "Modify  Letters  AWS::SQS::Queue" in capsys.readouterr().err


def test_a_failure_ends_it_with_its_reason(
    installer: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resource that cannot be made: exit code 1, its name and CloudFormation's words."""
    broken = json.loads(json.dumps(TEMPLATE))
    broken["Resources"]["Late"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": "/late", "Type": "SecureString", "Value": "x"},
        "DependsOn": "Letters",
    }
    assert installer(broken, "--yes") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(
        "install: tallystick-one is ROLLBACK_COMPLETE: Late (AWS::SSM::Parameter)"
    )
    assert "SecureString" in said


def test_what_is_uploaded_has_its_hash_as_its_name(
    installer: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A template lies under its SHA-256 in the bucket: an older one is never taken for it."""
    assert installer(TEMPLATE, "--yes") == 0, capsys.readouterr().err
    storage = installer.client("s3")
    bucket = f"cdk-hnb659fds-assets-{OWNER}-{REGION}"
    found = storage.list_objects_v2(Bucket=bucket)["Contents"]
    templates = [each["Key"] for each in found if each["Key"].endswith(".json")]
    assert len(templates) == 1
    body = storage.get_object(Bucket=bucket, Key=templates[0])["Body"].read()
    assert templates == [f"{hashlib.sha256(body).hexdigest()}.json"]
    assert b"example" not in body


def test_nothing_is_made_unless_its_name_is_typed(
    installer: Installer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the bootstrap was agreed to: the queue is not there."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("CDKToolkit\nno\n"))
    assert installer(TEMPLATE) == 1
    assert "was not agreed to" in capsys.readouterr().err
    assert not installer.client("sqs").list_queues().get("QueueUrls")


def _stacks(installer: Installer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = installer.client("cloudformation").describe_stacks()["Stacks"]
    return found
