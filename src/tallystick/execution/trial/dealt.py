"""What an entry must post, worked out again from what it says was dealt or rolled."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from tallystick.execution.trial.amounts import rounded, settles_on, units_of
from tallystick.execution.trial.totals import HOUSE
from tallystick.fx import INSTRUMENTS, Pair, currency

DAYS_OF_YEAR = 360
Postings = dict[tuple[str, str, str], int]
"""(account, currency, value date) -> minor units."""


class Wrong(Exception):  # noqa: N818  a sentence on its way to `Corrupt`
    """What is wrong with an entry."""


def dealt(entry: dict[str, Any]) -> tuple[Postings, int, int]:
    """What fills have to post for their account; the units bought less sold, and those on its side.

    Raises:
        Wrong: a fill is not worth what it says.
    """
    order = entry["order"]
    traded = INSTRUMENTS[order["pair"]]
    account = order["account"]
    expected: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    bought = done = 0
    for fill in entry["fills"]:
        quantity, amount = _worth(fill, traded)
        side = fill.get("side", order["side"])
        sign = 1 if side == "buy" else -1
        expected[account, traded.base, fill["value_date"]] += sign * quantity
        expected[account, traded.quote, fill["value_date"]] -= sign * amount
        bought += sign * quantity
        done += quantity if side == order["side"] else 0
    return expected, bought, done


def _worth(fill: dict[str, Any], traded: Pair) -> tuple[int, int]:
    """A fill's quantity and amount, which fit its price."""
    quantity = units_of(fill["quantity"], traded.base_digits)
    price = units_of(fill["price"], traded.price_digits)
    amount = units_of(fill["amount"], traded.quote_digits)
    shift = traded.base_digits + traded.price_digits - traded.quote_digits
    if quantity <= 0 or amount != rounded(quantity * price, shift):
        raise Wrong(
            f"fill {fill['id']} of {fill['quantity']} at {fill['price']} is not worth"
            f" {fill['amount']}."
        )
    return quantity, amount


def rolled(entry: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    """What a roll has to post for its account, by its own price, rates and days."""
    traded = INSTRUMENTS[entry["pair"]]
    first, then = date.fromisoformat(entry["from_date"]), date.fromisoformat(entry["to_date"])
    if (then - first).days != entry["days"] or entry["days"] <= 0:
        raise Wrong(f"from {first} to {then} are not {entry['days']} days.")
    units = units_of(entry["units"], traded.base_digits)
    price = units_of(entry["price"], traded.price_digits)
    digits = traded.base_digits + traded.price_digits - traded.quote_digits
    amount = rounded(units * price, digits)
    rate = units_of(entry["base_rate_bps"], 2) - units_of(entry["quote_rate_bps"], 2)
    numerator = units * price * rate * entry["days"] * 10**traded.quote_digits
    denominator = DAYS_OF_YEAR * 10 ** (6 + traded.base_digits + traded.price_digits)
    quotient, rest = divmod(abs(numerator), denominator)
    financing = (quotient + (2 * rest >= denominator)) * (1 if numerator >= 0 else -1)
    if financing != units_of(entry["financing"], traded.quote_digits):
        raise Wrong(f"the financing of {entry['units']} {traded.base} is not {entry['financing']}.")
    account, base, quoted = entry["account"], traded.base, traded.quote
    return {
        (account, base, entry["from_date"]): -units,
        (account, base, entry["to_date"]): units,
        (account, quoted, entry["from_date"]): amount,
        (account, quoted, entry["to_date"]): financing - amount,
    }


def require_postings(entry: dict[str, Any], expected: Mapping[tuple[str, str, str], int]) -> None:
    """The entry posts exactly this to its account, and the opposite to the house."""
    whole: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for (account, code, value_date), amount in expected.items():
        whole[account, code, value_date] += amount
        whole[HOUSE, code, value_date] -= amount
    settles = settles_on(entry)
    for posting in entry["postings"]:
        code = posting["currency"]
        place = posting["account"], code, posting.get("value_date", settles)
        whole[place] -= units_of(posting["amount"], currency(code).minor_digits)
    for (account, code, value_date), amount in whole.items():
        if amount:
            raise Wrong(
                f"what it posts to {account} in {code} for {value_date} is not what it says was"
                " dealt."
            )
