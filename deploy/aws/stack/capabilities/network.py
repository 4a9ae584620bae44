"""The private network: workloads only in private subnets, each way out known and recorded."""

from typing import Protocol

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.profile import Profile

PROXY = 5432
DATABASE = 5433
"""Not PostgreSQL's own port: nobody stumbles on it."""
CACHE = 6380
HTTPS = 443


class Inspection(Protocol):
    """What looks at traffic on its way out: the network firewall."""

    def endpoint_id(self, availability_zone: str) -> str:
        """The firewall's endpoint in this zone."""


class Network(Construct):
    """Subnets by purpose, one of each in every zone.

    public    NAT gateways and load balancers' outer side; no workload
    firewall  the network firewall's endpoints, where it is switched on
    private   functions and containers; they reach out through the firewall and NAT
    data      databases and caches; they reach nothing
    """

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, cidr: str
    ) -> None:
        super().__init__(scope, id_)
        region = cdk.Stack.of(self).region
        self.cidr = cidr
        self.inspected = profile.switches.network_firewall
        self.zones = profile.zones_of(region)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=self.zones,
            nat_gateways=profile.network.nat_gateways,
            restrict_default_security_group=True,
            subnet_configuration=self._subnets(),
        )
        self.private = ec2.SubnetSelection(subnet_group_name="private")
        self.data = ec2.SubnetSelection(subnet_group_name="data")
        self.firewall = ec2.SubnetSelection(subnet_group_name="firewall")
        self._way_out()
        self._flow_logs(profile, keys)
        self.endpoint_group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=self.vpc,
            description="AWS endpoints: HTTPS from inside the network",
            allow_all_outbound=False,
        )
        self.endpoint_group.add_ingress_rule(
            ec2.Peer.ipv4(cidr), ec2.Port.tcp(HTTPS), "HTTPS from inside"
        )
        self._endpoints(profile)
        self.workload_group = self._group("Workloads", "Functions and containers")
        self.proxy_group = self._group("Proxy", "The proxy before the ledger database")
        self.ledger_group = self._group("Ledger", "The ledger database")
        self.rotation_group = self._group("Rotation", "What rotates the secret of the ledger")
        self.cache_group = self._group("Cache", "The cache")
        self._paths()
        self.function_basics = self._function_basics()

    def _subnets(self) -> list[ec2.SubnetConfiguration]:
        """The private group leaves through NAT by itself only where nothing inspects it."""
        subnets = [
            ec2.SubnetConfiguration(
                name="public",
                subnet_type=ec2.SubnetType.PUBLIC,
                cidr_mask=24,
                map_public_ip_on_launch=False,
            ),
            ec2.SubnetConfiguration(
                name="private",
                cidr_mask=20,
                subnet_type=ec2.SubnetType.PRIVATE_ISOLATED
                if self.inspected
                else ec2.SubnetType.PRIVATE_WITH_EGRESS,
            ),
            ec2.SubnetConfiguration(
                name="data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
            ),
        ]
        if self.inspected:
            subnets.append(
                ec2.SubnetConfiguration(
                    name="firewall", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=28
                )
            )
        return subnets

    def _way_out(self) -> None:
        """The public subnets reach the internet: for NAT gateways alone."""
        for subnet in self.vpc.select_subnets(subnet_group_name="public").subnets:
            acknowledge(
                subnet.node.find_child("DefaultRoute"),
                "NIST.800.53.R5::NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW",
                "PCI.DSS.321::PCI.DSS.321-VPCNoUnrestrictedRouteToIGW",
                reason="Only NAT gateways stand in this subnet; workloads are in private ones.",
            )

    def _flow_logs(self, profile: Profile, keys: Keys) -> None:
        """Every packet's header, accepted or not, kept as long as the profile says."""
        self.flow_log_group = log_group(
            self, "FlowLogGroup", days=profile.network.flow_log_days, key=keys.logs
        )
        role = iam.Role(
            self, "FlowLogRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com")
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(self.flow_log_group, role),
            traffic_type=ec2.FlowLogTrafficType.ALL,
            max_aggregation_interval=ec2.FlowLogMaxAggregationInterval.ONE_MINUTE,
        )

    def _endpoints(self, profile: Profile) -> None:
        """S3 and DynamoDB never leave the network; others as the profile pays for."""
        inside = [self.private]
        self.vpc.add_gateway_endpoint(
            "S3", service=ec2.GatewayVpcEndpointAwsService.S3, subnets=inside
        )
        self.vpc.add_gateway_endpoint(
            "DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB, subnets=inside
        )
        for name in profile.network.endpoints:
            self.vpc.add_interface_endpoint(
                "".join(part.capitalize() for part in name.replace("-", ".").split(".")),
                service=ec2.InterfaceVpcEndpointAwsService(name, port=HTTPS),
                private_dns_enabled=True,
                open=False,
                security_groups=[self.endpoint_group],
                subnets=self.private,
            )

    def _group(self, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, id_, vpc=self.vpc, description=description, allow_all_outbound=False
        )

    def _function_basics(self) -> iam.ManagedPolicy:
        """What every function in this network needs and AWS lets nobody narrow."""
        policy = iam.ManagedPolicy(
            self,
            "FunctionBasics",
            description="Network interfaces and traces of Tallystick's functions",
            statements=[
                iam.PolicyStatement(
                    sid="Interfaces",
                    actions=[
                        "ec2:CreateNetworkInterface",
                        "ec2:DescribeNetworkInterfaces",
                        "ec2:DescribeSubnets",
                        "ec2:DeleteNetworkInterface",
                        "ec2:AssignPrivateIpAddresses",
                        "ec2:UnassignPrivateIpAddresses",
                    ],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="Traces",
                    actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="NotFromTheCode",
                    effect=iam.Effect.DENY,
                    actions=["ec2:*NetworkInterface*", "ec2:*PrivateIpAddresses"],
                    resources=["*"],
                    conditions={"ArnLike": {"lambda:SourceFunctionArn": "arn:aws:lambda:*:*:*"}},
                ),
            ],
        )
        acknowledge(
            policy,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="Lambda checks these on *, X-Ray takes no resource; code is refused them.",
        )
        return policy

    def _paths(self) -> None:
        """The only ways inside: a rule on each side of each, all others are refused."""
        work = self.workload_group
        work.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "HTTPS, inspected")
        for source, target, port, what in (
            (work, self.proxy_group, PROXY, "ledger, through the proxy"),
            (work, self.ledger_group, DATABASE, "ledger, where there is no proxy"),
            (self.proxy_group, self.ledger_group, DATABASE, "the proxy to the database"),
            (self.rotation_group, self.ledger_group, DATABASE, "rotation of its secret"),
            (work, self.cache_group, CACHE, "cache"),
        ):
            source.add_egress_rule(target, ec2.Port.tcp(port), what)
            target.add_ingress_rule(source, ec2.Port.tcp(port), what)
        self.rotation_group.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "Secrets Manager"
        )

    def route_through(self, inspection: Inspection) -> None:
        """Send what leaves the private subnets, and what comes back, through `inspection`.

        private -> firewall endpoint of the same zone -> NAT -> internet, and back the same way:
        the public subnets have a route to each private subnet that is narrower than the local one.
        """
        private = self.vpc.select_subnets(subnet_group_name="private").subnets
        public = self.vpc.select_subnets(subnet_group_name="public").subnets
        for index, (inner, outer) in enumerate(zip(private, public, strict=True)):
            endpoint = inspection.endpoint_id(inner.availability_zone)
            ec2.CfnRoute(
                self,
                f"Out{index}",
                route_table_id=inner.route_table.route_table_id,
                destination_cidr_block="0.0.0.0/0",
                vpc_endpoint_id=endpoint,
            )
            ec2.CfnRoute(
                self,
                f"Back{index}",
                route_table_id=outer.route_table.route_table_id,
                destination_cidr_block=inner.ipv4_cidr_block,
                vpc_endpoint_id=endpoint,
            )


def as_it_is(scope: Construct, id_: str, group: ec2.ISecurityGroup) -> ec2.ISecurityGroup:
    """The group for another stack's use: what connects there cannot add rules to it."""
    return ec2.SecurityGroup.from_security_group_id(
        scope, id_, group.security_group_id, mutable=False
    )
