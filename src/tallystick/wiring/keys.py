"""`tallystick keys`: rotates the keys that sign the ledger, and writes an entry about each step."""

import asyncio

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.execution import encode
from tallystick.ledger import Sealable
from tallystick.ledger.notices import KeysChanged
from tallystick.wiring.ledger import OpenLedger, open_ledger
from tallystick.wiring.settings import Settings


class Keys(msgspec.Struct, frozen=True):
    """Verifier key lines, the newest first; `position` of the entry about the last step."""

    signing: tuple[str, ...]
    retired: tuple[str, ...]
    position: int | None = None


def list_keys(settings: Settings, clock: Clock) -> Keys:
    """The keys of the ledger; a server may run meanwhile."""
    with open_ledger(settings, clock, alone=False) as opened:
        return _keys(opened)


def rotate(settings: Settings, clock: Clock, *, by: str, reason: str) -> Keys:
    """Let a new key sign beside the others.

    Raises:
        Refused: `KEYS_TOO_MANY`.
    """
    with open_ledger(settings, clock) as opened:
        opened.ring.rotate()
    with open_ledger(settings, clock) as opened:  # from here on the new key signs as well
        return _record(opened, _keys(opened), by, reason)


def retire(settings: Settings, clock: Clock, vkey: str, *, by: str, reason: str) -> Keys:
    """Let one key sign no more; the checkpoint over the entry about it still has its signature.

    Raises:
        Refused: `UNKNOWN_KEY`, `LAST_KEY`.
    """
    with open_ledger(settings, clock) as opened:
        left = opened.ring.without(vkey)
        now = Keys(tuple(left), (vkey, *opened.ring.retired))
        recorded = _record(opened, now, by, reason)
        opened.ring.retire(vkey)
        return recorded


def _keys(opened: OpenLedger) -> Keys:
    signing = tuple(signer.vkey for signer in opened.ring.signers)
    return Keys(signing, tuple(opened.ring.retired))


def _record(opened: OpenLedger, keys: Keys, by: str, reason: str) -> Keys:
    at = rfc3339(opened.clock.now_ns())
    entry = KeysChanged(at, keys.signing, keys.retired, by, reason)
    ledger = opened.ledger
    sealed = asyncio.run(ledger.append(ledger.size, [Sealable(encode(entry))]))
    return msgspec.structs.replace(keys, position=sealed.first)
