"""Access keys of AWS: their ids, which are known by their form, and secrets that are named so."""

import re

from tallystick.watch.collect.redact.finder import ESCAPE, SPACE, Finder, by_pattern

_ID = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])")
_SECRET = re.compile(
    r"(?ai:secret[_ -]?(?:access[_ -]?)?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
    r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
)
_ID_CANDIDATE = rf"(?:^|[^A-Z0-9]|{ESCAPE})(?:AKIA|ASIA)[A-Z2-7]{{16}}(?:[^A-Z0-9]|$)"
_SECRET_CANDIDATE = (
    rf"(?i:secret[_ -]?(?:access[_ -]?)?key)\\?[\"']?{SPACE}*[:=]{SPACE}*\\?[\"']?"
    r"(?:[A-Za-z0-9+]|\\?/){40}"
)

AWS_KEY_ID = Finder(
    "AWS_KEY_ID", "high", _ID_CANDIDATE, by_pattern(_ID, "[AWS_KEY_ID]"), credential=True
)
AWS_SECRET = Finder(
    "AWS_SECRET",
    "critical",
    _SECRET_CANDIDATE,
    by_pattern(_SECRET, "[AWS_SECRET]"),
    credential=True,
)
