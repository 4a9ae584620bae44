"""Asks a hosted forest about orders: our container or SageMaker's, by the same contract.

Each order that a client placed is a row of numbers, as the product makes it for its own forest
(`watch.detect.sagemaker.features`). What the row of an order says of the time since the one before
is known for orders that this process saw: after a cold start an account's first order counts like
a new account's.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import OrderSeen, UnreadableError
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.sagemaker.endpoint import Endpoint, SageMakerEndpoint
from tallystick.watch.detect.sagemaker.features import OrderRows

ROWS_KEPT_MAX = 10_000
"""Rows kept by position: an order that comes again gets the same row, and so the same score."""


class Forest:
    """One endpoint, and what was seen of the accounts so far."""

    def __init__(self, address: str, region: str | None, cutoff: float) -> None:
        """`address`: `sagemaker:NAME`, or the URL of a container. A score above `cutoff` is odd.

        Raises:
            Misconfigured: it is neither.
        """
        kind, _, name = address.partition(":")
        if kind == "sagemaker" and name:
            endpoint = Endpoint(name=name, region=region)
        elif kind in {"http", "https"}:
            endpoint = Endpoint(url=address)
        else:
            raise Misconfigured("TALLYSTICK_FOREST must be sagemaker:ENDPOINT or a URL.")
        self._endpoint = SageMakerEndpoint(endpoint)
        self._cutoff = cutoff
        self._rows = OrderRows()
        self._kept: OrderedDict[int, NDArray[np.float64]] = OrderedDict()

    def odd(self, messages: Sequence[Message]) -> list[dict[str, object]]:
        """What is odd among these entries, as the detail of an event each.

        Raises:
            TemporaryError: the endpoint does not answer.
            Misconfigured: it refuses.
            ValueError: an entry cannot be read.
        """
        orders = [seen for seen in map(_order_in, messages) if seen is not None]
        if not orders:
            return []
        scores = self._endpoint.score(np.array([self._row(order) for order in orders]))
        return [
            self._said(order, float(score))
            for order, score in zip(orders, scores, strict=True)
            if score > self._cutoff
        ]

    def close(self) -> None:
        """Let go of connections."""
        self._endpoint.close()

    def _row(self, order: OrderSeen) -> NDArray[np.float64]:
        row = self._kept.get(order.position)
        if row is None:
            row = self._kept[order.position] = self._rows.row(order)
            if len(self._kept) > ROWS_KEPT_MAX:
                self._kept.popitem(last=False)
        return row

    def _said(self, order: OrderSeen, score: float) -> dict[str, object]:
        return {
            "position": order.position,
            "account": order.account,
            "order": order.order_id,
            "at": order.at,
            "score": score,
            "cutoff": self._cutoff,
            "sentence": (
                f"Order {order.order_id} of {order.account} is unlike the others: its score is"
                f" {score:.2f}, usual is up to {self._cutoff:.2f}."
            ),
        }


def _order_in(message: Message) -> OrderSeen | None:
    """The order that a client placed in this entry, if it is one."""
    try:
        seen = entry_seen(message.position, message.body)
    except UnreadableError as error:
        raise ValueError(str(error)) from error
    return seen if isinstance(seen, OrderSeen) and seen.own and seen.event == "decided" else None
