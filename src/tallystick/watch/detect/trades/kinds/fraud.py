"""Fraud and limits, planted: what an account does when somebody else, or a mistake, acts in it."""

import math
from functools import partial
from typing import Final

from tallystick.watch.detect.trades import calls
from tallystick.watch.detect.trades.calls import Route
from tallystick.watch.detect.trades.characters import SOFT, new_key, new_network, wish
from tallystick.watch.detect.trades.client import LEVERAGE, Access, Client, Sizes
from tallystick.watch.detect.trades.desk import Wish
from tallystick.watch.detect.trades.hours import DAY_NS
from tallystick.watch.detect.trades.kinds.kind import HOUR, MINUTE, Deed, Kind, Stage

USED: Final = 0.2
"""Whose margin is run up usually uses this share of it, or less: he paid in as much."""
_HUMAN: Final = ("treasurer", "retail", "scalper")
_EXOTIC: Final = ("USD/TRY", "USD/ZAR", "USD/MXN", "EUR/PLN")
_NORDIC: Final = ("EUR/SEK", "USD/NOK", "USD/SGD")
_FORBIDDEN: Final = (calls.UNMASK, calls.LIMITS, calls.FUNDS, calls.ACCOUNTS)


def _order_size(stage: Stage) -> Deed:
    client, dice = stage.client, stage.dice
    pair = client.pair(dice)
    side = dice.one_of(("buy", "sell"))
    if stage.level == "subtle" and dice.chance(0.5):
        meant, units = _transposed(client, stage)
        note = f"{units} instead of {meant}: digits transposed"
    else:
        times = 100 if stage.level == "obvious" else 10
        low, high = (0.0, 0.8) if stage.level == "subtle" else (0.8, 2.0)
        meant = _lots(client, client.sizes.quantile(dice.between(low, high)))
        units = meant * times
        note = f"{units} instead of {meant}: {'a zero' if times == 10 else 'two zeros'} too many"
    stage.order(0.0, Wish(pair, side, units))
    if units <= client.order_max:  # whoever did it sees it, and puts it right
        back = Wish(pair, "sell" if side == "buy" else "buy", units - meant)
        stage.order(dice.between(60, 400), back)
    return Deed(450.0, note)


def _transposed(client: Client, stage: Stage) -> tuple[int, int]:
    """An amount of two significant digits, and the same with these turned round."""
    first, second = stage.dice.whole(1, 3), stage.dice.whole(7, 9)
    power = max(0, len(str(int(client.sizes.quantile(0.0)))) - 2)
    return (10 * first + second) * 10**power, (10 * second + first) * 10**power


def _unusual_hour(stage: Stage) -> Deed:
    count = {"obvious": 8, "moderate": 4, "subtle": 1}[stage.level]
    client, dice = stage.client, stage.dice
    for number in range(count):
        one = wish(stage.desk, client)
        stage.order(number * dice.between(60, 400), one)
    return Deed(count * 400.0, f"{count} orders in the middle of its night")


def _new_currency(stage: Stage) -> Deed:
    count, names = {"obvious": (5, _EXOTIC), "moderate": (2, _EXOTIC), "subtle": (1, _NORDIC)}[
        stage.level
    ]
    client, dice = stage.client, stage.dice
    pair = dice.one_of(names)
    for number in range(count):
        one = Wish(pair, dice.one_of(("buy", "sell")), client.sizes.draw(dice))
        stage.order(number * dice.between(100, 600), one)
    return Deed(600.0 * (count - 1) + 1, f"{count} orders in {pair}, never traded before")


def _limit_creep(stage: Stage) -> Deed:
    count, hours = {"obvious": (40, 3.0), "moderate": (60, 6.0), "subtle": (60, 54.0)}[stage.level]
    client, dice = stage.client, stage.dice
    pair = client.pairs[0]
    side = dice.one_of(("buy", "sell"))
    sign = 1 if side == "buy" else -1

    def step(left: int, at_ns: int) -> None:
        worth = stage.desk.market.usd(pair[:3])
        target = 0.96 * client.position_max / worth
        missing = target - sign * client.positions.get(pair, 0.0)
        units = round(missing / left * dice.between(0.8, 1.2))
        if units > 0:
            stage.desk.place(at_ns, client, Wish(pair, side, max(units, 100)))

    for number in range(count):
        at = hours * HOUR * (number + dice.uniform()) / count
        left = count - number
        stage.desk.at(stage.then(at), partial(step, left))
    _calm(stage, hours * HOUR)
    note = f"{count} {side} orders in {pair} within {hours:.0f} h, to 96 % of the position limit"
    return Deed(hours * HOUR, note)


def _margin_run_up(stage: Stage) -> Deed:
    count, minutes, level = {
        "obvious": (10, 30.0, 1.15), "moderate": (8, 120.0, 0.95), "subtle": (12, 480.0, 0.85),
    }[stage.level]  # fmt: skip
    client, dice, desk = stage.client, stage.dice, stage.desk
    pair = client.pairs[0]
    client.equity = max(client.equity, round(_usual_exposure(client) / LEVERAGE / USED, 2))

    def step(left: int, at_ns: int) -> None:
        held = client.positions.get(pair, 0.0)
        missing = level * client.equity - client.inventory / LEVERAGE
        units = round(missing * LEVERAGE / left / desk.market.usd(pair[:3]), -3)
        if units > 0:
            side = "buy" if held >= 0 else "sell"
            desk.place(at_ns, client, Wish(pair, side, int(units)))

    def withdraw(at_ns: int) -> None:
        """What the position limit does not let grow, a withdrawal does."""
        used = client.inventory / LEVERAGE
        if used and used / client.equity < level:
            dollars = client.equity - used / level
            client.equity -= dollars
            desk.move_funds(at_ns, client, -round(dollars, 2), "withdrawal")

    for number in range(count):
        at = minutes * MINUTE * (number + dice.uniform()) / (count + 1)
        left = count - number
        desk.at(stage.then(at), partial(step, left))
    desk.at(stage.then(minutes * MINUTE - 30), withdraw)
    _calm(stage, minutes * MINUTE)
    note = f"margin used grows to {level:.0%} of equity within {minutes:.0f} min"
    return Deed(minutes * MINUTE, note)


def _reject_streak(stage: Stage) -> Deed:
    count, minutes = {"obvious": (25, 5.0), "moderate": (10, 10.0), "subtle": (6, 30.0)}[
        stage.level
    ]
    for number in range(count):
        at = minutes * MINUTE * (number + stage.dice.uniform()) / count
        stage.order(at, wish(stage.desk, stage.client), rejected="INSUFFICIENT_MARGIN")
    return Deed(minutes * MINUTE, f"{count} orders in a row are rejected within {minutes:.0f} min")


def _new_address(stage: Stage) -> Deed:
    count = {"obvious": 12, "moderate": 5, "subtle": 1}[stage.level]
    access = Access(stage.client.accesses[0].key, new_network(stage.dice))
    return _visit(stage, access, count, f"{count} calls from a network it never came from")


def _new_key(stage: Stage) -> Deed:
    count = {"obvious": 12, "moderate": 5, "subtle": 1}[stage.level]
    access = Access(new_key(stage.dice), stage.client.accesses[0].address)
    return _visit(stage, access, count, f"{count} calls with a token it never used")


def _visit(stage: Stage, access: Access, count: int, note: str) -> Deed:
    """Somebody looks around, and trades once."""
    looks: tuple[Route, ...] = (calls.LOOK_ACCOUNT, calls.LOOK_POSITIONS, calls.LOOK_ORDERS)
    at = 0.0
    for number in range(count - 1):
        route = looks[number % len(looks)]
        stage.call(at, route, 200, access)
        at += stage.dice.between(2, 40)
    one = wish(stage.desk, stage.client)
    stage.order(at, one, access=access)
    return Deed(at + 1, note)


def _access_denied(stage: Stage) -> Deed:
    count, minutes = {"obvious": (40, 3.0), "moderate": (12, 3.0), "subtle": (5, 10.0)}[stage.level]
    dice = stage.dice
    access = stage.client.accesses[0]
    for number in range(count):
        route = dice.one_of(_FORBIDDEN)
        at = minutes * MINUTE * (number + dice.uniform()) / count
        stage.call(at, route, 403, access)
    return Deed(
        minutes * MINUTE, f"{count} calls that its token may not make, in {minutes:.0f} min"
    )


def _drift(stage: Stage) -> Deed:
    a_day = {"obvious": 1.2, "moderate": 1.12, "subtle": 1.06}[stage.level]
    client = stage.client
    days = 0
    then_ns = stage.at_ns
    client.order_max *= 10
    client.position_max *= 10
    while then_ns < stage.end_ns:
        if (then_ns // DAY_NS + 3) % 7 <= 4:  # 1970-01-01 was a Thursday
            days += 1
            stage.desk.at(then_ns, lambda _now: _grow(client, a_day))
        then_ns += DAY_NS
    note = f"order sizes grow by {a_day - 1:.0%} a weekday, {a_day**days:.1f} times in {days} days"
    return Deed((stage.end_ns - stage.at_ns) / 1e9, note)


def _grow(client: Client, times: float) -> None:
    known = client.sizes
    client.sizes = Sizes(known.median * times, known.sigma, known.lot)


def _calm(stage: Stage, seconds: float) -> None:
    """The account's ordinary business is small meanwhile: what is built up is not undone."""
    client = stage.client
    stage.desk.at(stage.at_ns, lambda _now: setattr(client, "activity", 0.1))
    stage.desk.at(stage.then(seconds), lambda _now: setattr(client, "activity", 1.0))


def _lots(client: Client, units: float) -> int:
    return max(client.sizes.lot, round(units / client.sizes.lot) * client.sizes.lot)


def _usual_exposure(client: Client) -> float:
    """What somebody has open on average, over all pairs.

    A position is a random walk that is pulled back the harder the further it goes: its variance is
    half of the pull's length times what an order's square is to its mean.
    """
    sizes = client.sizes
    of_order = sizes.median * math.exp(1.5 * sizes.sigma**2)  # mean square over mean, log-normal
    position = math.sqrt(SOFT * client.position_max * of_order / 2)
    return len(client.pairs) * 0.8 * position  # the mean of a normal law without its sign


def _careful(client: Client) -> bool:
    """Somebody who usually uses a fifth of his margin; of who lives near the call it is no news."""
    return client.equity * LEVERAGE > 2.6 * SOFT * client.position_max


def _settled(client: Client) -> bool:
    return not client.roams


KINDS: Final = (
    Kind(
        "order_size", "order size against the account's own history", "fraud",
        ("order_size", "unusual_combination"), "weeks",
        {
            "obvious": "two zeros too many on one of its larger orders",
            "moderate": "a zero too many on one of its larger orders",
            "subtle": "a zero too many on an ordinary order, or digits transposed",
        },
        _order_size, (*_HUMAN, "robot"),
    ),
    Kind(
        "unusual_hour", "unusual hour", "fraud", ("unusual_hour", "unusual_combination"), "weeks",
        {
            "obvious": "8 orders in the account's night", "moderate": "4 orders in its night",
            "subtle": "one order in its night",
        },
        _unusual_hour, ("treasurer", "retail", "robot", "fund"), at="night",
    ),
    Kind(
        "new_currency", "new counter-currency", "fraud",
        ("new_currency", "unusual_combination"), "weeks",
        {
            "obvious": "5 orders in an exotic pair", "moderate": "2 orders in an exotic pair",
            "subtle": "one order in a lesser pair",
        },
        _new_currency, (*_HUMAN, "robot"),
    ),
    Kind(
        "limit_creep", "limit creep", "fraud", ("limit_creep",), "weeks",
        {
            "obvious": "40 small orders on one side in 3 hours, to 96 % of the position limit",
            "moderate": "60 small orders on one side in 6 hours, to 96 % of the position limit",
            "subtle": "60 small orders on one side in 54 hours, to 96 % of the position limit",
        },
        _limit_creep, ("treasurer", "retail"), grace_seconds=30 * MINUTE,
        room_seconds=60 * HOUR,
    ),
    Kind(
        "margin_run_up", "margin run-up", "fraud", ("margin_run_up", "limit_creep"), "weeks",
        {
            "obvious": "margin used grows from a fifth to 115 % of equity within half an hour",
            "moderate": "margin used grows from a fifth to 95 % of equity within two hours",
            "subtle": "margin used grows from a fifth to 85 % of equity within a day",
        },
        _margin_run_up, ("retail", "scalper"), _careful, grace_seconds=30 * MINUTE,
    ),
    Kind(
        "reject_streak", "reject streaks", "fraud", ("reject_streak",), "weeks",
        {
            "obvious": "25 rejections in five minutes", "moderate": "10 rejections in ten minutes",
            "subtle": "6 rejections in half an hour",
        },
        _reject_streak, (*_HUMAN, "robot", "fund"),
    ),
    Kind(
        "new_address", "new address of an account", "fraud", ("new_address",), "weeks",
        {
            "obvious": "12 calls from a new network", "moderate": "5 calls from a new network",
            "subtle": "one order from a new network",
        },
        _new_address, ("treasurer", "retail", "robot", "fund", "scalper"), _settled,
    ),
    Kind(
        "new_key", "new key of an account", "fraud", ("new_key",), "weeks",
        {
            "obvious": "12 calls with a new token", "moderate": "5 calls with a new token",
            "subtle": "one order with a new token",
        },
        _new_key, ("treasurer", "retail", "robot", "fund", "scalper"),
    ),
    Kind(
        "access_denied", "403 probing", "fraud", ("access_denied",), "weeks",
        {
            "obvious": "40 calls that are forbidden in three minutes",
            "moderate": "12 calls that are forbidden in three minutes",
            "subtle": "5 calls that are forbidden in ten minutes",
        },
        _access_denied, ("treasurer", "retail", "robot", "fund", "scalper"),
    ),
    Kind(
        "drift", "a slow attacker trains the model", "fraud",
        ("drift", "order_size", "unusual_combination"), "weeks",
        {
            "obvious": "order sizes grow by 20 % every weekday",
            "moderate": "order sizes grow by 12 % every weekday",
            "subtle": "order sizes grow by 6 % every weekday",
        },
        _drift, ("treasurer", "retail"),
        lambda client: client.orders_a_day >= 8, at="early", grace_seconds=24 * HOUR,
    ),
)  # fmt: skip
"""All kinds of this module."""
