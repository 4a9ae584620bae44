"""What to ask of which server, within limits."""

import math
from typing import Literal

import msgspec

from tallystick.errors import Misconfigured
from tallystick.limits import KEY_CHARACTERS_MAX

CONNECTIONS_MAX = 1_024
"""Most connections of one process: the usual limit of open files."""
SECONDS_MAX = 3_600.0
"""Longest warm-up or run."""
REQUESTS_MAX = 100_000_000
"""Most requests of one run: what nine digits of a client_order_id number, with room for batches."""
RATE_MAX = 1_000_000.0
"""Most requests a second of an open loop."""
BATCH_MAX = 1_000
"""Most orders in one request."""
ACCOUNTS_MAX = 1_000_000
"""Most accounts: six digits."""
PAIRS_MAX = 100
ANSWER_SECONDS_MAX = 120.0
"""Longest time-out of an answer."""
PREFIX_CHARACTERS_MAX = KEY_CHARACTERS_MAX - 10
"""What a number of nine digits and its dash leave of a client_order_id."""

Arrivals = Literal["poisson", "constant"]
Mix = dict[str, float]
"""Kinds of requests and their shares, in any unit: {"market": 80, "limit": 20}."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A run, from `warm_up_seconds` of which nothing is counted to the last answer.

    Without `rate` the loop is closed: each connection sends its next request when the last one is
    answered. With `rate` (requests/s, over all connections) it is open: requests begin when the
    schedule says, and one that has to wait for a connection waits from that moment on.

    It ends after `seconds`, or after `requests` of them, whichever comes first. With `accounts`
    above 1 the orders go to `account`-000000, `account`-000001, ... `prefix` starts every
    client_order_id, and must be new for each run against one ledger. A request goes out with an
    Idempotency-Key where it may have to be sent again: when `drop` (the share of requests whose
    connection we cut off in the middle) or `retry_seconds` (how long an unanswered request is
    tried again; 0 never) is above 0. `path` is asked instead of the order's own where it is given;
    its answers are then only counted (`echo` false).
    """

    url: str
    token: str
    prefix: str
    seed: int = 7
    mix: Mix = msgspec.field(default_factory=lambda: {"market": 1.0})
    pairs: tuple[str, ...] = ("EUR/USD", "GBP/USD", "AUD/USD", "USD/JPY")
    account: str = "demo"
    accounts: int = 1
    batch: int = 1
    connections: int = 64
    rate: float | None = None
    arrivals: Arrivals = "poisson"
    seconds: float = 10.0
    warm_up_seconds: float = 0.0
    requests: int | None = None
    drop: float = 0.0
    retry_seconds: float = 0.0
    answer_seconds: float = 15.0
    path: str | None = None
    echo: bool = True

    def __post_init__(self) -> None:
        """Holds the plan to its limits."""
        within = {
            "prefix": 0 < len(self.prefix) <= PREFIX_CHARACTERS_MAX and plain(self.prefix),
            "account": 0 < len(self.account) <= KEY_CHARACTERS_MAX and plain(self.account),
            "token": plain(self.token),
            "mix": any(self.mix.values()) and all(0 <= n < math.inf for n in self.mix.values()),
            "pairs": 0 < len(self.pairs) <= PAIRS_MAX,
            "accounts": 1 <= self.accounts <= ACCOUNTS_MAX,
            "batch": 1 <= self.batch <= BATCH_MAX,
            "connections": 1 <= self.connections <= CONNECTIONS_MAX,
            "rate": self.rate is None or 0 < self.rate <= RATE_MAX,
            "seconds": 0 < self.seconds <= SECONDS_MAX,
            "warm_up_seconds": 0 <= self.warm_up_seconds <= SECONDS_MAX,
            "requests": self.requests is None or 1 <= self.requests <= REQUESTS_MAX,
            "drop": 0 <= self.drop <= 1,
            "retry_seconds": 0 <= self.retry_seconds <= SECONDS_MAX,
            "answer_seconds": 0 < self.answer_seconds <= ANSWER_SECONDS_MAX,
        }
        for name, fits in within.items():
            if not fits:
                raise Misconfigured(f"{name} = {getattr(self, name)!r} is outside its limits.")
        if self.drop and not self.retry_seconds:
            raise Misconfigured("What is dropped must be tried again: give it retry_seconds.")

    @property
    def account_names(self) -> list[str]:
        """Who trades."""
        if self.accounts == 1:
            return [self.account]
        return [f"{self.account}-{number:06}" for number in range(self.accounts)]

    @property
    def keyed(self) -> bool:
        """Whether each request carries an Idempotency-Key."""
        return self.retry_seconds > 0


def plain(text: str) -> bool:
    """Printable ASCII without quotes and spaces: fits into a JSON string and a header as it is."""
    return text.isascii() and text.isprintable() and not set(text) & set(' "\\')


def parse_mix(text: str) -> Mix:
    """The mix in `market=80,limit=20`; a kind alone has the share 1.

    Raises:
        Misconfigured: it is not of that form.
    """
    mix: Mix = {}
    for part in text.split(","):
        kind, _, share = part.strip().partition("=")
        try:
            mix[kind] = float(share or 1)
        except ValueError as error:
            raise Misconfigured(f"{part!r} is not of the form market=80.") from error
    return mix
