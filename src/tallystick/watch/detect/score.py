"""What a detector says about observations, and what an anomaly is made of."""

from typing import Literal

import msgspec

ALARM_P_MAX = 3e-6
"""An observation this improbable or more is an anomaly: it happens thrice in a million.

About fifteen looks are taken at an order, so a well calibrated house says about five false words in
100,000 orders; `tallystick detect bench trades` measures it."""
P_VALUE_MIN = 1e-12
"""Nothing is called rarer than this: no history here is long enough to say more."""

Family = Literal["market_abuse", "fraud", "operations"]
"""Whose business it is: the surveillance desk's, the security desk's, or the operators'."""


class Contribution(msgspec.Struct, frozen=True):
    """One feature's part in the surprise, in numbers.

    `came` against the usual range `expected_low` .. `expected_high`, all in `unit`; `surprise` is
    -log10 of the feature's own p-value. `feature` is a name of docs/reference/features.md.
    """

    feature: str
    unit: str
    came: float
    expected_low: float
    expected_high: float
    surprise: float


class Example(msgspec.Struct, frozen=True):
    """The ordinary observation that is nearest to the odd one: what it should have looked like.

    `text` is a phrase for a person (`buy 120,000 EUR/USD at 09:14:02`); `position` leads to the
    ledger's entry, None for what is no entry.
    """

    at: str
    text: str
    position: int | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why something is an anomaly, for a person: what was expected, what came, one sentence.

    `contributions` come with the largest surprise first. `positions` are the ledger's entries that
    make the case, oldest first (a layering pattern has many); empty for what is not on the ledger.
    """

    expected: str
    came: str
    sentence: str
    contributions: tuple[Contribution, ...]
    nearest: Example | None = None
    positions: tuple[int, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """An observation of a batch (its row, from 0) that is an anomaly, and why.

    `entity` is what it was compared with, for a person and for the refractory period (`acme
    EURUSD`, `POST /v1/orders`); further findings of the same name and entity are held back for
    `refractory_seconds` of the stream's own time.
    """

    row: int
    detector: str
    family: Family
    entity: str
    p_value: float
    refractory_seconds: float
    reason: Reason


class Judged(msgspec.Struct, frozen=True):
    """What a detector says about a batch.

    `p_values` has one number an observation, of the oddest of the detector's looks at it; NaN for
    what it does not look at or cannot judge yet.
    """

    p_values: list[float]
    findings: list[Finding]


class Anomaly(msgspec.Struct, frozen=True):
    """Something odd happened; a fact that replays to the same `id` from the same observation.

    `at` is RFC 3339, the observation's own stamp. `position` and `order_id` lead to the proof of
    the order, `positions` to all entries that make the case; they are None and empty for API calls,
    prices and log lines, `route` is None for orders. `model` is the version that found it.
    `held` says why nobody is alerted; None: somebody is. `likely` is the probability that it is
    worth an alert, by a classifier that was trained on verdicts; None: there is none.
    """

    id: str
    detector: str
    family: Family
    entity: str
    at: str
    p_value: float
    expected: str
    came: str
    sentence: str
    contributions: tuple[Contribution, ...]
    nearest: Example | None = None
    account: str | None = None
    pair: str | None = None
    route: str | None = None
    position: int | None = None
    order_id: str | None = None
    positions: tuple[int, ...] = ()
    model: str = ""
    held: str | None = None
    likely: float | None = None


class Score(msgspec.Struct, frozen=True, gc=False):
    """How odd one point is for its entity, by a detector of one observation at a time."""

    entity: str
    p_value: float
    reason: Reason | None
