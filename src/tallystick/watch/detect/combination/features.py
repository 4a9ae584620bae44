"""The coordinates of an order, as the account's own habits are made of them."""

from tallystick.watch.detect.feature import Feature, named

NAME = "unusual_combination"


def _of_ledger(name: str, unit: str, meaning: str) -> Feature:
    return Feature(f"combination_{name}", unit, meaning, "ledger", (NAME,))


QUANTITY = _of_ledger(
    "quantity", "log10", "Size of the order in the base currency, as its logarithm."
)
DISTANCE = _of_ledger(
    "distance",
    "log bps",
    "How far a limit lies from the middle of the market, above 0 where that is to the client's"
    " cost: the logarithm of 1 and the distance; of an order without one, the account's usual.",
)
GAP = _of_ledger("gap", "log10 s", "Time since the account's order before, as its logarithm.")
PAIR_GAP = _of_ledger(
    "pair_gap", "log10 s", "Time since the account's order before in this pair, as its logarithm."
)
HOUR_SINE = _of_ledger("hour_sine", "", "Time of day (UTC) on a circle: its sine.")
HOUR_COSINE = _of_ledger("hour_cosine", "", "Time of day (UTC) on a circle: its cosine.")
LIMIT = _of_ledger("limit", "", "1 for a limit order, 0 for any other.")
SIDE = _of_ledger("side", "", "1 where the base currency is bought, -1 where it is sold.")
PAIR_SHARE = _of_ledger(
    "pair_share", "log2", "The pair's share of the account's own orders, as its logarithm."
)


def _couple(one: str, other: str) -> Feature:
    return _of_ledger(
        f"{one}_{other}",
        "log2",
        f"How often the account's orders have this {one} and this {other} together, over how often"
        " they would if one had nothing to do with the other, as its logarithm.",
    )


PAIR_SIDE = _couple("pair", "side")
PAIR_SIZE = _couple("pair", "size")
PAIR_KIND = _couple("pair", "kind")
PAIR_HOUR = _couple("pair", "hour")
SIZE_KIND = _couple("size", "kind")
SIDE_HOUR = _couple("side", "hour")
COUPLES = (PAIR_SIDE, PAIR_SIZE, PAIR_KIND, PAIR_HOUR, SIZE_KIND, SIDE_HOUR)
"""In the order of `kernels.COUPLES`."""
FEATURES: dict[str, Feature] = named(
    QUANTITY, DISTANCE, GAP, PAIR_GAP, HOUR_SINE, HOUR_COSINE, LIMIT, SIDE, PAIR_SHARE, *COUPLES
)
"""In the order of the coordinates."""
