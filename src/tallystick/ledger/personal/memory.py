"""The vault in memory: for simulations, and for trying things out without a trace."""

from collections.abc import Sequence

from tallystick.ledger.personal.vault import Held, SealedField, Step


class MemoryVault:
    """Durable as long as the process lives; the semantics are the contract's."""

    def __init__(self) -> None:
        self._fields: dict[str, dict[bytes, bytes]] = {}
        self._pending: dict[tuple[str, bytes], int] = {}
        self._recorded: dict[str, set[int]] = {}
        self._erased: dict[str, int] = {}
        self._position = 0

    def position(self) -> int:
        """Entries before this position are folded."""
        return self._position

    def keep(self, subject: str, fields: Sequence[SealedField], at_ns: int) -> None:
        """Keep values whose entry is about to be appended."""
        kept = self._fields.setdefault(subject, {})
        for field in fields:
            if field.commitment not in kept:
                kept[field.commitment] = field.sealed
                self._pending[subject, field.commitment] = at_ns

    def settle(self, step: Step, pending_before_ns: int) -> None:
        """Fold a step."""
        if step.anew:
            self._recorded.clear()
            self._erased.clear()
            self._position = 0
        for recorded in step.recorded:
            self._recorded.setdefault(recorded.subject, set()).add(recorded.position)
            for commitment in recorded.commitments:
                self._pending.pop((recorded.subject, commitment), None)
        for erased in step.erased:
            self._erased.setdefault(erased.subject, erased.position)
        for subject in step.subjects:
            if subject in self._erased:
                for commitment in self._fields.pop(subject, {}):
                    self._pending.pop((subject, commitment), None)
        late = [key for key, at_ns in self._pending.items() if at_ns < pending_before_ns]
        for subject, commitment in late:
            del self._pending[subject, commitment]
            del self._fields[subject][commitment]
        self._position = max(self._position, step.upto)

    def find(self, subject: str) -> Held:
        """What the folded entries say of a subject."""
        positions = tuple(sorted(self._recorded.get(subject, ())))
        return Held(positions, self._erased.get(subject))

    def sealed(self, subject: str, commitments: Sequence[bytes]) -> dict[bytes, bytes]:
        """The sealed values of these commitments, as far as they are there."""
        kept = self._fields.get(subject, {})
        return {each: kept[each] for each in commitments if each in kept}

    def close(self) -> None:
        """There is nothing to let go of."""
