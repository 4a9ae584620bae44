"""Analytics: private, encrypted, TLS only, paid while a query runs."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_the_warehouse_is_private_and_speaks_tls_alone(full: Assembly, values: Values) -> None:
    """In the data subnets of three zones, its traffic within the network, its reach bounded."""
    own: Any = values.of(full.one("AWS::RedshiftServerless::Workgroup"))
    assert own["PubliclyAccessible"] is False
    assert own["EnhancedVpcRouting"] is True
    assert len(own["SubnetIds"]) == 3
    said = {each["ParameterKey"]: each["ParameterValue"] for each in own["ConfigParameters"]}
    assert said["require_ssl"] == "true"
    assert said["enable_user_activity_logging"] == "true"
    assert own["BaseCapacity"] == 8
    assert own["MaxCapacity"] == 32


def test_its_administrators_password_is_rotated_by_aws(full: Assembly, values: Values) -> None:
    """It lies in Secrets Manager under our key; what people do there is logged."""
    namespace = full.one("AWS::RedshiftServerless::Namespace")
    own: Any = values.of(namespace)
    assert own["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in own
    assert own["AdminPasswordSecretKmsKeyId"]
    assert own["KmsKeyId"]
    assert set(own["LogExports"]) == {"connectionlog", "useractivitylog", "userlog"}
    assert namespace.body["DeletionPolicy"] == "Retain"


def test_it_reads_the_stream_and_nothing_else(full: Assembly, values: Values) -> None:
    """Its role names the one stream, and the key to read it."""
    policy = next(
        each
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="analytics")
        if each.logical_id.startswith("WarehouseRole")
    )
    document: Any = values.of(policy)["PolicyDocument"]
    by_action = {str(each["Action"]): each["Resource"] for each in document["Statement"]}
    reading = next(where for what, where in by_action.items() if "GetRecords" in what)
    assert reading.endswith(":stream/tallystick-entries")
