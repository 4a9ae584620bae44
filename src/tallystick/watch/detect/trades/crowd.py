"""Memory: a watcher that has met very many accounts, and what that took."""

import random
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.trades.calls import Routes
from tallystick.watch.detect.trades.characters import populate
from tallystick.watch.detect.trades.client import Client
from tallystick.watch.detect.trades.desk import Desk, Wish
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import Calendar
from tallystick.watch.detect.trades.market import Market
from tallystick.watch.detect.trades.simulator import Happening
from tallystick.watch.detect.trades.watching import BATCH, Watched, read
from tallystick.watch.detect.watcher import Watcher

START_NS: Final = 1_772_443_800 * NS_PER_SECOND
"""A Monday morning: 2026-03-02T09:30:00Z."""
ROUNDS: Final = 4
"""Orders of every account."""
GAP_NS: Final = 2_000_000
"""Between two orders: five hundred a second."""


class CrowdResult(msgspec.Struct, frozen=True):
    """What so many accounts took; bytes of resident memory before and after."""

    entities: int
    events: int
    rss_before: int
    rss_after: int
    snapshot_bytes: int
    events_per_cpu_second: float


def measure(
    entities: int,
    source: random.Random,
    make_watcher: Callable[[], Watcher],
    cpu_seconds: Callable[[], float],
    rss_bytes: Callable[[], int],
    tell: Callable[[int], None] = lambda _events: None,
) -> CrowdResult:
    """Show a new watcher `entities` accounts, each with ROUNDS orders and calls of its own."""
    counts = Watched()
    before = rss_bytes()
    watcher = make_watcher()
    spent = 0.0
    batch: list[Happening] = []
    for one in crowd(entities, source):
        batch.append(one)
        if len(batch) >= BATCH:
            started = cpu_seconds()
            watcher.see(read(batch, counts))
            spent += cpu_seconds() - started
            tell(len(batch))
            batch = []
    watcher.see(read(batch, counts))
    after = rss_bytes()
    events = counts.entries + counts.calls
    return CrowdResult(
        entities=entities,
        events=events,
        rss_before=before,
        rss_after=after,
        snapshot_bytes=len(watcher.snapshot()),
        events_per_cpu_second=round(events / (spent or 1e-9)),
    )


def crowd(entities: int, source: random.Random) -> Iterator[Happening]:
    """Each account is opened, and trades in its turn; every one has its own key and network."""
    dice = Dice(source)
    market = Market(Calendar(START_NS, 1, dice), dice, START_NS, gap_seconds=1.0, gap_shape=0.5)
    desk = Desk(market, Routes(dice), dice)
    moulds = [one for one in populate(50, dice, 1.0) if one.character != "dormant"]
    at_ns = START_NS
    for round_number in range(ROUNDS):
        for number in range(entities):
            mould = moulds[number % len(moulds)]
            account = _account(mould, number, dice)
            at_ns += GAP_NS
            if not round_number:
                desk.open_account(at_ns, account)
            desk.place(at_ns, account, _market_order(account, dice), access=account.accesses[0])
            for _at_ns, one in desk.out:
                yield one
            desk.out = []


def _account(mould: Client, number: int, dice: Dice) -> Client:
    """An account of this kind; it is forgotten here, for the watcher is to remember it."""
    account = Client(f"crowd-{number:06}", mould.character, dice)
    account.sizes, account.pairs = mould.sizes, mould.pairs
    account.pair_weights = mould.pair_weights
    account.order_max, account.position_max = mould.order_max, mould.position_max
    account.accesses = (
        type(mould.accesses[0])(
            f"{number:012x}", f"{10 + number // 65_536}.{number // 256 % 256}.{number % 256}.0/24"
        ),
    )
    account.reject_share = 0.0
    return account


def _market_order(account: Client, dice: Dice) -> Wish:
    return Wish(account.pair(dice), dice.one_of(("buy", "sell")), account.sizes.draw(dice))
