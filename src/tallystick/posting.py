"""An HTTP POST that we make, and its answer judged: tried again, given up, or taken.

It speaks to httpx's transport, not to its client: the client logs whole URLs, follows redirects
and reads proxies from the environment. The URL's path and query and the headers stay out of errors.
"""

import httpx

from tallystick import __version__
from tallystick.clock import Clock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.retry import AGAIN, retry_after

ANSWER_BYTES_MAX = 65_536
"""As much of an answer is read."""
SAID_CHARACTERS_MAX = 200
"""As much of an answer stands in an error."""


class Poster:
    """Posts to one origin; idle connections are kept until `close`."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        what: str,
        seconds_max: float,
        quotes: bool = False,
        again: frozenset[int] = AGAIN,
    ) -> None:
        """`what` is called so in errors: "a webhook". `quotes`: errors say how the answer began.

        `again`: statuses below 500 after which the same request may be taken later.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        self.url = _checked(url, what)
        self._clock = clock
        self._quotes = quotes
        self._again = again
        self._transport = httpx.AsyncHTTPTransport(trust_env=False)
        self._timeout = {"timeout": httpx.Timeout(seconds_max).as_dict()}

    async def post(
        self,
        body: bytes,
        headers: dict[str, str],
        *,
        path: str | None = None,
        taken: tuple[int, ...] = (),
    ) -> bytes:
        """Post to the URL, or to another path of its origin; how the answer's body begins.

        `taken`: statuses beside 2xx whose body is the answer.

        Raises:
            TemporaryError: not reached, 5xx, or a status of `again`: when to try again.
            PermanentError: any other answer.
        """
        request = httpx.Request(
            "POST",
            self.url if path is None else self.url.join(path),
            headers={"User-Agent": f"Tallystick/{__version__}"} | headers,
            content=body,
            extensions=self._timeout,
        )
        try:
            response = await self._transport.handle_async_request(request)
            answer = await _beginning(response)
        except httpx.TransportError as error:
            name = type(error).__name__
            raise TemporaryError(f"{self.url.host} cannot be reached ({name}).") from error
        if not 200 <= response.status_code < 300 and response.status_code not in taken:
            raise self._refusal(response, answer)
        return answer

    async def close(self) -> None:
        """Close idle connections."""
        await self._transport.aclose()

    def _refusal(self, response: httpx.Response, answer: bytes) -> TemporaryError | PermanentError:
        said = ""
        if self._quotes:
            said = answer.decode("utf-8", "replace").strip()[:SAID_CHARACTERS_MAX]
        status = response.status_code
        sentence = f"{self.url.host} answered {status}{f': {said}' if said else ''}."
        if status < 500 and status not in self._again:
            return PermanentError(sentence)
        error = TemporaryError(sentence)
        asked = retry_after(response.headers.get("retry-after"), self._clock.now_ns())
        error.retry_after_seconds = max(TemporaryError.retry_after_seconds, asked)
        return error


async def _beginning(response: httpx.Response) -> bytes:
    """At most ANSWER_BYTES_MAX of the body; the connection is free again, or closed."""
    read = b""
    try:
        async for piece in response.aiter_raw():
            read += piece
            if len(read) > ANSWER_BYTES_MAX:
                break
    finally:
        await response.aclose()
    return read[:ANSWER_BYTES_MAX]


def _checked(text: str, what: str) -> httpx.URL:
    named = what[:1].upper() + what[1:]
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"The URL of {what} cannot be read.") from error
    port = 443 if url.port is None else url.port
    if url.scheme not in {"http", "https"} or not url.host or not 0 < port < 65_536:
        raise Misconfigured(f"{named}'s URL starts with https:// (or http://) and names a host.")
    if url.userinfo:
        raise Misconfigured(f"{named}'s URL carries no user name and no password.")
    return url
