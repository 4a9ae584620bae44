"""The people of the simulated desk: who they are, and how each of them trades when they do."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.trades.client import LEVERAGE, Access, Client, Sizes
from tallystick.watch.detect.trades.desk import Desk, Wish
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import EVENINGS, MARKET, MORNING, OFFICE
from tallystick.watch.detect.trades.market import MAJORS, MINORS

PLACES: Final = (
    ("Europe/Berlin", "EUR"), ("Europe/London", "GBP"), ("America/New_York", "USD"),
    ("Asia/Tokyo", "JPY"), ("Europe/Zurich", "CHF"), ("Asia/Singapore", "SGD"),
)  # fmt: skip
SHARES: Final = (
    ("treasurer", 0.28), ("retail", 0.34), ("fund", 0.10), ("algo", 0.08), ("scalper", 0.08),
    ("robot", 0.06), ("dormant", 0.06),
)  # fmt: skip
"""How many of a hundred accounts are what."""
WAITING_MAX: Final = 20
"""Who has so many orders waiting deals at market."""
SOFT: Final = 0.35
"""Share of its position limit around which an account begins to go back."""

_MAJOR_NAMES: Final = tuple(one.symbol for one in MAJORS)
_MINOR_NAMES: Final = tuple(one.symbol for one in MINORS if one.symbol != "USD/TRY")


def populate(count: int, dice: Dice, activity: float, pairs: tuple[str, ...] = ()) -> list[Client]:
    """So many accounts, of every character at least one; in `pairs` alone where some are named."""
    characters: list[str] = []
    for name, share in SHARES:
        characters += [name] * max(1, round(share * count))
    numbers: dict[str, int] = {}
    people = []
    for character in characters[:count]:
        numbers[character] = number = numbers.get(character, 0) + 1
        client = Client(f"{character}-{number:03}", character, dice)
        client.zone, client.currency = dice.one_of(PLACES)
        _MAKERS[character](client, dice)
        client.orders_a_day *= activity
        if pairs:
            _pairs(client, dice, pairs, dice.whole(1, len(pairs)))
        _bounds(client, dice)
        people.append(client)
    return people


def act(desk: Desk, client: Client, at_ns: int) -> None:
    """The account does now what it does."""
    _ACTS.get(client.character, _single)(desk, client, at_ns)


def wish(desk: Desk, client: Client, pair: str | None = None) -> Wish:
    """An order as this account usually sends one."""
    dice = desk.dice
    pair = pair or client.pair(dice)
    side = _side(desk, client, pair)
    units = client.sizes.draw(dice)
    if len(client.open) >= WAITING_MAX or not dice.chance(client.limit_share):
        return Wish(pair, side, units)
    if dice.chance(client.touch_share):
        return Wish(pair, side, units, -1.5 * dice.exponential())
    away = client.offset_bps * dice.exponential() + 0.2
    if dice.uniform() < 0.02:  # a level somebody has in mind for weeks
        away = min(away * 8, 200.0)
    life = 0.0
    if dice.chance(client.cancel_share):
        life = client.life_seconds * dice.exponential() + 0.3
    return Wish(pair, side, units, away, life, good_for_day=not life and dice.chance(0.7))


def _side(desk: Desk, client: Client, pair: str) -> str:
    ticker = desk.market.tickers[pair]
    worth = client.positions.get(pair, 0.0) * desk.market.usd(ticker.pair.base)
    pull = max(-1.0, min(1.0, worth / (SOFT * client.position_max)))
    return "buy" if desk.dice.uniform() < client.lean - 0.5 * pull else "sell"


def _single(desk: Desk, client: Client, at_ns: int) -> None:
    desk.place(at_ns, client, wish(desk, client))


def _treasurer(desk: Desk, client: Client, at_ns: int) -> None:
    """One order, now and then a second one for another entity of the company."""
    _single(desk, client, at_ns)
    if desk.dice.uniform() < 0.2:
        _again(desk, client, at_ns, 240.0)


def _retail(desk: Desk, client: Client, at_ns: int) -> None:
    """A sitting of one to five orders."""
    _single(desk, client, at_ns)
    for number in range(desk.dice.poisson(0.8)):
        _again(desk, client, at_ns, 120.0 * (number + 1))


def _again(desk: Desk, client: Client, at_ns: int, seconds: float) -> None:
    then_ns = at_ns + int((1 + seconds * desk.dice.exponential()) * NS_PER_SECOND)
    desk.at(then_ns, lambda now: _single(desk, client, now))


def _fund(desk: Desk, client: Client, at_ns: int) -> None:
    """A parent order in slices: same pair, same side, seconds apart, until one is rejected."""
    dice = desk.dice
    first = wish(desk, client)
    left = dice.whole(2, 14)
    lot = client.sizes.lot

    def one_slice(now: int) -> None:
        nonlocal left
        units = max(lot, round(first.quantity * dice.between(0.7, 1.3) / lot) * lot)
        touch = -1.0 if dice.chance(0.5) else None
        desk.place(now, client, Wish(first.pair, first.side, units, touch))
        left -= 1
        if left and not client.rejects:
            desk.at(now + int((2 + 18 * dice.exponential()) * NS_PER_SECOND), one_slice)

    one_slice(at_ns)


def _algo(desk: Desk, client: Client, at_ns: int) -> None:
    """Both sides of a pair are quoted, and taken back when the price moved on."""
    dice = desk.dice
    pair = client.pair(dice)
    units = client.sizes.draw(dice)
    for side in ("buy", "sell"):
        away = client.offset_bps * (0.3 + dice.exponential())
        life = client.life_seconds * dice.exponential() + 0.5 if dice.chance(0.97) else 7_200.0
        quoted = Wish(pair, side, units, away, life)
        desk.place_at(at_ns + dice.whole(0, 4_000_000), client, quoted)
    ticker = desk.market.tickers[pair]
    worth = client.positions.get(pair, 0.0) * desk.market.usd(ticker.pair.base)
    if abs(worth) > SOFT * client.position_max:  # what piled up is passed on
        hedge = Wish(pair, "sell" if worth > 0 else "buy", 2 * units)
        desk.place_at(at_ns + 200_000_000, client, hedge)


def _scalper(desk: Desk, client: Client, at_ns: int) -> None:
    """In, and out again after a while: an honest round trip."""
    dice = desk.dice
    pair = client.pair(dice)
    units = client.sizes.draw(dice)
    side = dice.one_of(("buy", "sell"))
    desk.place(at_ns, client, Wish(pair, side, units))
    out = Wish(pair, "sell" if side == "buy" else "buy", units)
    then_ns = at_ns + int((40 + client.life_seconds * dice.exponential()) * NS_PER_SECOND)
    desk.place_at(then_ns, client, out)


_ACTS: Final[dict[str, Callable[[Desk, Client, int], None]]] = {
    "treasurer": _treasurer, "retail": _retail, "fund": _fund, "algo": _algo, "scalper": _scalper,
}  # fmt: skip


def _make_treasurer(client: Client, dice: Dice) -> None:
    client.hours = OFFICE
    client.orders_a_day = dice.between(5, 16)
    _pairs(client, dice, _MAJOR_NAMES, dice.whole(1, 3))
    median = 10 ** dice.between(4.9, 6.2)
    client.sizes = Sizes(median, dice.between(0.5, 0.9), _lot(median), 0.02, (2.0, 5.0))
    client.limit_share, client.cancel_share = 0.35, dice.between(0.05, 0.2)
    client.offset_bps, client.life_seconds = dice.between(8, 20), 5_400.0
    client.lean = dice.one_of((0.35, 0.5, 0.65))
    _comes(client, dice, keys=1, networks=dice.whole(1, 2))


def _make_retail(client: Client, dice: Dice) -> None:
    client.hours = EVENINGS
    client.weekends = 0.05
    client.orders_a_day = dice.between(3, 22)
    _pairs(client, dice, _MAJOR_NAMES, dice.whole(1, 5))
    median = 10 ** dice.between(3.6, 4.7)
    client.sizes = Sizes(median, dice.between(0.4, 0.8), 1_000, 0.02, (2.0, 4.0))
    client.limit_share, client.cancel_share = dice.between(0.3, 0.6), dice.between(0.15, 0.4)
    client.offset_bps, client.life_seconds = dice.between(8, 25), 3_600.0
    client.reject_share = dice.between(0.01, 0.04)
    client.margin = "esma_retail"
    client.poll_share = 0.8
    if dice.chance(0.4):
        client.roams = f"{dice.whole(80, 95)}.{dice.whole(1, 250)}"
    _comes(client, dice, keys=1, networks=dice.whole(1, 3))


def _make_fund(client: Client, dice: Dice) -> None:
    client.hours = MORNING
    client.orders_a_day = dice.between(0.8, 3.0)
    _pairs(client, dice, (*_MAJOR_NAMES, *_MINOR_NAMES), dice.whole(4, 9))
    median = 10 ** dice.between(5.3, 6.2)
    client.sizes = Sizes(median, dice.between(0.5, 0.8), 10_000, 0.02, (2.0, 4.0))
    client.limit_share, client.cancel_share = 0.2, 0.1
    client.offset_bps = 5.0
    _comes(client, dice, keys=1, networks=1)


def _make_algo(client: Client, dice: Dice) -> None:
    client.hours = MARKET
    client.zone, client.currency = "UTC", "USD"
    client.orders_a_day = dice.between(60, 160)
    _pairs(client, dice, _MAJOR_NAMES, dice.whole(2, 5))
    median = dice.one_of((100_000.0, 250_000.0, 500_000.0))
    client.sizes = Sizes(median, 0.25, 50_000)
    client.offset_bps, client.life_seconds = dice.between(0.4, 1.5), dice.between(20, 120)
    client.limit_share, client.cancel_share = 1.0, 0.97
    client.poll_share = 0.15
    _comes(client, dice, keys=2, networks=dice.whole(1, 3))


def _make_scalper(client: Client, dice: Dice) -> None:
    client.hours = EVENINGS if dice.chance(0.5) else OFFICE
    client.orders_a_day = dice.between(5, 15)
    _pairs(client, dice, _MAJOR_NAMES, dice.whole(1, 2))
    median = 10 ** dice.between(4.3, 5.3)
    client.sizes = Sizes(median, dice.between(0.0, 0.3), 5_000)
    client.limit_share = 0.0
    client.life_seconds = dice.between(300, 2_400)
    client.reject_share = 0.01
    client.margin = "esma_retail"
    client.poll_share = 0.9
    _comes(client, dice, keys=1, networks=dice.whole(1, 2))


def _make_robot(client: Client, dice: Dice) -> None:
    """The same order every weekday within the same two hours: an accumulation plan."""
    start = dice.whole(8, 14)
    client.hours = tuple(1.0 if start <= hour < start + 2 else 0.0 for hour in range(24))
    client.orders_a_day = dice.between(3, 8)
    _pairs(client, dice, _MAJOR_NAMES, 1)
    client.sizes = Sizes(dice.one_of((10_000.0, 25_000.0, 50_000.0)), 0.0, 1_000)
    client.limit_share = 0.0
    client.poll_share = 1.0
    _comes(client, dice, keys=1, networks=1)


def _make_dormant(client: Client, dice: Dice) -> None:
    _make_retail(client, dice)
    client.character = "dormant"
    client.orders_a_day = dice.between(0.1, 0.6)


_MAKERS: Final[dict[str, Callable[[Client, Dice], None]]] = {
    "treasurer": _make_treasurer, "retail": _make_retail, "fund": _make_fund, "algo": _make_algo,
    "scalper": _make_scalper, "robot": _make_robot, "dormant": _make_dormant,
}  # fmt: skip


def _pairs(client: Client, dice: Dice, names: Sequence[str], count: int) -> None:
    """Pick pairs; the first is traded most, the last now and then."""
    left = list(names)
    client.pairs = tuple(left.pop(dice.whole(0, len(left) - 1)) for _ in range(count))
    client.pair_weights = tuple(accumulate(1 / (1 + number) ** 1.6 for number in range(count)))


def _comes(client: Client, dice: Dice, *, keys: int, networks: int) -> None:
    """Tokens and networks; the first network is home, others are the road and the second site."""
    tokens = [new_key(dice) for _ in range(keys)]
    homes = [new_network(dice) for _ in range(networks)]
    ways = [Access(tokens[number % keys], home) for number, home in enumerate(homes)]
    ways += [Access(token, homes[0]) for token in tokens[1:]]
    client.accesses = tuple(ways)
    client.access_weights = tuple(
        accumulate(1 / (1 + number) ** 1.5 for number in range(len(ways)))
    )


def new_key(dice: Dice) -> str:
    """A token's id that nobody had before."""
    return f"{dice.bits(48):012x}"


def new_network(dice: Dice) -> str:
    """A client network."""
    first = dice.one_of((31, 46, 62, 77, 81, 85, 91, 109, 145, 151, 176, 188, 193, 212, 217))
    return f"{first}.{dice.whole(1, 254)}.{dice.whole(0, 255)}.0/24"


def _lot(median: float) -> int:
    return 100_000 if median > 2e6 else 10_000 if median > 2e5 else 1_000


def _bounds(client: Client, dice: Dice) -> None:
    """Limits and money, in proportion to the business."""
    typical = client.sizes.quantile(1.0)
    client.order_max = int(10 ** (len(str(int(typical * 30)))))
    client.position_max = round(typical * dice.between(12, 25), -3)
    if client.character == "fund":
        client.position_max *= 6
    if client.margin != "none":
        client.equity = round(SOFT * client.position_max / LEVERAGE * dice.between(1.8, 3.5), 2)
