"""The permissions boundary: what no role may do, whatever its own policies say."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.naming import BOUNDARY, OPTIMIZER_ROLE
from stack.profile import Profile

WORK = {
    "backup": "CopyFromBackupVault CopyIntoBackupVault DescribeBackupVault ListFrameworks "
    "ListRestoreJobs",
    "backup-storage": "GetChunk GetObjectMetadata ListChunks ListObjects MountCapsule "
    "NotifyObjectComplete PutChunk PutObject StartObject UpdateObjectComplete",
    "cloudfront": "CreateInvalidation GetInvalidation ListDistributions",
    "cloudwatch": "DescribeAlarms GetMetricData PutMetricData",
    "codebuild": "BatchGetBuilds StartBuild",
    "codeconnections": "UseConnection",
    "compute-optimizer": "UpdateEnrollmentStatus",
    "config": "DescribeConformancePackCompliance DescribeConformancePacks "
    "GetConformancePackComplianceDetails",
    "dynamodb": "DeleteItem DescribeBackup DescribeTable GetItem ListTagsOfResource PutItem "
    "RestoreTableFromAwsBackup StartAwsBackupJob TagResource UpdateItem",
    "ec2": "AssignPrivateIpAddresses AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress "
    "CreateNetworkInterface CreateNetworkInterfacePermission DeleteNetworkInterface "
    "DeleteNetworkInterfacePermission DescribeDhcpOptions DescribeNetworkInterfaces "
    "DescribeSecurityGroups DescribeSubnets DescribeVpcs RevokeSecurityGroupEgress "
    "RevokeSecurityGroupIngress UnassignPrivateIpAddresses",
    "ecr": "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload "
    "DescribeImageScanFindings DescribeImages GetAuthorizationToken GetDownloadUrlForLayer "
    "InitiateLayerUpload PutImage UploadLayerPart",
    "events": "DeleteRule DescribeEventBus DescribeRule DisableRule EnableRule ListTargetsByRule "
    "PutEvents PutRule PutTargets RemoveTargets",
    "firehose": "PutRecord PutRecordBatch",
    "kinesis": "DescribeStream DescribeStreamSummary GetRecords GetShardIterator ListShards "
    "ListStreams PutRecords",
    "kms": "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey "
    "GenerateDataKeyWithoutPlaintext GetPublicKey ReEncryptFrom ReEncryptTo Sign",
    "lambda": "GetAlias GetFunction GetProvisionedConcurrencyConfig InvokeFunction "
    "PutFunctionConcurrency UpdateAlias",
    "logs": "CreateLogDelivery CreateLogGroup CreateLogStream DescribeLogGroups DescribeLogStreams "
    "DescribeResourcePolicies FilterLogEvents GetLogEvents PutLogEvents PutResourcePolicy "
    "PutRetentionPolicy",
    "rds": "AddTagsToResource CopyDBClusterSnapshot CreateDBClusterSnapshot "
    "DeleteDBClusterSnapshot DescribeDBClusterSnapshots DescribeDBClusters DescribeDBInstances "
    "FailoverDBCluster ListTagsForResource ModifyDBCluster RestoreDBClusterFromSnapshot "
    "RestoreDBClusterToPointInTime",
    "rds-db": "connect",
    "s3": "AbortMultipartUpload DeleteObject GetBucketAcl GetBucketLocation GetBucketNotification "
    "GetBucketTagging GetBucketVersioning GetInventoryConfiguration GetObject GetObjectAcl "
    "GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectVersion GetObjectVersionAcl "
    "GetObjectVersionForReplication GetObjectVersionTagging GetReplicationConfiguration ListBucket "
    "ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts PutBucketNotification "
    "PutInventoryConfiguration PutObject PutObjectAcl PutObjectTagging ReplicateDelete "
    "ReplicateObject ReplicateTags",
    "sagemaker": "InvokeEndpoint",
    "secretsmanager": "GetSecretValue",
    "securityhub": "GetFindings",
    "sns": "Publish",
    "sqs": "ChangeMessageVisibility DeleteMessage ReceiveMessage SendMessage",
    "sts": "AssumeRole",
    "tag": "GetResources",
    "xray": "PutTelemetryRecords PutTraceSegments",
}
"""Every action that some role needs, by service; a test holds it to the templates."""
NEVER = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "config:DeleteConfigurationRecorder",
    "config:StopConfigurationRecorder",
    "guardduty:DeleteDetector",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:ScheduleKeyDeletion",
    "logs:DeleteLogGroup",
    "s3:BypassGovernanceRetention",
    "s3:DeleteBucket",
    "s3:PutBucketObjectLockConfiguration",
    "securityhub:DisableSecurityHub",
)
"""Said once more as a refusal, so that no later line of WORK can give it by mistake."""


class Boundary(iam.ManagedPolicy):
    """Bounds every role of the app (see `stack.synth`); it grants nothing by itself.

    A role may do at most what runs Tallystick, in the regions of the profile; never change users,
    roles or this boundary, never switch off what watches, never shorten what is locked. The one
    role that may be made is Compute Optimizer's own, which nobody but that service can take on.
    """

    def __init__(self, scope: Construct, id_: str, *, profile: Profile) -> None:
        regions = profile.regions
        super().__init__(
            scope,
            id_,
            managed_policy_name=BOUNDARY,
            description="The most that any Tallystick role may do",
            statements=[
                iam.PolicyStatement(
                    sid="Work",
                    actions=[
                        f"{service}:{action}"
                        for service, actions in WORK.items()
                        for action in actions.split()
                    ],
                    resources=["*"],
                    conditions={
                        "StringEquals": {
                            "aws:RequestedRegion": [
                                regions.primary,
                                regions.recovery,
                                regions.edge,
                            ]
                        }
                    },
                ),
                iam.PolicyStatement(
                    sid="Enrol",
                    actions=["iam:CreateServiceLinkedRole", "iam:PutRolePolicy"],
                    resources=[f"arn:aws:iam::*:{OPTIMIZER_ROLE}"],
                ),
                iam.PolicyStatement(
                    sid="Never",
                    effect=iam.Effect.DENY,
                    actions=list(NEVER),
                    resources=["*"],
                ),
            ],
        )
        for limit in ("*", f"arn:aws:iam::*:{OPTIMIZER_ROLE}"):
            acknowledge(
                self,
                f"AwsSolutions::AwsSolutions-IAM5[Resource::{limit}]",
                reason="A boundary grants nothing: it limits policies that name ARNs.",
            )
