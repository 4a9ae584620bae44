"""What changes for good and is no crime: tokens are rotated, people move, businesses grow.

A detector that has learnt somebody's habits has to live through these; what it says of them counts
as a false alert here, though a desk may want to hear of some.
"""

from functools import partial
from typing import Final

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.trades.characters import new_key, new_network
from tallystick.watch.detect.trades.client import Access, Client, Sizes
from tallystick.watch.detect.trades.desk import Desk
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import DAY_NS
from tallystick.watch.detect.trades.market import MAJORS

MONTH_DAYS: Final = 30.0
ROTATED_A_MONTH: Final = 0.05
"""Share of accounts whose token is replaced: the old one is never shown again."""
MOVED_A_MONTH: Final = 0.03
"""Share of accounts that move to another network."""
PAIR_A_MONTH: Final = 0.06
"""Share of accounts that take up another major pair."""
GREW_A_MONTH: Final = 0.04
"""Share of accounts whose orders are half or twice as large from one day on."""
AWAY_A_MONTH: Final = 0.10
"""Share of people who are on holiday for a week or two; machines have none."""
_MACHINES: Final = frozenset({"algo", "robot", "fund"})
RESTART_DAYS: Final = 5.0
"""Between two restarts of the server, on average: some seconds of calls that fail."""


def live(desk: Desk, clients: list[Client], start_ns: int, end_ns: int) -> None:
    """Schedule what happens to these accounts, and to the server, in this time."""
    dice = desk.dice
    months = (end_ns - start_ns) / (MONTH_DAYS * DAY_NS)
    changes = (
        (ROTATED_A_MONTH, partial(_rotate, dice)),
        (MOVED_A_MONTH, partial(_move, dice)),
        (PAIR_A_MONTH, partial(_take_up, dice)),
        (GREW_A_MONTH, partial(_grow, dice)),
        (AWAY_A_MONTH, partial(_leave, desk)),
    )
    for client in clients:
        for share, change in changes:
            if dice.chance(share * months):
                at_ns = start_ns + int(dice.uniform() * (end_ns - start_ns))
                desk.at(at_ns, partial(change, client))
    for _ in range(dice.poisson((end_ns - start_ns) / (RESTART_DAYS * DAY_NS))):
        at_ns = start_ns + int(dice.uniform() * (end_ns - start_ns))
        desk.at(at_ns, partial(_restart, desk))


def _rotate(dice: Dice, client: Client, _at_ns: int) -> None:
    old, new = client.accesses[0].key, new_key(dice)
    client.accesses = tuple(
        Access(new if one.key == old else one.key, one.address) for one in client.accesses
    )


def _move(dice: Dice, client: Client, _at_ns: int) -> None:
    old, new = client.accesses[0].address, new_network(dice)
    client.accesses = tuple(
        Access(one.key, new if one.address == old else one.address) for one in client.accesses
    )


def _take_up(dice: Dice, client: Client, _at_ns: int) -> None:
    others = [one.symbol for one in MAJORS if one.symbol not in client.pairs]
    if others and client.character != "robot":
        client.pairs = (*client.pairs, dice.one_of(others))
        client.pair_weights = (*client.pair_weights, client.pair_weights[-1] * 1.15)


def _grow(dice: Dice, client: Client, _at_ns: int) -> None:
    old = client.sizes
    times = dice.one_of((0.5, 2.0))
    client.sizes = Sizes(old.median * times, old.sigma, old.lot, old.large_share, old.large)


def _leave(desk: Desk, client: Client, at_ns: int) -> None:
    if client.character in _MACHINES:
        return
    client.activity = 0.0
    back_ns = at_ns + desk.dice.whole(6, 14) * DAY_NS
    desk.at(back_ns, lambda _now: setattr(client, "activity", 1.0))


def _restart(desk: Desk, at_ns: int) -> None:
    """For some seconds nobody is answered."""
    routes = desk.routes
    routes.down = True
    up_ns = at_ns + desk.dice.whole(2, 8) * NS_PER_SECOND
    desk.at(up_ns, lambda _now: setattr(routes, "down", False))
