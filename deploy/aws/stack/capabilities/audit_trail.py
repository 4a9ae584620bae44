"""Who did what in the account: CloudTrail in every region, sealed, locked, and listened to.

The trail's files are digested (log file validation), encrypted with our key and lie under Object
Lock in compliance mode. The same events go to a log group, where a filter and an alarm for each
line of `OFFENCES` tell of what nobody should do unseen.
"""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudtrail as trail
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.capabilities.alarms import Alarms, Watched
from stack.capabilities.alerts import Severity
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.private_bucket import PrivateBucket, locked
from stack.naming import PRODUCT, bucket_name
from stack.profile import Profile

NAMESPACE = "Tallystick/Audit"
AUDIT = "audit"
"""What the bucket is for, in both regions."""
TRAIL = f"{PRODUCT}-trail"


@dataclass(frozen=True)
class Offence:
    """Something in the trail that somebody must know of; `pattern` finds it."""

    name: str
    what: str
    pattern: str
    severity: Severity = "warning"


def _events(source: str, *names: str) -> str:
    each = " || ".join(f"($.eventName = {name})" for name in names)
    return f'{{ ($.eventSource = "{source}") && ({each}) }}'


OFFENCES = (
    Offence(
        "RootUsed",
        "The root user did something.",
        '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS '
        '&& $.eventType != "AwsServiceEvent" }',
        "critical",
    ),
    Offence(
        "IamChanged",
        "A policy, role, user or boundary was changed.",
        _events(
            "iam.amazonaws.com",
            "AttachGroupPolicy",
            "AttachRolePolicy",
            "AttachUserPolicy",
            "CreateAccessKey",
            "CreatePolicy",
            "CreatePolicyVersion",
            "CreateUser",
            "DeleteGroupPolicy",
            "DeletePolicy",
            "DeletePolicyVersion",
            "DeleteRolePermissionsBoundary",
            "DeleteRolePolicy",
            "DeleteUserPolicy",
            "DetachGroupPolicy",
            "DetachRolePolicy",
            "DetachUserPolicy",
            "PutGroupPolicy",
            "PutRolePermissionsBoundary",
            "PutRolePolicy",
            "PutUserPolicy",
            "UpdateAssumeRolePolicy",
        ),
    ),
    Offence(
        "KeyEndangered",
        "A key was disabled, or is to be deleted.",
        _events(
            "kms.amazonaws.com",
            "DisableKey",
            "ScheduleKeyDeletion",
            "DisableKeyRotation",
            "DeleteImportedKeyMaterial",
            "PutKeyPolicy",
        ),
        "critical",
    ),
    Offence(
        "TrailChanged",
        "The audit trail was changed or stopped.",
        _events(
            "cloudtrail.amazonaws.com",
            "CreateTrail",
            "UpdateTrail",
            "DeleteTrail",
            "StartLogging",
            "StopLogging",
            "PutEventSelectors",
        ),
        "critical",
    ),
    Offence(
        "RecorderChanged",
        "The configuration recorder was changed or stopped.",
        _events(
            "config.amazonaws.com",
            "StopConfigurationRecorder",
            "DeleteDeliveryChannel",
            "PutDeliveryChannel",
            "PutConfigurationRecorder",
            "DeleteConformancePack",
        ),
        "critical",
    ),
    Offence(
        "BucketPolicyChanged",
        "Who may read a bucket, or how long it keeps its objects, was changed.",
        _events(
            "s3.amazonaws.com",
            "PutBucketAcl",
            "PutBucketPolicy",
            "PutBucketCors",
            "PutBucketLifecycle",
            "PutBucketReplication",
            "DeleteBucketPolicy",
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "DeleteBucketReplication",
            "PutBucketPublicAccessBlock",
            "PutObjectLockConfiguration",
        ),
    ),
    Offence(
        "BackupEndangered",
        "A backup or its vault's lock was changed.",
        _events(
            "backup.amazonaws.com",
            "DeleteBackupVault",
            "DeleteRecoveryPoint",
            "DeleteBackupVaultLockConfiguration",
            "PutBackupVaultAccessPolicy",
            "DeleteBackupPlan",
            "UpdateRecoveryPointLifecycle",
        ),
        "critical",
    ),
    Offence(
        "DetectionStopped",
        "Threat detection was switched off or hushed.",
        "{ ($.eventName = DeleteDetector) || ($.eventName = UpdateDetector) "
        "|| ($.eventName = DisableSecurityHub) || ($.eventName = DisableMacie) "
        "|| ($.eventName = CreateFilter && $.eventSource = guardduty.amazonaws.com) }",
        "critical",
    ),
    Offence(
        "CallsRefused",
        "Somebody tries what they may not.",
        '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
    ),
    Offence(
        "SignInWithoutMfa",
        "Somebody signed in to the console without a second factor.",
        '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") '
        '&& ($.userIdentity.type = "IAMUser") '
        '&& ($.responseElements.ConsoleLogin = "Success") }',
        "critical",
    ),
    Offence(
        "SignInFailed",
        "Somebody failed to sign in to the console.",
        '{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }',
    ),
    Offence(
        "GlassBroken",
        "The emergency role was assumed.",
        '{ ($.eventName = "AssumeRole") '
        f'&& ($.requestParameters.roleArn = "*role/{PRODUCT}-break-glass") }}',
        "critical",
    ),
    Offence(
        "SecurityGroupChanged",
        "Who may reach what in the network was changed.",
        "{ ($.eventName = AuthorizeSecurityGroupIngress) "
        "|| ($.eventName = AuthorizeSecurityGroupEgress) "
        "|| ($.eventName = RevokeSecurityGroupIngress) "
        "|| ($.eventName = RevokeSecurityGroupEgress) "
        "|| ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }",
    ),
    Offence(
        "NetworkChanged",
        "Routes, gateways, access lists or the network itself were changed.",
        "{ ($.eventName = CreateNetworkAclEntry) || ($.eventName = DeleteNetworkAclEntry) "
        "|| ($.eventName = ReplaceNetworkAclEntry) || ($.eventName = CreateRoute) "
        "|| ($.eventName = DeleteRoute) || ($.eventName = ReplaceRoute) "
        "|| ($.eventName = AttachInternetGateway) || ($.eventName = DetachInternetGateway) "
        "|| ($.eventName = DeleteVpc) || ($.eventName = ModifyVpcAttribute) "
        "|| ($.eventName = CreateVpcPeeringConnection) || ($.eventName = DeleteFlowLogs) }",
    ),
    Offence(
        "FirewallChanged",
        "The network firewall or a web firewall was changed.",
        '{ (($.eventSource = "network-firewall.amazonaws.com") '
        '|| ($.eventSource = "wafv2.amazonaws.com")) '
        "&& (($.eventName = Delete*) || ($.eventName = Update*) "
        "|| ($.eventName = Disassociate*)) }",
    ),
    Offence(
        "OrganisationChanged",
        "The organisation of accounts was changed.",
        '{ ($.eventSource = "organizations.amazonaws.com") '
        "&& (($.eventName = LeaveOrganization) || ($.eventName = DetachPolicy) "
        "|| ($.eventName = DeletePolicy) || ($.eventName = UpdatePolicy) "
        "|| ($.eventName = RemoveAccountFromOrganization)) }",
        "critical",
    ),
)
REPEATED = {"CallsRefused": 10, "SignInFailed": 3}
"""Once is nothing: how many in five minutes are something."""


COLD = s3.LifecycleRule(
    id="cold",
    transitions=[
        s3.Transition(
            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
            transition_after=cdk.Duration.days(90),
        )
    ],
)


class AuditTrail(Construct):
    """The trail, the bucket that keeps it, the log group, and the alarms on it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        alarms: Alarms,
        organisation: str = "",
    ) -> None:
        """With the id of an `organisation` (o-...) the trail is that of all its accounts."""
        super().__init__(scope, id_)
        days = profile.retention.audit_days
        self.bucket = PrivateBucket(
            self,
            "Bucket",
            key=keys.logs,
            name=bucket_name(self, AUDIT),
            lock=locked(profile, days),
            lifecycle_rules=[COLD],
        )
        self.log_group = log_group(self, "Log", days=profile.retention.log_days, key=keys.logs)
        self.trail = trail.Trail(
            self,
            "Trail",
            trail_name=TRAIL,
            bucket=self.bucket,
            encryption_key=keys.logs,
            cloud_watch_log_group=self.log_group,
            send_to_cloud_watch_logs=True,
            is_multi_region_trail=True,
            is_organization_trail=bool(organisation),
            org_id=organisation or None,
            include_global_service_events=True,
            enable_file_validation=True,
            management_events=trail.ReadWriteType.ALL,
            insight_types=[trail.InsightType.API_CALL_RATE, trail.InsightType.API_ERROR_RATE],
        )
        self.trail.log_all_s3_data_events(read_write_type=trail.ReadWriteType.WRITE_ONLY)
        self.trail.log_all_lambda_data_events(read_write_type=trail.ReadWriteType.WRITE_ONLY)
        for offence in OFFENCES:
            self._listen(offence, alarms)

    def _listen(self, offence: Offence, alarms: Alarms) -> None:
        logs.MetricFilter(
            self,
            offence.name,
            log_group=self.log_group,
            metric_namespace=NAMESPACE,
            metric_name=offence.name,
            filter_pattern=logs.FilterPattern.literal(offence.pattern),
            metric_value="1",
            default_value=0,
        )
        metric = cw.Metric(
            namespace=NAMESPACE,
            metric_name=offence.name,
            statistic=cw.Stats.SUM,
            period=cdk.Duration.minutes(5),
        )
        alarms.add(
            Watched(
                name=offence.name,
                what=offence.what,
                metric=metric,
                threshold=REPEATED.get(offence.name, 1),
                comparison=cw.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                runbook="somebody-changed-what-guards",
                severity=offence.severity,
                periods=1,
                datapoints=1,
            )
        )
