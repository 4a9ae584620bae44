"""The detector: a consumer of the stream, and the forest that it asks on SageMaker."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.images import image_uri
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import Network
from stack.capabilities.private_function import PrivateFunction, may_use
from stack.capabilities.runtime_settings import bus_arn
from stack.capabilities.stream import EntriesStream
from stack.naming import BUS, PRODUCT, STATE_TABLE, bucket_arn, bucket_name
from stack.profile import Profile

CONSUME_SECONDS = 60
CONSUME_MB = 1024
ATTEMPTS_MAX = 5
RECORD_AGE = cdk.Duration.hours(6)
CONCURRENT_MAX = 20
ENDPOINT = f"{PRODUCT}-forest"
VARIANT = "champion"
"""The one model behind the endpoint; alarms name it."""


class Detector(Construct):
    """Reads entries in order, asks for a score, and says anomalies on the event bus."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        entries: EntriesStream,
    ) -> None:
        super().__init__(scope, id_)
        self.endpoint: sagemaker.CfnEndpoint | None = None
        self._stack = cdk.Stack.of(self)
        if profile.switches.sagemaker:
            self.endpoint = self._forest(profile, keys, network)
        made = PrivateFunction(
            self,
            "Consumer",
            profile=profile,
            keys=keys,
            network=network,
            handler="consume",
            description="Tallystick: scores what the ledger says",
            environment=self._environment(profile),
            statements=self._statements(keys, entries),
            dead_letters=entries.dead_letters,
            timeout_seconds=CONSUME_SECONDS,
            memory_mb=CONSUME_MB,
            reserved=CONCURRENT_MAX,
        )
        self.consumer = made.function
        self.log_group = made.log_group
        self._read(profile, entries)

    def _environment(self, profile: Profile) -> dict[str, str]:
        environment = {
            "TALLYSTICK_BUS": BUS,
            "TALLYSTICK_STATE": f"dynamodb://{self._stack.region}/{STATE_TABLE}",
            "TALLYSTICK_FOREST": "own",
        }
        if self.endpoint is not None:
            environment |= {
                "TALLYSTICK_FOREST": f"sagemaker:{ENDPOINT}",
                "TALLYSTICK_FOREST_CUTOFF": str(profile.stream.detector_cutoff),
            }
        return environment

    def _statements(self, keys: Keys, entries: EntriesStream) -> list[iam.PolicyStatement]:
        here = f"{self._stack.region}:{self._stack.account}"
        statements = [
            iam.PolicyStatement(
                actions=[
                    "kinesis:DescribeStream",
                    "kinesis:DescribeStreamSummary",
                    "kinesis:GetRecords",
                    "kinesis:GetShardIterator",
                    "kinesis:ListShards",
                ],
                resources=[entries.stream.stream_arn],
            ),
            iam.PolicyStatement(actions=["events:PutEvents"], resources=[bus_arn(self)]),
            iam.PolicyStatement(
                actions=[
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                    "dynamodb:DeleteItem",
                ],
                resources=[f"arn:aws:dynamodb:{here}:table/{STATE_TABLE}"],
            ),
            may_use(keys.ledger.key_arn),
        ]
        if self.endpoint is not None:
            statements.append(
                iam.PolicyStatement(
                    actions=["sagemaker:InvokeEndpoint"],
                    resources=[f"arn:aws:sagemaker:{here}:endpoint/{ENDPOINT}"],
                )
            )
        return statements

    def _read(self, profile: Profile, entries: EntriesStream) -> None:
        """In order, at least once; a poisoned record is cut out and kept, never in the way."""
        self.mapping = lambda_.CfnEventSourceMapping(
            self,
            "Reading",
            function_name=self.consumer.function_arn,
            event_source_arn=entries.stream.stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=profile.stream.batch,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=ATTEMPTS_MAX,
            maximum_record_age_in_seconds=int(RECORD_AGE.to_seconds()),
            function_response_types=["ReportBatchItemFailures"],
            destination_config={"onFailure": {"destination": entries.dead_letters.queue_arn}},
        )

    def _forest(self, profile: Profile, keys: Keys, network: Network) -> sagemaker.CfnEndpoint:
        """Our container on an endpoint of its own: no way out, its disk encrypted."""
        stream = profile.stream
        here = f"{self._stack.region}:{self._stack.account}"
        repository = f"arn:aws:ecr:{here}:repository/{stream.detector_image}"
        models = bucket_arn(bucket_name(self, "archive"))
        role = iam.Role(
            self,
            "ForestRole",
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self._stack.account}},
            ),
            description="The forest's endpoint: its image, its model, its log",
        )
        for statement in (
            iam.PolicyStatement(
                actions=[
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                resources=[repository],
            ),
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[f"{models}/{stream.detector_model}"]
            ),
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[models]),
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[keys.archive.key_arn]),
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                resources=[f"arn:aws:logs:{here}:log-group:/aws/sagemaker/Endpoints/{ENDPOINT}:*"],
            ),
            iam.PolicyStatement(
                actions=[
                    "ec2:CreateNetworkInterface",
                    "ec2:CreateNetworkInterfacePermission",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DeleteNetworkInterfacePermission",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeVpcs",
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeSecurityGroups",
                    "ecr:GetAuthorizationToken",
                    "cloudwatch:PutMetricData",
                ],
                resources=["*"],
            ),
        ):
            role.add_to_policy(statement)
        acknowledge(
            role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            "AwsSolutions::AwsSolutions-IAM5[Resource::"
            f"arn:aws:logs:{here}:log-group:/aws/sagemaker/Endpoints/{ENDPOINT}:*]",
            reason="SageMaker checks interfaces and metrics on *; streams of its one log group.",
        )
        log_group(
            self,
            "ForestLog",
            days=profile.retention.log_days,
            key=keys.logs,
            name=f"/aws/sagemaker/Endpoints/{ENDPOINT}",
        )
        model = sagemaker.CfnModel(
            self,
            "Forest",
            execution_role_arn=role.role_arn,
            enable_network_isolation=True,
            vpc_config=sagemaker.CfnModel.VpcConfigProperty(
                subnets=network.vpc.select_subnets(subnet_group_name="private").subnet_ids,
                security_group_ids=[network.endpoint_group.security_group_id],
            ),
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image_uri(self, stream.detector_image, stream.detector_image_tag),
                model_data_url=f"s3://{bucket_name(self, 'archive')}/{stream.detector_model}",
            ),
        )
        model.node.add_dependency(role)
        shape = sagemaker.CfnEndpointConfig(
            self,
            "ForestShape",
            kms_key_id=keys.archive.key_arn,
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT,
                    model_name=model.attr_model_name,
                    instance_type=stream.detector_instance,
                    initial_instance_count=stream.detector_instances,
                    initial_variant_weight=1.0,
                )
            ],
        )
        return sagemaker.CfnEndpoint(
            self,
            "ForestEndpoint",
            endpoint_name=ENDPOINT,
            endpoint_config_name=shape.attr_endpoint_config_name,
        )
