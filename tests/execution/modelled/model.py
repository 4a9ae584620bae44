"""The desk as a dictionary of orders: what each act must say, line by line."""

from dataclasses import dataclass, field

from modelled.order import MARKET_TYPES, Market, Order

FREER = {"active": 0, "reducing": 1, "halted": 2}
CENTS_DIVISOR = 1_000
"""Points times euros, over cents."""


@dataclass
class Holding:
    """One account."""

    mode: str
    long: int = 0
    short: int = 0
    euros: int = 0
    cents: int = 0
    orders: dict[str, Order] = field(default_factory=dict)
    trades: dict[str, int] = field(default_factory=dict)
    """Of who hedges: by the order that opened each, how much is left of it (sold: negative)."""

    def reducible(self, side: str, trade: str | None = None) -> int:
        """What an order of this side could close, of one trade or of all."""
        if trade is not None:
            left = self.trades.get(trade, 0)
            return max(0, -left if side == "buy" else left)
        return self.short if side == "buy" else self.long

    def close(self, sign: int, quantity: int, trade: str | None) -> None:
        """The trade that is named, or the oldest first."""
        for name in [trade] if trade is not None else list(self.trades):
            left = self.trades.get(name, 0)
            taken = min(quantity, max(0, -sign * left))
            quantity -= taken
            self.trades[name] = left + sign * taken
            if not self.trades[name]:
                del self.trades[name]

    def trade(self, order: Order, price: int, quantity: int) -> None:
        """One execution."""
        sign = 1 if order.side == "buy" else -1
        self.euros += sign * quantity
        self.cents -= sign * ((2 * quantity * price + CENTS_DIVISOR) // (2 * CENTS_DIVISOR))
        closing = 0
        if self.mode != "hedging" or order.reduces or order.position_fill == "reduce_first":
            closing = min(quantity, self.reducible(order.side, order.trade))
        if self.mode == "hedging":
            self.close(sign, closing, order.trade)
            if quantity > closing:
                left = self.trades.get(order.name, 0)
                self.trades[order.name] = left + sign * (quantity - closing)
        if order.side == "buy":
            self.short, self.long = self.short - closing, self.long + quantity - closing
        else:
            self.long, self.short = self.long - closing, self.short + quantity - closing


class Model:
    """All orders that are open, who holds what, and what was said since it was last asked."""

    def __init__(self, modes: dict[str, str]) -> None:
        self.holdings = {name: Holding(mode) for name, mode in modes.items()}
        self.states: dict[str, str] = {}
        self.groups: dict[str, list[str]] = {}
        self.waiting: dict[str, list[str]] = {}
        self.market = Market(108_249, 108_251)
        self.now = 0
        self.lines: list[str] = []
        self._number = 0

    def said(self) -> list[str]:
        """The lines since the last time."""
        lines, self.lines = self.lines, []
        return lines

    def state_of(self, account: str) -> str:
        """The tighter of everybody's and its own."""
        both = (self.states.get(name, "active") for name in ("all", account))
        return max(both, key=FREER.__getitem__)

    # --- what may be asked -----------------------------------------------------------------

    def place(self, order: Order) -> None:
        """An order and those that come with it, or none of them."""
        linked_bad = any(self._screen(child, is_child=True) for child in order.children)
        if order.oco is not None and self._screen(order.oco):
            linked_bad = True
        if order.oco is not None:
            order.group = order.name
        self._decide(order, linked_bad=linked_bad)
        if order.state == "rejected":
            return
        done = bool(order.fills)
        for child in order.children:
            child.parent = order.name
            child.group = order.children[0].name if len(order.children) > 1 else None
            self._decide(child, suspended=not done)
            if child.fills:
                return
        if order.oco is not None and not done:
            order.oco.group = order.group
            self._decide(order.oco)

    def replace(self, old: Order, order: Order) -> None:
        """An order in the place of an open one, linked as that one was."""
        order.parent, order.group, order.replaces = old.parent, old.group, old.name
        self._decide(order, suspended=old.state == "suspended")

    def cancel(self, order: Order) -> None:
        """By its client."""
        self._end(order, "cancelled", "CLIENT_REQUEST")

    def cancel_all(self, account: str) -> None:
        """Every order, the oldest first."""
        orders = self.holdings[account].orders
        for order in list(orders.values()):
            if order.name in orders:
                self._end(order, "cancelled", "CANCEL_ALL")

    def quote(self, market: Market) -> None:
        """Whoever is set off by it comes in the order of the line."""
        self.market = market
        due = [
            order for order in self._open()
            if order.state != "suspended" and (order.is_set_off(market) or order.is_trailed(market))
        ]  # fmt: skip
        for order in sorted(due, key=lambda each: each.number):
            is_open = order.name in self.holdings[order.account].orders
            if is_open and self.state_of(order.account) != "halted":
                self._meet(order)

    def expire(self, now: int) -> None:
        """Time passes; ends come, the earliest first."""
        self.now = now
        ended = [order for order in self._open() if order.ends is not None and order.ends <= now]
        for order in sorted(ended, key=lambda each: (each.ends, each.number)):
            if order.name in self.holdings[order.account].orders:
                self._end(order, "expired")

    # --- the rules -------------------------------------------------------------------------

    def _open(self) -> list[Order]:
        return [order for each in self.holdings.values() for order in each.orders.values()]

    def _screen(self, order: Order, *, is_child: bool = False) -> str | None:
        """Why it is rejected, whatever the price would be."""
        holding = self.holdings[order.account]
        if order.tif == "GTD" and order.ends is not None and order.ends <= self.now:
            return "ALREADY_EXPIRED"
        reducible = holding.reducible(order.side)
        if is_child:  # its parent will make the position that it closes
            reducible = order.quantity if order.reduces else 0
        opens = max(0, order.quantity - reducible)
        if order.reduces:
            if not reducible:
                return "NOTHING_TO_REDUCE"
            opens = 0
        elif order.position_fill == "open_only" or (
            holding.mode == "hedging" and order.position_fill == "default"
        ):
            opens = order.quantity
            if reducible and holding.mode != "hedging":
                return "WOULD_REDUCE"
        state = self.state_of(order.account)
        if state == "halted":
            return "KILL_SWITCH_ACTIVE"
        return "ONLY_REDUCING" if state == "reducing" and opens else None

    def _decide(self, order: Order, *, suspended: bool = False, linked_bad: bool = False) -> None:
        holding = self.holdings[order.account]
        order.left, order.number = order.quantity, self._number
        self._name_trade(order)
        self._number += 1
        code = self._screen(order, is_child=order.parent is not None)
        if code is None:
            code = self._outcome(order, suspended=suspended)
        if code is None and linked_bad:
            code = "LINKED_ORDER_REJECTED"
        if code is not None:
            order.state, order.fills, order.triggered = "rejected", [], False
            self._say(order, code=code)
            return
        if order.replaces is not None:
            self._succeed(holding, holding.orders[order.replaces], order)
        for price, quantity in order.fills:
            holding.trade(order, price, quantity)
            order.left -= quantity
        if order.state in {"new", "partially_filled", "suspended"}:
            holding.orders[order.name] = order
            if order.group is not None:
                self.groups.setdefault(order.group, []).append(order.name)
            if order.state == "suspended" and order.parent is not None:
                self.waiting.setdefault(order.parent, []).append(order.name)
        self._say(order, order.fills)
        if order.fills:
            self._after_fill(order)

    def _name_trade(self, order: Order) -> None:
        """Where trades are kept apart, a child closes its parent's; what replaces it, too."""
        holding = self.holdings[order.account]
        if not order.reduces or holding.mode != "hedging" or order.trade is not None:
            return
        old = holding.orders.get(order.replaces or "")
        if old is not None:
            order.trade = old.trade
        elif order.parent in holding.trades:
            order.trade = order.parent

    def _outcome(self, order: Order, *, suspended: bool) -> str | None:
        """Its state and its fills at once; or why it is rejected after all."""
        if order.type == "trailing_stop":
            order.stop = order.follows(self.market)
        if suspended:
            order.state = "suspended"
            return None
        if order.type not in {"market", "limit"}:
            if not order.is_set_off(self.market):
                order.state = "new"
                return None
            order.triggered = order.type != "take_profit"
        return self._take(order)

    def _take(self, order: Order) -> str | None:
        """What there is of it at once, and what becomes of the rest."""
        quantity = order.quantity
        if order.reduces:
            holding = self.holdings[order.account]
            quantity = min(quantity, holding.reducible(order.side, order.trade))
            if not quantity:
                return "NOTHING_TO_REDUCE"
        order.fills = self.market.take(order.side, quantity, order.worst)
        done = sum(size for _price, size in order.fills)
        if done == order.quantity:
            order.state = "filled"
        elif done == quantity:
            order.state = "cancelled"
        elif order.tif == "FOK" or (order.tif == "IOC" and not done):
            return "INSUFFICIENT_LIQUIDITY" if done else "NOT_MARKETABLE"
        elif order.tif == "IOC":
            order.state = "cancelled"
        else:
            order.state = "partially_filled" if done else "new"
        return None

    def _succeed(self, holding: Holding, old: Order, order: Order) -> None:
        """The replaced order is closed; who waited for it waits for the new one."""
        del holding.orders[old.name]
        old.state = "replaced"
        self._unlink(old)
        waiting = self.waiting.pop(old.name, [])
        if waiting:
            self.waiting[order.name] = waiting
            for name in waiting:
                holding.orders[name].parent = order.name

    def _meet(self, order: Order) -> None:
        """A price that it waited for has come."""
        if not order.is_set_off(self.market):
            order.stop = order.follows(self.market)
            self._say(order, event="trailed")
            return
        allowed = self._allowed(order)
        if isinstance(allowed, str):
            self._end(order, "cancelled", allowed)
            return
        taken = self.market.take(order.side, allowed, order.worst)
        to_market = order.type in MARKET_TYPES
        if not order.triggered and (order.type == "stop_limit" or (to_market and not taken)):
            order.triggered = True
            self._say(order, event="triggered")
        if taken:
            self._execute(order, taken)

    def _allowed(self, order: Order) -> int | str:
        """How much of it may be done now, or why it ends."""
        holding = self.holdings[order.account]
        reducible = holding.reducible(order.side, order.trade)
        if order.reduces:
            return min(order.left, reducible) or "NOTHING_TO_REDUCE"
        hedges = holding.mode == "hedging"
        if order.position_fill == "open_only" and reducible and not hedges:
            return "NOT_ALLOWED_AT_TRIGGER"
        if self.state_of(order.account) == "reducing":
            opens = order.position_fill == "open_only"
            if opens or (hedges and order.position_fill != "reduce_first"):
                return "KILL_SWITCH"
            if order.left > reducible:
                return "KILL_SWITCH"
        return order.left

    def _execute(self, order: Order, taken: list[tuple[int, int]]) -> None:
        holding = self.holdings[order.account]
        for price, quantity in taken:
            holding.trade(order, price, quantity)
            order.left -= quantity
        if order.left:
            order.state = "partially_filled"
            order.triggered = order.triggered or order.type in MARKET_TYPES
        else:
            order.state = "filled"
            del holding.orders[order.name]
            self._unlink(order)
        self._say(order, taken)
        self._after_fill(order)
        still = order.name in holding.orders
        if still and order.reduces and not holding.reducible(order.side, order.trade):
            self._end(order, "cancelled", "NOTHING_TO_REDUCE")

    def _after_fill(self, order: Order) -> None:
        """Its group ends, its children wake, and who has nothing left to close ends."""
        orders = self.holdings[order.account].orders
        for name in list(self.groups.get(order.group or "", ())):
            if name != order.name:
                self._end(orders[name], "cancelled", "OCO_FILLED")
        for name in self.waiting.pop(order.name, []):
            child = orders[name]
            child.state = "new"
            child.parent = order.name
            self._name_trade(child)
            if child.type == "trailing_stop":
                child.stop = child.follows(self.market)
            self._say(child, event="activated")
        for other in list(orders.values()):
            reducible = self.holdings[order.account].reducible(other.side, other.trade)
            idle = other.reduces and other is not order and other.state != "suspended"
            if idle and not reducible and other.name in orders:
                self._end(other, "cancelled", "NOTHING_TO_REDUCE")

    def _end(self, order: Order, state: str, code: str | None = None) -> None:
        orders = self.holdings[order.account].orders
        del orders[order.name]
        order.state = state
        self._unlink(order)
        self._say(order, code=code)
        for name in self.waiting.pop(order.name, []):
            self._end(orders[name], "cancelled", "PARENT_NOT_FILLED")

    def _unlink(self, order: Order) -> None:
        for links, name in ((self.groups, order.group), (self.waiting, order.parent)):
            if name is not None and order.name in links.get(name, ()):
                links[name].remove(order.name)

    def _say(
        self, order: Order, fills: list[tuple[int, int]] = [], code: str | None = None,  # noqa: B006
        event: str | None = None,
    ) -> None:  # fmt: skip
        words = [order.name, event or order.state]
        words += [f"{quantity}@{price}" for price, quantity in fills]
        words += [] if code is None else [code]
        trails = order.type == "trailing_stop" and words[1] in TRAILS
        words += [f"stop={order.stop}"] if trails else []
        self.lines.append(" ".join(words))


TRAILS = frozenset({"new", "suspended", "trailed", "activated"})
"""Events that say where a trailing stop is."""
