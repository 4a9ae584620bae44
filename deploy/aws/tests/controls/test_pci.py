"""PCI DSS 4.0.1, by requirement: what the templates have to say for each."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from proof import policy
from proof.assembly import MISSING

if TYPE_CHECKING:
    from proof.assembly import Assembly, Resource
    from proof.values import Values

SEALED = {
    "AWS::DynamoDB::GlobalTable": "SSESpecification.SSEEnabled",
    "AWS::ElastiCache::ReplicationGroup": "AtRestEncryptionEnabled",
    "AWS::Kinesis::Stream": "StreamEncryption.KeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::RDS::DBCluster": "KmsKeyId",
    "AWS::RedshiftServerless::Namespace": "KmsKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
    "AWS::Backup::BackupVault": "EncryptionKeyArn",
    "AWS::CloudTrail::Trail": "KMSKeyId",
    "AWS::SageMaker::EndpointConfig": "KmsKeyId",
}
"""Where a type says which of our keys seals what it keeps."""
YEAR = 365


def paths(found: list[Resource]) -> list[str]:
    """Return where the resources stand, for a failure that says it."""
    return [each.path for each in found]


def open_ports(full: Assembly, values: Values) -> list[tuple[str, object]]:
    """Return each rule that lets the whole world in, with its port."""
    found: list[tuple[str, object]] = []
    groups = full.resources("AWS::EC2::SecurityGroup")
    for resource in [*groups, *full.resources("AWS::EC2::SecurityGroupIngress")]:
        own = cast("dict[str, Any]", values.of(resource))
        found += [
            (resource.path, rule.get("FromPort"))
            for rule in [*own.get("SecurityGroupIngress", []), own]
            if rule.get("CidrIp") == "0.0.0.0/0" or rule.get("CidrIpv6") == "::/0"
        ]
    return found


def test_pci_1_2_networks_deny_by_default(full: Assembly, values: Values) -> None:
    """What no rule allows is dropped.

    Security groups, default groups and the network firewall say so.
    """
    assert [each for each in open_ports(full, values) if each[1] != 443] == []
    policies = full.resources("AWS::NetworkFirewall::FirewallPolicy")
    assert policies
    for resource in policies:
        drops = str(resource.get("FirewallPolicy.StatefulDefaultActions"))
        assert "aws:drop" in drops, resource.path
    networks = {each.stack for each in full.resources("AWS::EC2::VPC")}
    restricted = {each.stack for each in full.resources("Custom::VpcRestrictDefaultSG")}
    assert networks == restricted


def test_pci_1_4_data_has_no_public_door(full: Assembly, values: Values) -> None:
    """No store has a public address, no data subnet hands one out, no bucket can be made public."""
    public = [
        each
        for each in full.resources("AWS::RDS::DBInstance")
        if each.get("PubliclyAccessible") is True
    ]
    public += [
        each
        for each in full.resources("AWS::RedshiftServerless::Workgroup")
        if each.get("PubliclyAccessible") is not False
    ]
    public += [
        each
        for each in full.resources("AWS::EC2::Subnet")
        if each.get("MapPublicIpOnLaunch") is True
    ]
    for bucket in full.resources("AWS::S3::Bucket"):
        block = values.of(bucket).get("PublicAccessBlockConfiguration")
        if not isinstance(block, dict) or not all(block.values()) or len(block) != 4:
            public.append(bucket)
    assert paths(public) == []


def test_pci_2_2_nothing_keeps_a_default(full: Assembly) -> None:
    """No password stands in a template; every secret is generated; machines speak only IMDSv2."""
    for stack in full.stacks:
        text = json.dumps(stack.template)
        assert not re.search(
            r'"(MasterUserPassword|AdminUserPassword|AuthToken)": "(?!\{\{resolve)', text
        ), stack.name
    for resource in full.resources("AWS::EC2::LaunchTemplate"):
        assert resource.get("LaunchTemplateData.MetadataOptions.HttpTokens") == "required", (
            resource.path
        )
    secrets = full.resources("AWS::SecretsManager::Secret")
    plain = [
        each
        for each in secrets
        if re.search(r"\w", re.sub(r'"\w+":', "", str(each.properties.get("SecretString", ""))))
    ]
    assert paths(plain) == [], (
        "a secret's value stands in the template; an empty form to be filled may"
    )


def test_pci_3_5_everything_at_rest_is_sealed_with_our_keys(full: Assembly) -> None:
    """Every store names a customer-managed key.

    Access-log buckets, which AWS fills, may use S3's own.
    """
    bare = [
        each
        for type_, path in SEALED.items()
        for each in full.resources(type_)
        if each.get(path) in (MISSING, False, None)
    ]
    for bucket in full.resources("AWS::S3::Bucket"):
        how = bucket.get(
            "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm"
        )
        takes_access_logs = "LoggingConfiguration" not in bucket.properties
        if how != "aws:kms" and not (takes_access_logs and how == "AES256"):
            bare.append(bucket)
    assert paths(bare) == []


def test_pci_3_6_key_policies_name_who_may(full: Assembly, values: Values) -> None:
    """No key may be used by everybody: each statement names whom, or narrows by condition."""
    found = policy.statements(full, values, {"AWS::KMS::Key": ("KeyPolicy",)})
    anybody = [
        each.resource.path
        for each in found
        if each.effect == "Allow" and "*" in each.principals and each.condition == "{}"
    ]
    assert anybody == []


def test_pci_3_7_keys_rotate(full: Assembly) -> None:
    """Every symmetric key rotates by itself, and waits a week or more before it is gone."""
    symmetric = [
        each
        for each in full.resources("AWS::KMS::Key")
        if str(each.properties.get("KeySpec", "SYMMETRIC_DEFAULT")) == "SYMMETRIC_DEFAULT"
    ]
    assert symmetric
    assert paths([each for each in symmetric if each.get("EnableKeyRotation") is not True]) == []
    assert (
        paths(
            [
                each
                for each in full.resources("AWS::KMS::Key")
                if int(str(each.properties.get("PendingWindowInDays", 30))) < 7
            ]
        )
        == []
    )


def test_pci_4_2_everything_on_the_way_is_tls_1_2(full: Assembly, values: Values) -> None:
    """Buckets refuse plain HTTP.

    The API, the page, the database's pool, the cache and listeners demand TLS 1.2.
    """
    told = {
        each.resource.properties["Bucket"]["Ref"]: each
        for each in policy.statements(full, values, {"AWS::S3::BucketPolicy": ("PolicyDocument",)})  # type: ignore[index,call-overload]
        if each.effect == "Deny"
        and "aws:SecureTransport" in each.condition
        and isinstance(each.resource.properties["Bucket"], dict)
    }
    assert (
        paths([each for each in full.resources("AWS::S3::Bucket") if each.logical_id not in told])
        == []
    )
    weak: list[Resource] = []
    weak += [
        each
        for each in full.resources("AWS::ApiGateway::DomainName")
        if not re.search(r"TLS_?1?_?(1_2|1_3|12|13)", str(each.get("SecurityPolicy")))
    ]
    version = "DistributionConfig.ViewerCertificate.MinimumProtocolVersion"
    weak += [
        each
        for each in full.resources("AWS::CloudFront::Distribution")
        if not str(each.get(version)).startswith(("TLSv1.2", "TLSv1.3"))
    ]
    weak += [
        each for each in full.resources("AWS::RDS::DBProxy") if each.get("RequireTLS") is not True
    ]
    weak += [
        each
        for each in full.resources("AWS::ElastiCache::ReplicationGroup")
        if each.get("TransitEncryptionEnabled") is not True
    ]
    listeners = full.resources("AWS::ElasticLoadBalancingV2::Listener")
    weak += [each for each in listeners if each.get("Protocol") not in {"HTTPS", "TLS", "TCP"}]
    weak += [
        each
        for each in listeners
        if each.get("Protocol") in {"HTTPS", "TLS"}
        and not re.search(r"TLS13|TLS-1-2", str(each.get("SslPolicy")))
    ]
    assert paths(weak) == []


def doors(full: Assembly) -> list[Resource]:
    """Return what the public can reach: APIs' stages, pools where people sign in, balancers."""
    balancers = full.resources("AWS::ElasticLoadBalancingV2::LoadBalancer")
    return [
        *full.resources("AWS::ApiGateway::Stage"),
        *full.resources("AWS::Cognito::UserPool"),
        *(each for each in balancers if each.get("Scheme") == "internet-facing"),
    ]


def test_pci_6_4_web_firewall_before_every_public_door(full: Assembly, values: Values) -> None:
    """Each public API's stage is associated with a web ACL, each distribution names one.

    Every web ACL has the common rules and a rate limit.
    """
    guarded = [
        (each.stack, str(each.get("ResourceArn")))
        for each in full.resources("AWS::WAFv2::WebACLAssociation")
    ]
    bare = [
        door
        for door in doors(full)
        if not any(stack == door.stack and f"'{door.logical_id}'" in arn for stack, arn in guarded)
    ]
    assert paths(bare) == []
    pages = full.resources("AWS::CloudFront::Distribution")
    unguarded = [each for each in pages if each.get("DistributionConfig.WebACLId") in (MISSING, "")]
    assert pages
    assert paths(unguarded) == []
    lists = full.resources("AWS::WAFv2::WebACL")
    assert {each.get("Scope") for each in lists} == {"REGIONAL", "CLOUDFRONT"}
    for resource in lists:
        rules = str(values.of(resource)["Rules"])
        assert "AWSManagedRulesCommonRuleSet" in rules, resource.path
        assert "RateBasedStatement" in rules, resource.path


def sweeps(action: str) -> bool:
    """Say whether an action is everything, or everything of a service that holds data."""
    return action in {"*", "*:*"} or (action.endswith(":*") and not action.startswith("xray:"))


def test_pci_7_2_least_privilege(full: Assembly, values: Values) -> None:
    """Nobody may do everything to everything; every role stands under the boundary."""
    found = list(policy.statements(full, values, policy.IDENTITY))
    assert len(found) > 100
    sweeping = [
        f"{each.resource.path}: {each.actions}"
        for each in found
        if each.effect == "Allow"
        and "*" in each.targets
        and any(sweeps(action) for action in each.actions)
        and "boundary" not in str(each.resource.get("ManagedPolicyName"))
    ]
    assert sweeping == []
    unbounded = [
        each
        for each in full.resources("AWS::IAM::Role")
        if "PermissionsBoundary" not in each.properties
    ]
    assert paths(unbounded) == []
    assert full.resources("AWS::IAM::User") == []


def test_pci_8_3_passwords_are_long(full: Assembly) -> None:
    """A password has twelve characters or more, of every kind."""
    pools = full.resources("AWS::Cognito::UserPool")
    assert pools
    for pool in pools:
        rules = cast("dict[str, Any]", pool.get("Policies.PasswordPolicy"))
        assert rules["MinimumLength"] >= 12
        assert all(
            rules[each]
            for each in ("RequireLowercase", "RequireUppercase", "RequireNumbers", "RequireSymbols")
        )


def test_pci_8_4_second_factor_is_demanded(full: Assembly) -> None:
    """Everybody who signs in has a second factor, and it is not a text message alone."""
    for pool in full.resources("AWS::Cognito::UserPool"):
        assert pool.get("MfaConfiguration") == "ON", pool.path
        assert "SOFTWARE_TOKEN_MFA" in str(pool.get("EnabledMfas")) or "WEB_AUTHN" in str(
            pool.get("EnabledMfas")
        )


def test_pci_10_2_every_call_is_on_record(full: Assembly) -> None:
    """One trail sees every region and every global service; networks keep flow records.

    The door keeps access logs.
    """
    assert any(
        each.get("IsMultiRegionTrail") is True and each.get("IncludeGlobalServiceEvents") is True
        for each in full.resources("AWS::CloudTrail::Trail")
    )
    watched = {each.stack for each in full.resources("AWS::EC2::FlowLog")}
    assert {each.stack for each in full.resources("AWS::EC2::VPC")} == watched
    assert (
        paths(
            [
                each
                for each in full.resources("AWS::ApiGateway::Stage")
                if "AccessLogSetting" not in each.properties
            ]
        )
        == []
    )


def test_pci_10_3_records_cannot_be_changed(full: Assembly) -> None:
    """The trail proves its files, and a bucket under compliance lock keeps what must not go."""
    assert (
        paths(
            [
                each
                for each in full.resources("AWS::CloudTrail::Trail")
                if each.get("EnableLogFileValidation") is not True
            ]
        )
        == []
    )
    modes = [
        each.get("ObjectLockConfiguration.Rule.DefaultRetention.Mode")
        for each in full.resources("AWS::S3::Bucket")
    ]
    assert "COMPLIANCE" in modes


def test_pci_10_5_records_are_kept_a_year(full: Assembly) -> None:
    """What records who did what is kept for a year or longer.

    No log group keeps for ever by omission.
    """
    groups = full.resources("AWS::Logs::LogGroup")
    assert paths([each for each in groups if "RetentionInDays" not in each.properties]) == []
    audit = [each for each in groups if re.search(r"(?i)trail|flow|access|audit", each.path)]
    assert audit
    assert (
        paths([each for each in audit if int(str(each.properties["RetentionInDays"])) < YEAR]) == []
    )


def test_pci_11_5_intrusions_are_looked_for(full: Assembly) -> None:
    """GuardDuty is on in every region that holds data."""
    regions = {each.region for each in full.resources("AWS::EC2::VPC")}
    looked = {
        each.region
        for each in full.resources("AWS::GuardDuty::Detector")
        if each.get("Enable") is True
    }
    assert regions <= looked


def test_pci_12_10_somebody_is_paged(full: Assembly) -> None:
    """Alarms lead to topics, and a topic leads to the pager or, without one, to people by mail."""
    alarms = full.resources("AWS::CloudWatch::Alarm") + full.resources(
        "AWS::CloudWatch::CompositeAlarm"
    )
    assert alarms
    assert (
        paths(
            [
                each
                for each in full.resources("AWS::CloudWatch::CompositeAlarm")
                if not each.properties.get("AlarmActions")
            ]
        )
        == []
    )
    protocols = {str(each.get("Protocol")) for each in full.resources("AWS::SNS::Subscription")}
    assert {"https", "email"} & protocols
