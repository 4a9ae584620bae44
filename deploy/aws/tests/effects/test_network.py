"""The network.

Private by default, watched, and with one inspected way out, with the templates' properties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from proof import calls, world

if TYPE_CHECKING:
    from proof.assembly import Assembly
    from proof.emulators import Clients
    from proof.values import Values


def test_private_subnets_leave_only_through_nat(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """NAT gateways stand in the template's subnets with their own addresses.

    No subnet hands out public ones.
    """
    ec2 = moto("ec2")
    vpc = world.network(ec2, full, values)
    gateways = full.resources("AWS::EC2::NatGateway", stack=world.primary(full))
    for resource in gateways:
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        made = ec2.create_nat_gateway(
            SubnetId=values.of(resource)["SubnetId"], AllocationId=address
        )["NatGateway"]
        values.know(resource, made["NatGatewayId"])
    kept = ec2.describe_nat_gateways(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NatGateways"]
    assert len(kept) == len(gateways) >= 1
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    private = [each for each in subnets if not each["MapPublicIpOnLaunch"]]
    assert len(private) >= 3


def test_every_packet_leaves_a_flow_record(moto: Clients, full: Assembly, values: Values) -> None:
    """The flow log of the template watches the whole VPC, accepted and refused traffic alike."""
    ec2, logs = moto("ec2"), moto("logs")
    vpc = world.network(ec2, full, values)
    own = values.of(full.one("AWS::EC2::FlowLog", stack=world.primary(full)))
    more: dict[str, Any] = {}
    if own.get("LogDestinationType", "cloud-watch-logs") == "cloud-watch-logs":
        logs.create_log_group(logGroupName=str(own.get("LogGroupName", "flow")))
        more = {
            "LogGroupName": str(own.get("LogGroupName", "flow")),
            "DeliverLogsPermissionArn": own["DeliverLogsPermissionArn"],
        }
    else:
        moto("s3").create_bucket(
            Bucket="flow", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        more = {"LogDestination": "arn:aws:s3:::flow", "LogDestinationType": "s3"}
    ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType=own["TrafficType"], **more
    )
    kept = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc]}])["FlowLogs"]
    assert [each["TrafficType"] for each in kept] == ["ALL"]


def test_security_groups_let_nothing_in_from_everywhere(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """Each security group of the template is created with its rules.

    None is open to the world but on 443.
    """
    ec2 = moto("ec2")
    world.network(ec2, full, values)
    groups = full.resources("AWS::EC2::SecurityGroup")
    for number, resource in enumerate(groups):
        own = values.of(resource)
        made = ec2.create_security_group(
            GroupName=f"group-{number}", Description="test", VpcId=str(own["VpcId"])
        )["GroupId"]
        values.know(resource, made, GroupId=made)
        rules = cast("list[dict[str, Any]]", own.get("SecurityGroupIngress", []))
        for rule in rules:
            source = {"IpRanges": [{"CidrIp": rule["CidrIp"]}]} if "CidrIp" in rule else {}
            permission = {
                "IpProtocol": str(rule["IpProtocol"]),
                "FromPort": int(rule.get("FromPort", -1)),
                "ToPort": int(rule.get("ToPort", -1)),
            }
            if source:
                ec2.authorize_security_group_ingress(
                    GroupId=made, IpPermissions=[{**permission, **source}]
                )
    opened = [
        (group["GroupName"], rule.get("FromPort"))
        for group in ec2.describe_security_groups()["SecurityGroups"]
        for rule in group["IpPermissions"]
        if any(each["CidrIp"] == "0.0.0.0/0" for each in rule["IpRanges"])
        and rule.get("FromPort") != 443
    ]
    assert groups
    assert opened == []


def test_private_endpoints_answer_for_aws(moto: Clients, full: Assembly, values: Values) -> None:
    """Interface and gateway endpoints of the template come up in the VPC.

    AWS is reached without leaving it.
    """
    ec2 = moto("ec2")
    vpc = world.network(ec2, full, values)
    wanted = set()
    for resource in full.resources("AWS::EC2::VPCEndpoint"):
        own = values.of(resource)
        if own["VpcId"] != vpc:
            continue
        ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=str(own["ServiceName"]),
            VpcEndpointType=str(own.get("VpcEndpointType", "Gateway")),
        )
        wanted.add(str(own["ServiceName"]))
    kept = {each["ServiceName"] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    assert wanted
    assert wanted <= kept


def test_firewall_stands_in_three_zones(moto: Clients, full: Assembly, values: Values) -> None:
    """The network firewall has an endpoint a zone and cannot be deleted in passing."""
    ec2, firewall = moto("ec2"), moto("network-firewall")
    vpc = world.network(ec2, full, values)
    own = {**values.of(full.one("AWS::NetworkFirewall::Firewall", stack=world.primary(full)))}
    own.pop("Tags", None)
    mappings = calls.parameters(
        firewall, "create_firewall", {"SubnetMappings": own["SubnetMappings"]}
    )["SubnetMappings"]
    made = calls.call(firewall, "create_firewall", own, VpcId=vpc, SubnetMappings=mappings)[
        "Firewall"
    ]
    kept = firewall.describe_firewall(FirewallName=made["FirewallName"])["Firewall"]
    zones = {
        each["SubnetId"]: each["AvailabilityZone"] for each in ec2.describe_subnets()["Subnets"]
    }
    assert len({zones[each["SubnetId"]] for each in kept["SubnetMappings"]}) == 3
    assert kept["DeleteProtection"] is True
    assert kept["FirewallPolicyArn"] == own["FirewallPolicyArn"]
