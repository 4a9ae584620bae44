"""Containers: behind an inner balancer, TLS to each, read-only; they answer by one setting."""

from typing import Any

from proof.assembly import MISSING, Assembly
from proof.values import Values


def test_a_container_is_read_only_unprivileged_and_has_its_own_role(
    full: Assembly, values: Values
) -> None:
    """No root, no capability, no place to write but its scratch; tags of images never move."""
    task = full.one("AWS::ECS::TaskDefinition", stack="service")
    own: Any = values.of(task)
    (container,) = own["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["Privileged"] is False
    assert container["User"] == "65534:65534"
    assert container["LinuxParameters"]["Capabilities"]["Drop"] == ["ALL"]
    assert container["Image"].endswith("/tallystick:0.1.0")
    assert container["Command"] == ["python", "-m", "tallystick.wiring.aws.serve"]
    assert own["NetworkMode"] == "awsvpc"
    assert own["TaskRoleArn"] != own["ExecutionRoleArn"]
    assert own["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


def test_a_bad_release_is_rolled_back(full: Assembly) -> None:
    """No task is taken away before another is healthy; a failing release ends itself."""
    service: Any = full.one("AWS::ECS::Service", stack="service").properties
    deployment = service["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["MinimumHealthyPercent"] == 100
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    assert service["EnableExecuteCommand"] is False


def test_the_balancer_is_an_inner_one_with_tls_of_today(full: Assembly) -> None:
    """Only TLS 1.3 and 1.2 with forward secrecy, to containers as well; its log is kept."""
    balancer: Any = full.one(
        "AWS::ElasticLoadBalancingV2::LoadBalancer", stack="service"
    ).properties
    assert balancer["Scheme"] == "internal"
    said = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    assert said["deletion_protection.enabled"] == "true"
    assert said["access_logs.s3.enabled"] == "true"
    assert said["routing.http.drop_invalid_header_fields.enabled"] == "true"
    listener: Any = full.one("AWS::ElasticLoadBalancingV2::Listener", stack="service").properties
    assert listener["Protocol"] == "HTTPS"
    assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    targets: Any = full.one("AWS::ElasticLoadBalancingV2::TargetGroup", stack="service").properties
    assert (targets["Protocol"], targets["Port"]) == ("HTTPS", 8443)
    assert targets["HealthCheckPath"] == "/readyz"


def test_tasks_follow_the_load(full: Assembly) -> None:
    """Between two and twelve, by processor and by requests."""
    target = full.one("AWS::ApplicationAutoScaling::ScalableTarget", stack="service")
    assert (target.properties["MinCapacity"], target.properties["MaxCapacity"]) == (2, 12)
    policies = [
        each.get("TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification")
        for each in full.resources("AWS::ApplicationAutoScaling::ScalingPolicy", stack="service")
    ]
    kinds = {each["PredefinedMetricType"] for each in policies if isinstance(each, dict)}
    assert {"ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"} <= kinds


def test_one_setting_lets_containers_answer(contained: Assembly) -> None:
    """`runtimes = ["fargate"]`: every method goes through the link to the balancer."""
    methods = contained.resources("AWS::ApiGateway::Method")
    assert methods
    for method in methods:
        integration: Any = method.properties["Integration"]
        assert integration["Type"] == "HTTP_PROXY"
        assert integration["ConnectionType"] == "VPC_LINK"
        assert "ContainersInner" in str(integration["IntegrationTarget"])
        assert str(integration["Uri"]).startswith("https://api.staging.tallystick.example.com/")
        if "{proxy}" in str(integration["Uri"]):
            assert integration["RequestParameters"] == {
                "integration.request.path.proxy": "method.request.path.proxy"
            }


def test_the_small_profile_runs_no_containers(small: Assembly) -> None:
    """Nothing is paid for that does not answer."""
    assert not small.resources("AWS::ECS::Service")
    assert small.one("AWS::ApiGateway::RestApi").get("Policy") is MISSING
