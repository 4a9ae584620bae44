"""Calendars that are followed: a real server on loopback that changes its mind."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Secret
from tallystick.watch.notify.oncall import CalendarFollower, OnCall, calendar_urls
from tallystick.watch.notify.oncall.calendar_reading import CALENDAR_BYTES_MAX
from tallystick.watch.notify.oncall.following import FETCH_SECONDS
from tallystick.watch.notify.oncall.schedule import ScheduleText

At = Callable[[str], int]
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTART;VALUE=DATE:20261122\r\nRRULE:FREQ=DAILY\r\nSUMMARY:{}\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


@dataclass
class Site:
    """What is there, and what was asked for."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    tag: str = ""
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    """A server on a free port of loopback."""
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """As the site stands."""
            asked = self.headers["If-None-Match"]
            state.asked.append(asked)
            same = bool(state.tag) and asked == state.tag
            self.send_response(304 if same else state.status)
            body = b"" if same else state.body
            if state.tag:
                self.send_header("ETag", state.tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/private-s3cret/basic.ics"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clock(at: At) -> ManualClock:
    """A Sunday at noon."""
    return ManualClock(at("2026-11-22 12:00"))


def opened(site: Site, folder: Path, clock: ManualClock) -> OnCall:
    """One schedule of a URL."""
    texts = {"desk": ScheduleText(ical=site.url)}
    return OnCall(texts, ("ann", "bob"), folder / "on-call.db", folder, clock.now_ns())


def follow(site: Site, on_call: OnCall, clock: ManualClock, *changes: Callable[[], None]) -> None:
    """Look; then, for each change, wait until it is fetched again."""

    async def run() -> None:
        follower = CalendarFollower(on_call, {"desk": site.url}, clock)
        await follower.follow()
        for change in changes:
            change()
            clock.advance(FETCH_SECONDS)
            await follower.follow()
        await follower.stop()

    asyncio.run(run())


def test_a_calendar_is_fetched_and_kept(site: Site, tmp_path: Path, clock: ManualClock) -> None:
    """It is in force at once, and after a restart without the network."""
    site.body = CALENDAR.format("ann").encode()
    on_call = opened(site, tmp_path, clock)
    assert on_call.on_call("desk", clock.now_ns()) is None
    assert on_call.problems()
    follow(site, on_call, clock)
    assert on_call.on_call("desk", clock.now_ns()) == "ann"
    assert on_call.problems() == ()
    on_call.close()
    again = opened(site, tmp_path, clock)
    assert again.on_call("desk", clock.now_ns()) == "ann"
    again.close()


def test_it_is_asked_for_only_if_it_has_changed(
    site: Site, tmp_path: Path, clock: ManualClock
) -> None:
    """By its entity tag; and not more often than it should be."""
    site.body, site.tag = CALENDAR.format("ann").encode(), '"one"'
    on_call = opened(site, tmp_path, clock)

    def change() -> None:
        site.body, site.tag = CALENDAR.format("bob").encode(), '"two"'

    follow(site, on_call, clock, lambda: None, change)
    assert site.asked == [None, '"one"', '"one"']
    assert on_call.on_call("desk", clock.now_ns()) == "bob"
    on_call.close()


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"gone", "answered 404"),
        (302, b"", "answered 302"),
        (500, b"", "answered 500"),
        (200, b"<html>please log in</html>", "cannot be read"),
        (200, b"x" * (CALENDAR_BYTES_MAX + 1), "at most"),
    ],
    ids=range(5),
)
def test_what_was_there_stays_in_force(
    site: Site, tmp_path: Path, clock: ManualClock, status: int, body: bytes, why: str
) -> None:
    """A server that is away or says something else changes nothing; it is told, and it ends."""
    good = site.body = CALENDAR.format("ann").encode()
    on_call = opened(site, tmp_path, clock)

    def breaks() -> None:
        site.status, site.body = status, body

    with capture_logs() as logs:
        follow(site, on_call, clock, breaks)
    assert on_call.on_call("desk", clock.now_ns()) == "ann"
    (problem,) = on_call.problems()
    assert why in problem
    assert [each["event"] for each in logs] == ["on_call.calendar_missed"]
    site.status, site.body = 200, good
    follow(site, on_call, clock)
    assert on_call.problems() == ()
    on_call.close()


def test_a_secret_address_is_not_told(site: Site, tmp_path: Path, clock: ManualClock) -> None:
    """A server that does not answer at all: neither the log nor the problem names the URL."""
    on_call = opened(site, tmp_path, clock)
    site.url = "http://127.0.0.1:1/private-s3cret/basic.ics"
    with capture_logs() as logs:
        follow(site, on_call, clock)
    told = str(logs) + str(on_call.problems())
    assert "ConnectError" in told
    assert "s3cret" not in told
    on_call.close()


def test_it_runs_by_itself(site: Site, tmp_path: Path, clock: ManualClock) -> None:
    """From start to stop, every so often on its clock."""
    site.body = CALENDAR.format("ann").encode()
    on_call = opened(site, tmp_path, clock)

    async def run() -> None:
        follower = CalendarFollower(on_call, {"desk": site.url}, clock)
        follower.start()
        while len(site.asked) < 3:  # noqa: ASYNC110  the server has a thread of its own
            await asyncio.sleep(0)
        await follower.stop()

    started_ns = clock.now_ns()
    asyncio.run(asyncio.wait_for(run(), 30))
    assert clock.now_ns() - started_ns >= 2 * FETCH_SECONDS * NS_PER_SECOND
    assert on_call.on_call("desk", clock.now_ns()) == "ann"
    on_call.close()


def test_urls_are_taken_from_the_configuration() -> None:
    """As they stand, as calendar programs say them, or as secrets; paths are none."""
    texts = {
        "a": ScheduleText(ical="https://example.com/a.ics"),
        "b": ScheduleText(ical="webcal://example.com/b.ics"),
        "c": ScheduleText(ical=Secret(env="ROTA")),
        "d": ScheduleText(ical="d.ics"),
        "e": ScheduleText(),
    }
    assert calendar_urls(texts, {"env:ROTA": "https://example.com/c.ics"}.__getitem__) == {
        "a": "https://example.com/a.ics",
        "b": "https://example.com/b.ics",
        "c": "https://example.com/c.ics",
    }


@pytest.mark.parametrize(
    "url", ["https://", "https://user:pass@example.com/a", "https://example.com:x/"]
)
def test_a_url_that_cannot_be_used_is_told_at_the_start(url: str) -> None:
    """With its place in the file."""
    with pytest.raises(Misconfigured, match=r"schedules\.a\.ical"):
        calendar_urls({"a": ScheduleText(ical=url)}, str)


def test_a_secret_that_is_no_url_is_told_at_the_start() -> None:
    """Without a word of it."""
    with pytest.raises(Misconfigured, match="no URL") as error:
        calendar_urls({"a": ScheduleText(ical=Secret(env="ROTA"))}, lambda _: "s3cret")
    assert "s3cret" not in str(error.value)


def test_a_clock_that_was_set_back_keeps_no_calendar_waiting(
    site: Site, tmp_path: Path, clock: ManualClock
) -> None:
    """It is fetched again at once, not when the old time has come again."""
    site.body = CALENDAR.format("ann").encode()
    on_call = opened(site, tmp_path, clock)

    async def run() -> None:
        """Run on one loop."""
        follower = CalendarFollower(on_call, {"desk": site.url}, clock)
        await follower.follow()
        await follower.follow()
        clock._now_ns -= 86_400 * NS_PER_SECOND
        await follower.follow()
        await follower.stop()

    asyncio.run(run())
    assert len(site.asked) == 2
    on_call.close()


def test_whatever_goes_wrong_it_goes_on(
    site: Site, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody expected is said, and ends no calendar."""
    site.body = CALENDAR.format("ann").encode()
    on_call = opened(site, tmp_path, clock)
    refreshed: list[int] = []
    refresh = on_call.refresh

    def broken(now_ns: int) -> tuple[str, ...]:
        refreshed.append(now_ns)
        if len(refreshed) == 1:
            raise KeyError("a calendar's trick")
        return refresh(now_ns)

    async def run() -> None:
        """Run on one loop."""
        monkeypatch.setattr(on_call, "refresh", broken)
        follower = CalendarFollower(on_call, {}, clock)
        follower.start()
        async with asyncio.timeout(60):
            while len(refreshed) < 2:  # noqa: ASYNC110  another thread's
                await asyncio.sleep(0.002)
        await follower.stop()

    with capture_logs() as lines:
        asyncio.run(run())
    failed = [line for line in lines if line["event"] == "on_call.follow_failed"]
    assert len(failed) == 1
    assert isinstance(failed[0]["exc_info"], KeyError)
    on_call.close()
