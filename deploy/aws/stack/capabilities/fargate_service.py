"""The same API in containers: behind an inner load balancer that only the API reaches."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as links
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import HTTPS, Network, as_it_is
from stack.capabilities.private_bucket import access_logs
from stack.profile import Profile

PORT = 8443
DRAIN_SECONDS = 30
INTEGRATION_SECONDS = 29
REQUESTS_PER_TASK = 20_000
"""In a minute; above it a task is added."""


class FargateService(Construct):
    """Containers over the zones: TLS to each, read-only, no shell, a role of their own."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        certificate: acm.ICertificate,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, id_)
        self._certificate = certificate
        self._name = profile.api_domain
        self.repository = ecr.Repository.from_repository_name(self, "Images", profile.service.image)
        self.log_group = log_group(self, "LogGroup", days=profile.retention.log_days, key=keys.logs)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENHANCED,
            enable_fargate_capacity_providers=True,
        )
        task = self._task(profile, environment, statements)
        self.service_group = self._group(network, "Tasks", "Containers of the API")
        self.balancer_group = self._group(network, "Balancer", "The inner load balancer")
        self._paths(network)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=self.cluster,
            task_definition=task,
            desired_count=profile.service.tasks,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            assign_public_ip=False,
            vpc_subnets=network.private,
            security_groups=[
                self.service_group,
                as_it_is(self, "Workloads", network.workload_group),
            ],
            enable_execute_command=False,
            health_check_grace_period=cdk.Duration.seconds(60),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            platform_version=ecs.FargatePlatformVersion.LATEST,
        )
        self.balancer = self._balancer(network)
        self._scale(profile)
        self.link = links.CfnVpcLink(
            self,
            "Link",
            name=f"{cdk.Stack.of(self).stack_name}-containers",
            subnet_ids=network.vpc.select_subnets(subnet_group_name="private").subnet_ids,
            security_group_ids=[self.balancer_group.security_group_id],
        )

    def _group(self, network: Network, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, id_, vpc=network.vpc, description=description, allow_all_outbound=False
        )

    def _paths(self, network: Network) -> None:
        """API -> balancer by TLS; balancer -> containers is said by the target group."""
        inside = ec2.Peer.ipv4(network.cidr)
        self.balancer_group.add_ingress_rule(inside, ec2.Port.tcp(HTTPS), "the API's link")
        self.balancer_group.add_egress_rule(
            self.balancer_group, ec2.Port.tcp(HTTPS), "the API's link"
        )

    def _task(
        self,
        profile: Profile,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
    ) -> ecs.FargateTaskDefinition:
        service = profile.service
        execution = iam.Role(
            self,
            "StartRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Pulls the image and opens the log",
        )
        self._may_start(execution)
        self.role = role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Tallystick in a container (its own role)",
        )
        for statement in statements:
            role.add_to_policy(statement)
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=service.task_cpu,
            memory_limit_mib=service.task_memory_mb,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64
                if service.architecture == "arm64"
                else ecs.CpuArchitecture.X86_64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            execution_role=execution.without_policy_updates(),
            task_role=role.without_policy_updates(),
            volumes=[ecs.Volume(name="scratch")],
        )
        container = task.add_container(
            "tallystick",
            image=ecs.ContainerImage.from_ecr_repository(self.repository, service.image_tag),
            command=["python", "-m", "tallystick.wiring.aws.serve"],
            environment=dict(environment),
            logging=ecs.LogDriver.aws_logs(log_group=self.log_group, stream_prefix="api"),
            port_mappings=[ecs.PortMapping(container_port=PORT)],
            readonly_root_filesystem=True,
            privileged=False,
            user="65534:65534",
            stop_timeout=cdk.Duration.seconds(DRAIN_SECONDS),
            linux_parameters=self._linux(),
        )
        container.add_mount_points(
            ecs.MountPoint(container_path="/tmp", source_volume="scratch", read_only=False)  # noqa: S108
        )
        acknowledge(
            task,
            "AwsSolutions::AwsSolutions-ECS2",
            reason="Addresses and names only; keys, tokens and logins are read by the role.",
        )
        return task

    def _linux(self) -> ecs.LinuxParameters:
        linux = ecs.LinuxParameters(self, "Linux", init_process_enabled=True)
        linux.drop_capabilities(ecs.Capability.ALL)
        return linux

    def _may_start(self, role: iam.Role) -> None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                resources=[self.repository.repository_arn],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[self.log_group.log_group_arn],
            )
        )
        acknowledge(
            role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="ecr:GetAuthorizationToken takes no resource; everything else is by ARN.",
        )

    def _balancer(self, network: Network) -> elb.ApplicationLoadBalancer:
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Inner",
            vpc=network.vpc,
            vpc_subnets=network.private,
            internet_facing=False,
            security_group=self.balancer_group,
            deletion_protection=True,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elb.DesyncMitigationMode.STRICTEST,
        )
        bucket = access_logs(self, "AccessLogs")
        for name, value in {
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": bucket.bucket_name,
            "access_logs.s3.prefix": "balancer",
            "connection_logs.s3.enabled": "true",
            "connection_logs.s3.bucket": bucket.bucket_name,
            "connection_logs.s3.prefix": "balancer",
        }.items():
            balancer.set_attribute(name, value)
        self.target_group = elb.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=network.vpc,
            port=PORT,
            protocol=elb.ApplicationProtocol.HTTPS,
            targets=[self.service],
            deregistration_delay=cdk.Duration.seconds(DRAIN_SECONDS),
            health_check=elb.HealthCheck(
                path="/readyz",
                protocol=elb.Protocol.HTTPS,
                interval=cdk.Duration.seconds(10),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=2,
            ),
        )
        self.listener = balancer.add_listener(
            "Https",
            port=HTTPS,
            protocol=elb.ApplicationProtocol.HTTPS,
            certificates=[self._certificate],
            ssl_policy=elb.SslPolicy.TLS13_RES,
            open=False,
            default_target_groups=[self.target_group],
        )
        return balancer

    def _scale(self, profile: Profile) -> None:
        count = self.service.auto_scale_task_count(
            min_capacity=profile.service.tasks, max_capacity=profile.service.tasks_max
        )
        count.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
        count.scale_on_request_count(
            "Requests", requests_per_target=REQUESTS_PER_TASK, target_group=self.target_group
        )

    def integration(self, path: str) -> apigateway.Integration:
        """The container's own path, `{proxy}` filled from the request's."""
        parameters = {}
        if "{proxy+}" in path:
            parameters = {"integration.request.path.proxy": "method.request.path.proxy"}
        return apigateway.Integration(
            type=apigateway.IntegrationType.HTTP_PROXY,
            integration_http_method="ANY",
            uri=f"https://{self._name}{path.replace('{proxy+}', '{proxy}')}",
            options=apigateway.IntegrationOptions(
                request_parameters=parameters,
                timeout=cdk.Duration.seconds(INTEGRATION_SECONDS),
            ),
        )

    def attach(self, method: apigateway.CfnMethod) -> None:
        """Send the method through the link to the balancer: CDK's own class knows only NLBs."""
        method.add_property_override("Integration.ConnectionType", "VPC_LINK")
        method.add_property_override("Integration.ConnectionId", self.link.attr_vpc_link_id)
        method.add_property_override(
            "Integration.IntegrationTarget", self.balancer.load_balancer_arn
        )
