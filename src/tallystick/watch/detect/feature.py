"""What a feature is: one number that a detector looks at, with its unit and its meaning."""

from typing import Literal

import msgspec

Source = Literal["ledger", "calls", "quotes", "logs"]
"""Where a feature's number comes from: entries, answered API calls, prices, or log lines."""


class Feature(msgspec.Struct, frozen=True):
    """One number that detectors look at; `docs/reference/features.md` is written from these.

    `name` is snake_case and stands in every `Contribution`; `unit` is what its numbers count
    (`bps`, `orders`, `share`, `USD`; "" for a pure number); `meaning` is one sentence; `source`
    says what it is computed from, and `detectors` which detectors use it.
    """

    name: str
    unit: str
    meaning: str
    source: Source
    detectors: tuple[str, ...]


def named(*features: Feature) -> dict[str, Feature]:
    """The features by their names: how each package writes its `FEATURES`.

    Raises:
        ValueError: two features have one name.
    """
    known = {feature.name: feature for feature in features}
    if len(known) != len(features):
        raise ValueError("two features have one name")
    return known
