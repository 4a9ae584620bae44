"""Delivery: entries and log lines to Splunk, and all of them into a bucket as well."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.private_bucket import PrivateBucket, wildcard_of
from stack.capabilities.private_function import may_use
from stack.capabilities.replication import not_replicated
from stack.capabilities.secrets import SPLUNK, may_read, secret_arn
from stack.naming import bucket_name
from stack.profile import Profile

ACKNOWLEDGED_SECONDS = 300
RETRY_SECONDS = 3600
BUFFER_SECONDS = 60
BUFFER_MB = 5
Stream = firehose.CfnDeliveryStream


class LogDelivery(Construct):
    """Two ways with one end: `entries` reads the stream, `lines` takes what log groups send.

    With `splunk` both go to its HTTP Event Collector, acknowledged, and everything into the bucket
    as well; without it into the bucket alone.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        source: kinesis.IStream,
    ) -> None:
        super().__init__(scope, id_)
        self._profile = profile
        self._keys = keys
        self.backup = PrivateBucket(
            self,
            "Delivered",
            key=keys.logs,
            name=bucket_name(self, "delivered"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="keep",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                            transition_after=cdk.Duration.days(0),
                        )
                    ],
                    expiration=cdk.Duration.days(profile.retention.audit_days),
                    noncurrent_version_expiration=cdk.Duration.days(30),
                )
            ],
        )
        not_replicated(
            self.backup,
            "A second copy of what Splunk and the ledger, which is replicated, hold already.",
        )
        self.log_group = log_group(self, "LogGroup", days=profile.retention.log_days, key=keys.logs)
        self.role = self._role(source)
        self.entries = self._stream(
            "Entries",
            Stream.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=source.stream_arn, role_arn=self.role.role_arn
            ),
        )
        self.lines = self._stream("Lines", None)
        self._sender = self._log_sender()

    def _role(self, source: kinesis.IStream) -> iam.Role:
        """Read the stream, write the bucket, read Splunk's token; nothing else."""
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                conditions={"StringEquals": {"sts:ExternalId": stack.account}},
            ),
            description="Firehose delivers entries and log lines",
        )
        arn = self.backup.bucket_arn
        for statement in (
            iam.PolicyStatement(
                actions=[
                    "kinesis:DescribeStream",
                    "kinesis:GetShardIterator",
                    "kinesis:GetRecords",
                    "kinesis:ListShards",
                ],
                resources=[source.stream_arn],
            ),
            iam.PolicyStatement(
                actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resources=[arn],
            ),
            iam.PolicyStatement(
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                resources=[f"{arn}/*"],
            ),
            iam.PolicyStatement(
                actions=["logs:PutLogEvents"], resources=[self.log_group.log_group_arn]
            ),
            may_use(self._keys.messages.key_arn),
            may_use(self._keys.logs.key_arn),
        ):
            role.add_to_policy(statement)
        if self._profile.switches.splunk:
            role.add_to_policy(may_read(self, SPLUNK))
            role.add_to_policy(
                iam.PolicyStatement(actions=["kms:Decrypt"], resources=[self._keys.secrets.key_arn])
            )
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{wildcard_of(self.backup)}]",
            reason="Objects of its own bucket: their names are made by Firehose from the time.",
        )
        return role

    def _stream(
        self, id_: str, source: Stream.KinesisStreamSourceConfigurationProperty | None
    ) -> Stream:
        watched = Stream.CloudWatchLoggingOptionsProperty(
            enabled=True,
            log_group_name=self.log_group.log_group_name,
            log_stream_name=logs.LogStream(
                self, f"{id_}Stream", log_group=self.log_group
            ).log_stream_name,
        )
        hints = Stream.BufferingHintsProperty(
            interval_in_seconds=BUFFER_SECONDS, size_in_m_bs=BUFFER_MB
        )
        prefix = f"{id_.lower()}/!{{timestamp:yyyy/MM/dd/HH}}/"
        failed = f"failed/{id_.lower()}/!{{firehose:error-output-type}}/!{{timestamp:yyyy/MM/dd}}/"
        key = Stream.EncryptionConfigurationProperty(
            kms_encryption_config=Stream.KMSEncryptionConfigProperty(
                awskms_key_arn=self._keys.logs.key_arn
            )
        )
        splunk = extended = None
        if self._profile.switches.splunk:
            splunk = Stream.SplunkDestinationConfigurationProperty(
                hec_endpoint=self._profile.stream.splunk_endpoint,
                hec_endpoint_type="Raw",
                hec_acknowledgment_timeout_in_seconds=ACKNOWLEDGED_SECONDS,
                retry_options=Stream.SplunkRetryOptionsProperty(duration_in_seconds=RETRY_SECONDS),
                secrets_manager_configuration=Stream.SecretsManagerConfigurationProperty(
                    enabled=True,
                    secret_arn=secret_arn(self, SPLUNK),
                    role_arn=self.role.role_arn,
                ),
                s3_backup_mode="AllEvents",
                s3_configuration=Stream.S3DestinationConfigurationProperty(
                    bucket_arn=self.backup.bucket_arn,
                    role_arn=self.role.role_arn,
                    buffering_hints=hints,
                    cloud_watch_logging_options=watched,
                    compression_format="GZIP",
                    encryption_configuration=key,
                    prefix=prefix,
                    error_output_prefix=failed,
                ),
                cloud_watch_logging_options=watched,
                processing_configuration=None if source else _unpack(),
            )
        else:
            extended = Stream.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=self.backup.bucket_arn,
                role_arn=self.role.role_arn,
                buffering_hints=hints,
                cloud_watch_logging_options=watched,
                compression_format="GZIP",
                encryption_configuration=key,
                prefix=prefix,
                error_output_prefix=failed,
                processing_configuration=None if source else _unpack(),
            )
        made = Stream(
            self,
            id_,
            delivery_stream_type="KinesisStreamAsSource" if source else "DirectPut",
            kinesis_stream_source_configuration=source,
            # What comes from Kinesis is encrypted there, by our key as well.
            delivery_stream_encryption_configuration_input=None
            if source
            else Stream.DeliveryStreamEncryptionConfigurationInputProperty(
                key_type="CUSTOMER_MANAGED_CMK", key_arn=self._keys.messages.key_arn
            ),
            splunk_destination_configuration=splunk,
            extended_s3_destination_configuration=extended,
        )
        made.node.add_dependency(self.role)
        if source:
            acknowledge(
                made,
                "AwsSolutions::AwsSolutions-KDF1",
                reason="Its source is a stream encrypted by our key; Firehose takes no second one.",
            )
        return made

    def _log_sender(self) -> iam.Role:
        """What CloudWatch Logs uses to hand lines over."""
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "SenderRole",
            assumed_by=iam.ServicePrincipal(
                "logs.amazonaws.com",
                conditions={
                    "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{stack.region}:{stack.account}:*"}
                },
            ),
            description="CloudWatch Logs hands lines to Firehose",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["firehose:PutRecord", "firehose:PutRecordBatch"],
                resources=[self.lines.attr_arn],
            )
        )
        return role

    def take(self, scope: Construct, id_: str, group: logs.ILogGroup) -> logs.CfnSubscriptionFilter:
        """Take every line of `group`; the filter belongs to `scope`'s stack."""
        taken = logs.CfnSubscriptionFilter(
            scope,
            id_,
            log_group_name=group.log_group_name,
            destination_arn=self.lines.attr_arn,
            role_arn=self._sender.role_arn,
            filter_pattern="",
        )
        taken.node.add_dependency(self._sender)
        return taken


def _unpack() -> Stream.ProcessingConfigurationProperty:
    """CloudWatch packs lines into compressed envelopes: take them out, line by line."""
    parameter = Stream.ProcessorParameterProperty
    return Stream.ProcessingConfigurationProperty(
        enabled=True,
        processors=[
            Stream.ProcessorProperty(
                type="Decompression",
                parameters=[parameter(parameter_name="CompressionFormat", parameter_value="GZIP")],
            ),
            Stream.ProcessorProperty(
                type="CloudWatchLogProcessing",
                parameters=[
                    parameter(parameter_name="DataMessageExtraction", parameter_value="true")
                ],
            ),
        ],
    )
