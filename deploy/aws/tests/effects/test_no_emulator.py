"""Services that nothing emulates: each call is held against the service's own API model.

The model is what AWS publishes with its SDK. A wrong member, type or a missing one fails here; what
AWS
would answer stays unproven.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ParamValidationError
from botocore.stub import Stubber

from proof import calls

if TYPE_CHECKING:
    from proof.assembly import Assembly
    from proof.values import Values

SDK_NAMES = {
    "costoptimizationhub": "cost-optimization-hub",
    "computeoptimizer": "compute-optimizer",
    "cognitoidentityserviceprovider": "cognito-idp",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "iam": "iam",
}
"""JavaScript's service names that are not botocore's, without regard to case and hyphens."""


def client(service: str, region: str = "eu-west-1") -> Any:
    """Return a client that has nobody's credentials: only `accepted` calls it."""
    nobody = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.Session(region_name=region, **nobody).client(service)  # type: ignore[call-overload]


def accepted(
    service: Any, operation: str, answer: dict[str, Any], **parameters: object
) -> dict[str, Any]:
    """Make the call against the API model alone; both the call and the answer have to fit it."""
    with Stubber(service) as stub:
        stub.add_response(operation, answer, parameters)
        return cast("dict[str, Any]", getattr(service, operation)(**parameters))


def test_artifact_reports_are_fetched() -> None:
    """The runbook's three calls to AWS Artifact are valid.

    They list the reports, accept the terms, and fetch one.
    """
    artifact = client("artifact", "us-east-1")
    report = {"id": "report-1", "name": "SOC 2", "version": 3}
    listed = accepted(artifact, "list_reports", {"reports": [report]}, maxResults=100)
    first = listed["reports"][0]
    terms = accepted(
        artifact,
        "get_term_for_report",
        {"termToken": "token", "documentPresignedUrl": "https://example.com/terms"},
        reportId=first["id"],
        reportVersion=first["version"],
    )
    fetched = accepted(
        artifact,
        "get_report",
        {"documentPresignedUrl": "https://example.com/report"},
        reportId=first["id"],
        reportVersion=first["version"],
        termToken=terms["termToken"],
    )
    assert fetched["documentPresignedUrl"].startswith("https://")
    with pytest.raises(ParamValidationError):
        artifact.get_report(reportId="report-1")


def test_audit_manager_assessment_is_well_formed() -> None:
    """Assessment, scope and roles as the gated stack states them fit the API.

    For accounts that still have the service.
    """
    manager = client("auditmanager")
    role = {"roleType": "PROCESS_OWNER", "roleArn": "arn:aws:iam::111111111111:role/auditor"}
    answer = accepted(
        manager,
        "create_assessment",
        {"assessment": {"arn": "arn:aws:auditmanager:eu-west-1:111111111111:assessment/1"}},
        name="tallystick",
        frameworkId="00000000-0000-4000-8000-000000000000",
        roles=[role],
        assessmentReportsDestination={"destinationType": "S3", "destination": "s3://evidence"},
        scope={"awsAccounts": [{"id": "111111111111"}]},
    )
    assert answer["assessment"]["arn"]
    with pytest.raises(ParamValidationError):
        manager.create_assessment(name="tallystick")


def test_savings_plan_is_recommended_and_bought_by_a_person(full: Assembly, values: Values) -> None:
    """A plan is bought from a recommendation by the runbook.

    The template holds the budget that watches its use.
    """
    explorer, plans = client("ce", "us-east-1"), client("savingsplans", "us-east-1")
    wanted = {
        "SavingsPlansType": "COMPUTE_SP",
        "TermInYears": "ONE_YEAR",
        "PaymentOption": "NO_UPFRONT",
        "LookbackPeriodInDays": "SIXTY_DAYS",
    }
    accepted(explorer, "get_savings_plans_purchase_recommendation", {}, **wanted)
    offering = {"offeringId": "00000000-0000-4000-8000-000000000000"}
    found = accepted(
        plans,
        "describe_savings_plans_offerings",
        {"searchResults": [offering]},
        planTypes=["Compute"],
        durations=[31536000],
        paymentOptions=["No Upfront"],
        currencies=["USD"],
    )
    bought = accepted(
        plans,
        "create_savings_plan",
        {"savingsPlanId": "11111111-1111-4111-8111-111111111111"},
        savingsPlanOfferingId=found["searchResults"][0]["offeringId"],
        commitment="1.0",
        clientToken="once",
    )
    assert bought["savingsPlanId"]
    budgets = client("budgets", "us-east-1")
    watched = [
        values.of(each)
        for each in full.resources("AWS::Budgets::Budget")
        if str(each.get("Budget.BudgetType")).startswith("SAVINGS_PLANS")
    ]
    for own in watched:
        shaped = calls.parameters(budgets, "create_budget", own, AccountId="111111111111")
        accepted(
            budgets,
            "create_budget",
            {},
            **{
                name: each
                for name, each in shaped.items()
                if name in {"AccountId", "Budget", "NotificationsWithSubscribers"}
            },
        )
    assert watched


def custom_calls(full: Assembly, values: Values) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return every call that a deployment makes by itself: path, service, operation, parameters."""
    found = []
    for resource in full.resources("Custom::AWS"):
        own = values.of(resource)
        for moment in ("Create", "Update", "Delete"):
            if moment in own:
                text = own[moment] if isinstance(own[moment], str) else json.dumps(own[moment])
                call = json.loads(str(text))
                found.append(
                    (
                        f"{resource.path}/{moment}",
                        call["service"],
                        call["action"],
                        call.get("parameters", {}),
                    )
                )
    return found


def service_name(name: str) -> str:
    """Return botocore's name of a service of the JavaScript SDK.

    There it is `@aws-sdk/client-s3` or `ComputeOptimizer`.
    """
    plain = name.removeprefix("@aws-sdk/client-").casefold().replace("-", "")
    known = {each.replace("-", ""): each for each in boto3.Session().get_available_services()}
    return SDK_NAMES.get(plain) or known[plain]


def operation_name(service: Any, action: str) -> str:
    """Return botocore's name of an action.

    In JavaScript it is `updateEnrollmentStatus` or `UpdateEnrollmentStatusCommand`.
    """
    plain = action.removesuffix("Command").casefold()
    return next(
        own for own, api in service.meta.method_to_api_mapping.items() if api.casefold() == plain
    )


def test_every_call_of_a_deployment_is_valid(full: Assembly, values: Values) -> None:
    """What CloudFormation has no type for is called by a custom resource.

    Each such call fits its API.
    """
    found = custom_calls(full, values)
    for path, name, action, parameters in found:
        service = client(service_name(name))
        operation = operation_name(service, action)
        shaped = calls.parameters(service, operation, parameters)
        assert set(shaped) == set(parameters), (
            f"{path}: the API does not know {set(parameters) - set(shaped)}"
        )
        accepted(service, operation, {}, **shaped)
    assert found


def test_compute_optimizer_is_enrolled(full: Assembly, values: Values) -> None:
    """The deployment opts the account in to Compute Optimizer by its API.

    There is no type for that.
    """
    enrolments = [
        each for each in custom_calls(full, values) if service_name(each[1]) == "compute-optimizer"
    ]
    assert enrolments
    created = next(each for each in enrolments if each[0].endswith("/Create"))
    assert created[3]["status"] == "Active"
    accepted(
        client("compute-optimizer"), "update_enrollment_status", {"status": "Active"}, **created[3]
    )


def test_workload_is_reviewed_under_two_lenses(full: Assembly, values: Values) -> None:
    """The workload of the template fits the Well-Architected Tool's API.

    It names the financial services lens.
    """
    tool = client("wellarchitected")
    own = values.of(full.one("AWS::WellArchitected::Workload"))
    shaped = calls.parameters(tool, "create_workload", own, ClientRequestToken="once")
    shaped.pop("Tags", None)
    answer = accepted(tool, "create_workload", {"WorkloadId": "0" * 32}, **shaped)
    assert answer["WorkloadId"]
    assert {"wellarchitected", "financialservices"} <= {
        str(each).split("/")[-1] for each in shaped["Lenses"]
    }
    left = (
        set(own)
        - {"Tags", "ResourceTags"}
        - {name for name in own if name.casefold() in {each.casefold() for each in shaped}}
    )
    assert not left, f"the API does not know {left}"


def test_warehouse_is_private_and_sealed(full: Assembly, values: Values) -> None:
    """Namespace and workgroup of the template fit Redshift Serverless' API.

    They have our key, our network, and no public door.
    """
    redshift = client("redshift-serverless")
    namespace = values.of(full.one("AWS::RedshiftServerless::Namespace"))
    workgroup = values.of(full.one("AWS::RedshiftServerless::Workgroup"))
    shaped = calls.parameters(redshift, "create_namespace", namespace)
    accepted(redshift, "create_namespace", {}, **shaped)
    assert shaped["kmsKeyId"]
    assert shaped["manageAdminPassword"] is True or "adminUserPassword" not in shaped
    shaped = calls.parameters(redshift, "create_workgroup", workgroup)
    accepted(redshift, "create_workgroup", {}, **shaped)
    assert shaped["publiclyAccessible"] is False
    assert shaped["enhancedVpcRouting"] is True


def test_anomalies_of_cost_are_told(full: Assembly, values: Values) -> None:
    """Monitor and subscription of the template fit Cost Explorer's API."""
    explorer = client("ce", "us-east-1")
    monitor = values.of(full.one("AWS::CE::AnomalyMonitor"))
    shaped = calls.parameters(explorer, "create_anomaly_monitor", {"AnomalyMonitor": monitor})
    accepted(
        explorer,
        "create_anomaly_monitor",
        {"MonitorArn": "arn:aws:ce::111111111111:anomalymonitor/1"},
        **shaped,
    )
    own = values.of(full.one("AWS::CE::AnomalySubscription"))
    own["ThresholdExpression"] = json.loads(str(own["ThresholdExpression"]))
    shaped = calls.parameters(explorer, "create_anomaly_subscription", {"AnomalySubscription": own})
    accepted(
        explorer,
        "create_anomaly_subscription",
        {"SubscriptionArn": "arn:aws:ce::111111111111:anomalysubscription/1"},
        **shaped,
    )
    assert shaped["AnomalySubscription"]["Subscribers"]


def test_firewall_rules_fit_the_api(full: Assembly, values: Values) -> None:
    """Rule groups and policies, which no emulator keeps, fit Network Firewall's API.

    What no rule allows is dropped.
    """
    firewall = client("network-firewall")
    groups = full.resources("AWS::NetworkFirewall::RuleGroup")
    for resource in groups:
        own = values.of(resource)
        shaped = calls.parameters(firewall, "create_rule_group", own)
        shaped.pop("Tags", None)
        answer = {
            "UpdateToken": "1",
            "RuleGroupResponse": {
                "RuleGroupArn": "arn:aws:x",
                "RuleGroupName": "x",
                "RuleGroupId": "1" * 36,
            },
        }
        accepted(firewall, "create_rule_group", answer, **shaped)
    policy = values.of(full.one("AWS::NetworkFirewall::FirewallPolicy"))
    shaped = calls.parameters(firewall, "create_firewall_policy", policy)
    shaped.pop("Tags", None)
    answer = {
        "UpdateToken": "1",
        "FirewallPolicyResponse": {
            "FirewallPolicyArn": "arn:aws:x",
            "FirewallPolicyName": "x",
            "FirewallPolicyId": "1" * 36,
        },
    }
    accepted(firewall, "create_firewall_policy", answer, **shaped)
    assert groups
    assert (
        "aws:drop_strict" in shaped["FirewallPolicy"]["StatefulDefaultActions"]
        or "aws:drop_established" in shaped["FirewallPolicy"]["StatefulDefaultActions"]
    )
