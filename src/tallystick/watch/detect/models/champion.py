"""The champion: which version alerts, as the ledger alone says it.

The first promotion begins from what is shipped; a rollback goes back to the version before. Whoever
folds the same entries gets the same champion, at every position.
"""

from collections import deque
from typing import Literal

import msgspec

from tallystick.ledger.notices import BacktestSummary, ModelPromoted

PROMOTIONS_KEPT_MAX = 1_000
"""So many promotions are told, and can be rolled back."""
SCOPE = "detect"
_MARK = b'"kind":"model_promoted"'
_DECODER = msgspec.json.Decoder(ModelPromoted)


class Promotion(msgspec.Struct, frozen=True):
    """A change of the champion; `rollback`: back to the version before."""

    position: int
    at: str
    version: str
    previous: str
    rollback: bool
    by: str
    reason: str
    backtest: BacktestSummary | None


class _Saved(msgspec.Struct):
    v: Literal[1]
    position: int
    stack: list[str]
    promotions: list[Promotion]


class Champion:
    """Folds entries of the ledger; others than promotions change nothing.

    An entry that names another `previous` than the champion was decided on something that was no
    more: it does not count.
    """

    def __init__(self) -> None:
        self._position = -1
        self._stack: deque[str] = deque(maxlen=PROMOTIONS_KEPT_MAX)
        self._promotions: deque[Promotion] = deque(maxlen=PROMOTIONS_KEPT_MAX)

    @property
    def version(self) -> str | None:
        """The champion; None is what is shipped."""
        return self._stack[-1] if self._stack else None

    @property
    def previous(self) -> str | None:
        """What a rollback goes back to; None is what is shipped."""
        return self._stack[-2] if len(self._stack) > 1 else None

    @property
    def promotions(self) -> list[Promotion]:
        """The last ones that count, oldest first."""
        return list(self._promotions)

    def learn(self, position: int, entry: bytes) -> bool:
        """Take an entry, in order of position; whether there is another champion now.

        Asked about every entry of the ledger: a tenth of a microsecond where it is none of ours.
        """
        if _MARK not in entry or position <= self._position:
            return False
        try:
            said = _DECODER.decode(entry)
        except ValueError:
            return False  # raw bytes, another kind that holds the mark, or members we do not know
        self._position = position
        if said.scope != SCOPE or not self._counts(said):
            return False
        if said.rollback:
            self._stack.pop()
        else:
            self._stack.append(said.model)
        self._promotions.append(
            Promotion(
                position, said.at, said.model, said.previous, said.rollback, said.by, said.reason,
                said.backtest,
            )
        )  # fmt: skip
        return True

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        saved = _Saved(1, self._position, list(self._stack), self.promotions)
        return msgspec.msgpack.encode(saved)

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: it is none.
        """
        saved = msgspec.msgpack.decode(data, type=_Saved)
        self._position = saved.position
        self._stack = deque(saved.stack, maxlen=PROMOTIONS_KEPT_MAX)
        self._promotions = deque(saved.promotions, maxlen=PROMOTIONS_KEPT_MAX)

    def _counts(self, said: ModelPromoted) -> bool:
        if not self._stack:
            return not said.rollback
        if said.previous != self._stack[-1]:
            return False
        return not said.rollback or self.previous in {None, said.model}
