"""The cache: over the zones, TLS only, users by IAM."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_the_cache_fails_over_and_speaks_tls_alone(full: Assembly, values: Values) -> None:
    """Valkey with two replicas, failover, encryption at rest by our key and in transit."""
    for group in full.resources("AWS::ElastiCache::ReplicationGroup"):
        own: Any = values.of(group)
        assert own["Engine"] == "valkey"
        assert own["MultiAZEnabled"] is True
        assert own["AutomaticFailoverEnabled"] is True
        assert own["ReplicasPerNodeGroup"] == 2
        assert own["TransitEncryptionEnabled"] is True
        assert own["TransitEncryptionMode"] == "required"
        assert own["AtRestEncryptionEnabled"] is True
        assert own["KmsKeyId"]
        assert own["Port"] == 6380
        assert own["SnapshotRetentionLimit"] == 15
        assert {each["LogType"] for each in own["LogDeliveryConfigurations"]} == {
            "slow-log", "engine-log",
        }  # fmt: skip


def test_its_user_comes_in_by_iam_and_does_no_harm(full: Assembly) -> None:
    """No password, no command that empties it."""
    user: Any = full.one("AWS::ElastiCache::User").properties
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert "-@dangerous" in user["AccessString"]


def test_the_small_profile_has_none(small: Assembly) -> None:
    """It is a switch."""
    assert not small.resources("AWS::ElastiCache::ReplicationGroup")
