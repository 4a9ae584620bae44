"""What an order type is: the members it needs, the times it may have, the prices it waits for."""

from collections.abc import Callable
from typing import Literal

import msgspec

from tallystick.execution.entries import Side, TimeInForce, Trigger
from tallystick.execution.working import Condition, Watched
from tallystick.fx import Pair
from tallystick.money import Price

WAITING: tuple[TimeInForce, ...] = ("GTC", "GTD", "GFD")
"""Times in force of orders that may wait."""


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What decides for which prices an order waits; prices in points."""

    pair: Pair
    side: Side
    price: Price | None
    stop: Price | None
    distance: Price | None
    bound: Price | None
    trigger: Trigger
    triggered: bool


Waits = Callable[[Terms], tuple[Condition, ...]]


class OrderKind(msgspec.Struct, frozen=True):
    """One order type.

    `needs` and `may` are members of the request beside those that every order has. `times` may be
    its times in force, the first where none is given. It executes at its limit (`price`) or at the
    market (as far as `price_bound`). `reduces`: it only ever closes. `waits` gives the conditions
    that set it off, None for one that never waits; `arms` that it works at its limit from then on.
    """

    needs: tuple[str, ...]
    may: tuple[str, ...]
    times: tuple[TimeInForce, ...]
    executes: Literal["limit", "market"]
    waits: Waits | None = None
    reduces: bool = False
    arms: bool = False


def taken(side: Side) -> Watched:
    """The price that an order of this side takes."""
    return "ask" if side == "buy" else "bid"


def watched(side: Side, trigger: Trigger) -> Watched:
    """The price that sets off an order of this side."""
    if trigger == "default":
        return taken(side)
    if trigger == "inverse":
        return "bid" if side == "buy" else "ask"
    return trigger


def at_limit(side: Side, price: Price) -> Condition:
    """The market would fill such a limit."""
    return Condition(taken(side), side == "sell", 2 * price)


def against(terms: Terms, level: Price) -> Condition:
    """The market has moved against the order's side: up to the stop of a buyer."""
    return Condition(watched(terms.side, terms.trigger), terms.side == "buy", 2 * level)


def towards(terms: Terms, level: Price) -> Condition:
    """The market has come towards the order's side: down to the price of a buyer."""
    return Condition(watched(terms.side, terms.trigger), terms.side == "sell", 2 * level)


def at_stop(reached: Callable[[Terms, Price], Condition]) -> Waits:
    """Waiting for the stop price to be reached; after that for anything that may be taken."""

    def waits(terms: Terms) -> tuple[Condition, ...]:
        assert terms.stop is not None, "such an order has a stop price"  # noqa: S101
        return (at_market(terms) if terms.triggered else reached(terms, terms.stop),)

    return waits


def at_market(terms: Terms) -> Condition:
    """Any quote will do, or (with a bound) any that is not worse than it."""
    if terms.bound is not None:
        return at_limit(terms.side, terms.bound)
    return Condition(taken(terms.side), True, 0)
