"""What only S3 has: rules of the bucket, lifecycle, Glacier, and its errors in our words."""

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.errors import Corrupt, Misconfigured, Refused, TemporaryError
from tallystick.watch.collect.archive import s3_client
from tallystick.watch.collect.archive.lock import Lock
from tallystick.watch.collect.archive.s3 import S3Vault
from tallystick.watch.collect.archive.s3_client import connect
from tallystick.watch.collect.archive.s3_place import S3Place, parse_s3
from tallystick.watch.collect.archive.s3_prepare import Lifecycle, prepare_bucket, rules_of
from tallystick.watch.collect.archive.vault import ColdObjectError, Ref, Stat

CLOCK = SystemClock()
DAY = 86_400 * NS_PER_SECOND


def put(vault: S3Vault, tmp_path: Path, days: int = 1) -> Stat:
    """Put some bytes, locked in governance mode."""
    file = tmp_path / "file"
    file.write_bytes(b"lines")
    until_ns = CLOCK.now_ns() + days * DAY
    return vault.put("a", file, sha256(b"lines").hexdigest(), Lock("governance", until_ns))


@pytest.fixture
def client(moto_s3: S3Place) -> Any:
    """A client of its own."""
    made = connect(moto_s3)
    yield made
    made.close()


@pytest.fixture
def vault(moto_s3: S3Place) -> Any:
    """A vault in the bucket."""
    made = S3Vault(moto_s3, CLOCK)
    yield made
    made.close()


def test_the_buckets_own_retention_is_respected(
    vault: S3Vault, client: Any, moto_s3: S3Place, tmp_path: Path
) -> None:
    """Where the bucket locks longer or stricter than we ask, so do we."""
    client.put_object_lock_configuration(
        Bucket=moto_s3.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
        },
    )
    lock = put(vault, tmp_path).lock
    assert lock.mode == "compliance"
    assert abs(lock.until_ns - CLOCK.now_ns() - 30 * DAY) < 60 * NS_PER_SECOND


def test_where_s3_keeps_no_checksum_the_bytes_are_read_back(
    vault: S3Vault, client: Any, moto_s3: S3Place, tmp_path: Path
) -> None:
    """Some servers keep none: then all of it is compared."""
    digest = sha256(b"lines").hexdigest()
    for name, body in (("logs/a", b"lines"), ("logs/b", b"other")):
        client.put_object(Bucket=moto_s3.bucket, Key=name, Body=body, Metadata={"sha256": digest})
    assert put(vault, tmp_path).lock.mode == "governance"
    with pytest.raises(Corrupt, match="should have"):
        vault.put("b", tmp_path / "file", digest, Lock("governance", CLOCK.now_ns() + DAY))


def test_a_bucket_without_object_lock_is_no_archive(
    client: Any, moto_s3: S3Place, tmp_path: Path
) -> None:
    """It is said before anything is written, with what to do."""
    bare = replace(moto_s3, bucket=f"bare-{uuid4().hex[:8]}")
    client.create_bucket(Bucket=bare.bucket)
    vault = S3Vault(bare, CLOCK)

    with pytest.raises(Misconfigured, match="tallystick archive prepare"):
        put(vault, tmp_path)
    vault.close()


def test_errors_say_whether_to_try_again(
    tmp_path: Path, moto_s3: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listening is temporary; a bucket that is not there is not."""
    monkeypatch.setattr(s3_client, "ATTEMPTS_MAX", 1)
    nobody = S3Vault(replace(moto_s3, endpoint="http://127.0.0.1:9"), CLOCK)
    with pytest.raises(TemporaryError, match="cannot be used"):
        put(nobody, tmp_path)
    nowhere = S3Vault(replace(moto_s3, bucket="nowhere-at-all"), CLOCK)
    with pytest.raises(Misconfigured, match="NoSuchBucket"):
        put(nowhere, tmp_path)
    nobody.close()
    nowhere.close()


def test_a_delete_marker_hides_nothing_from_us(
    vault: S3Vault, client: Any, moto_s3: S3Place, tmp_path: Path
) -> None:
    """A plain DELETE adds a marker; the version is read as before."""
    stat = put(vault, tmp_path)
    client.delete_object(Bucket=moto_s3.bucket, Key="logs/a")

    vault.get(stat.ref, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"lines"
    assert vault.stat(Ref("a")) is None


def test_a_newer_version_is_not_ours(
    vault: S3Vault, client: Any, moto_s3: S3Place, tmp_path: Path
) -> None:
    """Whoever may write can add a version; ours is read by its own name, and not replaced."""
    stat = put(vault, tmp_path)
    client.put_object(Bucket=moto_s3.bucket, Key="logs/a", Body=b"lies")

    vault.get(stat.ref, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"lines"
    with pytest.raises(Corrupt, match="other bytes"):
        put(vault, tmp_path)


def test_glacier_is_read_after_a_restore(moto_s3: S3Place, tmp_path: Path) -> None:
    """Cold, then restored for some days; asked again, the copy stays longer."""
    vault = S3Vault(replace(moto_s3, storage_class="GLACIER"), CLOCK)
    stat = put(vault, tmp_path)
    assert stat.cold
    with pytest.raises(ColdObjectError, match="restored before"):
        vault.get(stat.ref, tmp_path / "back")

    restored = vault.restore(stat.ref, 2, "expedited")
    assert restored.restored_until_ns is not None
    longer = vault.restore(stat.ref, 5, "bulk")
    assert longer.restored_until_ns is not None
    assert longer.restored_until_ns > restored.restored_until_ns
    vault.get(stat.ref, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"lines"
    vault.close()


def test_deep_archive_is_not_expedited(moto_s3: S3Place, tmp_path: Path) -> None:
    """It has no such tier."""
    vault = S3Vault(replace(moto_s3, storage_class="DEEP_ARCHIVE"), CLOCK)
    stat = put(vault, tmp_path)

    with pytest.raises(Refused, match="expedited") as refusal:
        vault.restore(stat.ref, 1, "expedited")
    assert refusal.value.code == "BAD_TIER"
    vault.close()


def test_a_bucket_is_prepared(moto_s3: S3Place, client: Any) -> None:
    """Made with Object Lock; prepared again nothing changes; rules of others stay."""
    place = replace(moto_s3, bucket=f"new-{uuid4().hex[:8]}", prefix="tally/")
    with pytest.raises(Misconfigured, match="--create"):
        prepare_bucket(place, Lifecycle(), create=False)

    done = {each.step: each.done for each in prepare_bucket(place, Lifecycle(), create=True)}
    assert done["bucket"] == "made"
    assert done["object lock"] == "is on"
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"},
              "Expiration": {"Days": 9}}  # fmt: skip
    ours = client.get_bucket_lifecycle_configuration(Bucket=place.bucket)["Rules"]
    client.put_bucket_lifecycle_configuration(
        Bucket=place.bucket, LifecycleConfiguration={"Rules": [*ours, theirs]}
    )
    done = {each.step: each.done for each in prepare_bucket(place, Lifecycle(), create=True)}
    assert done["bucket"] == "is there"
    assert done["lifecycle"] == "3 rules are in force, beside 1 of others"
    rules = client.get_bucket_lifecycle_configuration(Bucket=place.bucket)["Rules"]
    found = {rule["ID"]: rule for rule in rules}
    assert set(found) == {
        "theirs", "tallystick-logs", "tallystick-ledger", "tallystick-uploads"
    }  # fmt: skip
    assert found["tallystick-logs"]["Filter"] == {"Prefix": "tally/logs/"}
    assert found["tallystick-logs"]["Transitions"] == [
        {"Days": 0, "StorageClass": "INTELLIGENT_TIERING"},
        {"Days": 90, "StorageClass": "GLACIER"},
        {"Days": 365, "StorageClass": "DEEP_ARCHIVE"},
    ]


def test_object_lock_is_turned_on_for_an_old_bucket(moto_s3: S3Place, client: Any) -> None:
    """A bucket of somebody gets versions and Object Lock."""
    place = replace(moto_s3, bucket=f"old-{uuid4().hex[:8]}")
    client.create_bucket(Bucket=place.bucket)

    done = {each.step: each.done for each in prepare_bucket(place, Lifecycle(), create=False)}
    assert done["versions"] == "are kept from now on"
    assert done["object lock"] == "is on from now on"


def test_a_lifecycle_may_leave_steps_out() -> None:
    """No days, no move; the pieces of broken uploads go in any case."""
    rules = rules_of("", Lifecycle(None, None, None))
    assert [rule["ID"] for rule in rules] == ["tallystick-uploads"]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://b", S3Place("b")),
        ("s3://b/p/q/?region=eu-central-1", S3Place("b", "p/q/", "eu-central-1")),
        (
            "s3://b/p?endpoint=http://127.0.0.1:9&storage_class=glacier_ir",
            S3Place("b", "p/", None, "http://127.0.0.1:9", "GLACIER_IR", path_style=True),
        ),
    ],
    ids=["bucket", "prefix and region", "endpoint and class"],
)
def test_addresses(address: str, place: S3Place) -> None:
    """What an address means."""
    assert parse_s3(address) == place


@pytest.mark.parametrize(
    "address", ["s3://", "s3://b?typo=1", "s3://b?storage_class=COLD", "s3://key:secret@b", "b"]
)
def test_bad_addresses(address: str) -> None:
    """A sentence says what is wrong; a key has no place in an address."""
    with pytest.raises(Misconfigured):
        parse_s3(address)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what to install."""
    monkeypatch.setitem(sys.modules, "botocore.config", None)

    with pytest.raises(Misconfigured, match=r"tallystick\[aws\]"):
        S3Vault(S3Place("bucket"), CLOCK)
