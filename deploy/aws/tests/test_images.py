"""Images: tags that never move, scanned, encrypted, in both regions."""

from typing import Any

from proof.assembly import Assembly


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
