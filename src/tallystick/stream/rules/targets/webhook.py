"""The webhook: an HTTP POST of the event (or what was made of it), signed (`signature`)."""

import re
from collections.abc import Mapping

import msgspec

from tallystick.errors import Misconfigured
from tallystick.stream.rules.targets.port import Parcel, Surroundings, options_of, secret_of
from tallystick.stream.rules.targets.posting import Poster

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,64}")
_VALUE = re.compile(r"[!-~]([ -~]{0,998}[!-~])?")
"""RFC 9110 section 5.5, without what is obsolete."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to; the secret is in a file beside the rules, or the operator's own."""

    url: str
    secret_file: str | None = None
    headers: dict[str, str] = {}


class WebhookTarget:
    """Posts each parcel; 408, 425, 429 and 5xx are tried again, other refusals are not."""

    def __init__(self, given: Mapping[str, object], around: Surroundings) -> None:
        options = options_of(given, Options)
        self._poster = Poster(options.url, secret_of(options.secret_file, around), around.clock)
        self._headers = options.headers
        for name, value in options.headers.items():
            if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
                raise Misconfigured(f"{name!r} is no header with a value that can be sent.")

    async def send(self, parcel: Parcel) -> None:
        """Post once."""
        headers = {**self._headers, "Tallystick-Rule": parcel.rule}
        await self._poster.post(parcel.key, parcel.body, headers)

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()
