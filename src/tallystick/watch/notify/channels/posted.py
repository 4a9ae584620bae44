"""What channels that post to a vendor share: their secrets stay out of what the vendor said."""

from collections.abc import Collection

import httpx

from tallystick.clock import Clock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.posting import Poster
from tallystick.retry import AGAIN

SEND_SECONDS_MAX = 5.0
"""Longest wait for a connection, or between two pieces of the answer."""
PIECE_CHARACTERS_MIN = 8
"""Shorter pieces of a URL are no secrets, and would hide common words."""
HIDDEN = "…"


class VendorPoster:
    """Posts to one vendor; errors say how its answer began, but none of `secrets`."""

    def __init__(self, url: str, clock: Clock, what: str, *secrets: str) -> None:
        """`what` is called so in errors.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        self._poster = Poster(
            url, clock, what=what, seconds_max=SEND_SECONDS_MAX, quotes=True, again=AGAIN
        )
        self._hidden = {*secrets, *_pieces(self._poster.url)}

    async def post(self, body: bytes, headers: dict[str, str]) -> bytes:
        """Post once; how the answer's body begins.

        Raises:
            TemporaryError, PermanentError: as `tallystick.posting` says.
        """
        try:
            return await self._poster.post(body, headers)
        except (TemporaryError, PermanentError) as error:
            error.args = (_without_rest(self._hidden, without(self._hidden, str(error))),)
            raise

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()


def without(secrets: Collection[str], sentence: str) -> str:
    """The sentence with an ellipsis in the place of each secret."""
    # The longest first: none may survive as the rest of a shorter one.
    for secret in sorted(secrets, key=len, reverse=True):
        sentence = sentence.replace(secret, HIDDEN) if secret else sentence
    return sentence


def _without_rest(secrets: Collection[str], sentence: str) -> str:
    """Without the beginning of a secret where a quotation was cut inside it."""
    quoted = sentence.removesuffix(".")
    longest = max(map(len, secrets), default=0)
    for length in range(min(longest, len(quoted)), 3, -1):
        end = quoted[-length:]
        if any(secret.startswith(end) for secret in secrets):
            return f"{quoted[:-length]}{HIDDEN}."
    return sentence


def _pieces(url: httpx.URL) -> set[str]:
    """What of a URL may be a secret: path and query whole, and their longer parts."""
    query = url.query.decode()
    parts = [*url.path.split("/"), *(value for _, value in url.params.multi_items())]
    long = {part for part in parts if len(part) >= PIECE_CHARACTERS_MIN}
    return long | {each for each in (str(url), url.raw_path.decode(), url.path, query) if each[1:]}
