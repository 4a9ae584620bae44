"""The network: workloads in private subnets, one way out, everything recorded."""

from typing import Any

import pytest

from proof.assembly import Assembly
from proof.values import Values

STACKS = ["network", "recovery-network"]
ANYWHERE = {"0.0.0.0/0", "::/0"}


def tagged(subnet: Any) -> str:
    """The group that a subnet belongs to."""
    return str(
        next(
            tag["Value"] for tag in subnet.properties["Tags"] if tag["Key"] == "aws-cdk:subnet-name"
        )
    )


@pytest.mark.parametrize("stack", STACKS)
def test_each_group_spans_three_zones(full: Assembly, stack: str) -> None:
    """Public, private, data and firewall subnets stand in each of three zones, without overlap."""
    zones: dict[str, set[str]] = {}
    for subnet in full.resources("AWS::EC2::Subnet", stack=stack):
        zones.setdefault(tagged(subnet), set()).add(str(subnet.properties["AvailabilityZone"]))
        assert subnet.properties["MapPublicIpOnLaunch"] is False
    assert set(zones) == {"public", "private", "data", "firewall"}
    assert all(len(each) == 3 for each in zones.values())


@pytest.mark.parametrize("stack", STACKS)
def test_private_subnets_leave_through_the_firewall_of_their_zone(
    full: Assembly, stack: str
) -> None:
    """From private to the firewall, then NAT, and back the same way; data goes nowhere."""
    tables: dict[str, tuple[str, str]] = {}
    for subnet in full.resources("AWS::EC2::Subnet", stack=stack):
        tables[subnet.logical_id] = (tagged(subnet), str(subnet.properties["AvailabilityZone"]))
    kind = {}
    for each in full.resources("AWS::EC2::SubnetRouteTableAssociation", stack=stack):
        subnet_id: Any = each.properties["SubnetId"]
        table_id: Any = each.properties["RouteTableId"]
        kind[table_id["Ref"]] = tables[subnet_id["Ref"]]
    ways: dict[str, set[str]] = {}
    for route in full.resources("AWS::EC2::Route", stack=stack):
        properties: Any = route.properties
        group, zone = kind[properties["RouteTableId"]["Ref"]]
        out = properties.get("DestinationCidrBlock") == "0.0.0.0/0"
        target = next(
            key for key in ("VpcEndpointId", "NatGatewayId", "GatewayId") if key in properties
        )
        ways.setdefault(f"{group} {'out' if out else 'back'}", set()).add(target)
        if target == "VpcEndpointId":
            # The endpoint is looked up by the name of the subnet's own zone.
            assert f'"{zone}:"' in str(properties[target]).replace("'", '"')
    assert ways == {
        "public out": {"GatewayId"},
        "public back": {"VpcEndpointId"},
        "private out": {"VpcEndpointId"},
        "firewall out": {"NatGatewayId"},
    }


@pytest.mark.parametrize("stack", STACKS)
def test_every_packet_is_recorded(full: Assembly, values: Values, stack: str) -> None:
    """Flow logs of all traffic, each minute, into an encrypted group that keeps them."""
    log = full.one("AWS::EC2::FlowLog", stack=stack)
    assert log.properties["TrafficType"] == "ALL"
    assert log.properties["MaxAggregationInterval"] == 60
    group = next(
        each
        for each in full.resources("AWS::Logs::LogGroup", stack=stack)
        if "FlowLogGroup" in each.logical_id
    )
    assert group.properties["RetentionInDays"] == 400
    assert values.of(group)["KmsKeyId"]


def test_no_security_group_is_open_to_the_world(full: Assembly, values: Values) -> None:
    """Nothing comes in from anywhere; what goes anywhere is HTTPS."""
    for group in full.resources("AWS::EC2::SecurityGroup"):
        own: Any = values.of(group)
        for rule in own.get("SecurityGroupIngress", []):
            assert rule.get("CidrIp") not in ANYWHERE, group.path
        for rule in own.get("SecurityGroupEgress", []):
            if rule.get("CidrIp") in ANYWHERE:
                assert (rule["FromPort"], rule["ToPort"]) == (443, 443), group.path
    for rule_ in full.resources("AWS::EC2::SecurityGroupIngress"):
        assert rule_.properties.get("CidrIp") not in ANYWHERE


def test_the_default_security_group_lets_nothing_through(full: Assembly) -> None:
    """Each network's default group is emptied when it is made."""
    emptied = full.resources("Custom::VpcRestrictDefaultSG")
    assert {each.stack for each in emptied} == set(STACKS)


def test_the_database_is_reached_only_by_who_needs_it(full: Assembly) -> None:
    """Its group takes the proxy, the rotation and workloads, on one port that is not the usual."""
    rules = [
        each
        for each in full.resources("AWS::EC2::SecurityGroupIngress", stack="network")
        if "NetworkLedger" in str(each.properties["GroupId"])
    ]
    sources = {str(each.properties["SourceSecurityGroupId"]) for each in rules}
    assert len(rules) == len(sources) == 3
    assert {each.properties["FromPort"] for each in rules} == {5433}
    assert all("Cidr" not in str(each.properties) for each in rules)


def test_storage_is_reached_without_leaving(full: Assembly, small: Assembly) -> None:
    """S3 and DynamoDB have gateway endpoints in every profile; others as the profile pays."""
    for assembly, interfaces in ((full, 14), (small, 0)):
        endpoints = assembly.resources("AWS::EC2::VPCEndpoint", stack="network")
        kinds = [each.properties["VpcEndpointType"] for each in endpoints]
        assert kinds.count("Gateway") == 2
        assert kinds.count("Interface") == interfaces
        for each in endpoints:
            if each.properties["VpcEndpointType"] == "Interface":
                assert each.properties["PrivateDnsEnabled"] is True


def test_without_inspection_private_subnets_use_nat(small: Assembly) -> None:
    """The small profile pays for one NAT gateway, and still puts no workload into the open."""
    assert len(small.resources("AWS::EC2::NatGateway")) == 1
    assert not small.resources("AWS::NetworkFirewall::Firewall")
    assert {tagged(each) for each in small.resources("AWS::EC2::Subnet")} == {
        "public", "private", "data",
    }  # fmt: skip


def test_functions_cannot_touch_interfaces_from_their_code(full: Assembly) -> None:
    """What Lambda needs to attach a function is refused to the function itself."""
    policy: Any = next(
        each
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="network")
        if "FunctionBasics" in each.logical_id
    ).properties
    denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    assert denied[0]["Condition"]["ArnLike"] == {"lambda:SourceFunctionArn": "arn:aws:lambda:*:*:*"}
    assert "ec2:*NetworkInterface*" in denied[0]["Action"]
