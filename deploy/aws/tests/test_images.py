"""Images: tags that never move, scanned, encrypted, in both regions."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proof.assembly import Assembly
from proof.values import Values


def test_tags_never_move_and_images_are_scanned(full: Assembly) -> None:
    """What was approved is what runs."""
    repositories = full.resources("AWS::ECR::Repository")
    for region in ("eu-west-1", "eu-central-1"):
        here = [each for each in repositories if each.region == region]
        assert {each.properties["RepositoryName"] for each in here} >= {
            "tallystick", "tallystick-rcf",
        }  # fmt: skip
    for each in repositories:
        own: Any = each.properties
        assert own["ImageTagMutability"] == "IMMUTABLE"
        assert own["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert own["EncryptionConfiguration"]["EncryptionType"] == "KMS"


def test_images_are_copied_to_the_recovery_region(full: Assembly) -> None:
    """A failover finds the image that was running."""
    own: Any = full.one("AWS::ECR::ReplicationConfiguration", stack="foundation").properties
    (rule,) = own["ReplicationConfiguration"]["Rules"]
    assert rule["Destinations"] == [{"Region": "eu-central-1", "RegistryId": "333333333333"}]


def test_the_pipelines_images_are_copied_to_where_they_run(full: Assembly) -> None:
    """From the pipeline's registry into both stages', in both regions."""
    own: Any = full.one("AWS::ECR::ReplicationConfiguration", stack="delivery").properties
    (rule,) = own["ReplicationConfiguration"]["Rules"]
    assert {(each["RegistryId"], each["Region"]) for each in rule["Destinations"]} == {
        (account, region)
        for account in ("222222222222", "333333333333")
        for region in ("eu-west-1", "eu-central-1")
    }
    assert {each["Filter"] for each in rule["RepositoryFilters"]} == {
        "tallystick", "tallystick-rcf",
    }  # fmt: skip


def test_only_the_pipelines_account_copies_images_in(full: Assembly, values: Values) -> None:
    """Each registry takes replicas of two repositories from one account, and is not read by it."""
    for stack in ("foundation", "recovery-foundation"):
        (policy,) = full.resources("AWS::ECR::RegistryPolicy", stack=stack)
        text: Any = values.of(policy)["PolicyText"]
        (statement,) = text["Statement"]
        assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
        assert statement["Action"] == "ecr:ReplicateImage"
        assert {each.rpartition("/")[2] for each in statement["Resource"]} == {
            "tallystick", "tallystick-rcf",
        }  # fmt: skip


ENGINE = """#!/bin/sh
echo "docker $*" >> "$CALLS"
case $1 in push) touch "$PUSHED" ;; esac
"""
CLOUD = """#!/bin/sh
echo "aws $*" >> "$CALLS"
case $2 in
    describe-images) [ -e "$PUSHED" ] && echo sha256:abc ;;
    describe-image-scan-findings) echo "$CRITICAL" ;;
esac
"""
"""Stand-ins for the two programs that the script runs."""


@pytest.mark.parametrize(
    ("pushed", "critical", "code", "said"),
    [
        (False, "None", 0, "sha256:abc\n"),
        (True, "0", 0, "sha256:abc\n"),
        (False, "2", 1, ""),
    ],
    ids=["new commit", "seen before", "critical weakness"],
)
def test_an_image_is_pushed_once_and_only_named_when_its_scan_is_clean(
    tmp_path: Path, here: Path, *, pushed: bool, critical: str, code: int, said: str
) -> None:
    """The script prints the digest alone; a tag that is there is not pushed again."""
    for name, text in (("docker", ENGINE), ("aws", CLOUD)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    calls, mark = tmp_path / "calls", tmp_path / "pushed"
    if pushed:
        mark.touch()
    done = subprocess.run(  # noqa: S603  our own script
        ["/bin/sh", str(here / "delivery/push_image.sh"), "tallystick", "deploy/aws/Dockerfile"],
        check=False,
        capture_output=True,
        text=True,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CALLS": str(calls),
            "PUSHED": str(mark),
            "CRITICAL": critical,
            "REGISTRY": "registry.example",
            "CODEBUILD_RESOLVED_SOURCE_VERSION": "c0ffee",
        },
    )
    assert (done.returncode, done.stdout) == (code, said)
    made = calls.read_text()
    assert ("docker push registry.example/tallystick:c0ffee" in made) is not pushed
    assert "aws ecr wait image-scan-complete" in made


def test_the_container_runs_as_nobody(here: Path) -> None:
    """No root inside; packages by hash; what listens is what the stack starts."""
    lines = (here / "Dockerfile").read_text().splitlines()
    assert "USER 65534:65534" in lines
    assert any("--require-hashes" in line for line in lines)
    assert lines[-1] == 'CMD ["python", "-m", "tallystick.wiring.aws.serve"]'
