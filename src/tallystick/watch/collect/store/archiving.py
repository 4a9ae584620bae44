"""What archives do to parts: move them, mark them, lock them, remove them; each one record."""

from collections.abc import Sequence

import msgspec

from tallystick.errors import Refused
from tallystick.watch.collect.store.manifest import Snapshot
from tallystick.watch.collect.store.parts import Lock, Part


def present(state: Snapshot, part: Part) -> Part:
    """The part as the manifest has it now.

    Raises:
        Refused: `NO_SUCH_PART`, it was merged or removed meanwhile.
    """
    for known in state.parts:
        if known.path == part.path:
            return known
    raise Refused("NO_SUCH_PART", f"There is no log part {part.path} any more.")


def locked(part: Part, lock: Lock, now_ns: int) -> Part:
    """The part with another lock.

    Raises:
        Refused: `PART_LOCKED`, it would shorten or weaken a compliance lock.
    """
    old = part.lock
    bound = old.mode == "compliance" and now_ns < old.until_ns
    if bound and (lock.mode != "compliance" or lock.until_ns < old.until_ns):
        raise Refused("PART_LOCKED", f"{part.path} is locked in compliance mode: only longer.")
    return msgspec.structs.replace(part, lock=lock)


def removable(parts: Sequence[Part], now_ns: int) -> tuple[str, ...]:
    """The paths of parts that may go.

    Raises:
        Refused: `PART_LOCKED`, one of them is locked or held.
    """
    for part in parts:
        if part.lock.holds(now_ns):
            raise Refused("PART_LOCKED", f"{part.path} is locked or held: it cannot be removed.")
    return tuple(part.path for part in parts)
