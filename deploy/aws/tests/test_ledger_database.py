"""The ledger's database: encrypted, TLS only, over the zones, global, known to IAM alone."""

import json
from typing import Any

import pytest

from proof.assembly import MISSING, Assembly
from proof.values import Values

BOTH = ["data", "recovery-data"]


@pytest.mark.parametrize("stack", BOTH)
def test_a_cluster_is_encrypted_protected_and_kept(
    full: Assembly, values: Values, stack: str
) -> None:
    """Our key, deletion protection, backups of 35 days, retained with its stack."""
    cluster = full.one("AWS::RDS::DBCluster", stack=stack)
    assert cluster.properties["StorageEncrypted"] is True
    assert values.of(cluster)["KmsKeyId"]
    assert cluster.properties["DeletionProtection"] is True
    assert cluster.properties["BackupRetentionPeriod"] == 35
    assert cluster.properties["CopyTagsToSnapshot"] is True
    assert cluster.body["DeletionPolicy"] == "Retain"
    assert cluster.properties["EnableIAMDatabaseAuthentication"] is True
    assert cluster.properties["Port"] == 5433
    assert cluster.properties["PerformanceInsightsEnabled"] is True
    assert values.of(cluster)["PerformanceInsightsKmsKeyId"]
    assert cluster.properties["EnableCloudwatchLogsExports"] == ["postgresql", "iam-db-auth-error"]


@pytest.mark.parametrize("stack", BOTH)
def test_only_tls_of_today_is_spoken(full: Assembly, stack: str) -> None:
    """Plain connections and old protocols are refused; a commit is durable when it is answered."""
    parameters: Any = full.one("AWS::RDS::DBClusterParameterGroup", stack=stack).properties
    said = parameters["Parameters"]
    assert said["rds.force_ssl"] == "1"
    assert said["ssl_min_protocol_version"] == "TLSv1.2"
    assert said["password_encryption"] == "scram-sha-256"  # noqa: S105  how, and no password
    assert said["synchronous_commit"] == "on"
    assert "pgaudit" in said["shared_preload_libraries"]


def test_the_writer_has_readers_in_the_primary_region(full: Assembly) -> None:
    """One writer and two readers, watched to 15 seconds, none reachable from outside."""
    instances = full.resources("AWS::RDS::DBInstance", stack="data")
    assert [each.properties.get("PromotionTier") for each in instances] == [0, 1, 1]
    for each in full.resources("AWS::RDS::DBInstance"):
        assert each.properties["PubliclyAccessible"] is False
        assert each.properties["MonitoringInterval"] == 15
        assert each.properties["AutoMinorVersionUpgrade"] is True


def test_the_cluster_is_the_first_member_of_a_global_one(full: Assembly, small: Assembly) -> None:
    """Both regions join the same global cluster; the second brings no users of its own."""
    whole = full.one("AWS::RDS::GlobalCluster")
    assert whole.stack == "data"
    assert whole.properties["DeletionProtection"] is True
    assert whole.properties["StorageEncrypted"] is True
    for stack in BOTH:
        member = full.one("AWS::RDS::DBCluster", stack=stack)
        assert member.properties["GlobalClusterIdentifier"] == "tallystick-ledger"
    second = full.one("AWS::RDS::DBCluster", stack="recovery-data")
    assert second.get("MasterUsername") is MISSING
    assert second.get("MasterUserPassword") is MISSING
    assert second.properties["SourceRegion"] == "eu-west-1"
    assert not small.resources("AWS::RDS::GlobalCluster")


@pytest.mark.parametrize("stack", BOTH)
def test_the_proxy_knows_iam_alone_and_tls_alone(
    full: Assembly, values: Values, stack: str
) -> None:
    """No password lies with the proxy; it comes in as the functions' role and no other."""
    proxy = full.one("AWS::RDS::DBProxy", stack=stack)
    assert proxy.properties["RequireTLS"] is True
    assert proxy.properties["DefaultAuthScheme"] == "IAM_AUTH"
    assert proxy.get("Auth") is MISSING
    policies = [
        values.of(each)
        for each in full.resources("AWS::IAM::ManagedPolicy", stack=stack)
        if "ProxyRole" in each.logical_id
    ]
    document: Any = policies[0]["PolicyDocument"]
    (statement,) = document["Statement"]
    assert statement["Action"] == "rds-db:connect"
    assert str(statement["Resource"]).endswith("/tallystick")


def test_the_owners_password_rotates(full: Assembly) -> None:
    """Every thirty days, by a function in the private subnets, under our key."""
    rotation: Any = full.one("AWS::SecretsManager::RotationSchedule", stack="data").properties
    assert rotation["RotationRules"]["ScheduleExpression"] == "rate(30 days)"
    assert rotation["HostedRotationLambda"]["RotationType"] == "PostgreSQLSingleUser"
    assert rotation["HostedRotationLambda"]["VpcSecurityGroupIds"]
    secret = full.one("AWS::SecretsManager::Secret", stack="data")
    assert secret.get("KmsKeyId") is not MISSING
    assert not full.resources("AWS::SecretsManager::Secret", stack="recovery-data")


def test_the_schema_is_prepared_within_the_deployment(full: Assembly, values: Values) -> None:
    """As the owner, past the proxy, before anything else is deployed that needs it."""
    function = next(
        each
        for each in full.resources("AWS::Lambda::Function", stack="data")
        if each.properties.get("Handler") == "tallystick.wiring.aws.prepare.handler"
    )
    variables: Any = values.of(function)["Environment"]
    said = variables["Variables"]
    assert said["TALLYSTICK_LEDGER"].startswith("postgresql://tallystick_owner@")
    assert said["TALLYSTICK_LEDGER"].endswith(":5433/tallystick")
    assert said["TALLYSTICK_LEDGER_LOGIN"] == "secret"
    assert said["TALLYSTICK_LEDGER_POOLED"] == "false"
    assert said["TALLYSTICK_LEDGER_AUTHORITIES"] == "rds"
    (run,) = full.resources("Custom::Trigger", stack="data")
    assert run.properties["InvocationType"] == "RequestResponse"
    assert int(str(run.properties["Timeout"])) >= 1_000 * int(str(function.properties["Timeout"]))


def test_no_function_is_deployed_before_the_schema_is_of_its_version(full: Assembly) -> None:
    """The run hangs on a version of the function, which is its code: new code, another run.

    Its failure fails the stack `data`, and `service` is not deployed before `data` is.
    """
    (run,) = full.resources("Custom::Trigger", stack="data")
    version: Any = run.properties["HandlerArn"]
    by_id = {each.logical_id: each for each in full.resources("AWS::Lambda::Version", stack="data")}
    made: Any = by_id[version["Ref"]].properties["FunctionName"]
    assert "Prepare" in made["Ref"]
    artifacts = json.loads((full.folder / "manifest.json").read_text())["artifacts"]
    assert "data" in artifacts["service"]["dependencies"]
    assert "data" in artifacts["recovery-data"]["dependencies"]
    assert "recovery-data" in artifacts["recovery-service"]["dependencies"]


def test_performance_insights_keep_only_what_they_can() -> None:
    """A figure that RDS does not know is refused at synthesis, not at deployment."""
    from stack.capabilities.ledger_database import insights  # noqa: PLC0415  loads the CDK

    assert insights(7).name == "DEFAULT"
    with pytest.raises(ValueError, match="cannot keep 8 days"):
        insights(8)
