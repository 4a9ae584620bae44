"""User names and passwords in addresses: `https://user:password@host/` (RFC 3986, 3.2.1)."""

import re

from tallystick.watch.collect.redact.finder import Finder, by_pattern

_USERINFO = re.compile(r"://([^\s/?#@:\"'<>]*:[^\s/?#\"'<>]*)@")
_CANDIDATE = r":\\?/\\?/[^\s/?#\"'<>]*:[^\s/?#\"'<>]*@"

URLS = Finder(
    "URL_CREDENTIALS",
    "critical",
    _CANDIDATE,
    by_pattern(_USERINFO, "[CREDENTIALS]"),
    credential=True,
)
