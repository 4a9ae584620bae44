"""Delivery: to Splunk and into a bucket, encrypted, with a token that no template knows."""

from typing import Any

from proof.assembly import Assembly, Resource
from proof.values import Values

TYPE = "AWS::KinesisFirehose::DeliveryStream"


def of_kind(assembly: Assembly, kind: str, stack: str = "stream") -> Resource:
    """The delivery stream that reads Kinesis, or the one that log groups write to."""
    return assembly.one(TYPE, stack=stack, DeliveryStreamType=kind)


def test_everything_goes_to_splunk_and_into_the_bucket(full: Assembly, values: Values) -> None:
    """Acknowledged by Splunk, tried again for an hour, and kept whatever it says."""
    for kind in ("KinesisStreamAsSource", "DirectPut"):
        own: Any = values.of(of_kind(full, kind))
        splunk = own["SplunkDestinationConfiguration"]
        assert splunk["S3BackupMode"] == "AllEvents"
        assert splunk["HECEndpoint"].startswith("https://")
        assert splunk["RetryOptions"] == {"DurationInSeconds": 3600}
        assert "HECToken" not in splunk
        secret = splunk["SecretsManagerConfiguration"]
        assert secret["Enabled"] is True
        assert secret["SecretARN"].endswith("secret:tallystick/splunk")
        bucket = splunk["S3Configuration"]
        assert bucket["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"]
        assert bucket["ErrorOutputPrefix"].startswith("failed/")


def test_log_lines_are_encrypted_by_our_key_and_unpacked(full: Assembly, values: Values) -> None:
    """CloudWatch sends compressed envelopes; Splunk gets lines."""
    own: Any = values.of(of_kind(full, "DirectPut"))
    assert own["DeliveryStreamEncryptionConfigurationInput"]["KeyType"] == "CUSTOMER_MANAGED_CMK"
    processing = own["SplunkDestinationConfiguration"]["ProcessingConfiguration"]
    assert [each["Type"] for each in processing["Processors"]] == [
        "Decompression", "CloudWatchLogProcessing",
    ]  # fmt: skip


def test_every_log_of_the_service_is_delivered(full: Assembly, values: Values) -> None:
    """Each function's group, the API's access lines and the containers' have a subscription."""
    lines = of_kind(full, "DirectPut")
    for stack, wanted in (("service", 6), ("stream", 1)):
        filters = full.resources("AWS::Logs::SubscriptionFilter", stack=stack)
        assert len(filters) == wanted
        groups = {str(values.of(each)["LogGroupName"]) for each in filters}
        assert len(groups) == wanted
        for each in filters:
            assert lines.logical_id in str(each.properties["DestinationArn"])
            assert each.properties["FilterPattern"] == ""


def test_without_splunk_the_bucket_alone_is_written(small: Assembly) -> None:
    """The same two ways, one end."""
    for kind in ("KinesisStreamAsSource", "DirectPut"):
        stream = of_kind(small, kind)
        assert "SplunkDestinationConfiguration" not in stream.properties
        assert "ExtendedS3DestinationConfiguration" in stream.properties
