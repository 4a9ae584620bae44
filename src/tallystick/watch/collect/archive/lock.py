"""What keeps an archived object from being changed: retention, legal hold, and what loosens them.

The rules are those of S3 Object Lock (Amazon S3 User Guide, "Locking objects with Object Lock"):
until its date a retention in *governance* mode may be shortened or bypassed only by whoever has the
right to; one in *compliance* mode may only be extended, by nobody shortened. A legal hold has no
date, is independent of both, and nobody bypasses it. Pure.
"""

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.store import Lock
from tallystick.watch.collect.store.parts import LockMode as Mode

__all__ = [
    "Lock",
    "Mode",
    "in_words",
    "keeps",
    "require_change",
    "require_deletable",
    "retains",
    "stricter",
]

LOCKED = "PART_LOCKED"
"""The code of every refusal that a lock is the reason of."""
_STRICTNESS = ("none", "governance", "compliance")


def retains(lock: Lock, now_ns: int) -> bool:
    """Whether the retention is still in force."""
    return lock.mode != "none" and now_ns < lock.until_ns


def in_words(lock: Lock) -> str:
    """A lock as a sentence goes on after "it is"."""
    held = "under legal hold" if lock.legal_hold else ""
    if lock.mode == "none":
        return held or "not locked"
    locked = f"locked in {lock.mode} mode until {rfc3339(lock.until_ns)}"
    return f"{locked} and {held}" if held else locked


def stricter(one: Lock, other: Lock) -> Lock:
    """The lock that keeps all that both promise."""
    return Lock(
        max(one.mode, other.mode, key=_STRICTNESS.index),
        max(one.until_ns, other.until_ns),
        one.legal_hold or other.legal_hold,
    )


def keeps(lock: Lock, wanted: Lock) -> bool:
    """Whether `lock` promises all that `wanted` does."""
    return stricter(lock, wanted) == lock


def require_change(name: str, old: Lock, new: Lock, now_ns: int, *, bypass: bool) -> None:
    """Refuse a change of the retention that the one in force forbids; a hold may always change.

    Raises:
        Refused: `PART_LOCKED`.
    """
    if not retains(old, now_ns) or keeps(msgspec.structs.replace(new, legal_hold=True), old):
        return
    if old.mode == "compliance":
        raise Refused(LOCKED, f"{name} is {in_words(old)}; compliance mode can only be extended.")
    if not bypass:
        sentence = f"{name} is {in_words(old)}; only who may bypass governance shortens that."
        raise Refused(LOCKED, sentence)


def require_deletable(name: str, lock: Lock, now_ns: int, *, bypass: bool) -> None:
    """Refuse to delete what a lock still keeps.

    Raises:
        Refused: `PART_LOCKED`; the sentence names the lock and its date.
    """
    if lock.legal_hold:
        raise Refused(LOCKED, f"{name} is {in_words(lock)}; the hold has to be released first.")
    if not retains(lock, now_ns):
        return
    if lock.mode == "compliance":
        raise Refused(LOCKED, f"{name} is {in_words(lock)}; nobody may delete it before.")
    if not bypass:
        sentence = f"{name} is {in_words(lock)}; before, only who may bypass governance deletes it."
        raise Refused(LOCKED, sentence)
