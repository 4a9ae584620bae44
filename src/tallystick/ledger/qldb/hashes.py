"""How QLDB combines hashes: a pair, a tree, a journal.

Pure. There is no RFC 6962 here: pairs are sorted, so a proof shows membership and no position.
Sources: the developer guide's verification.results.html for pairs; for trees `Verifier` of AWS's
sample aws-samples/amazon-qldb-dmv-sample-java. Both agree with what QLDB itself returned in AWS's
documentation of `aws qldb get-block` (tests/ledger/qldb/test_real_block.py).
"""

from collections.abc import Iterable
from hashlib import sha256

HASH_BYTES = 32
_SIGN_FLIPPED = bytes(byte ^ 0x80 for byte in range(256))


def dot(first: bytes, second: bytes) -> bytes:
    """The hash of two hashes, in either order; an empty one leaves the other as it is.

    The smaller stands first, where bytes are compared from the last to the first, as signed.
    """
    if not first or not second:
        return first or second
    low, high = sorted((first, second), key=_signed_from_the_end)
    return sha256(low + high).digest()


def _signed_from_the_end(data: bytes) -> bytes:
    """A key that sorts as signed bytes would: flipping the sign bit makes them unsigned."""
    return data[::-1].translate(_SIGN_FLIPPED)


class JournalTree:
    """The Merkle root over hashes that come one by one; an odd one out rises as it is.

    It holds one hash a level, so a journal of any length fits into memory.
    """

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._peaks: list[tuple[int, bytes]] = []
        for each in hashes:
            self.add(each)

    def add(self, leaf: bytes) -> None:
        """One more hash at the end."""
        height = 0
        while self._peaks and self._peaks[-1][0] == height:
            leaf = dot(self._peaks.pop()[1], leaf)
            height += 1
        self._peaks.append((height, leaf))

    def root(self) -> bytes:
        """The root; of no hashes it is empty."""
        root = b""
        for _, peak in reversed(self._peaks):
            root = dot(peak, root)
        return root


def merkle_root(hashes: Iterable[bytes]) -> bytes:
    """The root over these hashes."""
    return JournalTree(hashes).root()
