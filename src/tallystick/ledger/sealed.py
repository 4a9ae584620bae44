"""What an append gives back: the entries of one batch, and all that their receipts need."""

from collections.abc import Callable, Sequence

from tallystick.ledger.entry import Receipt
from tallystick.ledger.store import Row


class Sealed:
    """What an append gives back: enough to make the receipt of each of its entries.

    The proofs are made, all at once, when the first receipt is asked for: an import asks for none.
    """

    __slots__ = ("_proofs", "_prove", "first", "note", "rows")

    def __init__(
        self,
        first: int,
        rows: Sequence[Row],
        note: str,
        prove: Callable[[range], list[list[bytes]]],
    ) -> None:
        """`prove(positions)` makes the inclusion proofs in the tree that `note` signs."""
        self.first = first
        self.rows = rows
        self.note = note
        self._prove = prove
        self._proofs: list[list[bytes]] | None = None

    def receipt(self, number: int) -> Receipt:
        """The receipt of the `number`-th entry of the batch, from 0."""
        row = self.rows[number]
        if self._proofs is None:
            self._proofs = self._prove(range(self.first, self.first + len(self.rows)))
        return Receipt(
            position=self.first + number,
            entry=row.entry,
            leaf_hash=row.leaf_hash.hex(),
            inclusion=self._proofs[number],
            checkpoint=self.note,
        )
