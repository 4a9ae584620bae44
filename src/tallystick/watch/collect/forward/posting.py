"""HTTP POST to a destination: one request, and its answer judged."""

import httpx

from tallystick import __version__
from tallystick.clock import Clock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.retry import AGAIN, retry_after

SECONDS_MAX = 15.0
"""Longest wait for a connection, or between two pieces of the answer."""
ANSWER_BYTES_MAX = 65_536
"""As much of an answer is read."""


class Poster:
    """Posts to one origin; addresses and credentials stay out of logs and errors.

    It speaks to httpx's transport, not to its client: the client logs whole URLs, follows
    redirects and reads proxies from the environment.
    """

    def __init__(self, url: str, headers: dict[str, str], clock: Clock) -> None:
        """Nothing is opened yet.

        Raises:
            Misconfigured: the address cannot be used.
        """
        self.url = _checked(url)
        self._headers = {"User-Agent": f"Tallystick/{__version__}"} | headers
        self._clock = clock
        self._transport = httpx.AsyncHTTPTransport(trust_env=False)
        self._timeout = {"timeout": httpx.Timeout(SECONDS_MAX).as_dict()}

    async def ask(self, path: str, body: bytes, *, taken: tuple[int, ...] = ()) -> bytes:
        """Post to a path of the origin; the answer's body where it was taken (2xx).

        `taken`: further statuses whose body is the answer.

        Raises:
            TemporaryError: it was not reached, or asks to come again later.
            PermanentError: it will never take this.
        """
        request = httpx.Request(
            "POST",
            self.url.join(path),
            headers=self._headers,
            content=body,
            extensions=self._timeout,
        )
        try:
            response = await self._transport.handle_async_request(request)
            answer = await _read(response)
        except httpx.TransportError as error:
            name = type(error).__name__
            raise TemporaryError(f"{self.url.host} cannot be reached ({name}).") from error
        if response.status_code not in taken:
            self._judge(response, answer)
        return answer

    async def close(self) -> None:
        """Close idle connections."""
        await self._transport.aclose()

    def _judge(self, response: httpx.Response, answer: bytes) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        said = answer[:200].decode("utf-8", "replace").strip()
        sentence = f"{self.url.host} answered {status}{': ' + said if said else ''}."
        if status in {401, 403}:  # a token can be mended while the lines wait in the store
            raise TemporaryError(sentence)
        if status < 500 and status not in AGAIN:
            raise PermanentError(sentence)
        error = TemporaryError(sentence)
        asked = retry_after(response.headers.get("retry-after"), self._clock.now_ns())
        error.retry_after_seconds = max(TemporaryError.retry_after_seconds, asked)
        raise error


async def _read(response: httpx.Response) -> bytes:
    """The beginning of the answer; the connection is free again or closed."""
    read = b""
    try:
        async for piece in response.aiter_raw():
            read += piece
            if len(read) > ANSWER_BYTES_MAX:
                break
    finally:
        await response.aclose()
    return read[:ANSWER_BYTES_MAX]


def _checked(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise Misconfigured("A destination's URL cannot be read.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Misconfigured("A destination's URL starts with https:// (or http://) and a host.")
    if url.userinfo:
        raise Misconfigured("A destination's URL carries no user name and no password.")
    return url
