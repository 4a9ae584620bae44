"""The requests of a run: a seeded mix of orders and cancellations, as whole HTTP messages.

The n-th request is the same for the same seed, but for cancellations, which name an order that the
server left open. What does not change from order to order is put together once.
"""

import random
from bisect import bisect
from collections import deque
from collections.abc import Mapping
from itertools import accumulate
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tallystick.errors import Misconfigured
from tallystick.wiring.load.market import Price
from tallystick.wiring.load.plan import Plan

QUANTITY_MIN, QUANTITY_STEPS, QUANTITY_STRIDE = 100_000, 900_000, 7_919
"""Quantities walk through 100,000..999,999 by a prime stride: none comes twice in 900,000."""
AWAY_BPS = 50
"""How far from the market resting orders are put, in hundredths of a percent."""
CROSSING_BPS = 10
"""How far past the market orders are put that should fill at once."""
OPEN_ORDERS_MAX = 100_000
"""Resting orders remembered for cancelling; the oldest go first."""
ORDERS_PATH = "/v1/orders"
BATCH_PATH = "/v1/orders/batch"

Expect = Literal["order", "batch", "cancel", "any"]


class Kind(msgspec.Struct, frozen=True):
    """One kind of order: its type, its time in force, and where its prices stand.

    `prices` are members and how far they are from the market, in hundredths of a percent, see
    `Price.beside`: above 0 on the order's own side, where a limit rests; `against` it where a stop
    waits. With `bracket` a take-profit and a stop-loss wait for the fill.
    """

    type: str
    time_in_force: str
    prices: dict[str, int] = {}
    against: bool = False
    bracket: bool = False

    @property
    def rests(self) -> bool:
        """Whether such an order is likely to stay open."""
        return bool(self.prices) and self.time_in_force not in {"IOC", "FOK"}


CANCEL = "cancel"
KINDS: dict[str, Kind] = {
    "market": Kind("market", "FOK"),
    "market_ioc": Kind("market", "IOC"),
    "limit": Kind("limit", "GTC", {"price": AWAY_BPS}),
    "limit_gfd": Kind("limit", "GFD", {"price": AWAY_BPS}),
    "limit_ioc": Kind("limit", "IOC", {"price": -CROSSING_BPS}),
    "stop": Kind("stop", "GTC", {"stop_price": AWAY_BPS}, against=True),
    "stop_limit": Kind(
        "stop_limit", "GTC", {"stop_price": AWAY_BPS, "price": AWAY_BPS + 10}, against=True
    ),
    "market_if_touched": Kind("market_if_touched", "GTC", {"stop_price": AWAY_BPS}),
    "bracket": Kind("market", "FOK", bracket=True),
}
"""What a mix may name, beside `cancel`."""


class Request(msgspec.Struct, gc=False):
    """One message to send, with the number of its first order; due and sent are the run's."""

    wire: bytes
    kind: str
    expect: Expect
    orders: int
    number: int
    due_ns: int = 0
    sent_ns: int = 0
    give_up_ns: int = 0


class Orders:
    """Makes requests one after the other."""

    def __init__(self, plan: Plan, prices: Mapping[str, Price], chance: random.Random) -> None:
        """Raises Misconfigured where the mix cannot be made."""
        self._plan = plan
        self._prices = prices
        self._chance = chance
        self._kinds = [kind for kind, share in plan.mix.items() if share]
        self._shares = list(accumulate(plan.mix[kind] for kind in self._kinds))
        self._first = next((kind for kind in self._kinds if kind != CANCEL), "")
        self._forms: dict[tuple[str, int, int], bytes] = {}
        self._name = plan.account.encode()
        self.number = 0
        self.open: deque[str] = deque(maxlen=OPEN_ORDERS_MAX)
        """Paths of orders that rest, as far as their answers said so."""
        parts = urlsplit(plan.url)
        host = parts.netloc.rpartition("@")[2]
        self._base = parts.path.rstrip("/").encode()
        self._common = f"Host: {host}\r\nAuthorization: Bearer {plan.token}\r\n".encode()
        _check(plan, prices)

    def next(self) -> Request:
        """The next request."""
        kind = self._kind()
        if kind == CANCEL:
            return self._cancel(self.open.popleft())
        return self._place(kind) if self._plan.batch == 1 else self._batch(kind)

    def _kind(self) -> str:
        kind = self._kinds[0]
        if len(self._kinds) > 1:
            kind = self._kinds[bisect(self._shares, self._chance.random() * self._shares[-1])]
        if kind == CANCEL and not self.open:  # nothing to cancel yet
            return self._first
        return kind

    def _place(self, kind: str) -> Request:
        body = self.body(kind)
        number = self.number - 1
        path = self._plan.path or ORDERS_PATH
        expect: Expect = "order" if self._plan.echo else "any"
        return Request(self._message(b"POST", path, body, number), kind, expect, 1, number)

    def _batch(self, kind: str) -> Request:
        """A batch is of mixed orders, but for cancellations; it counts as `kind`'s first."""
        plan, first = self._plan, self.number
        bodies = [self.body(kind)]
        while len(bodies) < plan.batch:
            kind = self._kind()
            bodies.append(self.body(kind if kind != CANCEL else self._first))
        body = b'{"orders":[%b]}' % b",".join(bodies)
        expect: Expect = "batch" if plan.echo else "any"
        message = self._message(b"POST", plan.path or BATCH_PATH, body, first)
        return Request(message, "batch", expect, plan.batch, first)

    def _cancel(self, path: str) -> Request:
        number, self.number = self.number, self.number + 1
        wire = self._message(b"DELETE", path, b"", number)
        return Request(wire, CANCEL, "cancel", 1, number)

    def body(self, kind: str) -> bytes:
        """The next order's JSON: a buy, then a sale of the same, so that positions stay small."""
        number, self.number = self.number, self.number + 1
        step, sale = divmod(number, 2)
        quantity = QUANTITY_MIN + step * QUANTITY_STRIDE % QUANTITY_STEPS
        at = (kind, sale, step % len(self._plan.pairs))
        form = self._forms.get(at)
        if form is None:
            form = self._forms[at] = self._form(*at)
        return form % (number, self._account(step), quantity)

    def _account(self, step: int) -> bytes:
        """Who trades: all in turn."""
        if self._plan.accounts == 1:
            return self._name
        return b"%b-%06d" % (self._name, step % self._plan.accounts)

    def _form(self, kind: str, sale: int, pair: int) -> bytes:
        """An order with places for its number, its account and its quantity."""
        plan, made = self._plan, KINDS[kind]
        side, symbol = ("buy", "sell")[sale], plan.pairs[pair]
        order: dict[str, object] = {
            "client_order_id": f"{plan.prefix}-<id>", "account": "<account>", "pair": symbol,
            "side": side, "quantity": "<quantity>", "type": made.type,
            "time_in_force": made.time_in_force,
        }  # fmt: skip
        own, other = side, ("sell", "buy")[sale]
        for member, bps in made.prices.items():
            order[member] = self._prices[symbol].beside(other if made.against else own, bps)
        if made.bracket:
            price = self._prices[symbol]
            order["if_done"] = [
                {"type": "take_profit", "price": price.beside(other, AWAY_BPS)},
                {"type": "stop_loss", "stop_price": price.beside(own, AWAY_BPS)},
            ]
        text = msgspec.json.encode(order).replace(b"%", b"%%")
        for place, what in ((b"<id>", b"%09d"), (b"<account>", b"%b"), (b"<quantity>", b"%d")):
            text = text.replace(b'%b"' % place, b'%b"' % what, 1)
        return text

    def _message(self, method: bytes, path: str, body: bytes, number: int) -> bytes:
        """The whole HTTP/1.1 request (RFC 9112), head and body in one piece."""
        key = b""
        if self._plan.keyed:
            key = b"Idempotency-Key: %b-%09d\r\n" % (self._plan.prefix.encode(), number)
        head = b"%b %b%b HTTP/1.1\r\n%b%b" % (
            method, self._base, path.encode(), self._common, key
        )  # fmt: skip
        about = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        return head + about + body


def _check(plan: Plan, prices: Mapping[str, Price]) -> None:
    known = [*KINDS, CANCEL]
    unknown = [kind for kind in plan.mix if kind not in known]
    if unknown:
        raise Misconfigured(f"No kind of order is {unknown[0]!r}; known are {', '.join(known)}.")
    if not any(share for kind, share in plan.mix.items() if kind != CANCEL):
        raise Misconfigured("Only what was placed can be cancelled: a mix needs orders too.")
    if needs_prices(plan):
        missing = [pair for pair in plan.pairs if pair not in prices]
        if missing:
            raise Misconfigured(
                f"The server has no price of {', '.join(missing)}: name other --pairs."
            )


def needs_prices(plan: Plan) -> bool:
    """Whether the mix has orders that are put beside the market."""
    kinds = [KINDS[kind] for kind, share in plan.mix.items() if share and kind in KINDS]
    return any(kind.prices or kind.bracket for kind in kinds)


def orders_of(plan: Plan, prices: Mapping[str, Price] | None = None) -> Orders:
    """The plan's requests, from its seed.

    Raises:
        Misconfigured: the mix cannot be made.
    """
    return Orders(plan, prices or {}, random.Random(f"{plan.seed} mix"))  # noqa: S311  seeded
