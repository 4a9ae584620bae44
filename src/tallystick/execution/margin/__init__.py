"""What accounts have to have for what they hold: margin profiles, figures, valuation. Pure."""

from tallystick.execution.margin.profiles import (
    PROFILES,
    Aggregation,
    Profile,
    parse_profiles,
    profile_of,
    use_profiles,
)
from tallystick.execution.margin.requirement import (
    UNPRICED,
    Figures,
    covers,
    figures,
    shortfall,
)

__all__ = [
    "PROFILES",
    "UNPRICED",
    "Aggregation",
    "Figures",
    "Profile",
    "covers",
    "figures",
    "parse_profiles",
    "profile_of",
    "shortfall",
    "use_profiles",
]
