"""The web firewalls: what they refuse, in which order, and what they write down."""

from pathlib import Path
from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def _acls(full: Assembly, values: Values) -> dict[str, dict[str, Any]]:
    return {
        f"{acl.stack}/{values.of(acl)['Name']}": values.of(acl)
        for acl in full.resources("AWS::WAFv2::WebACL")
    }


def _groups(acl: dict[str, Any]) -> list[str]:
    statements = [rule["Statement"] for rule in acl["Rules"]]
    return [
        each["ManagedRuleGroupStatement"]["Name"]
        for each in statements
        if "ManagedRuleGroupStatement" in each
    ]


def test_every_acl_has_the_managed_rules_and_a_rate(full: Assembly, values: Values) -> None:
    """API, sign-in and page: reputation, injection, known bad input, and a limit an address."""
    acls = _acls(full, values)
    assert {name.split("/")[0] for name in acls} >= {"service", "recovery-service", "edge"}
    for acl in acls.values():
        assert {
            "AWSManagedRulesAmazonIpReputationList",
            "AWSManagedRulesAnonymousIpList",
            "AWSManagedRulesCommonRuleSet",
            "AWSManagedRulesKnownBadInputsRuleSet",
            "AWSManagedRulesSQLiRuleSet",
        } <= set(_groups(acl))
        rates = [rule for rule in acl["Rules"] if "RateBasedStatement" in rule["Statement"]]
        assert rates[0]["Statement"]["RateBasedStatement"]["Limit"] == 600
        assert rates[0]["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429


def test_fraud_rules_stand_before_the_api_and_never_before_the_pool(
    full: Assembly, values: Values
) -> None:
    """AWS refuses account-takeover rules on an ACL of a Cognito pool."""
    fraud = {"AWSManagedRulesATPRuleSet", "AWSManagedRulesACFPRuleSet"}
    for name, acl in _acls(full, values).items():
        if "signin" in name:
            assert not fraud & set(_groups(acl))
        else:
            assert fraud <= set(_groups(acl))
    read = [
        rule["Statement"]["ManagedRuleGroupStatement"]["ManagedRuleGroupConfigs"][0]
        for acl in _acls(full, values).values()
        for rule in acl["Rules"]
        if rule["Name"] == "AccountTakeover"
    ]
    assert all(
        each["AWSManagedRulesATPRuleSet"]["RequestInspection"]["UsernameField"]["Identifier"]
        == "/username"
        for each in read
    )


def test_small_profile_pays_for_no_fraud_rules(small: Assembly) -> None:
    """The switch is off where every dollar counts; the free rules stay."""
    acls = [Values(small).of(acl) for acl in small.resources("AWS::WAFv2::WebACL")]
    assert acls
    assert all("AWSManagedRulesATPRuleSet" not in _groups(acl) for acl in acls)


def test_countries_and_addresses_are_refused_first(full: Assembly, values: Values) -> None:
    """An operator's list and embargoed countries are asked first; places are unique."""
    for acl in _acls(full, values).values():
        rules = sorted(acl["Rules"], key=lambda rule: rule["Priority"])
        assert [rule["Name"] for rule in rules[:3]] == [
            "RefusedAddresses",
            "RefusedCountries",
            "TooManyRequests",
        ]
        assert rules[1]["Statement"]["GeoMatchStatement"]["CountryCodes"] == [
            "CU",
            "IR",
            "KP",
            "SY",
        ]
        assert len({rule["Priority"] for rule in rules}) == len(rules)


def test_refusals_are_logged_without_secrets(full: Assembly, values: Values) -> None:
    """Each ACL has a log; tokens and cookies are redacted; the page's log lies in the EU."""
    logs = full.resources("AWS::WAFv2::LoggingConfiguration")
    assert len(logs) == len(_acls(full, values))
    for log in logs:
        said: Any = values.of(log)
        redacted = {field["SingleHeader"]["Name"] for field in said["RedactedFields"]}
        assert {"authorization", "cookie"} <= redacted
        (destination,) = said["LogDestinationConfigs"]
        assert destination.split(":")[5].startswith("aws-waf-logs-") or (
            ":log-group:aws-waf-logs-" in destination
        )
        if log.stack == "edge":
            assert destination == "arn:aws:s3:::aws-waf-logs-tallystick-333333333333"
    buckets = [
        values.of(each)["BucketName"]
        for each in full.resources("AWS::S3::Bucket", stack="governance")
    ]
    assert "aws-waf-logs-tallystick-333333333333" in buckets


def test_the_edge_keeps_nothing(full: Assembly) -> None:
    """us-east-1 has no bucket, table, queue or log group: data stays in the EU."""
    kept = {
        "AWS::S3::Bucket",
        "AWS::Logs::LogGroup",
        "AWS::DynamoDB::GlobalTable",
        "AWS::SQS::Queue",
    }
    edge = [each for each in full.resources() if each.region == "us-east-1"]
    assert edge
    assert not kept & {each.type for each in edge}


def test_the_runbook_names_every_list(full: Assembly, values: Values, here: Path) -> None:
    """Who is refused is refused at all of them: API, sign-in and page."""
    names = {
        str(values.of(each)["Name"]).rpartition("-refused-")[0]
        for each in full.resources("AWS::WAFv2::IPSet")
    }
    script = (here / "runbooks/refuse_address.py").read_text()
    assert len(names) == 3
    assert all(f'"{name}"' in script for name in names)
