"""Our own secrets: bearer and collector tokens as `ids.new_secret` makes them."""

import re

from tallystick.watch.collect.redact.finder import BEFORE, Finder, by_pattern

_TOKEN = re.compile(r"(?<![A-Za-z0-9])(?:tally|hec)_[A-Za-z0-9_-]{20,}")
_CANDIDATE = rf"{BEFORE}(?:tally|hec)_[\w-]{{20}}"

OWN_TOKENS = Finder(
    "TALLYSTICK_TOKEN", "critical", _CANDIDATE, by_pattern(_TOKEN, "[TALLYSTICK_TOKEN]"),
    credential=True,
)  # fmt: skip
