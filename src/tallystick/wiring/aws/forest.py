"""Asks a forest about orders: a hosted one, our container or SageMaker's, or the consumer's own.

Each order that a client placed is a row of numbers, as the product makes it for its own forest
(`watch.detect.sagemaker.features`). What the row of an order says of the time since the one before
is known for orders that this process saw: after a cold start an account's first order counts like
a new account's.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import OrderSeen, UnreadableError
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.sagemaker.endpoint import Endpoint, SageMakerEndpoint
from tallystick.watch.detect.sagemaker.features import OrderRows
from tallystick.wiring.aws.own_forest import OwnForest
from tallystick.wiring.aws.settings import table_of

ORDERS_KEPT_MAX = 10_000
"""Orders known by position: what comes again gets the same row, and what was found of it."""
Detail = dict[str, object]
Kept = TypeVar("Kept")


class Scorer(Protocol):
    """Gives a score to each row of an order; blocks meanwhile."""

    @property
    def cutoff(self) -> float:
        """A score above it is odd."""
        ...

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """One score a row.

        Raises:
            TemporaryError: it is away.
            Misconfigured: it refuses.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Hosted:
    """A forest behind an endpoint, and the score above which its operator calls an order odd."""

    def __init__(self, endpoint: Endpoint, cutoff: float) -> None:
        self.cutoff = cutoff
        self._endpoint = SageMakerEndpoint(endpoint)

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ask it."""
        return self._endpoint.score(rows)

    def close(self) -> None:
        """Let go of connections."""
        self._endpoint.close()


def forest_at(address: str, region: str | None, cutoff: float, state: str | None) -> "Forest":
    """The forest at `sagemaker:NAME`, at the URL of a container, or `own`, kept in `state`.

    Raises:
        Misconfigured: it is none of them, or `own` without a state table.
        TemporaryError: the state table does not answer.
    """
    kind, _, name = address.partition(":")
    if address == "own":
        return Forest(OwnForest(table_of("STATE", state)))
    if kind == "sagemaker" and name:
        return Forest(Hosted(Endpoint(name=name, region=region), cutoff))
    if kind in {"http", "https"}:
        return Forest(Hosted(Endpoint(url=address), cutoff))
    raise Misconfigured("TALLYSTICK_FOREST must be own, sagemaker:ENDPOINT or a URL.")


class Forest:
    """Who scores, and what was seen of the accounts so far."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._rows = OrderRows()
        self._kept: OrderedDict[int, NDArray[np.float64]] = OrderedDict()
        self._found: OrderedDict[int, Detail | None] = OrderedDict()

    def odd(self, messages: Sequence[Message]) -> list[Detail]:
        """What is odd among these entries, as the detail of an event each.

        An order that comes again is not scored again.

        Raises:
            TemporaryError: who scores is away.
            Misconfigured: it refuses.
            ValueError: an entry cannot be read.
        """
        orders = [seen for seen in map(_order_in, messages) if seen is not None]
        fresh = [order for order in orders if order.position not in self._found]
        if fresh:
            cutoff = self._scorer.cutoff  # before these are learnt
            scores = self._scorer.score(np.array([self._row(order) for order in fresh]))
            for order, score in zip(fresh, scores.tolist(), strict=True):
                found = _said(order, score, cutoff) if score > cutoff else None
                _remember(self._found, order.position, found)
                self._kept.pop(order.position, None)
        return [detail for order in orders if (detail := self._found.get(order.position))]

    def close(self) -> None:
        """Let go of connections."""
        self._scorer.close()

    def _row(self, order: OrderSeen) -> NDArray[np.float64]:
        """Made once: it says how long ago the account's order before was."""
        if order.position not in self._kept:
            _remember(self._kept, order.position, self._rows.row(order))
        return self._kept[order.position]


def _remember(kept: OrderedDict[int, Kept], position: int, what: Kept) -> None:
    kept[position] = what
    if len(kept) > ORDERS_KEPT_MAX:
        kept.popitem(last=False)


def _said(order: OrderSeen, score: float, cutoff: float) -> Detail:
    return {
        "position": order.position,
        "account": order.account,
        "order": order.order_id,
        "at": order.at,
        "score": score,
        "cutoff": cutoff,
        "sentence": (
            f"Order {order.order_id} of {order.account} is unlike the others: its score is"
            f" {score:.2f}, usual is up to {cutoff:.2f}."
        ),
    }


def _order_in(message: Message) -> OrderSeen | None:
    """The order that a client placed in this entry, if it is one."""
    try:
        seen = entry_seen(message.position, message.body)
    except UnreadableError as error:
        raise ValueError(str(error)) from error
    return seen if isinstance(seen, OrderSeen) and seen.own and seen.event == "decided" else None
