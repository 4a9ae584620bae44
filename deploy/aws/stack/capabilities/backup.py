"""What can be brought back: locked vaults in two regions, a plan, and restores tried every week.

A vault's lock is in compliance mode: when three days have passed nobody, AWS included, shortens
what lies there. Everything of tier 1 that keeps data is in the plan by its tag, so that a new
table or cluster is protected on the day it is made.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.alerts import Alerts
from stack.naming import PRODUCT
from stack.profile import Profile

VAULT = f"{PRODUCT}-vault"
"""The vault's name, the same in both regions."""
TIER = "1"
GRACE_DAYS = 3
"""How long a lock in compliance mode can still be taken back; AWS's least."""
START_MINUTES = 60
DONE_MINUTES = 360
VALIDATION_HOURS = 4
POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
    "AWSBackupServiceRolePolicyForS3Backup",
    "AWSBackupServiceRolePolicyForS3Restore",
)
RESTORED = {"ledger": "Aurora", "state": "DynamoDB", "archive": "S3"}
"""What is restored every week to see whether it can be: name and AWS Backup's word for it."""


class Vault(Construct):
    """A locked vault. The one in the recovery region takes copies."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        compliance = profile.retention.lock == "compliance"
        self.vault = backup.CfnBackupVault(
            self,
            "Vault",
            backup_vault_name=VAULT,
            encryption_key_arn=key.key_arn,
            lock_configuration=backup.CfnBackupVault.LockConfigurationTypeProperty(
                min_retention_days=profile.retention.backup_lock_days,
                changeable_for_days=GRACE_DAYS if compliance else None,
            ),
            access_policy=_nobody_deletes().to_json(),
        )
        self.vault.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self.arn = self.vault.attr_backup_vault_arn


class Backups(Construct):
    """The vault, the plan, what is in it, and the weekly test that it can be restored."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, key: kms.IKey, alerts: Alerts
    ) -> None:
        super().__init__(scope, id_)
        self.vault = Vault(self, "Primary", profile=profile, key=key)
        self.role = self._role()
        self.plan = backup.CfnBackupPlan(
            self,
            "Plan",
            backup_plan=backup.CfnBackupPlan.BackupPlanResourceTypeProperty(
                backup_plan_name=PRODUCT, backup_plan_rule=list(self._rules(profile))
            ),
        )
        self.plan.node.add_dependency(self.vault)
        self.selection = self._selection()
        self._tests()
        self._framework(profile)
        self._tell(alerts)

    def _rules(
        self, profile: Profile
    ) -> Sequence[backup.CfnBackupPlan.BackupRuleResourceTypeProperty]:
        kept = profile.retention
        return [
            self._rule("continuous", "cron(0 0 * * ? *)", kept.point_in_time_days, continuous=True),
            self._rule(
                "daily", "cron(0 1 * * ? *)", kept.backup_days, copy_to=self._other(profile)
            ),
            self._rule(
                "monthly",
                "cron(0 2 1 * ? *)",
                kept.archive_years * 365,
                copy_to=self._other(profile),
            ),
        ]

    def _other(self, profile: Profile) -> str | None:
        """The vault of the recovery region, by its name."""
        if not profile.switches.recovery:
            return None
        account = cdk.Stack.of(self).account
        return f"arn:aws:backup:{profile.regions.recovery}:{account}:backup-vault:{VAULT}"

    def _rule(
        self,
        name: str,
        schedule: str,
        days: int,
        *,
        continuous: bool = False,
        copy_to: str | None = None,
    ) -> backup.CfnBackupPlan.BackupRuleResourceTypeProperty:
        life = backup.CfnBackupPlan.LifecycleResourceTypeProperty(delete_after_days=days)
        copy = backup.CfnBackupPlan.CopyActionResourceTypeProperty
        copies = [copy(destination_backup_vault_arn=copy_to, lifecycle=life)] if copy_to else None
        return backup.CfnBackupPlan.BackupRuleResourceTypeProperty(
            rule_name=name,
            target_backup_vault=VAULT,
            schedule_expression=schedule,
            schedule_expression_timezone="Etc/UTC",
            start_window_minutes=START_MINUTES,
            completion_window_minutes=DONE_MINUTES,
            enable_continuous_backup=continuous,
            lifecycle=life,
            copy_actions=copies,
        )

    def _selection(self) -> backup.CfnBackupSelection:
        tagged = backup.CfnBackupSelection.ConditionResourceTypeProperty(
            condition_type="STRINGEQUALS", condition_key="Tier", condition_value=TIER
        )
        return backup.CfnBackupSelection(
            self,
            "Selection",
            backup_plan_id=self.plan.attr_backup_plan_id,
            backup_selection=backup.CfnBackupSelection.BackupSelectionResourceTypeProperty(
                selection_name=f"tier-{TIER}",
                iam_role_arn=self.role.role_arn,
                list_of_tags=[tagged],
            ),
        )

    def _role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            description="AWS Backup makes and restores backups",
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in POLICIES
            ],
        )
        acknowledge(
            role,
            *(
                f"AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]"
                for name in POLICIES
            ),
            reason="AWS keeps these policies in step with AWS Backup; only that service assumes "
            "the role, and the boundary bounds it.",
        )
        return role

    def _tests(self) -> None:
        name = f"{PRODUCT}_restore_test"
        plan = backup.CfnRestoreTestingPlan(
            self,
            "RestoreTest",
            restore_testing_plan_name=name,
            schedule_expression="cron(0 5 ? * SUN *)",
            schedule_expression_timezone="Etc/UTC",
            start_window_hours=VALIDATION_HOURS,
            recovery_point_selection=backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[self.vault.arn],
                recovery_point_types=["CONTINUOUS", "SNAPSHOT"],
                selection_window_days=7,
            ),
        )
        self.restore_tests = [self._test(plan, name, what, kind) for what, kind in RESTORED.items()]

    def _test(
        self, plan: backup.CfnRestoreTestingPlan, plan_name: str, what: str, kind: str
    ) -> backup.CfnRestoreTestingSelection:
        conditions = backup.CfnRestoreTestingSelection.ProtectedResourceConditionsProperty(
            string_equals=[
                backup.CfnRestoreTestingSelection.KeyValueProperty(
                    key="aws:ResourceTag/Tier", value=TIER
                )
            ]
        )
        selection = backup.CfnRestoreTestingSelection(
            self,
            f"Restore{what.title()}",
            restore_testing_plan_name=plan_name,
            restore_testing_selection_name=f"{PRODUCT}_{what}",
            iam_role_arn=self.role.role_arn,
            protected_resource_type=kind,
            protected_resource_arns=["*"],
            protected_resource_conditions=conditions,
            validation_window_hours=VALIDATION_HOURS,
        )
        selection.add_resource_dependency(plan)
        return selection

    def _framework(self, profile: Profile) -> None:
        """AWS Backup's own audit of the above."""
        control = backup.CfnFramework.FrameworkControlProperty
        given = backup.CfnFramework.ControlInputParameterProperty
        days = str(profile.retention.backup_lock_days)
        wanted: dict[str, dict[str, str]] = {
            "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN": {},
            "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK": {},
            "BACKUP_RECOVERY_POINT_ENCRYPTED": {},
            "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED": {},
            "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK": {"requiredRetentionDays": days},
            "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK": {
                "requiredFrequencyUnit": "days",
                "requiredFrequencyValue": "1",
                "requiredRetentionDays": days,
            },
        }
        if profile.switches.recovery:
            wanted["BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION"] = {}
        self.framework = backup.CfnFramework(
            self,
            "Framework",
            framework_name=f"{PRODUCT}_backups",
            framework_description="Whether everything of tier 1 can be brought back",
            framework_controls=[
                control(
                    control_name=name,
                    control_input_parameters=[
                        given(parameter_name=key, parameter_value=value)
                        for key, value in parameters.items()
                    ],
                )
                for name, parameters in wanted.items()
            ],
        )

    def _tell(self, alerts: Alerts) -> None:
        for id_, kind in (
            ("BackupFailed", "Backup Job State Change"),
            ("CopyFailed", "Copy Job State Change"),
            ("RestoreFailed", "Restore Job State Change"),
        ):
            alerts.tell(
                self,
                id_,
                pattern={
                    "source": ["aws.backup"],
                    "detail-type": [kind],
                    "detail": {
                        "$or": [
                            {"state": ["FAILED", "EXPIRED", "ABORTED"]},
                            {"status": ["FAILED", "EXPIRED", "ABORTED"]},
                        ]
                    },
                },
                severity="warning",
                description=f"{kind}: it failed",
            )


def _nobody_deletes() -> iam.PolicyDocument:
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                sid="NobodyDeletes",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=[
                    "backup:DeleteBackupVault",
                    "backup:DeleteBackupVaultAccessPolicy",
                    "backup:DeleteRecoveryPoint",
                    "backup:UpdateRecoveryPointLifecycle",
                ],
                resources=["*"],  # in a vault's own policy: the vault and what lies in it
            )
        ]
    )
