"""A running server, as a command asks it: which one, with which token, and what it refuses."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import httpx
import msgspec

from tallystick.errors import Misconfigured, Refused, TallystickError, TemporaryError
from tallystick.wiring.facts import facts_of
from tallystick.wiring.settings import read_settings

ANSWER_SECONDS_MAX = 60.0
"""Longest wait for an answer: some of them wait for the disk a few times."""
_NOT_BEGUN = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol,
    UnicodeError,
)  # fmt: skip
"""Nobody was asked."""
T = TypeVar("T")


class _Problem(msgspec.Struct):
    """What of RFC 9457 is shown; see `api.problems`."""

    detail: str = ""
    code: str = ""


class ServerClient:
    """One server; no proxy of the environment stands between.

    Errors: `Refused` with its sentence and code, `TemporaryError` where it gives no answer or
    cannot give one now, `Misconfigured` where it does not answer as a Tallystick does.
    """

    def __init__(
        self, url: str, token: str, *, seconds_max: float = ANSWER_SECONDS_MAX, advice: str = ""
    ) -> None:
        """`url` without a slash at its end; `advice` is told where no answer comes."""
        self._url = url
        self._advice = f"; {advice}" if advice else ""
        self._headers = {"Authorization": f"Bearer {token}"}
        # A transport of its own does without the environment's proxies, not without its
        # certificates (SSL_CERT_FILE).
        self._client = httpx.Client(timeout=seconds_max, transport=httpx.HTTPTransport())

    def ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> T:
        """The answer, which is JSON of this kind."""
        try:
            response = self._client.request(
                method, self._url + path, params=query, json=body, headers=self._headers
            )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise self._silent(error) from error
        _check(response)
        return _read(response, kind)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], wait: httpx.Timeout
    ) -> Iterator[httpx.Response]:
        """A long answer, as it comes.

        Raises:
            httpx.HTTPError: it broke off.
        """
        try:
            with self._client.stream(
                "GET", self._url + path, params=query, headers={**self._headers, **headers},
                timeout=wait,
            ) as response:  # fmt: skip
                if not response.is_success:
                    response.read()
                _check(response)
                yield response
        except _NOT_BEGUN as error:
            raise self._silent(error) from error

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _silent(self, error: Exception) -> TemporaryError:
        return TemporaryError(f"{self._url} gives no answer ({error}){self._advice}.")


def place_of(url: str | None, token: str | None) -> tuple[str, str]:
    """URL and token: as given, else those of the server on the data folder of the settings.

    Raises:
        Misconfigured: no server is known, or no token for the one that was given.
    """
    if url and token:
        return url.rstrip("/"), token
    name_it = f"name it with {'--url' if token else '--url and --token'}."
    try:
        folder = read_settings(os.environ).folder
        facts = facts_of(folder)
    except TallystickError as error:
        raise Misconfigured(f"No server is known ({error}); {name_it}") from error
    if facts is None:
        raise Misconfigured(f"No server has run on {folder}; {name_it}")
    if url and url.rstrip("/") != facts.url:  # its token is nobody else's business
        raise Misconfigured(f"No token for {url} is known; name it with --token.")
    return facts.url, token or facts.token


def _check(response: httpx.Response) -> None:
    """Go on only with an answer that is none of the refusals."""
    if response.is_success:
        return
    problem = _read(response, _Problem)
    said = problem.detail or f"The server answered with status {response.status_code}."
    if response.is_client_error:
        raise Refused(problem.code or "BAD_REQUEST", said)
    raise TemporaryError(said)


def _read(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        sentence = f"{response.url} is not what a Tallystick answers: {error}."
        raise Misconfigured(sentence) from error
