"""One account's share of the book."""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from tallystick.errors import Refused
from tallystick.execution.book.limits import Limits
from tallystick.execution.book.positions import Lot, Position
from tallystick.execution.entries import AccountMode, Financing
from tallystick.execution.working import Working

Economics = tuple[str, str, int, str, int | None]
"""(pair, side, quantity, type, price): of one without a limit price its distance or its stop."""


class Repeat(msgspec.Struct, frozen=True, gc=False):
    """How often one and the same order came since `start_ns`, when entry `position` was first."""

    start_ns: int
    count: int
    position: int


class Pending(msgspec.Struct, frozen=True, gc=False):
    """What working orders may still buy and sell of a pair's base: reserved for margin."""

    buying: int = 0
    selling: int = 0


class Configuration(msgspec.Struct, frozen=True, gc=False):
    """How an account is kept; see `AccountOpened`."""

    desk: str | None = None
    home: str | None = None
    mode: AccountMode = "netting"
    margin: str | None = None
    financing: Financing = "none"


class Account:
    """One account's share of the book. Owned by the book; others only read.

    `balances` are minor units by currency over all value dates, `flows` by (currency, value date)
    what settles then; `dated` by (pair, value date) the units to be rolled from that date, where
    the account is financed daily. `positions` by pair, `lots` the open trades of an account that
    hedges or is FIFO, oldest first; `pending` what working orders may add. `groups` and `children`
    hold the ids of linked orders. `marks` are the account's single numbers (`REALISED` ...).
    """

    __slots__ = (
        "balances",
        "children",
        "configuration",
        "dated",
        "executions",
        "flows",
        "groups",
        "id",
        "limits",
        "lots",
        "marks",
        "open_orders",
        "pending",
        "positions",
        "repeats",
    )

    def __init__(
        self, account: str, limits: Limits, configuration: Configuration | None = None
    ) -> None:
        self.id = account
        self.limits = limits
        self.configuration = configuration or Configuration()
        self.balances: dict[str, int] = {}
        self.flows: dict[tuple[str, str], int] = {}
        self.dated: dict[tuple[str, str], int] = {}
        self.positions: dict[str, Position] = {}
        self.lots: dict[str, OrderedDict[str, Lot]] = {}
        self.pending: dict[str, Pending] = {}
        self.open_orders: dict[str, Working] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.children: dict[str, tuple[str, ...]] = {}
        self.repeats: OrderedDict[Economics, Repeat] = OrderedDict()
        self.executions: OrderedDict[Economics, Repeat] = OrderedDict()
        self.marks: dict[str, int] = {}

    def keep_of(self, known: "Account") -> None:
        """Hold what the account held before its limits or its configuration changed."""
        for name in _HELD:
            setattr(self, name, getattr(known, name))

    @property
    def closers(self) -> int:
        """How many of its open orders can only close."""
        return self.marks.get(CLOSERS, 0)

    def reducible(self, pair: str, side: str, trade: object = None) -> int:
        """How many units of the pair's base an order of this side could close.

        `trade` names the one open trade that it may close.
        """
        held = self.positions.get(pair)
        if held is None:
            return 0
        if isinstance(trade, str):
            lots = self.lots.get(pair)
            lot = None if lots is None else lots.get(trade)
            closes = lot is not None and (lot.units < 0) == (side == "buy")
            return abs(lot.units) if lot is not None and closes else 0
        return held.short if side == "buy" else held.long


_HELD = tuple(name for name in Account.__slots__ if name not in {"id", "limits", "configuration"})
REALISED = "realised"
"""Mark: the result of all that was closed, minor units of the home currency."""
MESSAGES_NS = "messages_ns"
"""Mark: theoretical arrival time of the message rate (GCRA), nanoseconds."""
CALLED_NS = "called_ns"
"""Mark: since when the account is in a margin call, nanoseconds; 0: it is not."""
EXTENDED_NS = "extended_ns"
"""Mark: when the margin call was last said, nanoseconds."""
CLOSERS = "closers"
"""Mark: open orders that can only close."""


def check_reconfigured(account: Account, said: Mapping[str, str]) -> None:
    """What an account holds keeps its meaning when its configuration becomes what is `said`.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    held = account.configuration
    mode, home = said.get("mode", held.mode), said.get("home", held.home)
    if mode != held.mode and any(each.long or each.short for each in account.positions.values()):
        sentence = f"The account has open positions, kept as {held.mode}: close them first."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="mode")
    if home != held.home and account.marks.get(REALISED):
        sentence = f"The account's result is counted in {held.home}, and stays so."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="home")
