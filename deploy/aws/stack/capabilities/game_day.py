"""What AWS breaks for us on purpose, to show whether the limits and runbooks are true.

`runbooks/game_day.py` starts it and measures; it stops by itself when orders fail for longer than
it is meant to hurt. What needs no fault injection of AWS (a region unreachable, a detector that
stands still, a secret that changes) is broken by the runbook alone: `runbooks/experiments.py`.
"""

from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_fis as fis
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.logging import log_group
from stack.naming import PRODUCT
from stack.profile import Profile

Template = fis.CfnExperimentTemplate


class GameDay(Construct):
    """The ledger's writer dies."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        ledger_arn: str,
        stop: cw.IAlarm,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        log = log_group(self, "Log", days=profile.retention.log_days, key=key)
        self.role = self._role(ledger_arn)
        self.ledger = Template(
            self,
            "LedgerWriterDies",
            description="The ledger's writer fails over to a reader of another zone",
            role_arn=self.role.role_arn,
            tags={"Name": f"{PRODUCT}-ledger-writer-dies"},
            targets={
                "ledger": Template.ExperimentTemplateTargetProperty(
                    resource_type="aws:rds:cluster",
                    resource_arns=[ledger_arn],
                    selection_mode="ALL",
                )
            },
            actions={
                "failover": Template.ExperimentTemplateActionProperty(
                    action_id="aws:rds:failover-db-cluster", targets={"Clusters": "ledger"}
                )
            },
            stop_conditions=[
                Template.ExperimentTemplateStopConditionProperty(
                    source="aws:cloudwatch:alarm", value=stop.alarm_arn
                )
            ],
            log_configuration=Template.ExperimentTemplateLogConfigurationProperty(
                log_schema_version=2,
                cloud_watch_logs_configuration={"LogGroupArn": log.log_group_arn},
            ),
        )
        self.ledger.node.add_dependency(self.role)

    def _role(self, ledger_arn: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("fis.amazonaws.com"),
            description="Breaks what a game day breaks, and nothing else",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["rds:FailoverDBCluster", "rds:DescribeDBClusters"], resources=[ledger_arn]
            )
        )
        deliver = (
            "logs:CreateLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:PutResourcePolicy",
        )
        role.add_to_policy(iam.PolicyStatement(actions=list(deliver), resources=["*"]))
        acknowledge(
            role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="FIS sets up its log delivery with these four actions, which take no resource.",
        )
        return role
