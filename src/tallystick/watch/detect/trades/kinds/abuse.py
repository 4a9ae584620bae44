"""Market abuse, planted: sizes are what a surveillance desk would want to be told of."""

from typing import Final

from tallystick.watch.detect.trades.client import Client
from tallystick.watch.detect.trades.desk import Wish
from tallystick.watch.detect.trades.kinds.kind import HOUR, MINUTE, Deed, Kind, Stage

_HUMAN: Final = ("treasurer", "retail", "scalper")


def _off_market(stage: Stage) -> Deed:
    away = {"obvious": 300.0, "moderate": 100.0, "subtle": 40.0}[stage.level]
    client, dice = stage.client, stage.dice
    pair = client.pair(dice)
    units = client.sizes.draw(dice)
    side = dice.one_of(("buy", "sell"))
    one = Wish(pair, side, units, -away)
    stage.order(0.0, one)
    return Deed(1.0, f"one limit order {away:.0f} bps through the market")


def _order_burst(stage: Stage) -> Deed:
    count, gap = {"obvious": (200, 0.05), "moderate": (60, 0.33), "subtle": (30, 2.0)}[stage.level]
    client, dice = stage.client, stage.dice
    pair = client.pair(dice)
    at = 0.0
    for number in range(count):
        side = "buy" if number % 2 else "sell"
        one = Wish(pair, side, client.sizes.draw(dice))
        stage.order(at, one)
        at += gap * (0.5 + dice.exponential() / 2)
    return Deed(at, f"{count} orders within {at:.0f} s")


def _cancel_ratio(stage: Stage) -> Deed:
    count, share, minutes = {
        "obvious": (80, 1.0, 60.0), "moderate": (40, 0.95, 90.0), "subtle": (20, 0.85, 120.0),
    }[stage.level]  # fmt: skip
    client, dice = stage.client, stage.dice
    for number in range(count):
        at = minutes * MINUTE * (number + dice.uniform()) / count
        life = dice.between(3, 60) if dice.chance(share) else 0.0
        side = dice.one_of(("buy", "sell"))
        away = client.offset_bps * dice.between(0.5, 1.5)
        one = Wish(client.pair(dice), side, client.sizes.draw(dice), away, life, not life)
        stage.order(at, one)
    note = f"{count} limit orders in {minutes:.0f} min, {share:.0%} taken back within a minute"
    return Deed(minutes * MINUTE, note)


def _layering(stage: Stage) -> Deed:
    rounds, layers = {"obvious": (10, 6), "moderate": (5, 4), "subtle": (3, 3)}[stage.level]
    client, dice = stage.client, stage.dice
    pair = client.pairs[0]
    side = dice.one_of(("buy", "sell"))
    other = "sell" if side == "buy" else "buy"
    at = 0.0
    for _ in range(rounds):
        lives = dice.between(4, 12)
        for layer in range(layers):
            units = client.sizes.lot * round(
                2.5 * client.sizes.quantile(0.3) / client.sizes.lot * dice.between(0.8, 1.2)
            )
            life = lives + dice.between(0.5, 3.0)
            one = Wish(pair, side, max(units, client.sizes.lot), 1.5 + 1.5 * layer, life)
            stage.order(at + layer * dice.between(0.2, 0.8), one)
        deal = Wish(pair, other, client.sizes.draw(dice))
        stage.order(at + lives, deal)
        at += dice.between(100, 400)
    note = f"{rounds} times {layers} {side} orders away from the touch, a deal on the other side, "
    return Deed(at, note + "and all are taken back")


def _wash_trades(stage: Stage) -> Deed | None:
    count, hours = {"obvious": (20, 2.0), "moderate": (8, 2.0), "subtle": (4, 2.0)}[stage.level]
    client, dice = stage.client, stage.dice
    partner = next((one for one in stage.others if set(one.pairs) & set(client.pairs)), None)
    if partner is None:
        return None
    pair = next(one for one in client.pairs if one in partner.pairs)
    smaller = min(client, partner, key=lambda one: one.sizes.median)
    for number in range(count):
        at = hours * HOUR * (number + dice.uniform()) / count
        units = smaller.sizes.draw(dice)
        side = dice.one_of(("buy", "sell"))
        other = "sell" if side == "buy" else "buy"
        apart = dice.between(0.2, 3.0)
        for who, one, then in (
            (client, Wish(pair, side, units), at),
            (partner, Wish(pair, other, units), at + apart),
        ):
            stage.order(then, one, client=who)
    note = f"{count} trades of equal size on both sides of two accounts within 3 s each"
    return Deed(hours * HOUR, note, accounts=(client.name, partner.name))


def _round_trip(stage: Stage) -> Deed:
    count, minutes = {"obvious": (25, 60.0), "moderate": (10, 60.0), "subtle": (5, 60.0)}[
        stage.level
    ]
    client, dice = stage.client, stage.dice
    pair = client.pairs[0]
    for number in range(count):
        at = minutes * MINUTE * (number + 0.8 * dice.uniform()) / count
        units = client.sizes.draw(dice)
        side = dice.one_of(("buy", "sell"))
        other = "sell" if side == "buy" else "buy"
        for one, then in (
            (Wish(pair, side, units), at),
            (Wish(pair, other, units), at + dice.between(4, 30)),
        ):
            stage.order(then, one)
    return Deed(minutes * MINUTE, f"{count} times in and out of the same size within 30 s")


def _waits(client: Client) -> bool:
    return client.limit_share > 0.2 and client.cancel_share < 0.45


KINDS: Final = (
    Kind(
        "off_market", "price against the market", "market_abuse",
        ("off_market", "unusual_combination"), "weeks",
        {
            "obvious": "one limit order 300 bps through the market",
            "moderate": "one limit order 100 bps through the market: a wrong big figure",
            "subtle": "one limit order 40 bps through the market",
        },
        _off_market, ("treasurer", "retail"), _waits,
    ),
    Kind(
        "order_burst", "burst rate", "market_abuse", ("order_burst", "order_rate"), "weeks",
        {
            "obvious": "200 orders within 10 s", "moderate": "60 orders within 20 s",
            "subtle": "30 orders within a minute",
        },
        _order_burst, (*_HUMAN, "robot"),
    ),
    Kind(
        "cancel_ratio", "cancel ratio", "market_abuse", ("cancel_ratio", "layering"), "weeks",
        {
            "obvious": "80 limit orders within an hour, all taken back within a minute",
            "moderate": "40 limit orders in 90 minutes, 95 % taken back within a minute",
            "subtle": "20 limit orders in two hours, 85 % taken back within a minute",
        },
        _cancel_ratio, ("treasurer", "retail"), _waits, grace_seconds=30 * MINUTE,
    ),
    Kind(
        "layering", "layering", "market_abuse", ("layering", "cancel_ratio"), "weeks",
        {
            "obvious": "ten times six orders on one side, a deal on the other, all taken back",
            "moderate": "five times four orders on one side, a deal on the other, all taken back",
            "subtle": "three times three orders on one side, a deal on the other, all taken back",
        },
        _layering, (*_HUMAN, "algo"), grace_seconds=30 * MINUTE,
    ),
    Kind(
        "wash_trades", "wash trades", "market_abuse", ("wash_trades",), "weeks",
        {
            "obvious": "20 trades of two accounts against each other within two hours",
            "moderate": "8 trades of two accounts against each other within two hours",
            "subtle": "4 trades of two accounts against each other within two hours",
        },
        _wash_trades, _HUMAN, grace_seconds=30 * MINUTE,
    ),
    Kind(
        "round_trip", "round trips", "market_abuse", ("round_trip", "wash_trades"), "weeks",
        {
            "obvious": "25 times in and out within seconds in an hour",
            "moderate": "10 times in and out within seconds in an hour",
            "subtle": "5 times in and out within seconds in an hour",
        },
        _round_trip, ("treasurer", "retail"), grace_seconds=30 * MINUTE,
    ),
)  # fmt: skip
"""All kinds of this module."""
