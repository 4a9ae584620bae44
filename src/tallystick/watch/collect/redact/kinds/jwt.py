"""JSON web tokens (RFC 7519): signed, encrypted or neither, whoever issued them."""

import re

from tallystick.watch.collect.redact.finder import ESCAPE, Finder, by_pattern

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){1,3}"
)
_CANDIDATE = rf"(?:^|[^\w-]|{ESCAPE})eyJ[\w-]{{5,}}\.[\w-]{{5,}}\."

JWT = Finder("JWT", "critical", _CANDIDATE, by_pattern(_TOKEN, "[JWT]"), credential=True)
