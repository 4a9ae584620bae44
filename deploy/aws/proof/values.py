"""What intrinsics of a template would become: known identifiers, else recognisable stand-ins."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from proof.assembly import Assembly, Json, Resource, Stack

ACCOUNT = "111111111111"
"""Stands for the account wherever the template leaves it to the deployment."""

ARN_SERVICES = {
    "AWS::IAM": ("iam", "role/"),
    "AWS::Lambda": ("lambda", "function:"),
    "AWS::SNS": ("sns", ""),
    "AWS::SQS": ("sqs", ""),
    "AWS::KMS": ("kms", "key/"),
    "AWS::Kinesis": ("kinesis", "stream/"),
    "AWS::KinesisFirehose": ("firehose", "deliverystream/"),
    "AWS::Logs": ("logs", "log-group:"),
    "AWS::DynamoDB": ("dynamodb", "table/"),
    "AWS::SecretsManager": ("secretsmanager", "secret:"),
    "AWS::WAFv2": ("wafv2", "regional/webacl/"),
    "AWS::Events": ("events", "event-bus/"),
    "AWS::CertificateManager": ("acm", "certificate/"),
    "AWS::ElasticLoadBalancingV2": ("elasticloadbalancing", "loadbalancer/app/"),
}
REFS_ARE_ARNS = (
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::ApiGatewayV2::VpcLink",
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::SecretTargetAttachment",
    "AWS::CertificateManager::Certificate",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::NetworkFirewall::FirewallPolicy",
    "AWS::NetworkFirewall::RuleGroup",
)
PREFIXES = {
    "AWS::EC2::VPC": "vpc-",
    "AWS::EC2::Subnet": "subnet-",
    "AWS::EC2::SecurityGroup": "sg-",
    "AWS::EC2::RouteTable": "rtb-",
    "AWS::EC2::LaunchTemplate": "lt-",
    "AWS::EC2::EIP": "eipalloc-",
}


@dataclass
class Values:
    """Resolves a template's values.

    `known` holds what was really created, by stack and logical id.
    """

    assembly: Assembly
    known: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def know(self, resource: Resource, ref: str, **attributes: str) -> None:
        """Remember a real identifier, as `Ref` and as attributes (`Arn`).

        For whoever refers to it.
        """
        self.known[resource.stack, resource.logical_id, ""] = ref
        for name, value in attributes.items():
            self.known[resource.stack, resource.logical_id, name] = value

    def of(self, resource: Resource) -> dict[str, Json]:
        """Return the resource's properties without intrinsics.

        Members that have no value are left out.
        """
        stack = self.assembly.stack(resource.stack)
        return cast("dict[str, Json]", self.resolve(resource.properties, stack))

    def resolve(self, value: Json, stack: Stack) -> Json:
        """Return `value` of a template with each intrinsic replaced."""
        if isinstance(value, list):
            items = [self.resolve(each, stack) for each in value]
            return [each for each in items if each is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, inner = next(iter(value.items()))
            if name == "Ref":
                return self._ref(str(inner), stack)
            if name.startswith("Fn::"):
                return self._function(name, inner, stack)
        members = {name: self.resolve(each, stack) for name, each in value.items()}
        return {name: each for name, each in members.items() if each is not None}

    def _function(self, name: str, inner: Json, stack: Stack) -> Json:  # noqa: C901, PLR0911  a case an intrinsic
        """Evaluate one `Fn::` intrinsic."""
        if name == "Fn::GetAtt":
            logical, attribute = (
                inner.split(".", 1)
                if isinstance(inner, str)
                else map(str, cast("list[Json]", inner))
            )
            return self._attribute(logical, attribute, stack)
        if name == "Fn::Sub":
            return self._sub(inner, stack)
        value = self.resolve(inner, stack)
        if name == "Fn::ImportValue":
            return self._imported(str(value), stack.region)
        if name == "Fn::Base64":
            return base64.b64encode(str(value).encode()).decode()
        if name == "Fn::FindInMap" and isinstance(value, list):
            found = stack.template.get("Mappings", {})
            for step in value:
                found = cast("dict[str, Json]", found)[str(step)]
            return found
        if name == "Fn::GetAZs":
            return [f"{stack.region}{zone}" for zone in "abc"]
        if not isinstance(value, list):
            return str(value)
        if name == "Fn::Join":
            return str(value[0]).join(str(each) for each in cast("list[Json]", value[1]))
        if name == "Fn::Select":
            items = cast("list[Json]", value[1])
            return items[min(int(str(value[0])), len(items) - 1)]
        if name == "Fn::Split":
            return cast("list[Json]", str(value[1]).split(str(value[0])))
        if name == "Fn::If":
            return value[1]
        return f"{name}({value})"

    def _ref(self, logical: str, stack: Stack) -> Json:  # noqa: PLR0911  a case a kind
        """Evaluate a `Ref`: a pseudo parameter, a parameter's default, or a resource."""
        pseudo: dict[str, Json] = {
            "AWS::AccountId": stack.account if stack.account.isdigit() else ACCOUNT,
            "AWS::Region": stack.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": f"arn:aws:cloudformation:{stack.region}:{ACCOUNT}:stack/{stack.name}/1",
            "AWS::NoValue": None,
        }
        if logical in pseudo:
            return pseudo[logical]
        if (stack.name, logical, "") in self.known:
            return self.known[stack.name, logical, ""]
        parameters = cast("dict[str, dict[str, Json]]", stack.template.get("Parameters", {}))
        if logical in parameters:
            return parameters[logical].get("Default", logical)
        kind = self._type(logical, stack)
        if kind in REFS_ARE_ARNS:
            return self._arn(logical, kind, stack)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{stack.region}.amazonaws.com/{ACCOUNT}/{logical}"
        if kind in PREFIXES:
            digest = re.sub(r"[^0-9a-f]", "", logical.casefold())
            return PREFIXES[kind] + (digest + "0" * 17)[:17]
        return logical.casefold() if kind == "AWS::S3::Bucket" else logical

    def _attribute(self, logical: str, attribute: str, stack: Stack) -> Json:
        """Evaluate `Fn::GetAtt`."""
        for name in (attribute, attribute.removesuffix("Arn") + "Arn"):
            if (stack.name, logical, name) in self.known:
                return self.known[stack.name, logical, name]
        kind = self._type(logical, stack)
        if attribute.endswith("Arn"):
            return self._arn(logical, kind, stack)
        if attribute in {"Endpoint.Port", "Port", "PrimaryEndPoint.Port"}:
            return "5432"
        if attribute == "GroupId":
            return "sg-" + (re.sub(r"[^0-9a-f]", "", logical.casefold()) + "0" * 17)[:17]
        return f"{logical}.{attribute}"

    def _arn(self, logical: str, kind: str, stack: Stack) -> str:
        """Return a stand-in of the right form for the resource's ARN."""
        if kind == "AWS::S3::Bucket":
            return f"arn:aws:s3:::{logical.casefold()}"
        service, prefix = ARN_SERVICES.get(
            "::".join(kind.split("::")[:2]), (kind.split("::")[1].casefold(), "")
        )
        region = "" if service == "iam" else stack.region
        if kind == "AWS::KMS::Key":
            logical = (
                "00000000-0000-4000-8000-"
                + re.sub(r"[^0-9a-f]", "", logical.casefold()).ljust(12, "0")[:12]
            )
        if kind == "AWS::NetworkFirewall::RuleGroup":
            prefix = "stateful-rulegroup/"
        return f"arn:aws:{service}:{region}:{ACCOUNT}:{prefix}{logical}"

    def _type(self, logical: str, stack: Stack) -> str:
        """Return the CloudFormation type of a logical id; a made-up one for what is no resource."""
        resources = cast("dict[str, dict[str, Json]]", stack.template.get("Resources", {}))
        return str(resources.get(logical, {}).get("Type", "AWS::Other::Thing"))

    def _sub(self, inner: Json, stack: Stack) -> str:
        """Evaluate `Fn::Sub` in its two forms."""
        text, own = (inner[0], inner[1]) if isinstance(inner, list) else (inner, {})
        names = cast("dict[str, Json]", own)

        def put(match: re.Match[str]) -> str:
            name = match[1]
            if name in names:
                return str(self.resolve(names[name], stack))
            if "." in name:
                logical, _, attribute = name.partition(".")
                return str(self._attribute(logical, attribute, stack))
            return str(self._ref(name, stack))

        return re.sub(r"\$\{([^!}]+)\}", put, str(text))

    def _imported(self, export: str, region: str) -> Json:
        """Follow an import to the output of the region's stack that exports it."""
        for stack in self.assembly.stacks:
            if stack.region != region:
                continue
            for output in cast(
                "dict[str, dict[str, Json]]", stack.template.get("Outputs", {})
            ).values():
                exported = cast("dict[str, Json]", output.get("Export", {})).get("Name")
                if exported == export:
                    return self.resolve(output["Value"], stack)
        return export
