"""A vault in S3 with Object Lock, which nobody without the right goes around, root neither.

The bucket is versioned; each object is one version, and every request names it. Objects carry
their SHA-256 as metadata, beside the checksum that S3 itself computes and checks.
"""

import os
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt, Misconfigured, Refused
from tallystick.watch.collect.archive.copying import CHUNK_BYTES, beside, hash_of, require_hash
from tallystick.watch.collect.archive.lock import (
    Lock,
    Mode,
    keeps,
    require_change,
    require_deletable,
    stricter,
)
from tallystick.watch.collect.archive.s3_client import NOT_THERE, code_of, connect, explained
from tallystick.watch.collect.archive.s3_place import S3Place
from tallystick.watch.collect.archive.s3_upload import PART_BYTES, checksums_of, upload
from tallystick.watch.collect.archive.vault import WAIT_SECONDS, ColdObjectError, Ref, Stat, Tier

NO_LOCK = Lock("none")
HASH = "sha256"
"""The member of an object's metadata that holds its SHA-256 in hex."""
PREPARE = "tallystick archive prepare makes one that has."
_RESTORE = re.compile(r'ongoing-request="(\w+)"(?:, expiry-date="([^"]+)")?')
_COLD_TIERS = {"ARCHIVE_ACCESS": "GLACIER", "DEEP_ARCHIVE_ACCESS": "DEEP_ARCHIVE"}
"""Cold tiers of Intelligent-Tiering, as the classes that they behave like."""


class S3Vault:
    """Objects below a prefix of a bucket that has Object Lock."""

    def __init__(self, place: S3Place, clock: Clock, *, part_bytes: int = PART_BYTES) -> None:
        """Nothing is asked yet: what is not there at the start may be there later.

        Raises:
            Misconfigured: the extra `aws` is not installed, or the address cannot be used.
        """
        self._place = place
        self._clock = clock
        self._part_bytes = part_bytes
        self._client = connect(place)

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`."""
        return str(self._place)

    def put(self, name: str, file: Path, sha256: str, lock: Lock) -> Stat:
        """One request, or a multipart upload; then S3's own checksum is read back."""
        wanted = stricter(lock, self._bucket_lock())
        stat = self.stat(Ref(name))
        if stat is None:
            require_hash(hash_of(file), sha256, name)
            target = self._key(name) | {"StorageClass": self._place.storage_class}
            with explained(f"{name} cannot be archived"):
                version = upload(
                    self._client, target | _lock_of(wanted) | {"Metadata": {HASH: sha256}},
                    file, self._part_bytes,
                )  # fmt: skip
            stat = self._found(Ref(name, version))
        elif stat.sha256 != sha256:
            raise Corrupt(f"{name} is in the archive already, with other bytes.")
        self._require_same(stat, file)
        if not keeps(stat.lock, wanted):
            stat = self.lock(stat.ref, stricter(stat.lock, wanted))
        return stat

    def get(self, ref: Ref, into: Path) -> None:
        """Streamed beside its place; the hash is compared before it has the name."""
        stat = self._found(ref)
        if stat.cold:
            raise ColdObjectError(f"{stat} has to be restored before it can be read.")
        with explained(f"{ref.name} cannot be read"), beside(into) as aside:
            body = self._client.get_object(**self._version(stat.ref))["Body"]
            digest = sha256()
            with body, aside.open("wb") as file:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            require_hash(digest.hexdigest(), stat.sha256, ref.name)
            aside.rename(into)

    def stat(self, ref: Ref) -> Stat | None:
        """One HEAD request."""
        head = self._head(ref)
        return None if head is None else _stat(ref, head)

    def lock(self, ref: Ref, lock: Lock, *, bypass: bool = False) -> Stat:
        """What differs is sent; S3 has the last word, and is asked what holds then."""
        stat = self._found(ref)
        old, target = stat.lock, self._version(stat.ref)
        require_change(ref.name, old, lock, self._clock.now_ns(), bypass=bypass)
        with explained(f"{ref.name} cannot be locked"):
            if (lock.mode, lock.until_ns) != (old.mode, old.until_ns) and lock.mode != "none":
                until = _moment(lock.until_ns)
                self._client.put_object_retention(
                    Retention={"Mode": lock.mode.upper(), "RetainUntilDate": until},
                    **target, **({"BypassGovernanceRetention": True} if bypass else {}),
                )  # fmt: skip
            if lock.legal_hold != old.legal_hold:
                status = {"Status": "ON" if lock.legal_hold else "OFF"}
                self._client.put_object_legal_hold(LegalHold=status, **target)
        return self._found(stat.ref)

    def restore(self, ref: Ref, days: int, tier: Tier) -> Stat:
        """RestoreObject; asking again extends the copy that is there."""
        stat = self._found(ref)
        if stat.restoring or stat.storage_class not in WAIT_SECONDS:
            return stat
        if tier not in WAIT_SECONDS[stat.storage_class]:
            raise Refused("BAD_TIER", f"{stat} cannot be restored with the tier {tier}.")
        asked: dict[str, Any] = {"GlacierJobParameters": {"Tier": tier.capitalize()}}
        if self._head_of(ref).get("StorageClass") != "INTELLIGENT_TIERING":
            asked["Days"] = days  # Intelligent-Tiering moves the object itself, for good
        with explained(f"{ref.name} cannot be restored"):
            try:
                self._client.restore_object(RestoreRequest=asked, **self._version(stat.ref))
            except self._client.exceptions.ClientError as error:
                if code_of(error) != "RestoreAlreadyInProgress":
                    raise
        return self._found(stat.ref)

    def delete(self, ref: Ref, *, bypass: bool = False) -> None:
        """The version itself, no delete marker before it."""
        stat = self.stat(ref)
        if stat is None:
            return
        require_deletable(ref.name, stat.lock, self._clock.now_ns(), bypass=bypass)
        extra = {"BypassGovernanceRetention": True} if bypass else {}
        with explained(f"{ref.name} cannot be deleted"):
            self._client.delete_object(**self._version(stat.ref), **extra)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _key(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._place.bucket, "Key": f"{self._place.prefix}{name}"}

    def _version(self, ref: Ref) -> dict[str, Any]:
        return self._key(ref.name) | ({"VersionId": ref.version} if ref.version else {})

    def _head(self, ref: Ref) -> dict[str, Any] | None:
        with explained(f"{ref.name} cannot be looked up"):
            try:
                head: dict[str, Any] = self._client.head_object(
                    ChecksumMode="ENABLED", **self._version(ref)
                )
            except self._client.exceptions.ClientError as error:
                if code_of(error) in NOT_THERE:
                    return None
                raise
        return head

    def _head_of(self, ref: Ref) -> dict[str, Any]:
        head = self._head(ref)
        if head is None:
            raise Corrupt(f"{ref.name} is not in the archive {self.address}.")
        return head

    def _found(self, ref: Ref) -> Stat:
        return _stat(ref, self._head_of(ref))

    def _require_same(self, stat: Stat, file: Path) -> None:
        """Compare S3's checksum with the file's; where it keeps none, the bytes are read back."""
        head = self._head_of(stat.ref)
        if head["ContentLength"] != file.stat().st_size:
            raise Corrupt(f"{stat.ref.name} has {head['ContentLength']} bytes in the archive.")
        said = str(head.get("ChecksumSHA256", "")).partition("-")[0]
        if not said:
            with TemporaryDirectory() as folder:
                self.get(stat.ref, Path(folder) / "back")
        elif said not in checksums_of(file, self._part_bytes):
            raise Corrupt(f"{stat.ref.name} has another checksum in the archive than the file.")

    def _bucket_lock(self) -> Lock:
        """What the bucket itself locks every new object with.

        Raises:
            Misconfigured: it has no Object Lock.
        """
        bucket = self._place.bucket
        with explained(f"The bucket {bucket} cannot be used"):
            try:
                answer = self._client.get_object_lock_configuration(Bucket=bucket)
            except self._client.exceptions.ClientError as error:
                if code_of(error) != "ObjectLockConfigurationNotFoundError":
                    raise
                answer = {}
        found = answer.get("ObjectLockConfiguration", {})
        if found.get("ObjectLockEnabled") != "Enabled":
            raise Misconfigured(
                f"The bucket {bucket} has no Object Lock: tallystick archive prepare."
            )
        rule = found.get("Rule", {}).get("DefaultRetention", {})
        if "Mode" not in rule:
            return NO_LOCK
        return Lock(_mode(rule["Mode"]), _after(self._clock.now_ns(), rule))


def _after(now_ns: int, rule: dict[str, Any]) -> int:
    """When a default retention that began now ends; a year of it is 365 days."""
    days = int(rule.get("Days", 0)) or 365 * int(rule.get("Years", 0))
    return now_ns + days * 86_400 * NS_PER_SECOND


def _mode(text: str) -> Mode:
    return "compliance" if text == "COMPLIANCE" else "governance"


def _moment(at_ns: int) -> datetime:
    """The whole second at or after a moment: a lock must not end early."""
    return datetime.fromtimestamp(-(-at_ns // NS_PER_SECOND), UTC)


def _ns(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1_000


def _lock_of(lock: Lock) -> dict[str, Any]:
    """A lock as headers of PutObject and CreateMultipartUpload."""
    asked: dict[str, Any] = {"ObjectLockLegalHoldStatus": "ON"} if lock.legal_hold else {}
    if lock.mode != "none":
        asked["ObjectLockMode"] = lock.mode.upper()
        asked["ObjectLockRetainUntilDate"] = _moment(lock.until_ns)
    return asked


def _stat(ref: Ref, head: dict[str, Any]) -> Stat:
    until = head.get("ObjectLockRetainUntilDate")
    held = head.get("ObjectLockLegalHoldStatus") == "ON"
    lock = Lock("none", 0, held)
    if until is not None:
        lock = Lock(_mode(head["ObjectLockMode"]), _ns(until), held)
    storage_class = head.get("StorageClass", "STANDARD")
    restore = _RESTORE.match(head.get("Restore", ""))
    expiry = restore[2] if restore else None
    return Stat(
        Ref(ref.name, head.get("VersionId", ref.version)),
        head["ContentLength"],
        head.get("Metadata", {}).get(HASH, ""),
        lock,
        _COLD_TIERS.get(head.get("ArchiveStatus", ""), storage_class),
        restore is not None and restore[1] == "true",
        _ns(parsedate_to_datetime(expiry)) if expiry else None,
    )
