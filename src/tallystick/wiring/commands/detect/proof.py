"""The command line that proves a ledger entry, as it is printed to be copied."""

import ipaddress
import os
import shlex
from contextlib import suppress
from urllib.parse import urlsplit

from tallystick.errors import TallystickError
from tallystick.wiring.facts import facts_of
from tallystick.wiring.settings import read_settings

PINNED = "@ledger.vkey"
"""The file of docs/guides/verify-a-receipt.md, for a server whose key is not known here."""


def proof_command(url: str, position: int) -> str:
    """Fetch the entry's receipt and verify it.

    The key is the one beside the data folder of the settings where that is this server's. A server
    on another machine mostly wants a token: the shell's `$TOKEN`.
    """
    key = PINNED
    with suppress(TallystickError):
        facts = facts_of(read_settings(os.environ).folder)
        if facts is not None and facts.url == url:
            key = facts.vkey
    token = "" if _is_here(url) else ' -H "Authorization: Bearer $TOKEN"'
    receipt = shlex.quote(f"{url}/v1/ledger/entries/{position}/receipt")
    return f"curl -s{token} {receipt} | tallystick verify - --vkey {shlex.quote(key)}"


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
