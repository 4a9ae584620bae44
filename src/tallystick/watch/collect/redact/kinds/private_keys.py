"""Private keys: PEM blocks (RFC 7468), OpenPGP's, and the lines in which our own are kept."""

import re

from tallystick.watch.collect.redact.finder import Finder, by_pattern

_LABEL = r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_KEY = re.compile(
    rf"-----BEGIN {_LABEL}[\s\S]*?(?:-----END {_LABEL}|\Z)"
    r"|(?:PRIVATE\+KEY|SUBJECT\+KEK)\+[^\s\"'\\]+"
)
_CANDIDATE = r"PRIVATE KEY(?: BLOCK)?-----|(?:PRIVATE\+KEY|SUBJECT\+KEK)\+"

PRIVATE_KEYS = Finder(
    "PRIVATE_KEY", "critical", _CANDIDATE, by_pattern(_KEY, "[PRIVATE_KEY]"), credential=True
)
