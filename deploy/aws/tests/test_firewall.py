"""The network firewall: nothing leaves but TLS to names that are listed."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_what_is_not_listed_is_dropped(full: Assembly, values: Values) -> None:
    """Strict order, default drop with an alert, and nothing passes the stateless engine."""
    policies = full.resources("AWS::NetworkFirewall::FirewallPolicy")
    assert {each.region for each in policies} == {"eu-west-1", "eu-central-1"}
    for each in policies:
        policy: Any = values.of(each)["FirewallPolicy"]
        assert policy["StatefulEngineOptions"] == {
            "RuleOrder": "STRICT_ORDER",
            "StreamExceptionPolicy": "DROP",
        }
        assert set(policy["StatefulDefaultActions"]) == {
            "aws:drop_established",
            "aws:alert_established",
        }
        assert policy["StatelessDefaultActions"] == ["aws:forward_to_sfe"]
        assert policy["StatelessFragmentDefaultActions"] == ["aws:forward_to_sfe"]


def test_only_the_profiles_names_are_allowed(full: Assembly, values: Values) -> None:
    """One list of names, by TLS's server name alone; it is the profile's."""
    lists: list[Any] = [
        source["RulesSourceList"]
        for each in full.resources("AWS::NetworkFirewall::RuleGroup")
        if "RulesSourceList" in (source := _source(values.of(each)))
    ]
    assert len(lists) == 2
    for each in lists:
        assert each["GeneratedRulesType"] == "ALLOWLIST"
        assert each["TargetTypes"] == ["TLS_SNI"]
        assert each["Targets"][:-1] == ["data-api.ecb.europa.eu", "events.pagerduty.com"]
    guards = {each["Targets"][-1] for each in lists}
    assert guards == {"dynamodb.eu-central-1.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com"}


def _source(properties: Any) -> Any:
    return properties["RuleGroup"]["RulesSource"]


def test_old_tls_other_ports_and_udp_are_dropped_first(full: Assembly, values: Values) -> None:
    """Our own rules come first, then AWS's signatures, then the allowed names; ids are unique."""
    rules = [
        _source(values.of(each))["RulesString"]
        for each in full.resources("AWS::NetworkFirewall::RuleGroup")
        if "RulesString" in _source(values.of(each))
    ]
    for text in rules:
        lines = text.strip().split("\n")
        assert all(line.startswith("drop ") and line.endswith(";)") for line in lines)
        assert "ssl_version:sslv2,sslv3,tls1.0,tls1.1" in text
        sids = [line.split("sid:")[1].split(";")[0] for line in lines]
        assert len(set(sids)) == len(lines) == 5
    for each in full.resources("AWS::NetworkFirewall::FirewallPolicy"):
        policy: Any = values.of(each)["FirewallPolicy"]
        groups = sorted(policy["StatefulRuleGroupReferences"], key=lambda one: one["Priority"])
        arns = [str(one["ResourceArn"]) for one in groups]
        assert "Always" in arns[0]
        assert "Names" in arns[-1]
        assert all("aws-managed" in arn and "StrictOrder" in arn for arn in arns[1:-1])


def test_firewall_is_protected_and_in_every_zone(full: Assembly, values: Values) -> None:
    """It cannot be deleted or moved by a slip, and has a leg in each zone."""
    for each in full.resources("AWS::NetworkFirewall::Firewall"):
        firewall: Any = values.of(each)
        assert firewall["DeleteProtection"] is True
        assert firewall["SubnetChangeProtection"] is True
        assert firewall["FirewallPolicyChangeProtection"] is True
        assert len(firewall["SubnetMappings"]) == 3


def test_alerts_and_flows_are_kept(full: Assembly, values: Values) -> None:
    """Both kinds of log, in encrypted groups that keep 400 days."""
    for each in full.resources("AWS::NetworkFirewall::LoggingConfiguration"):
        kinds = values.of(each)["LoggingConfiguration"]
        assert [one["LogType"] for one in kinds["LogDestinationConfigs"]] == ["ALERT", "FLOW"]  # type: ignore[index,union-attr,call-overload]
    groups = [
        values.of(each)
        for each in full.resources("AWS::Logs::LogGroup", stack="network")
        if "Firewall" in each.logical_id
    ]
    assert len(groups) == 2
    assert all(each["RetentionInDays"] == 400 and each["KmsKeyId"] for each in groups)


def test_every_way_out_leads_through_its_own_zone(full: Assembly) -> None:
    """A private subnet's default route is the endpoint of its own zone, found by its name."""
    routes = [
        each
        for each in full.resources("AWS::EC2::Route", stack="network")
        if "VpcEndpointId" in each.properties
    ]
    out = [each for each in routes if each.properties["DestinationCidrBlock"] == "0.0.0.0/0"]
    assert len(out) == 3
    zones = [str(each.properties["VpcEndpointId"]) for each in out]
    assert [f"eu-west-1{letter}:" in text for letter, text in zip("abc", zones, strict=True)] == [
        True,
        True,
        True,
    ]
