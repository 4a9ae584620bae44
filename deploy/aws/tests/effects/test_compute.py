"""What runs.

Functions, containers, the batch fleet and the model's endpoint, with the templates' properties.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, cast

from proof import calls, world

if TYPE_CHECKING:
    from proof.assembly import Assembly, Resource
    from proof.emulators import Clients
    from proof.values import Values

ECHO = """
def handler(event, context):
    return {"seen": event, "left": context.get_remaining_time_in_millis()}
"""
OLD_INSTANCE = "ml.m5.large"
"""One that moto knows; it has not heard of newer ones."""
IMAGE = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/tallystick:1"


def package(source: str) -> bytes:
    """Return a zip with one module `main`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", source)
    return buffer.getvalue()


def function(client: Any, resource: Resource, values: Values) -> str:
    """Create the template's function with a handler that echoes; return its name."""
    own = {**values.of(resource)}
    for name in (
        "Code",
        "Tags",
        "VpcConfig",
        "Layers",
        "FileSystemConfigs",
        "DeadLetterConfig",
        "FunctionName",
    ):
        own.pop(name, None)
    name = resource.logical_id[:60]
    made = calls.call(
        client,
        "create_function",
        own,
        FunctionName=name,
        Code={"ZipFile": package(ECHO)},
        Handler="main.handler",
        Runtime="python3.11",
    )
    values.know(resource, name, Arn=made["FunctionArn"])
    return name


def test_order_function_runs_under_a_guarded_alias(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The function behind the template's alias runs.

    It keeps the time, memory and tracing that the template gives it.
    """
    client = ministack("lambda")
    alias = full.one("AWS::Lambda::Alias")
    logical = cast("dict[str, str]", alias.properties["FunctionName"])["Ref"]
    resource = next(
        each
        for each in full.resources("AWS::Lambda::Function", stack=alias.stack)
        if each.logical_id == logical
    )
    name = function(client, resource, values)
    version = client.publish_version(FunctionName=name)["Version"]
    own = values.of(alias)
    client.create_alias(FunctionName=name, Name=own["Name"], FunctionVersion=version)
    assert client.get_alias(FunctionName=name, Name=own["Name"])["FunctionVersion"] == version
    answer = client.invoke(
        FunctionName=name, Qualifier=own["Name"], Payload=json.dumps({"order": 1})
    )
    result = json.loads(answer["Payload"].read())
    assert result["seen"] == {"order": 1}
    kept = client.get_function_configuration(FunctionName=name)
    wanted = values.of(resource)
    assert (kept["Timeout"], kept["MemorySize"]) == (
        int(wanted["Timeout"]),
        int(wanted["MemorySize"]),
    )
    assert 0 < result["left"] <= int(wanted["Timeout"]) * 1000
    assert kept["TracingConfig"]["Mode"] == "Active"


def test_consumer_reads_the_stream_and_reports_what_failed(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The event source mapping halves a failing batch and stops retrying.

    It takes the names of the records that failed.
    """
    client, kinesis = ministack("lambda"), ministack("kinesis")
    mapping = next(
        each
        for each in full.resources("AWS::Lambda::EventSourceMapping")
        if each.get("StartingPosition") is not None
        and "BisectBatchOnFunctionError" in each.properties
    )
    own = values.of(mapping)
    named = str(mapping.properties["FunctionName"])
    resource = next(
        each
        for each in full.resources("AWS::Lambda::Function", stack=mapping.stack)
        if each.logical_id in named
    )
    name = function(client, resource, values)
    kinesis.create_stream(StreamName="entries", ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName="entries")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    own.pop("DestinationConfig", None)
    own.pop("Tags", None)
    made = calls.call(
        client, "create_event_source_mapping", own, FunctionName=name, EventSourceArn=stream
    )
    kept = client.get_event_source_mapping(UUID=made["UUID"])
    assert kept["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert kept["BisectBatchOnFunctionError"] is True
    assert 0 <= kept["MaximumRetryAttempts"] == int(own["MaximumRetryAttempts"])


def test_service_runs_in_three_zones_and_rolls_back(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The Fargate service runs its task in three subnets without public addresses.

    A bad deployment turns back.
    """
    ecs = ministack("ecs")
    service = full.one("AWS::ECS::Service")
    cluster = full.one("AWS::ECS::Cluster")
    task = full.one("AWS::ECS::TaskDefinition", stack=service.stack)
    name = calls.call(ecs, "create_cluster", values.of(cluster), clusterName="tallystick", tags=[])[
        "cluster"
    ]["clusterName"]
    definition = {**values.of(task)}
    definition.pop("Tags", None)
    for container in cast("list[dict[str, Any]]", definition["ContainerDefinitions"]):
        container["Image"] = IMAGE
    registered = calls.call(ecs, "register_task_definition", definition)["taskDefinition"]
    assert registered["networkMode"] == "awsvpc"
    own = {**values.of(service)}
    for each in ("Tags", "LoadBalancers", "ServiceRegistries", "CapacityProviderStrategy"):
        own.pop(each, None)
    calls.call(
        ecs,
        "create_service",
        own,
        cluster=name,
        serviceName="orders",
        taskDefinition=registered["taskDefinitionArn"],
    )
    kept = ecs.describe_services(cluster=name, services=["orders"])["services"][0]
    network = kept["networkConfiguration"]["awsvpcConfiguration"]
    assert len(set(network["subnets"])) >= 3
    assert network.get("assignPublicIp", "DISABLED") == "DISABLED"
    assert kept["deploymentConfiguration"]["deploymentCircuitBreaker"] == {
        "enable": True,
        "rollback": True,
    }
    assert kept["desiredCount"] >= 2


def test_zones_are_three(ministack: Clients, full: Assembly, values: Values) -> None:
    """The network's subnets of one kind lie in three zones.

    The service really created them there.
    """
    ec2 = ministack("ec2")
    made = world.network(ec2, full, values)
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [made]}])["Subnets"]
    assert len({each["AvailabilityZone"] for each in subnets}) == 3
    assert len(subnets) == len(full.resources("AWS::EC2::Subnet", stack=world.primary(full)))


def test_batch_fleet_lives_on_spot(moto: Clients, full: Assembly, values: Values) -> None:
    """The batch fleet is a mix of instance types on Spot, and its machines speak only IMDSv2."""
    ec2, scaling = moto("ec2"), moto("autoscaling")
    template = full.one("AWS::EC2::LaunchTemplate")
    own = values.of(template)
    data = cast("dict[str, Any]", own["LaunchTemplateData"])
    shaped = calls.parameters(
        ec2, "create_launch_template", {"LaunchTemplateData": data}, LaunchTemplateName="batch"
    )
    shaped["LaunchTemplateData"]["ImageId"] = ec2.describe_images()["Images"][0]["ImageId"]
    for name in ("TagSpecifications", "IamInstanceProfile", "SecurityGroupIds"):
        shaped["LaunchTemplateData"].pop(name, None)
    identity = ec2.create_launch_template(**shaped)["LaunchTemplate"]["LaunchTemplateId"]
    kept = ec2.describe_launch_template_versions(LaunchTemplateId=identity)[
        "LaunchTemplateVersions"
    ][0]
    assert kept["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] == "required"
    fleet = values.of(full.one("AWS::AutoScaling::AutoScalingGroup"))
    policy = cast("dict[str, Any]", fleet["MixedInstancesPolicy"])
    policy["LaunchTemplate"]["LaunchTemplateSpecification"] = {
        "LaunchTemplateId": identity,
        "Version": "1",
    }
    subnets = ",".join(each["SubnetId"] for each in ec2.describe_subnets()["Subnets"])
    wanted = {
        "MixedInstancesPolicy": policy,
        "MinSize": fleet["MinSize"],
        "MaxSize": fleet["MaxSize"],
    }
    calls.call(
        scaling,
        "create_auto_scaling_group",
        wanted,
        AutoScalingGroupName="batch",
        VPCZoneIdentifier=subnets,
        MinSize=0,
        DesiredCapacity=0,
    )
    group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["batch"])[
        "AutoScalingGroups"
    ][0]
    spread = group["MixedInstancesPolicy"]["InstancesDistribution"]
    assert int(spread["OnDemandPercentageAboveBaseCapacity"]) < 100
    assert spread["SpotAllocationStrategy"] in {"price-capacity-optimized", "capacity-optimized"}
    assert len(group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]) >= 2


def test_model_answers_from_its_endpoint(moto: Clients, full: Assembly, values: Values) -> None:
    """Model, configuration and endpoint of the template come up.

    The model has no way out to the network.
    """
    sagemaker = moto("sagemaker")
    model = full.one("AWS::SageMaker::Model")
    own = {**values.of(model)}
    own.pop("Tags", None)
    own.pop("VpcConfig", None)
    cast("dict[str, Any]", own["PrimaryContainer"])["Image"] = IMAGE
    name = str(own.get("ModelName", "anomaly"))
    calls.call(sagemaker, "create_model", own, ModelName=name)
    values.know(model, name, ModelName=name)
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["Image"] == IMAGE
    assert own["EnableNetworkIsolation"] is True
    config = full.one("AWS::SageMaker::EndpointConfig")
    shape = {**values.of(config)}
    shape.pop("Tags", None)
    known = sagemaker.meta.service_model.shape_for("ProductionVariantInstanceType").enum
    for variant in cast("list[dict[str, Any]]", shape["ProductionVariants"]):
        assert variant["InstanceType"] in known, "SageMaker's API knows no such instance"
        variant["InstanceType"] = OLD_INSTANCE
    calls.call(sagemaker, "create_endpoint_config", shape, EndpointConfigName="anomaly")
    kept = sagemaker.describe_endpoint_config(EndpointConfigName="anomaly")
    assert kept["KmsKeyId"] == shape["KmsKeyId"]
    assert kept["ProductionVariants"][0]["ModelName"] == name
    sagemaker.create_endpoint(EndpointName="anomaly", EndpointConfigName="anomaly")
    assert sagemaker.describe_endpoint(EndpointName="anomaly")["EndpointStatus"] == "InService"
    answer = moto("sagemaker-runtime").invoke_endpoint(EndpointName="anomaly", Body=b"{}")
    assert answer["Body"].read()
