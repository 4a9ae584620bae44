"""Cost: a budget, savings plans watched, anomalies told, sizes looked at."""

import json
from typing import Any

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.cost_guard import budget_usd
from stack.profile import load


def _budgets(full: Assembly, values: Values) -> dict[str, Any]:
    found = [values.of(each) for each in full.resources("AWS::Budgets::Budget")]
    return {each["Budget"]["BudgetType"]: each for each in found}  # type: ignore[index,call-overload,misc]


def test_month_has_a_limit_and_warns_before(full: Assembly, values: Values) -> None:
    """What the model expects and a fifth; told at half, four fifths, all, and a forecast of all."""
    month = _budgets(full, values)["COST"]
    assert month["Budget"]["BudgetLimit"] == {
        "Amount": budget_usd(load("full")),
        "Unit": "USD",
    }
    said = [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in month["NotificationsWithSubscribers"]
    ]
    assert said == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    for each in month["NotificationsWithSubscribers"]:
        assert each["Subscribers"][0]["SubscriptionType"] == "SNS"


def test_savings_plans_are_watched(full: Assembly, values: Values) -> None:
    """A plan that is not used, or covers little, is told."""
    budgets = _budgets(full, values)
    for kind, floor in (("SAVINGS_PLANS_UTILIZATION", 90), ("SAVINGS_PLANS_COVERAGE", 60)):
        (told,) = budgets[kind]["NotificationsWithSubscribers"]
        assert told["Notification"]["ComparisonOperator"] == "LESS_THAN"
        assert told["Notification"]["Threshold"] == floor


def test_anomalies_are_told_at_once(full: Assembly, values: Values) -> None:
    """By service, from a hundred dollars and a fifth on."""
    (monitor,) = full.resources("AWS::CE::AnomalyMonitor")
    assert values.of(monitor)["MonitorDimension"] == "SERVICE"
    (subscription,) = full.resources("AWS::CE::AnomalySubscription")
    said: Any = values.of(subscription)
    assert said["Frequency"] == "IMMEDIATE"
    both = json.loads(said["ThresholdExpression"])["And"]
    assert [each["Dimensions"]["Values"] for each in both] == [["100"], ["20"]]


def test_account_is_enrolled_with_compute_optimizer(full: Assembly, values: Values) -> None:
    """By one call of the deployment."""
    calls = [str(values.of(each)) for each in full.resources("Custom::AWS")]
    assert any("updateEnrollmentStatus" in each and "Active" in each for each in calls)
    granted = str(
        [values.of(each) for each in full.resources("AWS::IAM::ManagedPolicy", stack="governance")]
    )
    assert "compute-optimizer:UpdateEnrollmentStatus" in granted
    assert "iam:CreateServiceLinkedRole" in granted, "a fresh account has no such role yet"


def test_small_profile_still_has_its_budget(small: Assembly) -> None:
    """No profile is without a limit."""
    assert "COST" in _budgets(small, Values(small))
