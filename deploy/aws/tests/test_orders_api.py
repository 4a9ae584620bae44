"""The door: one name, TLS of today, checked before anything is woken, every request recorded."""

import json
from typing import Any

import pytest

from proof.assembly import MISSING, Assembly
from proof.values import Values
from stack.capabilities.orders_api import PUBLIC

BOTH = ["service", "recovery-service"]


@pytest.mark.parametrize("stack", BOTH)
def test_the_api_is_reached_by_its_own_names_alone(full: Assembly, stack: str) -> None:
    """Regional, without AWS's own address, TLS 1.2 or newer on both names."""
    api = full.one("AWS::ApiGateway::RestApi", stack=stack)
    assert api.properties["DisableExecuteApiEndpoint"] is True
    assert api.get("EndpointConfiguration.Types") == ["REGIONAL"]
    names = full.resources("AWS::ApiGateway::DomainName", stack=stack)
    region = {"service": "eu-west-1", "recovery-service": "eu-central-1"}[stack]
    assert {each.properties["DomainName"] for each in names} == {
        "api.tallystick.example.com", f"api-{region}.tallystick.example.com",
    }  # fmt: skip
    assert {each.properties["SecurityPolicy"] for each in names} == {"TLS_1_2"}


@pytest.mark.parametrize("stack", BOTH)
def test_each_request_leaves_a_line_a_trace_and_no_secret(
    full: Assembly, values: Values, stack: str
) -> None:
    """JSON access lines without body or token, metrics, traces, limits."""
    stage = full.one("AWS::ApiGateway::Stage", stack=stack)
    own: Any = values.of(stage)
    line = json.loads(own["AccessLogSetting"]["Format"])
    assert {"requestId", "ip", "status", "path", "latencyMs"} <= set(line)
    assert not any("header" in said or "body" in said for said in line.values())
    assert own["TracingEnabled"] is True
    assert own["ClientCertificateId"]
    settings = own["MethodSettings"][0]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["DataTraceEnabled"] is False
    assert settings["MetricsEnabled"] is True
    assert settings["LoggingLevel"] == "ERROR"
    assert settings["ThrottlingRateLimit"] == 2000
    assert settings["ThrottlingBurstLimit"] == 1000
    for public in own["MethodSettings"][1:]:
        assert public["ResourcePath"].startswith("/~1v1~1ledger~1")
        assert (public["ThrottlingRateLimit"], public["ThrottlingBurstLimit"]) == (200, 100)
        assert (public["LoggingLevel"], public["DataTraceEnabled"]) == ("ERROR", False)


@pytest.mark.parametrize("stack", BOTH)
def test_only_health_and_what_is_published_are_answered_without_the_authoriser(
    full: Assembly, stack: str
) -> None:
    """Every method has a validator; open is what the product answers without a token, no more.

    What the product says of itself: `tests/wiring/aws/test_public.py`.
    """
    found: Any = {
        each.logical_id: each.properties
        for each in full.resources("AWS::ApiGateway::Resource", stack=stack)
    }

    def path(resource: str) -> str:
        parent = found[resource]["ParentId"].get("Ref", "")
        return f"{path(parent) if parent in found else ''}/{found[resource]['PathPart']}"

    open_paths = set()
    for method in full.resources("AWS::ApiGateway::Method", stack=stack):
        assert method.get("RequestValidatorId") is not MISSING, method.path
        if method.properties["AuthorizationType"] == "NONE":
            resource: Any = method.properties["ResourceId"]
            open_paths.add(f"{method.properties['HttpMethod']} {path(resource['Ref'])}")
        else:
            assert method.properties["AuthorizationType"] == "CUSTOM"
            assert method.get("AuthorizerId") is not MISSING
    public = {f"GET /v1/ledger/{each}" for each in PUBLIC}
    assert open_paths == public | {"GET /healthz", "GET /readyz"}
    authoriser = full.one("AWS::ApiGateway::Authorizer", stack=stack)
    assert authoriser.properties["Type"] == "REQUEST"
    assert authoriser.properties["AuthorizerResultTtlInSeconds"] == 60


@pytest.mark.parametrize("stack", BOTH)
def test_an_order_without_a_body_never_reaches_the_function(full: Assembly, stack: str) -> None:
    """POST /v1/orders has a model, and its validator reads body and parameters."""
    post = full.one("AWS::ApiGateway::Method", stack=stack, HttpMethod="POST")
    assert set(post.properties["RequestModels"]) == {"application/json"}  # type: ignore[arg-type]
    validator = full.one("AWS::ApiGateway::RequestValidator", stack=stack)
    assert validator.properties["ValidateRequestBody"] is True
    assert validator.properties["ValidateRequestParameters"] is True


def test_the_first_runtime_answers(full: Assembly) -> None:
    """With `lambda` first every method calls the function's alias."""
    for method in full.resources("AWS::ApiGateway::Method", stack="service"):
        assert method.get("Integration.Type") == "AWS_PROXY"
        assert "OrdersLive" in str(method.get("Integration.Uri"))


def test_the_certificate_holds_both_names_and_is_validated_by_dns(full: Assembly) -> None:
    """Logged for transparency; AWS renews it as long as the record stands."""
    for stack in BOTH:
        own: Any = full.one("AWS::CertificateManager::Certificate", stack=stack).properties
        assert own["ValidationMethod"] == "DNS"
        assert own["CertificateTransparencyLoggingPreference"] == "ENABLED"
        assert own["DomainName"] == "api.tallystick.example.com"
        assert len(own["SubjectAlternativeNames"]) == 1
