"""What other things stand on: the network of the templates, really created in an emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proof import calls

if TYPE_CHECKING:
    from proof.assembly import Assembly
    from proof.values import Values


def network(ec2: Any, full: Assembly, values: Values) -> str:
    """Create the primary region's VPC with its subnets and make their ids known.

    Return the VPC's id.
    """
    resource = full.one("AWS::EC2::VPC", stack=primary(full))
    vpc = str(ec2.create_vpc(CidrBlock=values.of(resource)["CidrBlock"])["Vpc"]["VpcId"])
    values.know(resource, vpc, VpcId=vpc)
    for subnet in full.resources("AWS::EC2::Subnet", stack=resource.stack):
        wanted = {**values.of(subnet)}
        wanted.pop("Tags", None)
        made = calls.call(ec2, "create_subnet", wanted)["Subnet"]["SubnetId"]
        public = bool(wanted.get("MapPublicIpOnLaunch"))
        ec2.modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": public})
        values.know(subnet, made, SubnetId=made)
    return vpc


def primary(full: Assembly) -> str:
    """Return the id of the stack that holds the primary region's network."""
    return next(
        each.stack for each in full.resources("AWS::EC2::VPC") if each.region == "eu-west-1"
    )
