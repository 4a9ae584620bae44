"""Signed links: what we made is read, for a day; what anybody changed or made is not."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Refused
from tallystick.watch.notify.links import (
    LINK_PATH,
    LINK_SECONDS,
    TOKEN_CHARACTERS_MAX,
    LinkAction,
    Links,
)
from tallystick.watch.notify.message import Action, Message, Ways

KEY = bytes(range(32))
ORIGIN = "https://fx.example"
MESSAGE = Message(
    key="k", dedup_key="d", incident="I-12", number=1, action="trigger", why="opened",
    severity="critical", title="T", at_ns=0, opened_ns=0, recipient="ann",
)  # fmt: skip


def new_links(key: bytes = KEY, origin: str = ORIGIN) -> Links:
    """Links of a server, on a clock that stands still."""
    return Links(key, origin, ManualClock())


def refusal(links: Links, token: str) -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as refused:
        links.read(token)
    assert token == "" or token not in str(refused.value)
    return refused.value.code


@given(
    number=st.integers(0, 256**6 - 1),
    action=st.sampled_from(["acknowledge", "resolve"]),
    who=st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
)
def test_what_goes_in_comes_out(number: int, action: LinkAction, who: str) -> None:
    """The incident, the one action, and who it was sent to; a long name is cut, not broken."""
    links = new_links()
    token = links.token(f"I-{number}", action, who)
    link = links.read(token)
    assert (link.incident, link.action) == (f"I-{number}", action)
    assert link.by == "link" if not who else f"link:{who}".startswith(link.by)
    assert len(token) <= TOKEN_CHARACTERS_MAX


def test_it_ends_after_a_day() -> None:
    """To the second; then the sentence says what to do instead."""
    clock = ManualClock()
    links = Links(KEY, ORIGIN, clock)
    token = links.token("I-1", "resolve", "ann")
    assert links.read(token).until_ns == clock.now_ns() + LINK_SECONDS * NS_PER_SECOND
    clock.advance(LINK_SECONDS - 1)
    links.read(token)
    clock.advance(1)
    assert refusal(links, token) == "LINK_EXPIRED"


def test_every_changed_bit_is_found() -> None:
    """Another incident, another action, a later end, another name, another signature."""
    links = new_links()
    raw = bytearray(base64.urlsafe_b64decode(links.token("I-1", "acknowledge", "ann") + "=="))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        token = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        assert refusal(links, token) == "LINK_INVALID"


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 28, 29])
def test_what_is_too_short_is_refused(length: int) -> None:
    """Or of another version, also when as much of it as there is was signed with our key."""
    links = new_links()
    said = bytes([2] * max(0, length - 16))
    raw = (said + links._mac(said))[:length]
    assert refusal(links, base64.urlsafe_b64encode(raw).rstrip(b"=").decode()) == "LINK_INVALID"


@pytest.mark.parametrize("token", ["", "é", "a b", "====", "x" * 201, "%00", "A" * 60, "+/" * 30])
def test_what_was_never_a_token_is_refused(token: str) -> None:
    """With the same sentence, whatever it is."""
    assert refusal(new_links(), token) == "LINK_INVALID"


def test_another_servers_key_makes_no_link_of_ours() -> None:
    """Nor does the right key for another purpose: what is signed begins with what it is for."""
    token = new_links(key=bytes(32)).token("I-1", "resolve", "ann")
    assert refusal(new_links(), token) == "LINK_INVALID"


@pytest.mark.parametrize(
    ("action", "actions"),
    [("trigger", ["acknowledge", "resolve"]), ("acknowledge", ["resolve"]), ("resolve", [])],
)
def test_a_message_offers_what_can_still_be_done(action: Action, actions: list[str]) -> None:
    """Each way is a link of its own to the page of that action."""
    links = new_links()
    ways = links.ways(msgspec.structs.replace(MESSAGE, action=action), "ann-mail")
    assert ways.incident == "https://fx.example/#incident=I-12"
    urls = [url for url in (ways.acknowledge, ways.resolve) if url]
    read = [links.read(url.removeprefix(f"{ORIGIN}{LINK_PATH}?t=")) for url in urls]
    assert [link.action for link in read] == actions
    assert {link.by for link in read} <= {"link:ann"}


def test_without_an_address_or_an_incident_there_is_no_way() -> None:
    """A test message leads nowhere; a server that nobody reaches offers nothing."""
    assert new_links(origin="").ways(MESSAGE, "chat") == Ways()
    assert new_links().ways(msgspec.structs.replace(MESSAGE, incident=""), "chat") == Ways()
    assert new_links(origin=f"{ORIGIN}/").ways(MESSAGE, "chat").incident.startswith(f"{ORIGIN}/#")


def test_who_was_told_by_no_schedule_is_named_by_the_target() -> None:
    """The timeline says which channel's reader it was, where it cannot say which person."""
    links = new_links()
    ways = links.ways(msgspec.structs.replace(MESSAGE, recipient=""), "ops-hook")
    token = ways.acknowledge.removeprefix(f"{ORIGIN}{LINK_PATH}?t=")
    assert links.read(token).by == "link:ops-hook"


def test_its_repr_tells_no_secret() -> None:
    """Nor does that of what it was made of."""
    assert "links.Links object" in repr(new_links())
