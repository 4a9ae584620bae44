"""Keys: one a purpose, rotated, kept, used by whom they name."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values

PURPOSES = {"ledger", "logs", "archive", "messages", "secrets", "page", "guard"}


def test_symmetric_keys_rotate_every_year_and_stay(full: Assembly) -> None:
    """No key is lost with its stack, and none is older than a year."""
    for key in full.resources("AWS::KMS::Key"):
        assert key.body["DeletionPolicy"] == "Retain", key.path
        assert key.body["UpdateReplacePolicy"] == "Retain"
        assert key.properties["PendingWindowInDays"] == 30
        if key.properties.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT":
            assert key.properties["EnableKeyRotation"] is True, key.path
            assert key.properties["RotationPeriodInDays"] == 365


def test_each_region_has_a_key_a_purpose(full: Assembly) -> None:
    """The aliases are the same in both regions, so that each is known by its name."""
    wanted = {f"alias/tallystick/{purpose}" for purpose in PURPOSES | {"signing"}}
    for region in ("eu-west-1", "eu-central-1"):
        names = {
            alias.properties["AliasName"]
            for alias in full.resources("AWS::KMS::Alias")
            if alias.region == region and alias.stack != "delivery"
        }
        assert wanted <= names


def test_the_signing_key_signs_ed25519_and_nothing_else(full: Assembly) -> None:
    """Checkpoints are signed by a key that never leaves KMS."""
    (key,) = [key for key in full.resources("AWS::KMS::Key") if key.properties.get("KeyUsage")]
    assert (key.stack, key.region) == ("foundation", "eu-west-1")
    assert key.properties["KeySpec"] == "ECC_NIST_EDWARDS25519"
    assert key.properties["KeyUsage"] == "SIGN_VERIFY"
    assert key.properties["MultiRegion"] is True


def test_the_recovery_region_signs_with_the_same_key(full: Assembly, small: Assembly) -> None:
    """A replica: with a key of its own it would not take the ledger's newest checkpoint."""
    replica = full.one("AWS::KMS::ReplicaKey")
    assert (replica.region, replica.body["DeletionPolicy"]) == ("eu-central-1", "Retain")
    (asked,) = [
        each
        for each in full.resources("Custom::AWS", stack="recovery-service")
        if each.logical_id.startswith("Signing")
    ]
    assert "describeKey" in str(asked.properties["Create"])
    assert asked.logical_id in str(replica.properties["PrimaryKeyArn"])
    order = full.one(
        "AWS::Lambda::Function",
        stack="recovery-service",
        Handler="tallystick.wiring.aws.order.handler",
    )
    assert replica.logical_id in str(order.properties["Environment"])
    assert not small.resources("AWS::KMS::ReplicaKey")


def test_services_use_a_key_for_this_account_alone(full: Assembly, values: Values) -> None:
    """No statement lets a service in without naming the account or the resource it acts for."""
    for key in full.resources("AWS::KMS::Key", stack="foundation"):
        policy: Any = values.of(key)["KeyPolicy"]
        for statement in policy["Statement"]:
            principal = statement["Principal"]
            assert principal != "*"
            if "Service" in principal:
                assert "333333333333" in str(statement["Condition"]), statement["Sid"]
                assert "kms:*" not in statement["Action"]
