"""Prepares a bucket: versions, Object Lock, and the lifecycle rules that make old objects cheap.

Every step may be repeated; rules of others stay. Sources: Amazon S3 User Guide, "Configuring S3
Object Lock", "Managing the lifecycle of objects".
"""

from typing import Any

import msgspec

from tallystick.errors import Misconfigured, PermanentError
from tallystick.watch.collect.archive.ledger_archive import LEDGER
from tallystick.watch.collect.archive.s3_client import code_of, connect, explained
from tallystick.watch.collect.archive.s3_place import S3Place
from tallystick.watch.collect.archive.shelf import LOGS

INTELLIGENT_DAYS = 0
GLACIER_DAYS = 90
DEEP_DAYS = 365
"""Days after archiving. What is moved earlier than it was to stay is paid for all the same: Glacier
bills at least 90 days, Deep Archive 180."""
ABORT_DAYS = 7
"""Pieces of uploads that never ended go after these days."""
RULE = "tallystick-"
"""What the ids of our rules begin with."""
FIRST_REGION = "us-east-1"
"""The one region that a new bucket must not name."""


class Lifecycle(msgspec.Struct, frozen=True):
    """After how many days log parts move on; None: never.

    The ledger's volumes stay in Intelligent-Tiering, where they can be verified at any time.
    """

    intelligent_days: int | None = INTELLIGENT_DAYS
    glacier_days: int | None = GLACIER_DAYS
    deep_days: int | None = DEEP_DAYS


class Prepared(msgspec.Struct, frozen=True):
    """One step: what it is about, and what was done or found."""

    step: str
    done: str


def prepare_bucket(place: S3Place, lifecycle: Lifecycle, *, create: bool) -> list[Prepared]:
    """Make the bucket fit for an archive; what was done, step by step.

    Raises:
        Misconfigured: it is not there and is not to be made, or the rights are not enough.
    """
    client = connect(place)
    try:
        return [
            Prepared("bucket", _bucket(client, place, create=create)),
            Prepared("versions", _versions(client, place)),
            Prepared("object lock", _object_lock(client, place)),
            Prepared("lifecycle", _lifecycle(client, place, lifecycle)),
        ]
    finally:
        client.close()


def _bucket(client: Any, place: S3Place, *, create: bool) -> str:
    with explained(f"The bucket {place.bucket} cannot be looked up"):
        try:
            client.head_bucket(Bucket=place.bucket)
        except client.exceptions.ClientError as error:
            if code_of(error) not in {"404", "NoSuchBucket"}:
                raise
        else:
            return "is there"
    if not create:
        raise Misconfigured(f"There is no bucket {place.bucket}; --create makes it.")
    region = place.region or FIRST_REGION
    where = {} if region == FIRST_REGION else {"LocationConstraint": region}
    configuration = {"CreateBucketConfiguration": where} if where else {}
    with explained(f"The bucket {place.bucket} cannot be made"):
        client.create_bucket(Bucket=place.bucket, ObjectLockEnabledForBucket=True, **configuration)
    return "made"


def _versions(client: Any, place: S3Place) -> str:
    with explained(f"The versions of {place.bucket} cannot be configured"):
        if client.get_bucket_versioning(Bucket=place.bucket).get("Status") == "Enabled":
            return "are kept"
        client.put_bucket_versioning(
            Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
    return "are kept from now on"


def _object_lock(client: Any, place: S3Place) -> str:
    with explained(f"Object Lock of {place.bucket} cannot be configured"):
        try:
            found = client.get_object_lock_configuration(Bucket=place.bucket)
        except client.exceptions.ClientError as error:
            if code_of(error) != "ObjectLockConfigurationNotFoundError":
                raise
            found = {}
        configuration = found.get("ObjectLockConfiguration", {})
        if configuration.get("ObjectLockEnabled") != "Enabled":
            client.put_object_lock_configuration(
                Bucket=place.bucket,
                ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
            )
            return "is on from now on"
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    if "Mode" not in rule:
        return "is on"
    period = f"{rule['Days']} days" if "Days" in rule else f"{rule['Years']} years"
    return f"is on; the bucket itself locks in {rule['Mode'].lower()} mode for {period}"


def _lifecycle(client: Any, place: S3Place, lifecycle: Lifecycle) -> str:
    """Put our rules beside those of others."""
    ours = rules_of(place.prefix, lifecycle)
    try:
        with explained(f"The lifecycle rules of {place.bucket} cannot be configured"):
            try:
                answer = client.get_bucket_lifecycle_configuration(Bucket=place.bucket)
                theirs = [r for r in answer["Rules"] if not r.get("ID", "").startswith(RULE)]
            except client.exceptions.ClientError as error:
                if code_of(error) != "NoSuchLifecycleConfiguration":
                    raise
                theirs = []
            client.put_bucket_lifecycle_configuration(
                Bucket=place.bucket, LifecycleConfiguration={"Rules": [*theirs, *ours]}
            )
    except PermanentError as error:
        if "(NotImplemented)" not in str(error):
            raise
        return "this server has no lifecycle rules: objects stay in the class they are put in"
    kept = f", beside {len(theirs)} of others" if theirs else ""
    return f"{len(ours)} rules are in force{kept}"


def rules_of(prefix: str, lifecycle: Lifecycle) -> list[dict[str, Any]]:
    """Our lifecycle rules, as S3 writes them."""
    moves = (
        (lifecycle.intelligent_days, "INTELLIGENT_TIERING"),
        (lifecycle.glacier_days, "GLACIER"),
        (lifecycle.deep_days, "DEEP_ARCHIVE"),
    )
    logs = [{"Days": days, "StorageClass": name} for days, name in moves if days is not None]
    ledger = [move for move in logs if move["StorageClass"] == "INTELLIGENT_TIERING"]
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS}}
    rules = [_rule("uploads", prefix, abort)]
    if logs:
        rules.append(_rule("logs", f"{prefix}{LOGS}", {"Transitions": logs}))
    if ledger:
        rules.append(_rule("ledger", f"{prefix}{LEDGER}", {"Transitions": ledger}))
    return rules


def _rule(name: str, prefix: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"ID": f"{RULE}{name}", "Status": "Enabled", "Filter": {"Prefix": prefix}} | action
