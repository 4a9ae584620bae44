"""What a signed link opens: looking changes nothing, the button acts, once."""

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import TemporaryError
from tallystick.watch.notify import Notifier
from tallystick.watch.notify.inbound.links import PAGE_HEADERS, LinkDoor
from tallystick.watch.notify.links import LINK_SECONDS, LinkAction, Links

KEY = bytes(range(32))
FORM = '<form method="post">'
WORDS = {"acknowledge": "acknowledged", "resolve": "resolved"}


@pytest.fixture
def links(clock: ManualClock) -> Links:
    """Links of this server."""
    return Links(KEY, "https://fx.example", clock)


@pytest.fixture
def door(links: Links, notifier: Notifier) -> LinkDoor:
    """The door under test."""
    return LinkDoor(links, notifier)


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_looking_changes_nothing_and_the_button_acts(
    door: LinkDoor, links: Links, notifier: Notifier, incident: str, action: LinkAction
) -> None:
    """A program that follows every link of a mail, ten times, has done nothing."""
    token = links.token(incident, action, "ann")
    before = notifier.incident(incident)
    for _ in range(10):
        page = door.show(token)
    assert notifier.incident(incident) == before
    assert (page.status, FORM in page.html) == (200, True)
    assert "Severity warning; open." in page.html

    page = door.act(token)
    record = notifier.incident(incident)
    assert record.incident.state == WORDS[action]
    assert (page.status, FORM in page.html) == (200, False)
    done = [line for line in record.timeline if line.what == WORDS[action]]
    assert [line.by for line in done] == ["link:ann"]


def test_pressed_again_it_says_what_is_so_already(
    door: LinkDoor, links: Links, notifier: Notifier, incident: str
) -> None:
    """And by whom; the second press is not in the timeline."""
    token = links.token(incident, "acknowledge", "ann")
    door.act(token)
    before = notifier.incident(incident)
    page = door.act(links.token(incident, "acknowledge", "bob"))
    assert "This incident is acknowledged by link:ann." in page.html
    assert notifier.incident(incident) == before
    notifier.resolve(incident, "ann")
    assert "This incident is resolved." in door.act(token).html


def test_what_is_shown_is_text(door: LinkDoor, links: Links, incident: str) -> None:
    """A title with markup in it is no markup, and nothing on the page may run."""
    page = door.show(links.token(incident, "resolve", "ann"))
    assert "<b>" not in page.html
    assert "&lt;b&gt;stale&lt;/b&gt;" in page.html
    assert "script" not in page.html
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert (PAGE_HEADERS["Cache-Control"], PAGE_HEADERS["Referrer-Policy"]) == (
        "no-store",
        "no-referrer",
    )


def test_what_is_no_link_is_refused_with_a_page(
    door: LinkDoor, links: Links, clock: ManualClock, incident: str
) -> None:
    """Forged 403, of no incident 404, too old 410; a button on none of them, nor the token."""
    unknown = links.token("I-999", "resolve", "ann")
    old = links.token(incident, "resolve", "ann")
    for answer in (door.show, door.act):
        assert answer("forged").status == 403
        assert answer(unknown).status == 404
    clock.advance(LINK_SECONDS)
    for answer in (door.show, door.act):
        page = answer(old)
        assert (page.status, FORM in page.html, old in page.html) == (410, False, False)
        assert "This link has expired" in page.html


def test_when_nothing_can_be_stored_it_says_so(
    links: Links, notifier: Notifier, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is told to try again, not that it was done."""

    def fail(*_: object, **__: object) -> None:
        """As a full disk does."""
        raise TemporaryError("The disk is full.")

    monkeypatch.setattr(notifier, "acknowledge", fail)
    page = LinkDoor(links, notifier).act(links.token(incident, "acknowledge", "ann"))
    assert (page.status, "Nothing was changed; try again." in page.html) == (503, True)
