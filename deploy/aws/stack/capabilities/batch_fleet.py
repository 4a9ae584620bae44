"""The batch fleet: checks the whole ledger each night, mostly on spare machines (Spot)."""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.dead_letters import dead_letters
from stack.capabilities.images import image_uri
from stack.capabilities.keys import Keys
from stack.capabilities.ledger_check import NIGHTLY, WHAT
from stack.capabilities.logging import log_group
from stack.capabilities.network import Network
from stack.capabilities.private_function import may_use
from stack.capabilities.runtime_settings import RuntimeSettings, Settings
from stack.profile import Profile

WORKER = Path(__file__).with_name("batch_worker.sh")
DISK_GB = 30
LEASE_MINUTES = 5
"""How long a job is another's when its machine is gone; the worker renews it while it runs."""
ATTEMPTS_MAX = 4
"""Spot may take a machine away in the middle: the job starts anew on another."""


class BatchFleet(Construct):
    """No machine without a job: the group grows with its queue and shrinks to none."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        settings: RuntimeSettings,
    ) -> None:
        super().__init__(scope, id_)
        batch = profile.batch
        self.dead_letters = dead_letters(self, "DeadLetters", keys=keys)
        self.jobs = sqs.Queue(
            self,
            "Jobs",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=keys.messages,
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.minutes(LEASE_MINUTES),
            dead_letter_queue=sqs.DeadLetterQueue(
                max_receive_count=ATTEMPTS_MAX, queue=self.dead_letters
            ),
        )
        self.changes = sns.Topic(self, "Changes", master_key=keys.messages, enforce_ssl=True)
        self.log_group = log_group(self, "LogGroup", days=profile.retention.log_days, key=keys.logs)
        self.role = self._role(profile, keys, settings)
        self.template = self._template(profile, keys, network, settings.verifying())
        self.group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=network.vpc,
            vpc_subnets=network.private,
            min_capacity=0,
            max_capacity=batch.fleet_max,
            mixed_instances_policy=autoscaling.MixedInstancesPolicy(
                launch_template=self.template,
                launch_template_overrides=[
                    autoscaling.LaunchTemplateOverrides(instance_type=ec2.InstanceType(name))
                    for name in batch.instances
                ],
                instances_distribution=autoscaling.InstancesDistribution(
                    on_demand_base_capacity=batch.on_demand_base,
                    on_demand_percentage_above_base_capacity=batch.on_demand_percent,
                    spot_allocation_strategy=autoscaling.SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
                ),
            ),
            capacity_rebalance=True,
            max_instance_lifetime=cdk.Duration.days(7),
            cooldown=cdk.Duration.minutes(5),
            health_checks=autoscaling.HealthChecks.ec2(grace_period=cdk.Duration.minutes(5)),
            group_metrics=[autoscaling.GroupMetrics.all()],
            notifications=[
                autoscaling.NotificationConfiguration(
                    topic=self.changes, scaling_events=autoscaling.ScalingEvents.ALL
                )
            ],
        )
        acknowledge(
            self.group,
            "AwsSolutions::AwsSolutions-EC26",
            "NIST.800.53.R5::NIST.800.53.R5-EC2IMDSv2Enabled",
            reason="The rules do not read the launch template of a mixed group: it encrypts every "
            "volume and demands IMDSv2 (tests/test_batch_fleet.py).",
        )
        self.group.scale_on_metric(
            "Waiting",
            metric=self._open_jobs(),
            adjustment_type=autoscaling.AdjustmentType.EXACT_CAPACITY,
            scaling_steps=[
                autoscaling.ScalingInterval(upper=0, change=0),
                autoscaling.ScalingInterval(lower=1, change=1),
                autoscaling.ScalingInterval(lower=10, change=batch.fleet_max // 2),
                autoscaling.ScalingInterval(lower=100, change=batch.fleet_max),
            ],
        )

        self.nightly = events.CfnRule(
            self,
            "Nightly",
            description=WHAT,
            schedule_expression=NIGHTLY.expression_string,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Jobs",
                    arn=self.jobs.queue_arn,
                    input=json.dumps({"job": "verify"}),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=self.dead_letters.queue_arn
                    ),
                )
            ],
        )
        for queue in (self.jobs, self.dead_letters):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": self.nightly.attr_arn}},
                )
            )

    def _open_jobs(self) -> cw.MathExpression:
        """Jobs that wait and jobs that are being done: a machine is not taken from its work."""
        often = cdk.Duration.minutes(1)
        return cw.MathExpression(
            expression="waiting + running",
            using_metrics={
                "waiting": self.jobs.metric_approximate_number_of_messages_visible(
                    period=often, statistic="max"
                ),
                "running": self.jobs.metric_approximate_number_of_messages_not_visible(
                    period=often, statistic="max"
                ),
            },
            label="open jobs",
            period=often,
        )

    def _role(self, profile: Profile, keys: Keys, settings: RuntimeSettings) -> iam.Role:
        """Take jobs, pull one image, write one log; and read what the job reads."""
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="Machines of the batch fleet",
        )
        here = f"{stack.region}:{stack.account}"
        for statement in (
            iam.PolicyStatement(
                actions=[
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:ChangeMessageVisibility",
                ],
                resources=[self.jobs.queue_arn],
            ),
            iam.PolicyStatement(
                actions=[
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                resources=[f"arn:aws:ecr:{here}:repository/{profile.service.image}"],
            ),
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[self.log_group.log_group_arn],
            ),
            may_use(keys.messages.key_arn),
            *settings.verifying_statements(),
        ):
            role.add_to_policy(statement)
        settings.answer_wildcards(role)
        acknowledge(
            role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="ecr:GetAuthorizationToken takes no resource; everything else is by ARN.",
        )
        return role

    def _template(
        self, profile: Profile, keys: Keys, network: Network, environment: Settings
    ) -> ec2.LaunchTemplate:
        stack = cdk.Stack.of(self)
        registry = f"{stack.account}.dkr.ecr.{stack.region}.amazonaws.com"
        words = {
            "REGION": stack.region,
            "REGISTRY": registry,
            "IMAGE": image_uri(self, profile.service.image, profile.service.image_tag),
            "QUEUE": self.jobs.queue_url,
            "LOG_GROUP": self.log_group.log_group_name,
            "LEASE": str(LEASE_MINUTES * 60),
            "ENVIRONMENT": "\n".join(f"  --env '{k}={v}'" for k, v in environment.items()),
        }
        script = WORKER.read_text()
        for word, value in words.items():
            script = script.replace(f"@{word}@", value)
        return ec2.LaunchTemplate(
            self,
            "Machine",
            machine_image=ec2.MachineImage.latest_amazon_linux2023(
                cpu_type=ec2.AmazonLinuxCpuType.ARM_64
            ),
            instance_type=ec2.InstanceType(profile.batch.instances[0]),
            role=self.role,
            security_group=network.workload_group,
            user_data=ec2.UserData.custom(script),
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            detailed_monitoring=True,
            ebs_optimized=True,
            associate_public_ip_address=False,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK_GB,
                        encrypted=True,
                        kms_key=keys.ledger,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        delete_on_termination=True,
                    ),
                )
            ],
        )
