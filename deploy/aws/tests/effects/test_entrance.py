"""What clients meet first.

DNS, certificate, CDN, web firewall and the orders API, with the templates' properties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from proof import calls

if TYPE_CHECKING:
    from proof.assembly import Assembly, Resource
    from proof.emulators import Clients
    from proof.values import Values

LEDGER = "/v1/ledger"
PROOFS = ("inclusion", "consistency", "range")
OPEN = {"/healthz", "/readyz", f"{LEDGER}/checkpoint", f"{LEDGER}/vkey"} | {
    f"{LEDGER}/proof/{each}" for each in PROOFS
}
"""Whether the service answers; the ledger's signed head, key and proofs, which are public."""


def rest_api(apigateway: Any, full: Assembly, values: Values) -> tuple[str, str, dict[str, str]]:
    """Create the template's API with its tree of resources.

    Return its id, stack, and paths by resource id.
    """
    api = full.one("AWS::ApiGateway::RestApi")
    own = values.of(api)
    made = calls.call(
        apigateway, "create_rest_api", own, name=str(own.get("Name", "orders")), tags={}, policy=""
    )
    values.know(api, made["id"], RestApiId=made["id"], RootResourceId=made["rootResourceId"])
    paths = {made["rootResourceId"]: "/"}
    waiting = full.resources("AWS::ApiGateway::Resource", stack=api.stack)
    for resource in sorted(waiting, key=lambda each: each.path.count("/")):
        own = values.of(resource)
        node = apigateway.create_resource(
            restApiId=made["id"], parentId=own["ParentId"], pathPart=own["PathPart"]
        )
        values.know(resource, node["id"], ResourceId=node["id"])
        paths[node["id"]] = node["path"]
    return made["id"], api.stack, paths


def test_api_lets_in_only_who_is_authorised(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """Each method of the template is guarded as the template says, and the API gives it back so."""
    apigateway = ministack("apigateway")
    api, stack, paths = rest_api(apigateway, full, values)
    methods = full.resources("AWS::ApiGateway::Method", stack=stack)
    open_methods = []
    for resource in methods:
        own = values.of(resource)
        where = {"restApiId": api, "resourceId": own["ResourceId"], "httpMethod": own["HttpMethod"]}
        apigateway.put_method(
            **where,
            authorizationType=own["AuthorizationType"],
            apiKeyRequired=bool(own.get("ApiKeyRequired")),
        )
        kept = apigateway.get_method(**where)
        assert kept["authorizationType"] == own["AuthorizationType"]
        if kept["authorizationType"] == "NONE" and paths[str(own["ResourceId"])] not in OPEN:
            open_methods.append(f"{own['HttpMethod']} {paths[str(own['ResourceId'])]}")
    assert methods
    assert open_methods == [], "these methods ask nobody who they are"


def test_stage_traces_and_throttles(moto: Clients, full: Assembly, values: Values) -> None:
    """The stage of the template traces requests and keeps the throttling that the template sets."""
    apigateway = moto("apigateway")
    api, stack, paths = rest_api(apigateway, full, values)
    root = next(each for each, path in paths.items() if path == "/")
    apigateway.put_method(
        restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE"
    )
    apigateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    deployment = apigateway.create_deployment(restApiId=api)["id"]
    resource = full.one("AWS::ApiGateway::Stage", stack=stack)
    own = values.of(resource)
    name = str(own["StageName"])
    apigateway.create_stage(
        restApiId=api,
        stageName=name,
        deploymentId=deployment,
        tracingEnabled=bool(own["TracingEnabled"]),
    )
    settings = next(
        each
        for each in cast("list[dict[str, Any]]", own["MethodSettings"])
        if "ThrottlingRateLimit" in each
    )
    patches = {
        "/*/*/throttling/rateLimit": str(settings["ThrottlingRateLimit"]),
        "/*/*/throttling/burstLimit": str(settings["ThrottlingBurstLimit"]),
    }
    operations = [
        {"op": "replace", "path": path, "value": value} for path, value in patches.items()
    ]
    apigateway.update_stage(restApiId=api, stageName=name, patchOperations=operations)
    kept = apigateway.get_stage(restApiId=api, stageName=name)
    assert kept["tracingEnabled"] is True
    assert float(kept["methodSettings"]["*/*"]["throttlingRateLimit"]) == float(
        settings["ThrottlingRateLimit"]
    )


def test_page_is_served_over_tls_only(ministack: Clients, full: Assembly, values: Values) -> None:
    """The distribution refuses plain HTTP and old TLS.

    It reads its bucket under a signed origin access control.
    """
    cloudfront = ministack("cloudfront", "us-east-1")
    own = cast(
        "dict[str, Any]", values.of(full.one("AWS::CloudFront::Distribution"))["DistributionConfig"]
    )
    shaped = calls.parameters(cloudfront, "create_distribution", {"DistributionConfig": own})[
        "DistributionConfig"
    ]
    shaped.setdefault("Comment", "")
    for origin in shaped["Origins"]["Items"]:
        if "CustomOriginConfig" in origin:  # the API asks for what CloudFormation fills in
            origin["CustomOriginConfig"] |= {"HTTPPort": 80, "HTTPSPort": 443}
    shaped["CallerReference"] = "once"
    made = cloudfront.create_distribution(DistributionConfig=shaped)["Distribution"]["Id"]
    kept = cloudfront.get_distribution_config(Id=made)["DistributionConfig"]
    assert kept["DefaultCacheBehavior"]["ViewerProtocolPolicy"] in {
        "https-only",
        "redirect-to-https",
    }
    assert kept["ViewerCertificate"]["MinimumProtocolVersion"] in {
        "TLSv1.2_2021",
        "TLSv1.2_2025",
        "TLSv1.3_2025",
    }
    assert [each["Id"] for each in kept["Origins"]["Items"]] == [
        each["Id"] for each in own["Origins"]
    ]
    assert any(each.get("OriginAccessControlId") for each in own["Origins"])


def rules_of(waf: Any, resource: Resource, values: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """Create the template's web ACL; return its own properties and what the service keeps."""
    own = dict(values.of(resource))
    name = str(own.get("Name", resource.logical_id))
    made = calls.call(
        waf, "create_web_acl", own, Name=name, Tags=[{"Key": "Product", "Value": "Tallystick"}]
    )["Summary"]
    kept = waf.get_web_acl(Name=name, Scope=own["Scope"], Id=made["Id"])["WebACL"]
    return own, kept


def test_web_firewall_keeps_our_rules(ministack: Clients, full: Assembly, values: Values) -> None:
    """The regional web ACL keeps the managed rules and the rate limit, in our order.

    Nothing only counts.
    """
    waf = ministack("wafv2")
    own, kept = rules_of(waf, full.one("AWS::WAFv2::WebACL", Scope="REGIONAL"), values)
    assert [each["Name"] for each in kept["Rules"]] == [each["Name"] for each in own["Rules"]]
    groups = {
        each["Statement"].get("ManagedRuleGroupStatement", {}).get("Name") for each in kept["Rules"]
    }
    assert "AWSManagedRulesCommonRuleSet" in groups
    limits = [
        each["Statement"]["RateBasedStatement"]["Limit"]
        for each in kept["Rules"]
        if "RateBasedStatement" in each["Statement"]
    ]
    assert limits
    assert not [
        each["Name"]
        for each in kept["Rules"]
        if "Count" in (each.get("OverrideAction") or each.get("Action") or {})
    ]


def test_web_firewall_stands_before_the_api(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The web ACL can be put before what the template's association names.

    The service answers that it stands there.
    """
    waf = ministack("wafv2")
    association = full.one("AWS::WAFv2::WebACLAssociation")
    own, kept = rules_of(waf, full.one("AWS::WAFv2::WebACL", Scope="REGIONAL"), values)
    target = str(values.of(association)["ResourceArn"])
    waf.associate_web_acl(WebACLArn=kept["ARN"], ResourceArn=target)
    assert waf.get_web_acl_for_resource(ResourceArn=target)["WebACL"]["Name"] == kept["Name"]
    assert own["Scope"] == "REGIONAL"


def test_certificate_is_asked_for_by_dns(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The certificate is validated by DNS, so it renews without anybody."""
    acm = ministack("acm")
    own = {**values.of(full.one("AWS::CertificateManager::Certificate"))}
    own.pop("DomainValidationOptions", None)
    arn = calls.call(
        acm, "request_certificate", own, Tags=[{"Key": "Product", "Value": "Tallystick"}]
    )["CertificateArn"]
    kept = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert kept["DomainName"] == own["DomainName"]
    assert own["ValidationMethod"] == "DNS"
    assert kept["DomainValidationOptions"][0]["ValidationMethod"] == "DNS"


def test_names_fail_over_with_the_health_check(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """The primary name answers while its health check holds; the secondary one stands ready."""
    route53 = moto("route53", "us-east-1")
    check = full.one("AWS::Route53::HealthCheck")
    own = cast("dict[str, Any]", values.of(check)["HealthCheckConfig"])
    made = calls.call(
        route53, "create_health_check", {"HealthCheckConfig": own}, CallerReference="once"
    )["HealthCheck"]
    values.know(check, made["Id"], HealthCheckId=made["Id"])
    kept = route53.get_health_check(HealthCheckId=made["Id"])["HealthCheck"]["HealthCheckConfig"]
    assert (kept["Type"], kept["RequestInterval"], kept["FailureThreshold"]) == (
        own["Type"],
        own["RequestInterval"],
        own["FailureThreshold"],
    )
    records = [
        each for each in full.resources("AWS::Route53::RecordSet") if "Failover" in each.properties
    ]
    zones: dict[str, str] = {}
    for resource in records:
        record = values.of(resource)
        name = str(record["Name"])
        domain = name.split(".", 1)[1]
        zone = zones.setdefault(
            domain,
            route53.create_hosted_zone(Name=domain, CallerReference=domain)["HostedZone"]["Id"],
        )
        change = {
            "ChangeBatch": {
                "Changes": [
                    {
                        "Action": "CREATE",
                        "ResourceRecordSet": api_record(record, kept_id=made["Id"]),
                    }
                ]
            }
        }
        calls.call(route53, "change_resource_record_sets", change, HostedZoneId=zone)
    answers = [
        each
        for zone in zones.values()
        for each in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        if "Failover" in each
    ]
    roles = {each["Failover"]: each for each in answers}
    assert set(roles) == {"PRIMARY", "SECONDARY"}
    assert roles["PRIMARY"]["HealthCheckId"] == made["Id"]


def api_record(own: dict[str, Any], kept_id: str) -> dict[str, Any]:
    """Return a record of a template in the API's words."""
    record = {
        name: each
        for name, each in own.items()
        if name not in {"HostedZoneId", "HostedZoneName", "Comment"}
    }
    if "ResourceRecords" in record:
        record["ResourceRecords"] = [{"Value": each} for each in record["ResourceRecords"]]
    if record.get("HealthCheckId") is not None and record["Failover"] == "PRIMARY":
        record["HealthCheckId"] = kept_id
    return record
