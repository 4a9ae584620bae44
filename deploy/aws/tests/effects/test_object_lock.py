"""What S3 Object Lock promises, check by check, on a bucket with the template's own configuration.

The emulator keeps sixteen of these eighteen promises; the two that it does not keep are named, so
that the day it does is noticed. The same checks can be pointed at AWS.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.assembly import Assembly
    from proof.emulators import Clients
    from proof.values import Values

NAME = "tallystick-locked"
DAY = dt.timedelta(days=1)


class Locked:
    """A bucket under the template's lock, and short words for what is done to it."""

    def __init__(self, s3: Any, rule: dict[str, Any]) -> None:
        self.s3 = s3
        self.rule = rule
        self.now = dt.datetime.now(dt.UTC)
        region = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(
            Bucket=NAME, CreateBucketConfiguration=region, ObjectLockEnabledForBucket=True
        )
        s3.put_object_lock_configuration(Bucket=NAME, ObjectLockConfiguration=rule)

    def put(self, body: bytes = b"1", **more: object) -> dict[str, str]:
        """Write the object; return which version it became."""
        made = self.s3.put_object(Bucket=NAME, Key="k", Body=body, **more)
        return {"Bucket": NAME, "Key": "k", "VersionId": made["VersionId"]}

    def governed(self) -> dict[str, str]:
        """Write the object under a retention that a privileged person may lift."""
        return self.put(ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=self.now + DAY)

    def until(self, which: dict[str, str]) -> dt.datetime:
        """Return how long a version is kept."""
        kept: dt.datetime = self.s3.get_object_retention(**which)["Retention"]["RetainUntilDate"]
        return kept

    def retain(self, which: dict[str, str], mode: str, until: dt.datetime, **more: object) -> None:
        """Ask for another retention."""
        wanted = {"Mode": mode, "RetainUntilDate": until}
        self.s3.put_object_retention(**which, Retention=wanted, **more)


@pytest.fixture
def locked(ministack: Clients, full: Assembly, values: Values) -> Locked:
    """An empty bucket under the lock of the archive."""
    path = "ObjectLockConfiguration.Rule.DefaultRetention.Mode"
    archive = next(
        each for each in full.resources("AWS::S3::Bucket") if each.get(path) == "COMPLIANCE"
    )
    rule: dict[str, Any] = values.of(archive)["ObjectLockConfiguration"]  # type: ignore[assignment]
    return Locked(ministack("s3"), rule)


def refused(call: Callable[..., Any], *arguments: object, **parameters: object) -> bool:
    """Say whether the call is refused as one that is not allowed."""
    try:
        call(*arguments, **parameters)
    except ClientError as error:
        return error.response["Error"]["Code"] in {
            "AccessDenied",
            "InvalidArgument",
            "InvalidRequest",
            "InvalidBucketState",
        }
    return False


def batch_delete(locked: Locked) -> bool:
    """Ask for a locked version's deletion among others; say whether it was refused."""
    which = locked.put()
    objects = [{"Key": which["Key"], "VersionId": which["VersionId"]}]
    answer = locked.s3.delete_objects(Bucket=NAME, Delete={"Objects": objects})
    return bool(answer.get("Errors")) and not answer.get("Deleted")


def overwrite(locked: Locked) -> bool:
    """Write over a locked object; say whether the old version can still be read."""
    first = locked.put(b"first")
    locked.put(b"second")
    return bool(locked.s3.get_object(**first)["Body"].read() == b"first")


def longer(locked: Locked) -> bool:
    """Lengthen a retention; say whether it is longer."""
    which = locked.put()
    before = locked.until(which)
    locked.retain(which, "COMPLIANCE", before + DAY)
    return locked.until(which) > before


def marker(locked: Locked) -> bool:
    """Delete without naming a version; say whether that only hid what is there."""
    which = locked.put()
    hidden = locked.s3.delete_object(Bucket=NAME, Key="k")["DeleteMarker"]
    return bool(hidden and locked.s3.get_object(**which)["Body"].read() == b"1")


def held(locked: Locked) -> bool:
    """Hold a version whose retention may be lifted; say whether the hold keeps it."""
    which = locked.governed()
    locked.s3.put_object_legal_hold(**which, LegalHold={"Status": "ON"})
    return refused(locked.s3.delete_object, **which, BypassGovernanceRetention=True)


def released(locked: Locked) -> bool:
    """Lift the hold; say whether the version can then be deleted by whoever may."""
    which = locked.governed()
    locked.s3.put_object_legal_hold(**which, LegalHold={"Status": "ON"})
    locked.s3.put_object_legal_hold(**which, LegalHold={"Status": "OFF"})
    locked.s3.delete_object(**which, BypassGovernanceRetention=True)
    return "Versions" not in locked.s3.list_object_versions(Bucket=NAME)


def own_retention(locked: Locked) -> bool:
    """Write with a retention of its own; say whether it stands in place of the default."""
    wanted = locked.now + 20 * 365 * DAY
    which = locked.put(ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=wanted)
    return abs(locked.until(which) - wanted) < DAY


def default(locked: Locked) -> bool:
    """Write without a word; say whether the bucket's retention stands."""
    rule = locked.rule["Rule"]["DefaultRetention"]
    days = int(rule.get("Days", 0)) + 365 * int(rule.get("Years", 0))
    return abs(locked.until(locked.put()) - (locked.now + days * DAY)) < 6 * DAY


def shown(locked: Locked) -> bool:
    """Ask for the head of an object; say whether it tells its mode."""
    return bool(locked.s3.head_object(**locked.put())["ObjectLockMode"] == "COMPLIANCE")


def lifted(locked: Locked) -> bool:
    """Delete under governance with the privilege; say whether it is gone."""
    locked.s3.delete_object(**locked.governed(), BypassGovernanceRetention=True)
    return "Versions" not in locked.s3.list_object_versions(Bucket=NAME)


def suspended(locked: Locked) -> bool:
    """Ask for versioning to be suspended; say whether that is refused."""
    wanted = {"Status": "Suspended"}
    call = locked.s3.put_bucket_versioning
    return refused(call, Bucket=NAME, VersioningConfiguration=wanted)


PROMISES: dict[str, Callable[[Locked], bool]] = {
    "the-configuration-is-kept": lambda it: (
        it.s3.get_object_lock_configuration(Bucket=NAME)["ObjectLockConfiguration"]["Rule"]
        == it.rule["Rule"]
    ),
    "the-default-retention-stands": default,
    "a-retention-of-its-own-stands": own_retention,
    "the-mode-is-shown": shown,
    "a-version-cannot-be-deleted": lambda it: refused(it.s3.delete_object, **it.put()),
    "nor-with-a-privilege": lambda it: refused(
        it.s3.delete_object, **it.put(), BypassGovernanceRetention=True
    ),
    "nor-in-a-batch": batch_delete,
    "an-overwrite-leaves-the-old-version": overwrite,
    "a-plain-delete-only-hides": marker,
    "a-retention-cannot-be-shortened": lambda it: refused(
        it.retain, it.put(), "COMPLIANCE", it.now + DAY
    ),
    "nor-softened": lambda it: refused(
        it.retain,
        it.put(),
        "GOVERNANCE",
        it.now + 30 * 365 * DAY,
        BypassGovernanceRetention=True,
    ),
    "it-can-be-lengthened": longer,
    "governance-needs-a-privilege": lambda it: refused(it.s3.delete_object, **it.governed()),
    "governance-yields-to-it": lifted,
    "a-hold-keeps-what-retention-would-let-go": held,
    "a-hold-can-be-lifted": released,
}
"""What S3 promises and the emulator keeps: a name, and a check that says whether it holds."""


@pytest.mark.parametrize("promise", sorted(PROMISES))
def test_lock_holds(locked: Locked, promise: str) -> None:
    """One promise of Object Lock, under the template's own configuration."""
    assert PROMISES[promise](locked)


def past(locked: Locked) -> bool:
    """Ask for a retention that is over already; say whether that is refused."""
    ended = locked.now - DAY
    which = locked.governed()
    return refused(locked.retain, which, "GOVERNANCE", ended, BypassGovernanceRetention=True)


BROKEN = {"versioning-stays-on": suspended, "a-retention-ends-in-the-future": past}
"""What S3 promises and the emulator does not keep."""


@pytest.mark.parametrize("promise", sorted(BROKEN))
def test_promise_that_the_emulator_breaks(locked: Locked, promise: str) -> None:
    """S3 refuses this; ministack allows it.

    When this fails the emulator has learnt it: move the check among the promises.
    """
    assert len(PROMISES) + len(BROKEN) == 18
    assert not BROKEN[promise](locked)
