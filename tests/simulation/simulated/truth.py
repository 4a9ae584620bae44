"""What must be true at every moment, whatever goes wrong; kept by somebody who sees everything.

I1  What was acknowledged is never lost and never changes.
I2  All checkpoints that were ever shown are of one history.
I3  An idempotency key is in the ledger once.
I4  Whoever follows sees every entry, in order, without a gap.
I5  A witness cosigns one history only.
I6  When nothing goes wrong any more, everybody gets on.
"""

from collections import deque
from hashlib import sha256

from simulated.database import Database
from simulated.loop import VirtualLoop
from tallystick.ledger import Receipt
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.merkle import verify_inclusion

TRACE_LINES_MAX = 400
"""The newest of them are told when an invariant is broken."""


class Broken(Exception):  # noqa: N818  a name says what happened
    """An invariant does not hold."""


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, folded from the left: the root over these leaf hashes."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, node = 0, leaf
        while stack and stack[-1][0] == height:
            node = sha256(b"\x01" + stack.pop()[1] + node).digest()
            height += 1
        stack.append((height, node))
    if not stack:
        return sha256().digest()
    node = stack.pop()[1]
    while stack:
        node = sha256(b"\x01" + stack.pop()[1] + node).digest()
    return node


class History:
    """One history, and proof against everybody who shows another."""

    def __init__(self, name: str) -> None:
        self.leaves: list[bytes] = []
        self._name = name
        self._seen: dict[int, bytes] = {}

    def extend(self, size: int, root: bytes, leaves: list[bytes]) -> None:
        """This head was shown, over these leaves; the other heads must be of the same history."""
        if self._seen.get(size) == root:
            return
        if size in self._seen:
            raise Broken(f"{self._name}: two roots of {size} entries were shown")
        if len(leaves) != size or mth(leaves) != root:
            raise Broken(f"{self._name}: the head of {size} entries is not that of the entries")
        both = min(size, len(self.leaves))
        if leaves[:both] != self.leaves[:both]:
            raise Broken(f"{self._name}: the head of {size} entries is of another history")
        self._seen[size] = root
        if size > len(self.leaves):
            self.leaves = leaves


class Truth:
    """Sees everything that anybody is shown."""

    def __init__(self, loop: VirtualLoop, *, log_forks: bool = False) -> None:
        self._log_forks = log_forks
        """Nothing is expected of the log; only the witness is looked at."""
        self.shown = History("I2")
        self.cosigned = History("I5")
        self.acknowledged: dict[str, Receipt] = {}
        self._trace: deque[tuple[object, ...]] = deque(maxlen=TRACE_LINES_MAX)
        self._loop = loop
        self._seen: dict[str, Database] = {}

    def say(self, *words: object) -> None:
        """A line of the trace."""
        self._trace.append((self._loop.time(), *words))

    def trace(self) -> str:
        """The newest lines, one a moment."""
        return "\n".join(
            f"{float(str(time)):9.4f}  {' '.join(map(str, words))}" for time, *words in self._trace
        )

    def show(self, note: str, database: Database) -> None:
        """Somebody outside has seen this checkpoint, which was made over this database."""
        if self._log_forks or self._seen.get(note) is database:
            return
        self._seen[note] = database
        head = parse_checkpoint(note)
        self.shown.extend(head.size, head.root, database.leaves(head.size))

    def acknowledge(self, key: str, receipt: Receipt) -> None:
        """A client was given this receipt; each time that it asks it must be the same."""
        head = parse_checkpoint(receipt.checkpoint)
        leaf = sha256(b"\x00" + receipt.entry).digest()
        verify_inclusion(
            index=receipt.position, size=head.size, leaf=leaf, proof=receipt.inclusion,
            root=head.root,
        )  # fmt: skip
        before = self.acknowledged.setdefault(key, receipt)
        if before != receipt and not self._log_forks:
            raise Broken(f"I1: {key} was acknowledged as {before.position}, and then as another")

    def require_kept(self, database: Database) -> None:
        """Every acknowledged entry is where its receipt says, and each key is there once."""
        rows = database.store.rows(0, database.size)
        for key, receipt in self.acknowledged.items():
            if receipt.position >= len(rows) or rows[receipt.position].entry != receipt.entry:
                raise Broken(f"I1: {key}, acknowledged at {receipt.position}, is not there")
        keys = [row.entry.split(b'"')[3] for row in rows]
        if len(set(keys)) != len(keys):
            raise Broken("I3: a key is in the ledger twice")
        leaves = database.leaves(len(self.shown.leaves))
        if leaves != self.shown.leaves:
            raise Broken("I2: entries under a checkpoint that was shown are not there")
