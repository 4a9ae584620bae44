"""The stream: encrypted, kept, in both regions; what fails is kept as well."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_entries_are_encrypted_and_kept_a_week(full: Assembly, values: Values) -> None:
    """By our key; long enough to read again after a long weekend."""
    for region in ("eu-west-1", "eu-central-1"):
        names = {
            each.properties["Name"]
            for each in full.resources("AWS::Kinesis::Stream")
            if each.region == region
        }
        assert names == {"tallystick-entries", "tallystick-dead"}
    for stream in full.resources("AWS::Kinesis::Stream"):
        own: Any = values.of(stream)
        assert own["StreamEncryption"]["EncryptionType"] == "KMS"
        assert "alias/aws/kinesis" not in own["StreamEncryption"]["KeyId"]
        assert own["RetentionPeriodHours"] == 168
        assert own["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert stream.body["DeletionPolicy"] == "Retain"


def test_the_small_profile_pays_for_one_shard(small: Assembly) -> None:
    """A start-up's flow fits into one."""
    stream = small.one("AWS::Kinesis::Stream", Name="tallystick-entries")
    assert stream.properties["ShardCount"] == 1


def test_the_bus_is_encrypted_and_can_be_said_again(full: Assembly, values: Values) -> None:
    """Our key, dead letters, an archive of a year."""
    for bus in full.resources("AWS::Events::EventBus"):
        own: Any = values.of(bus)
        assert own["Name"] == "tallystick"
        assert own["KmsKeyIdentifier"]
        assert own["DeadLetterConfig"]["Arn"]
    for archive in full.resources("AWS::Events::Archive"):
        assert archive.properties["RetentionDays"] == 365
        assert values.of(archive)["KmsKeyIdentifier"]


def test_every_queue_is_encrypted_and_tls_only(full: Assembly, values: Values) -> None:
    """Our key, and a policy that refuses whoever speaks in the clear."""
    refusing = set()
    for policy in full.resources("AWS::SQS::QueuePolicy"):
        document: Any = policy.properties["PolicyDocument"]
        if "aws:SecureTransport" in str(document):
            queues: Any = policy.properties["Queues"]
            refusing |= {policy.stack + each["Ref"] for each in queues}
    for queue in full.resources("AWS::SQS::Queue"):
        assert values.of(queue).get("KmsMasterKeyId"), queue.path
        assert queue.stack + queue.logical_id in refusing, queue.path
