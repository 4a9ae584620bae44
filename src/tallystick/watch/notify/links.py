"""Signed links: whoever holds one may acknowledge or resolve one incident, for a day, no login.

A token is base64url of

    version (1) | action (1 byte) | number of the incident (6) | end, seconds since the epoch (5)
    | who it was sent to (UTF-8) | the first 16 bytes of HMAC-SHA256 (RFC 2104 section 5)

It stands in the query: paths are logged, queries are not.
"""

import base64
import hashlib
import hmac
from typing import Literal, get_args

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Refused
from tallystick.watch.notify.message import Message, Ways

LINK_SECONDS = 86_400
"""How long a link works."""
LINK_PATH = "/incident-link"
INCIDENT_PATH = "/#incident="
"""Where the page shows an incident."""
WHO_BYTES_MAX = 64
"""As much of a person's name goes into a link."""
TOKEN_CHARACTERS_MAX = 200

LinkAction = Literal["acknowledge", "resolve"]
_ACTIONS: tuple[LinkAction, ...] = get_args(LinkAction)
_VERSION = 1
_HEAD_BYTES = 13
_MAC_BYTES = 16
_DOMAIN = b"tallystick incident link\n"


class Link(msgspec.Struct, frozen=True):
    """What a token allows: this, on this incident; `by` is how the timeline names who used it."""

    incident: str
    action: LinkAction
    by: str
    until_ns: int


class Links:
    """Makes and reads tokens; neither key nor token stands in its `repr` or errors."""

    def __init__(self, key: bytes, origin: str, clock: Clock) -> None:
        """`origin`: under which people reach this server, such as https://fx.example; "": none."""
        self._key = key
        self._origin = origin.rstrip("/")
        self._clock = clock

    def ways(self, message: Message, target: str) -> Ways:
        """Where the reader of this message goes; empty without an origin or an incident.

        Who uses a link is the person who was told, or whoever reads at `target`.
        """
        if not self._origin or not message.incident:
            return Ways()
        on = message.action
        return Ways(
            incident=f"{self._origin}{INCIDENT_PATH}{message.incident}",
            acknowledge=self._url(message, "acknowledge", target) if on == "trigger" else "",
            resolve=self._url(message, "resolve", target) if on != "resolve" else "",
        )

    def token(self, incident: str, action: LinkAction, who: str) -> str:
        """A token that works from now on, for LINK_SECONDS."""
        until = self._clock.now_ns() // NS_PER_SECOND + LINK_SECONDS
        number = int(incident.removeprefix("I-"))
        named = who.encode()[:WHO_BYTES_MAX].decode(errors="ignore").encode()
        head = bytes([_VERSION, _ACTIONS.index(action)])
        said = head + number.to_bytes(6, "big") + until.to_bytes(5, "big") + named
        return base64.urlsafe_b64encode(said + self._mac(said)).rstrip(b"=").decode()

    def read(self, token: str) -> Link:
        """What the token allows.

        Raises:
            Refused: `LINK_INVALID`, we did not make it; `LINK_EXPIRED`.
        """
        said = self._checked(token)
        until = int.from_bytes(said[8:13], "big")
        if until * NS_PER_SECOND <= self._clock.now_ns():
            raise Refused("LINK_EXPIRED", "This link has expired; open the incident instead.")
        who = said[_HEAD_BYTES:].decode()
        return Link(
            incident=f"I-{int.from_bytes(said[2:8], 'big')}",
            action=_ACTIONS[said[1]],
            by=f"link:{who}" if who else "link",
            until_ns=until * NS_PER_SECOND,
        )

    def _url(self, message: Message, action: LinkAction, target: str) -> str:
        token = self.token(message.incident, action, message.recipient or target)
        return f"{self._origin}{LINK_PATH}?t={token}"

    def _checked(self, token: str) -> bytes:
        """What our own hand has signed."""
        said, mac = b"", b""
        if len(token) <= TOKEN_CHARACTERS_MAX and token.isascii():
            try:
                raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
            except ValueError:
                raw = b""
            said, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        ours = hmac.compare_digest(self._mac(said), mac)
        if not ours or len(said) < _HEAD_BYTES or said[0] != _VERSION:
            raise Refused("LINK_INVALID", "This link is not whole, or not one of ours.")
        return said

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key, _DOMAIN + said, hashlib.sha256)[:_MAC_BYTES]
