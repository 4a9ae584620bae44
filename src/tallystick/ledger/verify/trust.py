"""Whom the verifier believes: the keys that its user pinned, and the witnesses he demands."""

import msgspec

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.witness.policy import Policy


class Trust(msgspec.Struct, frozen=True):
    """What was pinned: a checkpoint signed by any of these keys, for its own log, is believed.

    A ledger that changed its key has several. None at all means that nobody is believed. With
    `witnesses` a quorum of them must have cosigned too; the logs of that policy play no part.
    """

    keys: tuple[VerifierKey, ...] = ()
    witnesses: Policy | None = None

    @classmethod
    def under(cls, policy: Policy, keys: tuple[VerifierKey, ...] = ()) -> "Trust":
        """The trust in these keys and the policy's logs, together with its witnesses."""
        logs = (log.key for log in policy.logs)
        witnesses = msgspec.structs.replace(policy, logs=())
        return cls(tuple(dict.fromkeys((*keys, *logs))), witnesses)

    def __bool__(self) -> bool:
        """Whether anybody is believed."""
        return bool(self.keys)


Pinned = Trust | VerifierKey | None
"""What the verifier's functions take: most users pin one key."""


def trusting(pinned: Pinned) -> Trust:
    """The trust that is meant."""
    if isinstance(pinned, VerifierKey):
        return Trust((pinned,))
    return pinned or Trust()
