"""Keeps on-call schedules as their calendars are: files are looked at, URLs are fetched.

Whatever cannot be had or read leaves the calendar before in force, and is said in the log and in
`OnCall.problems`.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import httpx
import structlog

from tallystick import __version__
from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.errors import Misconfigured, Refused, TallystickError
from tallystick.watch.notify.channel import Secret, Secrets, text_of
from tallystick.watch.notify.oncall.calendar_reading import CALENDAR_BYTES_MAX
from tallystick.watch.notify.oncall.roster import OnCall
from tallystick.watch.notify.oncall.schedule import ScheduleText, is_url

LOOK_SECONDS = 60
"""How often files are looked at."""
FETCH_SECONDS = 600
"""How often URLs are fetched, and tried again after they could not be."""
ANSWER_SECONDS_MAX = 10.0
"""Longest wait for a connection, or between two pieces of the answer."""
WHOLE_SECONDS_MAX = 60.0
"""Longest time that one calendar may take."""

_log = structlog.get_logger()


def calendar_urls(texts: Mapping[str, ScheduleText], secrets: Secrets) -> dict[str, str]:
    """The URLs of calendars that have one, by the name of their schedule.

    Raises:
        Misconfigured: a secret cannot be read, or is no URL.
    """
    urls = {}
    for name, text in texts.items():
        ical = text_of(text.ical, secrets)
        if is_url(ical):
            urls[name] = ical.replace("webcal://", "https://", 1)
            _checked(urls[name], name)
        elif isinstance(text.ical, Secret):
            raise Misconfigured(f"schedules.{name}.ical: the secret is no URL.")
    return urls


class CalendarFollower:
    """Runs on one event loop between `start` and `stop`."""

    def __init__(self, on_call: OnCall, urls: Mapping[str, str], clock: Clock) -> None:
        self._on_call = on_call
        self._urls = {name: _checked(url, name) for name, url in urls.items()}
        self._clock = clock
        self._tags: dict[str, str] = {}
        self._fetch_ns = 0
        self._waker = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # The transport, not a client: that one would log whole URLs and follow redirects.
        self._transport = httpx.AsyncHTTPTransport(trust_env=False)

    def start(self) -> None:
        """Follow from now on. Needs a running event loop."""
        self._task = asyncio.create_task(self._run(), name="follow-calendars")

    async def stop(self) -> None:
        """Leave what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._transport.aclose()

    async def follow(self) -> None:
        """Look once; fetch where it is time to."""
        now_ns = self._clock.now_ns()
        pause_ns = FETCH_SECONDS * NS_PER_SECOND
        if not 0 < self._fetch_ns - now_ns <= pause_ns:  # more: the clock was set back
            self._fetch_ns = now_ns + pause_ns
            await asyncio.gather(*(self._fetch(name) for name in self._urls))
        for problem in await asyncio.to_thread(self._on_call.refresh, now_ns):
            _log.error("on_call.calendar_doubtful", reason=problem)

    async def _run(self) -> None:
        while True:
            try:
                await self.follow()
            except Exception as error:  # noqa: BLE001  outermost loop of calendars
                # Calendars are others' words: what one of them sets off must not end the rest.
                known = isinstance(error, TallystickError)
                _log.error(
                    "on_call.follow_failed", reason=str(error), exc_info=None if known else error
                )
            next_ns = self._clock.now_ns() + LOOK_SECONDS * NS_PER_SECOND
            await rest(self._waker, self._clock, next_ns)

    async def _fetch(self, name: str) -> None:
        try:
            async with asyncio.timeout(WHOLE_SECONDS_MAX):
                data = await self._got(name)
            if data is not None:
                await asyncio.to_thread(
                    self._on_call.take_calendar, name, data, self._clock.now_ns()
                )
        except (Refused, OSError, httpx.HTTPError) as error:
            # Of the transport's errors only the kind: their words may have the URL.
            unreached = isinstance(error, httpx.HTTPError | TimeoutError)
            why = f"It cannot be fetched ({type(error).__name__})." if unreached else str(error)
            self._tags.pop(name, None)
            self._on_call.miss_calendar(name, why)
            _log.warning("on_call.calendar_missed", schedule=name, reason=why)
        else:
            self._on_call.miss_calendar(name, "")

    async def _got(self, name: str) -> bytes | None:
        """The calendar; None: it is as it was."""
        headers = {"User-Agent": f"Tallystick/{__version__}", "Accept": "text/calendar"}
        if name in self._tags:
            headers["If-None-Match"] = self._tags[name]
        request = httpx.Request(
            "GET",
            self._urls[name],
            headers=headers,
            extensions={"timeout": httpx.Timeout(ANSWER_SECONDS_MAX).as_dict()},
        )
        response = await self._transport.handle_async_request(request)
        response.request = request
        try:
            if response.status_code == HTTPStatus.NOT_MODIFIED:
                return None
            if response.status_code != HTTPStatus.OK:
                raise Refused("CALENDAR_INVALID", f"Its server answered {response.status_code}.")
            data = b""
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > CALENDAR_BYTES_MAX:
                    break  # what is too large is refused when it is read
        finally:
            await response.aclose()
        self._tags[name] = response.headers.get("etag", "")
        if not self._tags[name]:
            del self._tags[name]
        return data


def _checked(url: str, name: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"schedules.{name}.ical: the URL cannot be read.") from error
    if not parsed.host or parsed.userinfo:
        raise Misconfigured(f"schedules.{name}.ical: the URL names a host, and no user.")
    return parsed
