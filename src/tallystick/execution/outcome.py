"""What became of an order at once, and the order as its entry then says it. Pure."""

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.clock import rfc3339
from tallystick.execution.entries import Order, OrderState, Rejection
from tallystick.execution.match import Executed
from tallystick.execution.request import OrderRequest
from tallystick.execution.screening import Links
from tallystick.fx import end_of_day_ns
from tallystick.ids import order_id
from tallystick.money import Price, format_decimal


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The order's new state, what was executed at once, and where it then waits."""

    state: OrderState
    executed: tuple[Executed, ...] = ()
    rejection: Rejection | None = None
    filled: int | None = None
    """Cumulative units of an order that was not filled whole."""
    stop: Price | None = None
    """Of a trailing stop: where it begins."""
    triggered: bool = False


REJECTED = Outcome("rejected")
_UNTIED = Links()


def order_of(
    request: OrderRequest, position: int, outcome: Outcome, at_ns: int, links: Links | None
) -> Order:
    """The order that the entry at `position` decides."""
    plain = Order(
        order_id(position), request.account, request.client_order_id, request.pair.symbol,
        request.side, request.quantity_text, request.type, request.time_in_force,
        request.price_text, outcome.state,
    )  # fmt: skip
    if _says_no_more(request, outcome, links):
        return plain
    digits = request.pair.price_digits
    expires_ns = request.expires_ns
    if request.time_in_force == "GFD":
        expires_ns = end_of_day_ns(at_ns)
    if links is None:
        links = _UNTIED
    group = links.oco
    if request.oco is not None:
        group = plain.id
    return msgspec.structs.replace(
        plain,
        filled=UNSET if outcome.filled is None
        else format_decimal(outcome.filled, request.pair.base_digits),
        stop_price=_text(outcome.stop or request.stop, digits),
        distance=_text(request.distance, digits),
        trigger=request.trigger,
        triggered=outcome.triggered or UNSET,
        expires_at=UNSET if expires_ns is None else rfc3339(expires_ns),
        price_bound=_text(request.bound, digits),
        position_fill=request.position_fill,
        parent=links.parent,
        oco=group,
        linked=len(request.linked) or UNSET,
        replaces=links.replaces,
        trade=request.trade,
        quote=request.quote,
    )  # fmt: skip


def _says_no_more(request: OrderRequest, outcome: Outcome, links: Links | None) -> bool:
    """Whether the first form of the order says all of it."""
    return (
        links is None
        and outcome.filled is None
        and request.position_fill is UNSET
        and request.bound is None
        and request.stop is None
        and request.distance is None
        and request.time_in_force not in {"GTD", "GFD"}
        and request.oco is None
        and not request.if_done
        and request.quote is UNSET
    )


def is_plain(order: Order) -> bool:
    """Whether the order is in its first form: of what came later, each such order has one."""
    return (
        order.filled is UNSET
        and order.stop_price is UNSET
        and order.expires_at is UNSET
        and order.price_bound is UNSET
        and order.position_fill is UNSET
        and order.parent is UNSET
        and order.oco is UNSET
        and order.linked is UNSET
        and order.replaces is UNSET
        and order.quote is UNSET
    )


def _text(price: Price | None, digits: int) -> str | UnsetType:
    return UNSET if price is None else format_decimal(price, digits)
