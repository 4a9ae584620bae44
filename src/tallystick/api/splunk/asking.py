"""A request in Splunk's manner: forms, three ways to show a token, errors as messages."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Principal
from tallystick.api.operation import read_body
from tallystick.api.problems import headers_of, known_error, problem_of
from tallystick.api.services import Services
from tallystick.api.splunk.atom import (
    Entry,
    Feed,
    Message,
    Mode,
    entry_xml,
    feed_json,
    feed_xml,
    messages_json,
    messages_xml,
)
from tallystick.api.splunk.results import MEDIA_TYPES, mode_of
from tallystick.errors import Refused, TallystickError
from tallystick.watch.collect.search import LogSearch, Question

FORM_FIELDS_MAX = 200
"""Most members of a form."""
_UNAUTHENTICATED = "call not properly authenticated"
_STATUS = {"BAD_QUERY": 400, "VALUE_NOT_ALLOWED": 400, "BAD_REQUEST": 400, "BAD_LIMIT": 400}
"""What Splunk answers where our own API would say 422."""
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A request: who asks, the members of its form and query, and the names in its path."""

    services: Services
    principal: Principal
    members: dict[str, tuple[str, ...]]
    path: dict[str, str]

    @property
    def search(self) -> LogSearch:
        """Where to search."""
        return self.services.search

    @property
    def owner(self) -> str:
        """Whose jobs and searches these are: the name of the token."""
        return self.principal.name

    @property
    def mode(self) -> Mode:
        """The output mode that was asked for; XML by default, as with Splunk.

        Raises:
            Refused: `VALUE_NOT_ALLOWED`.
        """
        return mode_of(self.one("output_mode"))

    def one(self, name: str) -> str | None:
        """A member, the last where it comes more than once; None where it is not there or empty."""
        values = self.members.get(name)
        return (values[-1] or None) if values else None

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 0 on; what is above `most` is cut to it.

        Raises:
            Refused: `VALUE_NOT_ALLOWED`.
        """
        text = self.one(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise Refused("VALUE_NOT_ALLOWED", f"{name} is a whole number, not {text[:40]!r}.")
        return min(int(text), most)

    def question(self, query: str, earliest: str | None, latest: str | None) -> Question:
        """A query over a range, within what the asker may see."""
        return Question(query, earliest, latest, self.principal.indexes)

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work in a place of the search.

        Raises:
            Crowded: too many searches are running.
        """
        future: Future[T] = self.search.places.submit(work)
        return await asyncio.wrap_future(future)


Handler = Callable[[Asked], Awaitable[Response]]


def endpoint(
    services: Services, handler: Handler, *, open_to_all: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """What Starlette calls for a route; every error becomes Splunk's messages."""

    async def answer(request: Request) -> Response:
        mode: Mode = "json" if request.query_params.get("output_mode") == "json" else "xml"
        try:
            members = await _members(request)
            if members.get("output_mode", ("",))[-1].startswith("json"):
                mode = "json"
            principal = ANYBODY if open_to_all else _principal(services, request)
            asked = Asked(services, principal, members, dict(request.path_params))
            return await handler(asked)
        except TallystickError as error:
            return refused(error, mode)
        except ValueError as error:  # a form that is no text
            return refused(Refused("BAD_REQUEST", f"The form cannot be read: {error}."), mode)
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            return refused(known_error(error), mode)

    return answer


ANYBODY = Principal("anybody", "", frozenset())


def refused(error: TallystickError, mode: Mode) -> Response:
    """An error as Splunk would say it."""
    problem = problem_of(error)
    status = _STATUS.get(problem.code, problem.status)
    text = _UNAUTHENTICATED if status == 401 else str(problem.detail)
    kind = "FATAL" if status in {400, 404} else "ERROR" if status >= 500 else "WARN"
    return said([(kind, text)], mode, status, headers_of(error))


def said(
    messages: list[Message], mode: Mode, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer that is only messages."""
    is_json = mode.startswith("json")
    body = messages_json(messages) if is_json else messages_xml(messages)
    media_type = MEDIA_TYPES["json" if is_json else "xml"]
    return Response(body, status, headers, media_type)


def fed(feed: Feed, mode: Mode, status: int = 200) -> Response:
    """An answer with entities."""
    if mode == "json":
        return Response(feed_json(feed), status, media_type=MEDIA_TYPES["json"])
    return Response(feed_xml(feed), status, media_type=MEDIA_TYPES["xml"])


def one_entry(entry: Entry, mode: Mode, status: int = 200) -> Response:
    """An answer with one entity by itself (a search job)."""
    if mode == "json":
        return fed(Feed(entry.name, entry.path, entry.updated, [entry], 1), mode, status)
    return Response(entry_xml(entry), status, media_type=MEDIA_TYPES["xml"])


async def _members(request: Request) -> dict[str, tuple[str, ...]]:
    """What the query string says, and behind it what the form says.

    Raises:
        Refused: `BODY_TOO_LARGE`, `BAD_REQUEST`.
        ValueError: it is no UTF-8, or has too many members.
    """
    body = b"" if request.method in {"GET", "DELETE"} else await read_body(request)
    members: dict[str, tuple[str, ...]] = {}
    for text in (request.url.query, body.decode()):
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX
        )
        for name, value in pairs:
            members[name] = (*members.get(name, ()), value)
    return members


def _principal(services: Services, request: Request) -> Principal:
    """Whoever the token belongs to: `Splunk`, `Bearer`, or `Basic` with it as the password.

    Raises:
        Refused: `UNAUTHENTICATED`, `FORBIDDEN`.
    """
    principal = services.tokens.principal(bearer(request.headers.get("authorization")))
    principal.require("operate")
    request.state.account, request.state.key = principal.account, principal.key
    return principal


def bearer(authorization: str | None) -> str | None:
    """The header as `Bearer`, whatever of Splunk's schemes it came in."""
    scheme, _, rest = (authorization or "").partition(" ")
    lowered = scheme.lower()
    if lowered == "splunk":
        return f"Bearer {rest.strip()}"
    if lowered == "basic":
        try:
            _, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return f"Bearer {password}"
    return authorization
