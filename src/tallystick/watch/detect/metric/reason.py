"""What the metric detector says about a point, and why."""

import msgspec


class MetricScore(msgspec.Struct, frozen=True):
    """How odd a point of a stream is.

    `score` runs from 0 to 1 and `alarm` is whether it reaches the threshold: within the refractory
    period after an alarm the score is held below it, unless the evidence is much stronger.
    `p_value` is a family's p-value that would be as much evidence as all families' together, held
    back or not: about the share of the stream's ordinary points that are at least as odd.
    """

    score: float
    p_value: float
    alarm: bool


class MetricFamily(msgspec.Struct, frozen=True):
    """One view's part: its p-value by its own past, and its share of the evidence, 0 to 1.

    `says` is what the view means, for a person.
    """

    name: str
    p_value: float
    share: float
    says: str


class MetricExample(msgspec.Struct, frozen=True):
    """The past point at which the stream was most like now."""

    at_seconds: float
    value: float


class MetricReason(msgspec.Struct, frozen=True):
    """Why the last (finite) point of a stream was scored as it was.

    `came` against `expected`, the mean of what came about this time of the day before, and usual
    between `low` and `high`, its band (mean and scale of the last points while there is no such
    day); `families` with the largest share first; `nearest` is None until the stream has a past.
    """

    at_seconds: float
    came: float
    expected: float
    low: float
    high: float
    score: float
    families: tuple[MetricFamily, ...]
    nearest: MetricExample | None
    sentence: str
