"""The simulated desk: takes orders, fills, cancels and expires them, and writes what became of it.

It knows enough of a trading house to make each entry true: an order fills at the quote it names,
a waiting order when the market comes to it, positions add up. It is no second implementation of
the product: limits, margin and money are only as exact as detectors can see.
"""

import heapq
from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.fx import end_of_day_ns, session, spot_date, trade_date
from tallystick.money import Price, Quantity, format_decimal, quote_amount
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import LogSeen, QuoteSeen, TimeSeen
from tallystick.watch.detect.trades import entries
from tallystick.watch.detect.trades.calls import CANCEL, PLACE, Line, Route, Routes, line
from tallystick.watch.detect.trades.client import LEVERAGE, Access, Client, Working
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.market import Market, Ticker
from tallystick.watch.detect.trades.saying import order_said, quote_said, rejection_said

CALL_PERCENT: Final = 100.0
EXIT_PERCENT: Final = 105.0

_HABITUAL: Final = (
    "INSUFFICIENT_MARGIN", "PRICE_OUT_OF_COLLAR", "DUPLICATE_ORDER", "POSITION_LIMIT",
)  # fmt: skip

Action = Callable[[int], object]
"""Done at a moment, which it is given."""
Said = tuple[int, Message | Line | QuoteSeen | LogSeen | TimeSeen]


class Wish(NamedTuple):
    """An order as a client wants it.

    `away_bps` is how far from the touch a limit order is (zero and below: it crosses the market so
    much), None for one at market; `life_seconds` until it is taken back, 0 never.
    """

    pair: str
    side: str
    quantity: int
    away_bps: float | None = None
    life_seconds: float = 0.0
    good_for_day: bool = False


class Desk:
    """Owns the positions in the ledger; `out` collects (time ns, entry or line) as they come."""

    def __init__(self, market: Market, routes: Routes, dice: Dice) -> None:
        self.market = market
        self.routes = routes
        self.dice = dice
        self.out: list[Said] = []
        self.position = 0
        self._later: list[tuple[int, int, Action]] = []
        self._number = 0
        self._working: dict[int, Working] = {}
        self._dates: dict[str, tuple[date, str]] = {}

    def at(self, at_ns: int, action: Action) -> None:
        """Do this then."""
        self._number += 1
        heapq.heappush(self._later, (at_ns, self._number, action))

    def run_until(self, end_ns: int) -> None:
        """Do all that is due before then, in order of time."""
        later, pop = self._later, heapq.heappop
        while later and later[0][0] < end_ns:
            at_ns, _number, action = pop(later)
            action(at_ns)

    def write(self, at_ns: int, body: bytes) -> int:
        """Put an entry into the ledger; its position."""
        position = self.position
        self.position = position + 1
        self.out.append((at_ns, Message(position, body)))
        return position

    def call(
        self, at_ns: int, client: Client | None, route: Route, status: int, access: Access
    ) -> None:
        """Say that a call was answered."""
        taken = self.routes.duration_us(route)
        name = None if client is None else client.name
        self.out.append(line(at_ns, route, status, taken, name, access))

    # accounts

    def open_account(self, at_ns: int, client: Client) -> None:
        """Enter an account with its limits, and its money."""
        limits = entries.Limits(
            collar_bps=500,
            duplicate_window_ms=1_000,
            duplicates_max=5,
            order_quantity_max=str(client.order_max),
            position_usd_max=f"{client.position_max:.2f}",
        )
        at = rfc3339(at_ns)
        opened = entries.AccountOpened(
            account=client.name, at=at, by="operator", desk=client.desk, limits=limits,
            margin=client.margin,
        )  # fmt: skip
        self.write(at_ns, entries.encode(opened))
        if client.equity:
            self.move_funds(at_ns, client, client.equity, "deposit")

    def move_funds(self, at_ns: int, client: Client, dollars: float, reason: str) -> None:
        """Money in, or (negative) out."""
        text = f"{abs(dollars):.2f}"
        ours, theirs = (text, f"-{text}") if dollars > 0 else (f"-{text}", text)
        moved = entries.FundsMoved(
            account=client.name, at=rfc3339(at_ns), by="operator", reason=reason,
            postings=(
                entries.Posting(client.name, ours, "USD"),
                entries.Posting(entries.HOUSE, theirs, "USD"),
            ),
        )  # fmt: skip
        self.write(at_ns, entries.encode(moved))

    # orders

    def place(
        self,
        at_ns: int,
        client: Client,
        wish: Wish,
        *,
        access: Access | None = None,
        rejected: str | None = None,
    ) -> Working | None:
        """An order over the API; the order where it works in the book now."""
        access = access or client.access(self.dice)
        if self.routes.fails(PLACE):
            self.call(at_ns, client, PLACE, 503, access)
            return None
        ticker = self.market.tickers[wish.pair]
        if not session(at_ns).open:
            rejected = "MARKET_CLOSED"
        elif rejected is None:
            rejected = self._refusal(client, wish, ticker)
        working = Working(client, wish.pair, wish.side, wish.quantity)
        client.number += self.dice.whole(1, 3)
        working.client_order_id = f"{client.name}-{client.number}"
        working.position = self.position
        working.id = f"O-{self.position}"
        working.quantity_text = format_decimal(
            wish.quantity * 10**ticker.pair.base_digits, ticker.pair.base_digits
        )
        crosses = self._price(working, wish, ticker)
        self._say_decided(at_ns, working, ticker, crosses=crosses, rejected=rejected, wish=wish)
        self.call(at_ns, client, PLACE, 201, access)
        if rejected is not None:
            client.rejects += 1
            return None
        client.rejects = 0
        if crosses:
            self._book(at_ns, client, ticker, wish.side, wish.quantity)
            return None
        self._work(at_ns, working, wish, ticker)
        return working

    def cancel(self, at_ns: int, working: Working, access: Access | None = None) -> None:
        """The client takes an order back; nothing happens where it is done already."""
        client = working.client
        if not working.open:
            return
        access = access or client.access(self.dice)
        if self.routes.fails(CANCEL):
            self.call(at_ns, client, CANCEL, 503, access)
            return
        self._close(working)
        body = entries.OrderCancelled(
            at=rfc3339(at_ns), by=client.name, code="CLIENT_REQUEST",
            order=order_said(working, "cancelled"), reason="asked by the client",
        )  # fmt: skip
        self.write(at_ns, entries.encode(body))
        self.call(at_ns, client, CANCEL, 200, access)

    def place_at(
        self,
        at_ns: int,
        client: Client,
        wish: Wish,
        *,
        access: Access | None = None,
        rejected: str | None = None,
    ) -> None:
        """Place the order then."""
        self.at(at_ns, lambda now: self.place(now, client, wish, access=access, rejected=rejected))

    def cancel_at(self, at_ns: int, working: Working) -> None:
        """Take the order back then, if it still works."""
        self.at(at_ns, lambda now: self.cancel(now, working))

    def tick(self, at_ns: int, ticker: Ticker) -> None:
        """The market moved: fill what the quote meets."""
        buys, sells = ticker.resting_buys, ticker.resting_sells
        while buys and -buys[0][0] >= ticker.ask and ticker.ask > ticker.bid:
            self._fill(at_ns, heapq.heappop(buys)[1], ticker)
        while sells and sells[0][0] <= ticker.bid and ticker.ask > ticker.bid:
            self._fill(at_ns, heapq.heappop(sells)[1], ticker)

    def _refusal(self, client: Client, wish: Wish, ticker: Ticker) -> str | None:
        if wish.quantity > client.order_max:
            return "QUANTITY_TOO_LARGE"
        if wish.away_bps is not None and abs(wish.away_bps) > 500:
            return "PRICE_OUT_OF_COLLAR"
        chance = client.reject_share * (4 if client.rejects else 1)  # who fails tries again
        if self.dice.uniform() < chance:
            return self.dice.one_of(_HABITUAL)
        held = client.positions.get(wish.pair, 0.0)
        towards = held >= 0 if wish.side == "buy" else held <= 0
        if towards:
            worth = (abs(held) + wish.quantity) * self.market.usd(ticker.pair.base)
            if worth > client.position_max:
                return "POSITION_LIMIT"
        return None

    def _price(self, working: Working, wish: Wish, ticker: Ticker) -> bool:
        """Set the limit price; whether the order deals at once."""
        if wish.away_bps is None:
            working.time_in_force = "IOC"
            return True
        touch = ticker.ask if wish.side == "buy" else ticker.bid
        sign = -1 if wish.side == "buy" else 1
        digits = ticker.pair.price_digits
        if wish.away_bps <= 0:  # marketable: from the side it takes, deeper into the market
            working.price = max(1, round(touch * (1 + sign * wish.away_bps / 10_000)))
        else:  # waits: from the own side of the market, away from it
            own = ticker.bid if wish.side == "buy" else ticker.ask
            working.price = max(1, round(own * (1 + sign * wish.away_bps / 10_000)))
        working.price_text = format_decimal(working.price, digits)
        return wish.away_bps <= 0

    def _say_decided(
        self,
        at_ns: int,
        working: Working,
        ticker: Ticker,
        *,
        crosses: bool,
        rejected: str | None,
        wish: Wish,
    ) -> None:
        at = rfc3339(at_ns)
        if wish.good_for_day:
            working.time_in_force = "GFD"
            working.expires_at = rfc3339(end_of_day_ns(at_ns))
        state = "rejected" if rejected else "filled" if crosses else "new"
        fills: tuple[entries.Fill, ...] = ()
        postings: tuple[entries.Posting, ...] = ()
        if state == "filled":
            price = ticker.ask if working.side == "buy" else ticker.bid
            fills, postings = self._deal(at_ns, working, price, ticker)
        body = entries.OrderDecided(
            at=at,
            fills=fills,
            order=order_said(working, state),
            postings=postings,
            quote=quote_said(ticker),
            rejection=None if rejected is None else rejection_said(rejected),
            request=f"{self.dice.bits(256):064x}",
            v=1 if working.expires_at is None else 2,
        )
        self.write(at_ns, entries.encode(body))

    def _work(self, at_ns: int, working: Working, wish: Wish, ticker: Ticker) -> None:
        client = working.client
        self._working[working.position] = working
        client.open[working.position] = working
        if working.side == "buy":
            heapq.heappush(ticker.resting_buys, (-working.price, working.position))
        else:
            heapq.heappush(ticker.resting_sells, (working.price, working.position))
        if wish.life_seconds:
            gone_ns = at_ns + int(wish.life_seconds * NS_PER_SECOND)
            self.cancel_at(gone_ns, working)
        if wish.good_for_day:
            self.at(end_of_day_ns(at_ns), lambda now: self._expire(now, working))

    def _close(self, working: Working) -> None:
        working.open = False
        self._working.pop(working.position, None)
        working.client.open.pop(working.position, None)

    def _fill(self, at_ns: int, position: int, ticker: Ticker) -> None:
        working = self._working.get(position)
        if working is None:
            return
        self._close(working)
        fills, postings = self._deal(at_ns, working, working.price, ticker)
        body = entries.OrderFilled(
            at=rfc3339(at_ns),
            fills=fills,
            order=order_said(working, "filled"),
            postings=postings,
            quote=quote_said(ticker),
            v=1 if working.expires_at is None else 2,
        )
        self.write(at_ns, entries.encode(body))
        self._book(at_ns, working.client, ticker, working.side, working.quantity)

    def _expire(self, at_ns: int, working: Working) -> None:
        if working.open:
            self._close(working)
            body = entries.OrderExpired(at=rfc3339(at_ns), order=order_said(working, "expired"))
            self.write(at_ns, entries.encode(body))

    def _deal(
        self, at_ns: int, working: Working, price: int, ticker: Ticker
    ) -> tuple[tuple[entries.Fill, ...], tuple[entries.Posting, ...]]:
        pair = ticker.pair
        amount = quote_amount(
            Quantity(working.quantity * 10**pair.base_digits), Price(price),
            base_digits=pair.base_digits, price_digits=pair.price_digits,
            quote_digits=pair.quote_digits,
        )  # fmt: skip
        text, units = format_decimal(amount, pair.quote_digits), working.quantity_text
        fill = entries.Fill(
            amount=text, id=f"F-{self.position}-1", price=format_decimal(price, pair.price_digits),
            quantity=units, value_date=self._value_date(at_ns, ticker),
        )  # fmt: skip
        buyer, seller = working.client.name, entries.HOUSE
        if working.side == "sell":
            buyer, seller = seller, buyer
        return (fill,), (
            entries.Posting(buyer, units, pair.base),
            entries.Posting(seller, f"-{units}", pair.base),
            entries.Posting(buyer, f"-{text}", pair.quote),
            entries.Posting(seller, text, pair.quote),
        )

    def _value_date(self, at_ns: int, ticker: Ticker) -> str:
        day = trade_date(at_ns, ticker.pair)
        known = self._dates.get(ticker.pair.symbol)
        if known is not None and known[0] is day:
            return known[1]
        text = spot_date(ticker.pair, day).isoformat()
        self._dates[ticker.pair.symbol] = (day, text)
        return text

    def _book(self, at_ns: int, client: Client, ticker: Ticker, side: str, units: int) -> None:
        """The position after a fill, and the margin call that it may bring."""
        before = client.positions.get(ticker.pair.symbol, 0.0)
        after = before + (units if side == "buy" else -units)
        client.positions[ticker.pair.symbol] = after
        client.inventory += (abs(after) - abs(before)) * self.market.usd(ticker.pair.base)
        if client.margin == "none":
            return
        used = max(0.0, client.inventory) / LEVERAGE
        level = 100 * client.equity / used if used else 1e9
        if not client.margin_call and level < CALL_PERCENT:
            self._say_margin(at_ns, client, "call_entered", used)
        elif client.margin_call and level > EXIT_PERCENT:
            self._say_margin(at_ns, client, "call_exited", used)

    def _say_margin(self, at_ns: int, client: Client, event: str, used: float) -> None:
        client.margin_call = event == "call_entered"
        body = entries.MarginChanged(
            account=client.name, at=rfc3339(at_ns), equity=f"{client.equity:.2f}", event=event,
            used=f"{used:.2f}",
        )  # fmt: skip
        self.write(at_ns, entries.encode(body))
