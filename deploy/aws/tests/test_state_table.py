"""The state table: encrypted, recoverable, replicated, kept."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_the_table_has_a_replica_with_a_key_of_its_region(full: Assembly, values: Values) -> None:
    """Both replicas are protected and recoverable to any second of 35 days."""
    table = full.one("AWS::DynamoDB::GlobalTable", stack="data", TableName="tallystick-state")
    own: Any = values.of(table)
    assert own["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    replicas = {each["Region"]: each for each in own["Replicas"]}
    assert set(replicas) == {"eu-west-1", "eu-central-1"}
    for region, replica in replicas.items():
        assert replica["DeletionProtectionEnabled"] is True
        assert replica["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35,
        }  # fmt: skip
        assert replica["SSESpecification"]["KMSMasterKeyId"], region
    there = replicas["eu-central-1"]["SSESpecification"]["KMSMasterKeyId"]
    assert there == "arn:aws:kms:eu-central-1:333333333333:alias/tallystick/ledger"
    assert table.body["DeletionPolicy"] == "Retain"


def test_the_table_has_the_products_shape(full: Assembly, small: Assembly) -> None:
    """Partition key `id`, time to live `expiration`; one region needs no replica."""
    for assembly, regions in ((full, 2), (small, 1)):
        own: Any = assembly.one(
            "AWS::DynamoDB::GlobalTable", TableName="tallystick-state"
        ).properties
        assert own["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        assert own["TimeToLiveSpecification"] == {
            "AttributeName": "expiration", "Enabled": True,
        }  # fmt: skip
        assert own["BillingMode"] == "PAY_PER_REQUEST"
        assert len(own["Replicas"]) == regions
