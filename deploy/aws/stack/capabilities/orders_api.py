"""The door on the network: one API, one name, a check before anything is woken."""

import json
from collections.abc import Mapping
from typing import Protocol

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk.aws_route53_targets import ApiGatewayDomain
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.profile import Profile

ACCESS_FIELDS = {
    "requestId": "$context.requestId",
    "traceId": "$context.xrayTraceId",
    "ip": "$context.identity.sourceIp",
    "caller": "$context.authorizer.principalId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "latencyMs": "$context.responseLatency",
    "integrationMs": "$context.integrationLatency",
    "integrationStatus": "$context.integration.status",
    "bytes": "$context.responseLength",
    "waf": "$context.waf.status",
    "error": "$context.error.message",
}
"""One JSON line a request; no body, no token."""
ORDER_MODEL = apigateway.JsonSchema(
    schema=apigateway.JsonSchemaVersion.DRAFT4,
    title="An order, or a list of them",
    type=apigateway.JsonSchemaType.OBJECT,
    min_properties=1,
)
"""Only what no version of the API can change; the product itself checks the rest."""
STAGE = "live"
HEALTH = ("healthz", "readyz")
PUBLIC = ("checkpoint", "vkey", "proof/inclusion", "proof/consistency", "proof/range")
"""Below /v1/ledger: the signed head, its keys and proofs, with which anybody may hold us to it."""
PUBLIC_SHARE = 10
"""Each of them gets one in so many of the requests that the stage takes."""


class Answers(Protocol):
    """Who stands behind the API: functions or containers."""

    def integration(self, path: str) -> apigateway.Integration:
        """What a resource of this path calls."""

    def attach(self, method: apigateway.CfnMethod) -> None:
        """What is still to be said about a method that calls it."""


class Door(Construct):
    """The names under which the API is asked for, and their certificate.

    `name` is the same in each region, and fails over; `regional_name` is this region's alone:
    health checks ask it.
    """

    def __init__(self, scope: Construct, id_: str, *, profile: Profile) -> None:
        super().__init__(scope, id_)
        self.name = profile.api_domain
        self.regional_name = f"api-{cdk.Stack.of(self).region}.{profile.domain}"
        self.zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=profile.hosted_zone_id, zone_name=profile.domain
        )
        self.certificate = acm.Certificate(
            self,
            "Certificate",
            domain_name=self.name,
            subject_alternative_names=[self.regional_name],
            validation=acm.CertificateValidation.from_dns(self.zone),
            transparency_logging_enabled=True,
        )


class OrdersApi(Construct):
    """The API's limits, log, authoriser and routes; `answers` is who stands behind it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        authoriser: lambda_.IFunction,
        door: Door,
        answers: Answers,
    ) -> None:
        super().__init__(scope, id_)
        self.access_log_group = log_group(
            self, "AccessLog", days=profile.retention.log_days, key=keys.logs
        )
        account = self._account()
        self.api = self._api(profile, keys, door)
        self.stage = self.api.deployment_stage
        self.api.node.add_dependency(account)
        self.authoriser = apigateway.RequestAuthorizer(
            self,
            "Authoriser",
            handler=authoriser,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=cdk.Duration.seconds(60),
        )
        self.validator = self.api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        self._routes(answers)
        self.stage_arn = self.stage.stage_arn
        name = self.api.domain_name
        if name is None:
            raise TypeError("the API has a name of its own")
        self.domain_name = door.name
        self.target_domain = name.domain_name_alias_domain_name
        self.target_zone_id = name.domain_name_alias_hosted_zone_id
        self.health_host = door.regional_name
        self.health_path = f"/{HEALTH[1]}"
        self._regional(door)

    def _regional(self, door: Door) -> None:
        """This region's own name, which never moves to another."""
        own = self.api.add_domain_name(
            "Regional",
            domain_name=door.regional_name,
            certificate=door.certificate,
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        route53.ARecord(
            self,
            "RegionalRecord",
            zone=door.zone,
            record_name=door.regional_name,
            target=route53.RecordTarget.from_alias(ApiGatewayDomain(own)),
        )

    def _api(self, profile: Profile, keys: Keys, door: Door) -> apigateway.RestApi:
        """Regional, by its own name alone, with TLS 1.2 or newer."""
        api = apigateway.RestApi(
            self,
            "Api",
            description="Tallystick: orders and proofs",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            disable_execute_api_endpoint=True,
            cloud_watch_role=False,
            binary_media_types=["application/octet-stream"],
            min_compression_size=cdk.Size.kibibytes(1),
            domain_name=apigateway.DomainNameOptions(
                domain_name=door.name,
                certificate=door.certificate,
                endpoint_type=apigateway.EndpointType.REGIONAL,
                security_policy=apigateway.SecurityPolicy.TLS_1_2,
            ),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                access_log_destination=apigateway.LogGroupLogDestination(self.access_log_group),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_FIELDS)),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                tracing_enabled=True,
                throttling_rate_limit=profile.service.requests_per_second,
                throttling_burst_limit=profile.service.burst,
                method_options={
                    f"/v1/ledger/{path}/GET": apigateway.MethodDeploymentOptions(
                        logging_level=apigateway.MethodLoggingLevel.ERROR,
                        data_trace_enabled=False,
                        metrics_enabled=True,
                        throttling_rate_limit=profile.service.requests_per_second // PUBLIC_SHARE,
                        throttling_burst_limit=profile.service.burst // PUBLIC_SHARE,
                    )
                    for path in PUBLIC
                },
            ),
        )
        log_group(
            self,
            "ExecutionLog",
            days=profile.retention.log_days,
            key=keys.logs,
            name=f"API-Gateway-Execution-Logs_{api.rest_api_id}/{STAGE}",
        )
        client = apigateway.CfnClientCertificate(
            self, "ClientCertificate", description="Tallystick's API to what stands behind it"
        )
        stage = api.deployment_stage.node.default_child
        if not isinstance(stage, apigateway.CfnStage):
            raise TypeError("a stage of our own is expected")
        stage.client_certificate_id = client.ref
        acknowledge(
            api.deployment_stage,
            "NIST.800.53.R5::NIST.800.53.R5-APIGWCacheEnabledAndEncrypted",
            "PCI.DSS.321::PCI.DSS.321-APIGWCacheEnabledAndEncrypted",
            reason="Positions, prices and proofs change with each order: a kept answer is wrong.",
        )
        return api

    def _routes(self, answers: Answers) -> None:
        """Everything behind the authoriser, but what a health check asks, and what is published."""
        root = self.api.root
        v1 = root.add_resource("v1")
        orders = v1.add_resource("orders")
        ledger = v1.add_resource("ledger")
        proof = ledger.add_resource("proof")
        model = self.api.add_model("Order", content_type="application/json", schema=ORDER_MODEL)
        guarded = [
            self._method(orders, "POST", answers, models={"application/json": model}),
            self._method(orders, "GET", answers),
            self._method(orders.add_resource("{proxy+}"), "ANY", answers),
            self._method(proof.add_resource("{proxy+}"), "ANY", answers),
            self._method(ledger.add_resource("{proxy+}"), "ANY", answers),
            self._method(v1.add_resource("{proxy+}"), "ANY", answers),
            self._method(root.add_resource("{proxy+}"), "ANY", answers),
        ]
        for method in guarded:
            acknowledge(
                method,
                "AwsSolutions::AwsSolutions-COG4",
                reason="Clients are programs; their tokens are ours and checked by our authoriser.",
            )
        for path in PUBLIC:
            acknowledge(
                self._method(ledger.resource_for_path(path), "GET", answers, guarded=False),
                "AwsSolutions::AwsSolutions-APIG4",
                "AwsSolutions::AwsSolutions-COG4",
                reason="The signed head, its keys and proofs are published, so that nobody is "
                "shown another: sizes and hashes, nothing of what is in an entry.",
            )
        for path in HEALTH:
            acknowledge(
                self._method(root.add_resource(path), "GET", answers, guarded=False),
                "AwsSolutions::AwsSolutions-APIG4",
                "AwsSolutions::AwsSolutions-COG4",
                reason="Route 53 asks it without a token; it says only whether orders are taken.",
            )

    def _method(
        self,
        resource: apigateway.IResource,
        verb: str,
        answers: Answers,
        *,
        models: Mapping[str, apigateway.IModel] | None = None,
        guarded: bool = True,
    ) -> apigateway.Method:
        parameters = {}
        if "{proxy+}" in resource.path:
            parameters = {"method.request.path.proxy": True}
        method = resource.add_method(
            verb,
            answers.integration(resource.path),
            authorization_type=apigateway.AuthorizationType.CUSTOM
            if guarded
            else apigateway.AuthorizationType.NONE,
            authorizer=self.authoriser if guarded else None,
            request_validator=self.validator,
            request_models=models,
            request_parameters=parameters,
        )
        bare = method.node.default_child
        if not isinstance(bare, apigateway.CfnMethod):
            raise TypeError("a method of our own is expected")
        answers.attach(bare)
        return method

    def _account(self) -> apigateway.CfnAccount:
        """Let API Gateway write its logs: one setting for the account in this region."""
        role = iam.Role(
            self,
            "LogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="API Gateway writes its log groups",
        )
        stack = cdk.Stack.of(self)
        groups = f"arn:aws:logs:{stack.region}:{stack.account}:log-group:*"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                    "logs:GetLogEvents",
                    "logs:FilterLogEvents",
                ],
                resources=[groups],
            )
        )
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{groups}]",
            reason="One role serves every API of the account; API Gateway names the groups itself.",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.node.add_dependency(role)
        return account
