"""What it costs, and who hears when it costs more: budgets, anomalies, savings plans, sizes.

The month's limit is what `cost/` expects of the profile and a fifth more. Savings plans are
never bought from code: `runbooks/propose_savings_plan.py` proposes one, a person buys it.
"""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_ce as ce
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import custom_resources as cr
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.alerts import Alerts
from stack.capabilities.deployment_call import DeploymentCall
from stack.naming import OPTIMIZER, OPTIMIZER_ROLE, PRODUCT
from stack.profile import Profile

BUDGETS = Path(__file__).resolve().parents[2] / "cost/budgets.json"
WARN_PERCENTS = (50, 80, 100)
"""Shares of the month's budget that somebody hears of; the last one as a forecast too."""
ANOMALY_USD = 100
ANOMALY_PERCENT = 20
SAVINGS_USED_PERCENT = 90
SAVINGS_COVERED_PERCENT = 60
Budget = budgets.CfnBudget


class CostGuard(Construct):
    """Budgets always; what else watches cost, by the profile's switches."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, alerts: Alerts, key: kms.IKey
    ) -> None:
        super().__init__(scope, id_)
        self._topic = alerts.warning.topic_arn
        self.month = self._month(profile)
        if profile.switches.savings_plans:
            self._savings("SavingsUsed", "SAVINGS_PLANS_UTILIZATION", SAVINGS_USED_PERCENT)
            self._savings("SavingsCovered", "SAVINGS_PLANS_COVERAGE", SAVINGS_COVERED_PERCENT)
        if profile.switches.anomaly_monitor:
            self._anomalies()
        if profile.switches.compute_optimizer:
            self._optimizer(key, profile.retention.log_days)

    def _month(self, profile: Profile) -> Budget:
        actual = [_when("ACTUAL", percent) for percent in WARN_PERCENTS]
        return self._budget(
            "Month",
            "COST",
            budget_usd(profile),
            "USD",
            [*actual, _when("FORECASTED", WARN_PERCENTS[-1])],
        )

    def _savings(self, id_: str, kind: str, percent: int) -> None:
        too_low = Budget.NotificationProperty(
            notification_type="ACTUAL",
            comparison_operator="LESS_THAN",
            threshold=percent,
            threshold_type="PERCENTAGE",
        )
        self._budget(id_, kind, 100, "PERCENTAGE", [too_low])

    def _budget(
        self,
        id_: str,
        kind: str,
        amount: int,
        unit: str,
        notifications: list[Budget.NotificationProperty],
    ) -> Budget:
        listener = Budget.SubscriberProperty(subscription_type="SNS", address=self._topic)
        return Budget(
            self,
            id_,
            budget=Budget.BudgetDataProperty(
                budget_name=f"{PRODUCT}-{id_.lower()}",
                budget_type=kind,
                time_unit="MONTHLY",
                budget_limit=Budget.SpendProperty(amount=amount, unit=unit),
            ),
            notifications_with_subscribers=[
                Budget.NotificationWithSubscribersProperty(
                    notification=notification, subscribers=[listener]
                )
                for notification in notifications
            ],
        )

    def _anomalies(self) -> None:
        """A service that suddenly costs more than its own past, by amount and by share."""
        stack = cdk.Stack.of(self)
        monitor = ce.CfnAnomalyMonitor(
            self,
            "Services",
            monitor_name=f"{PRODUCT}-services",
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
        )
        beyond = [
            {
                "Dimensions": {
                    "Key": name,
                    "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
                    "Values": [str(figure)],
                }
            }
            for name, figure in (
                ("ANOMALY_TOTAL_IMPACT_ABSOLUTE", ANOMALY_USD),
                ("ANOMALY_TOTAL_IMPACT_PERCENTAGE", ANOMALY_PERCENT),
            )
        ]
        self.anomalies = ce.CfnAnomalySubscription(
            self,
            "Anomalies",
            subscription_name=f"{PRODUCT}-anomalies",
            frequency="IMMEDIATE",
            monitor_arn_list=[monitor.attr_monitor_arn],
            subscribers=[
                ce.CfnAnomalySubscription.SubscriberProperty(type="SNS", address=self._topic)
            ],
            threshold_expression=stack.to_json_string({"And": beyond}),
        )

    def _optimizer(self, key: kms.IKey, log_days: int) -> None:
        """Enrol the account: CloudFormation has no type for it."""
        call = DeploymentCall(
            self,
            "Optimizer",
            call=cr.AwsSdkCall(
                service="ComputeOptimizer",
                action="updateEnrollmentStatus",
                parameters={"status": "Active"},
                physical_resource_id=cr.PhysicalResourceId.of("compute-optimizer"),
            ),
            actions=["compute-optimizer:UpdateEnrollmentStatus"],
            resources=["*"],
            also=_first_enrolment(cdk.Stack.of(self).account),
            key=key,
            log_days=log_days,
        )
        acknowledge(
            call.role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="Enrolment concerns the account; the service has no resources to name.",
        )


def _first_enrolment(account: str) -> list[iam.PolicyStatement]:
    """An account's first enrolment makes the service's own role, in the name of who enrols it.

    As AWS's guide to Compute Optimizer lists it, under "Policy to opt in".
    """
    own = f"arn:aws:iam::{account}:{OPTIMIZER_ROLE}"
    asked = {"StringEquals": {"iam:AWSServiceName": OPTIMIZER}}
    return [
        iam.PolicyStatement(
            actions=["iam:CreateServiceLinkedRole"], resources=[own], conditions=asked
        ),
        iam.PolicyStatement(actions=["iam:PutRolePolicy"], resources=[own]),
    ]


def budget_usd(profile: Profile) -> int:
    """What a month may cost: the profile's own figure, else what `cost.report` wrote."""
    estimated = json.loads(BUDGETS.read_text())[profile.based_on]["budget_usd"]
    return profile.limits.budget_usd or int(estimated)


def _when(kind: str, percent: int) -> Budget.NotificationProperty:
    return Budget.NotificationProperty(
        notification_type=kind,
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
    )
