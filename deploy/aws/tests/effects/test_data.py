"""Where data lies.

The ledger's database, its proxy, replicas and global cluster, state table, cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from proof import calls, world

if TYPE_CHECKING:
    from proof.assembly import Assembly, Resource
    from proof.emulators import Clients
    from proof.values import Values

WITHOUT = (
    "Tags",
    "DBSubnetGroupName",
    "VpcSecurityGroupIds",
    "DBClusterParameterGroupName",
    "DBParameterGroupName",
    "GlobalClusterIdentifier",
    "MonitoringRoleArn",
    "AvailabilityZones",
    "AssociatedRoles",
    "DBInstanceParameterGroupName",
    "MonitoringInterval",
    "PerformanceInsightsKmsKeyId",
    "ManageMasterUserPassword",
    "MasterUserSecret",
)


def cluster(rds: Any, resource: Resource, values: Values, **more: object) -> dict[str, Any]:
    """Create the template's database cluster; return what the service says of it."""
    own = {name: each for name, each in values.of(resource).items() if name not in WITHOUT}
    own.setdefault("DBClusterIdentifier", "ledger")
    more = {"MasterUsername": "tallystick", "MasterUserPassword": "of-an-emulator-only", **more}
    identity = calls.call(rds, "create_db_cluster", own, **more)["DBCluster"]["DBClusterIdentifier"]
    values.know(resource, identity)
    return cast(
        "dict[str, Any]", rds.describe_db_clusters(DBClusterIdentifier=identity)["DBClusters"][0]
    )


def known_version(rds: Any, resource: Resource) -> str:
    """Return a version that ministack knows, of the same major version as the template's."""
    engine, wanted = (str(resource.properties[each]) for each in ("Engine", "EngineVersion"))
    found = rds.describe_db_engine_versions(Engine=engine).get("DBEngineVersions", [])
    versions = [each["EngineVersion"] for each in found]
    same = [each for each in versions if each.split(".")[0] == wanted.split(".")[0]]
    return wanted if wanted in same or not same else same[-1]


def ledger(full: Assembly) -> Resource:
    """Return the primary region's database cluster of the ledger."""
    return next(
        each for each in full.resources("AWS::RDS::DBCluster") if each.region == "eu-west-1"
    )


def test_ledger_database_is_encrypted_and_cannot_be_deleted(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """The cluster that replaces QLDB is encrypted, kept for a month, and refuses to be deleted."""
    rds = moto("rds")
    kept = cluster(rds, ledger(full), values)
    assert kept["StorageEncrypted"] is True
    assert kept["DeletionProtection"] is True
    assert kept["IAMDatabaseAuthenticationEnabled"] is True
    assert kept["BackupRetentionPeriod"] >= 30
    assert kept["Engine"] == "aurora-postgresql"
    with pytest.raises(ClientError):
        rds.delete_db_cluster(
            DBClusterIdentifier=kept["DBClusterIdentifier"], SkipFinalSnapshot=True
        )


def test_readers_stand_beside_the_writer(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """Writer and readers of the template join the cluster; at least two read.

    None has a public address.
    """
    rds = ministack("rds")
    resource = ledger(full)
    made = cluster(rds, resource, values, EngineVersion=known_version(rds, resource))
    own = [
        each
        for each in full.resources("AWS::RDS::DBInstance", stack=resource.stack)
        if each.region == resource.region
    ]
    for number, instance in enumerate(own):
        wanted = {name: each for name, each in values.of(instance).items() if name not in WITHOUT}
        calls.call(
            rds,
            "create_db_instance",
            wanted,
            DBInstanceIdentifier=f"ledger-{number}",
            DBClusterIdentifier=made["DBClusterIdentifier"],
        )
    instances = rds.describe_db_instances()["DBInstances"]
    members = [
        each for each in instances if each.get("DBClusterIdentifier") == made["DBClusterIdentifier"]
    ]
    assert len(members) == len(own) >= 3
    assert not [each for each in members if each.get("PubliclyAccessible")]


def test_ledger_spans_two_regions(moto: Clients, full: Assembly, values: Values) -> None:
    """The global cluster takes the primary region's cluster as its writer.

    The templates have a cluster in each of two regions.
    """
    resource = full.one("AWS::RDS::GlobalCluster")
    own = {
        name: each
        for name, each in values.of(resource).items()
        if name not in {"Tags", "SourceDBClusterIdentifier"}
    }
    identity = str(own.setdefault("GlobalClusterIdentifier", "ledger"))
    rds = moto("rds")
    own.setdefault("Engine", "aurora-postgresql")
    calls.call(rds, "create_global_cluster", own)
    cluster(rds, ledger(full), values, GlobalClusterIdentifier=identity)
    kept = rds.describe_global_clusters(GlobalClusterIdentifier=identity)["GlobalClusters"][0]
    assert kept["Engine"] == "aurora-postgresql"
    members = [each for each in kept["GlobalClusterMembers"] if each["IsWriter"]]
    assert len(members) == 1
    regions = {each.region for each in full.resources("AWS::RDS::DBCluster")}
    assert len(regions) == 2


def test_functions_reach_the_ledger_through_a_pool(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The proxy demands TLS and an IAM login.

    Its target group points at the ledger's cluster.
    """
    rds = ministack("rds")
    world.network(ministack("ec2"), full, values)
    made = cluster(rds, ledger(full), values, EngineVersion=known_version(rds, ledger(full)))
    resource = full.one("AWS::RDS::DBProxy")
    own = {
        name: each
        for name, each in values.of(resource).items()
        if name not in {"Tags", "VpcSecurityGroupIds"}
    }
    name = str(own["DBProxyName"])
    calls.call(rds, "create_db_proxy", own)
    kept = rds.describe_db_proxies(DBProxyName=name)["DBProxies"][0]
    assert kept["RequireTLS"] is True
    assert own["RequireTLS"] is True
    logins = cast("list[dict[str, Any]]", own.get("Auth", []))
    assert own.get("DefaultAuthScheme") == "IAM_AUTH" or logins
    assert all(each["IAMAuth"] in {"REQUIRED", "ENABLED"} for each in logins)
    rds.register_db_proxy_targets(
        DBProxyName=name, DBClusterIdentifiers=[made["DBClusterIdentifier"]]
    )
    targets = rds.describe_db_proxy_targets(DBProxyName=name)["Targets"]
    assert made["DBClusterIdentifier"] in {
        each.get("TrackedClusterId") or each.get("RdsResourceId") for each in targets
    }


def table(full: Assembly) -> Resource:
    """Return the state table, which has a replica in the recovery region."""
    tables = full.resources("AWS::DynamoDB::GlobalTable")
    return next(
        (each for each in tables if each.get("TimeToLiveSpecification.Enabled") is True), tables[0]
    )


def test_state_table_takes_a_key_once(ministack: Clients, full: Assembly, values: Values) -> None:
    """The table refuses to write an idempotency key again.

    It is encrypted with our key, and forgets in time.
    """
    dynamodb = ministack("dynamodb")
    own = values.of(table(full))
    name = str(own.get("TableName", "tallystick-state"))
    wanted = {each: own[each] for each in ("AttributeDefinitions", "KeySchema", "BillingMode")}
    stream = {
        **cast(
            "dict[str, Any]",
            own.get("StreamSpecification", {"StreamViewType": "NEW_AND_OLD_IMAGES"}),
        ),
        "StreamEnabled": True,
    }
    calls.call(
        dynamodb,
        "create_table",
        wanted,
        TableName=name,
        SSESpecification={"Enabled": True, "SSEType": "KMS"},
        StreamSpecification=stream,
    )
    kept = dynamodb.describe_table(TableName=name)["Table"]
    assert kept["KeySchema"] == own["KeySchema"]
    key = kept["KeySchema"][0]["AttributeName"]
    item = {each["AttributeName"]: {"S": "order-1"} for each in kept["KeySchema"]}
    once = {
        "TableName": name,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": key},
    }
    dynamodb.put_item(**once)
    with pytest.raises(ClientError) as refusal:
        dynamodb.put_item(**once)
    assert refusal.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    lives = cast("dict[str, Any]", own["TimeToLiveSpecification"])
    calls.call(dynamodb, "update_time_to_live", {"TimeToLiveSpecification": lives}, TableName=name)
    assert (
        dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["AttributeName"]
        == lives["AttributeName"]
    )


def test_cache_survives_a_zone(moto: Clients, full: Assembly, values: Values) -> None:
    """The cache has replicas in other zones and fails over by itself.

    It is encrypted at rest and on the way.
    """
    cache = moto("elasticache")
    own = values.of(full.one("AWS::ElastiCache::ReplicationGroup"))
    without = {
        "Tags",
        "CacheSubnetGroupName",
        "SecurityGroupIds",
        "CacheParameterGroupName",
        "LogDeliveryConfigurations",
        "UserGroupIds",
    }
    wanted = {name: each for name, each in own.items() if name not in without}
    calls.call(cache, "create_replication_group", wanted, ReplicationGroupId="limits")
    kept = cache.describe_replication_groups(ReplicationGroupId="limits")["ReplicationGroups"][0]
    assert kept["AutomaticFailover"] in {"enabled", "enabling"}
    assert kept["MultiAZ"] == "enabled"
    assert kept["TransitEncryptionEnabled"] is True
    assert kept["AtRestEncryptionEnabled"] is True
