"""The port of price sources: a source is asked, or it lives by itself.

A source that can work out its quotes (a replay, a simulator) is a `Source`: it is asked again and
again, and does no input or output. One that has to wait for others (a liquidity provider) is a
`LiveSource`: it runs as a task and hands its quotes to a `Sink`. `PriceFeed` drives both.

Both promise the same: a crossed, locked or empty quote (bid >= ask, or not positive) is never
given out, quotes of a pair come in the order of their time, none lies in the future, and what is
dropped is counted in `drops` by its reason.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Protocol, get_args, runtime_checkable

from tallystick.execution.quotes.quote import Quote

DropReason = Literal[
    "malformed",
    "too_large",
    "unknown_pair",
    "over_precise",
    "not_positive",
    "crossed",
    "bad_depth",
    "future",
    "old",
    "out_of_order",
]
"""Why a quote is dropped: no message of the form; too many bytes; not a pair of ours, or not one
that was asked for; more decimal places than the pair has; a price or quantity that is not above
zero; bid not below ask; levels that do not get worse, or too many; made after now, or so long ago
that nobody may trade on it; older than the one before it, or a sequence number that was used."""
DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)


class Drops:
    """How many quotes a source dropped, by reason."""

    def __init__(self) -> None:
        self._counts: Counter[DropReason] = Counter()

    def count(self, reason: DropReason) -> None:
        """One more."""
        self._counts[reason] += 1

    def __getitem__(self, reason: DropReason) -> int:
        """How many were dropped for this reason."""
        return self._counts[reason]

    @property
    def total(self) -> int:
        """How many were dropped altogether."""
        return self._counts.total()

    def by_reason(self) -> dict[DropReason, int]:
        """The reasons that occurred, each with its number."""
        return dict(self._counts)


class Source(Protocol):
    """Gives the quotes that are new, whenever it is asked."""

    @property
    def drops(self) -> Drops:
        """What it dropped so far."""
        ...

    def quotes(self, now_ns: int) -> list[Quote]:
        """Quotes that became known up to `now_ns`, oldest first; may be empty."""
        ...


class Sink(Protocol):
    """Takes what a live source has to say; called on the event loop, never waits."""

    def take(self, quotes: Iterable[Quote]) -> None:
        """Fresh quotes, oldest first."""
        ...

    def withdraw(self, source: str) -> None:
        """What this source quoted no longer stands: it is gone, or says so."""
        ...


@runtime_checkable
class LiveSource(Protocol):
    """Lives by itself: waits for others and hands on what they quote."""

    @property
    def name(self) -> str:
        """The `source` of its quotes."""
        ...

    @property
    def drops(self) -> Drops:
        """What it dropped so far."""
        ...

    async def run(self, sink: Sink) -> None:
        """Hand quotes to `sink` until cancelled; whatever the other side does, it goes on."""
        ...
