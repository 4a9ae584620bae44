"""Margin profiles: how much margin a position needs, and when an account is called; data."""

from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from tallystick.errors import Misconfigured
from tallystick.fx import PAIRS

Aggregation = Literal["net", "larger_side", "sum"]
"""What of a pair that an account holds long and short needs margin: the difference, the larger
side, or both sides (OANDA: NET_SUM, MAXIMAL_SIDE, ABSOLUTE_SUM). All three are the same where an
account is never long and short at once."""
NONE: Final = "none"
LEVERAGE_MAX: Final = 1_000
PERCENT_MAX: Final = 1_000


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One profile.

    A position of worth w needs w / leverage: `pairs` says it for single pairs, else
    `major_leverage` where both currencies are `majors`, else `leverage`; 0 needs nothing. The
    percents are equity in percent of what the open positions need: below `call_percent` a margin
    call begins, from `exit_percent` on it ends, below `close_out_percent` positions are closed.
    `negative_balance_protection`: the house takes over what is left below nothing.
    """

    description: str
    leverage: int
    major_leverage: int | None = None
    majors: tuple[str, ...] = ()
    pairs: dict[str, int] = {}
    call_percent: int = 100
    exit_percent: int = 105
    close_out_percent: int = 50
    aggregation: Aggregation = "net"
    negative_balance_protection: bool = False

    def leverage_of(self, pair: str) -> int:
        """The leverage of a pair; 0: it needs no margin."""
        own = self.pairs.get(pair)
        if own is not None:
            return own
        if (
            self.major_leverage is not None
            and pair[:3] in self.majors
            and pair[4:] in self.majors
        ):  # fmt: skip
            return self.major_leverage
        return self.leverage


def parse_profiles(text: str) -> dict[str, Profile]:
    """The profiles in the text of a TOML file, by name.

    Raises:
        Misconfigured: it is no such file; the sentence names the profile and what is wrong.
    """
    try:
        found = msgspec.toml.decode(text, type=dict[str, Profile])
    except msgspec.DecodeError as error:
        raise Misconfigured(f"Margin profiles: {error}.") from error
    for name, profile in found.items():
        wrong = _wrong(profile)
        if wrong is not None:
            raise Misconfigured(f"Margin profile {name!r}: {wrong}.")
    return found


def _wrong(profile: Profile) -> str | None:
    """What makes a profile unusable."""
    leverages = [profile.leverage, profile.major_leverage or 0, *profile.pairs.values()]
    if not all(0 <= leverage <= LEVERAGE_MAX for leverage in leverages):
        return f"a leverage is not between 0 and {LEVERAGE_MAX}"
    unknown = [pair for pair in profile.pairs if pair not in PAIRS]
    if unknown:
        return f"{unknown[0]!r} is not a pair that is traded here"
    steps = (0, profile.close_out_percent, profile.call_percent, profile.exit_percent, PERCENT_MAX)
    if any(lower > upper for lower, upper in pairwise(steps)):
        return (
            "close_out_percent, call_percent and exit_percent must rise in this order, up to"
            f" {PERCENT_MAX}"
        )
    return None


_SHIPPED: Final = parse_profiles((files(__package__) / "profiles.toml").read_text("ascii"))
_known: dict[str, Profile] = dict(_SHIPPED)
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(_known)
"""Every profile, by name."""


def use_profiles(text: str) -> None:
    """Add an operator's own profiles; one of a shipped one's name stands in its place.

    For wiring, once at start; without text the shipped ones alone are left.

    Raises:
        Misconfigured: as `parse_profiles`.
    """
    own = parse_profiles(text)
    _known.clear()
    _known.update(_SHIPPED | own)


def profile_of(name: str | None) -> Profile | None:
    """The profile of an account's configuration; None where it needs no margin.

    A name that is not known here (another version wrote it) is held to the retail profile: too
    strict is safe.
    """
    if name is None or name == NONE:
        return None
    return _known.get(name, _SHIPPED["esma_retail"])
