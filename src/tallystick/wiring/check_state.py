"""How far an interrupted `tallystick check` had come, in a file of the data folder."""

from hashlib import sha256
from pathlib import Path

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt
from tallystick.ledger import Ledger
from tallystick.ledger.check import Passed

SAVE_SECONDS = 1
"""How often a check that runs is kept."""
RESUME_SECONDS_MAX = 24 * 3_600
"""What was right longer ago is looked at again."""
_NAME = "check.state"
_HASH_BYTES = 32


class _Kept(msgspec.Struct, frozen=True):
    at_ns: int
    passed: Passed


class CheckState:
    """One small file; whatever is wrong with it, the check then begins at the beginning."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / _NAME
        self._clock = clock

    def resume(self, ledger: Ledger) -> Passed | None:
        """What was checked before, where that was this ledger, and not long ago.

        The hash is against damage. Whoever may write the folder can also write this file: who does
        not trust them begins anew.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        if sha256(data[_HASH_BYTES:]).digest() != data[:_HASH_BYTES]:
            return None
        try:
            kept = msgspec.msgpack.decode(data[_HASH_BYTES:], type=_Kept)
        except msgspec.DecodeError:  # another version's
            return None
        passed, age_ns = kept.passed, self._clock.now_ns() - kept.at_ns
        recent = 0 <= age_ns <= RESUME_SECONDS_MAX * NS_PER_SECOND
        return passed if recent and _fits(passed, ledger) else None

    def keep(self, passed: Passed) -> None:
        """Keep it, where there is anything; it must be `StoreCheck.resumable`."""
        if not passed.position:
            return
        data = msgspec.msgpack.encode(_Kept(self._clock.now_ns(), passed))
        aside = self._path.with_suffix(".new")
        aside.write_bytes(sha256(data).digest() + data)
        aside.rename(self._path)

    def forget(self) -> None:
        """The check came to its end."""
        self._path.unlink(missing_ok=True)


def _fits(passed: Passed, ledger: Ledger) -> bool:
    if passed.origin != ledger.origin or passed.position > ledger.size:
        return False
    try:
        return passed.root == ledger.root(passed.position)
    except Corrupt:
        return False
