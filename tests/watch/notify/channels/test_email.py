"""E-mail against a real SMTP server with TLS: how it gets there, and what arrives."""

import asyncio
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.ledger import Receipt
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels.email import letter, thread_root
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.proved import Proved

Make = Callable[..., Message]
Open = Callable[..., Channel]
SENDER = Address("Tallystick", addr_spec="alerts@fx.example")
TO = Address(addr_spec="desk@fx.example")


@pytest.fixture
def server(smtp: ModuleType, authority: Any) -> Iterator[Any]:
    """A mail server that wants STARTTLS and a login."""
    with smtp.serving(smtp.SmtpPeer(authority.ca_file), authority.server_context()) as served:
        yield served


def send(channel: Channel, message: Message) -> str:
    """Send once."""

    async def story() -> str:
        try:
            return await channel.send(message)
        finally:
            await channel.close()

    return asyncio.run(story())


def read(content: bytes) -> EmailMessage:
    """A letter as a mail client reads it."""
    read = message_from_bytes(content, policy=default)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def part(made: EmailMessage, kind: str) -> str:
    """The text of the letter's plain or HTML part."""
    body = made.get_body((kind,))
    assert body is not None
    return str(body.get_content())


# How it gets there.


def test_a_letter_goes_over_starttls_with_a_login(
    server: Any, open_channel: Open, make_message: Make
) -> None:
    """To one address, under the sender's; its Message-ID is the provider's id."""
    channel = open_channel("email", server.options(), server.secrets())
    taken = send(channel, make_message())
    (got,) = server.taken

    assert got.tls
    assert (got.sender, got.to) == ("alerts@fx.example", ["desk@fx.example"])
    assert taken == f"<{make_message().key[:32]}@fx.example>"
    assert read(got.content)["Message-ID"] == taken


def test_tls_may_begin_at_once(
    smtp: ModuleType, authority: Any, open_channel: Open, make_message: Make
) -> None:
    """Implicit TLS (RFC 8314), the port of submissions."""
    peer = smtp.SmtpPeer(authority.ca_file)
    with smtp.serving(peer, authority.server_context(), implicit=True):
        channel = open_channel("email", peer.options() | {"tls": "implicit"}, peer.secrets())
        send(channel, make_message())
    assert len(peer.taken) == 1


def test_a_relay_on_this_machine_needs_no_tls(
    smtp: ModuleType, authority: Any, open_channel: Open, make_message: Make
) -> None:
    """Only when the configuration says so, and never with a password."""
    peer = smtp.SmtpPeer(authority.ca_file)
    with smtp.serving(peer, None):
        options = peer.options() | {"tls": "none"}
        del options["username"], options["password"], options["ca_file"]
        send(open_channel("email", options), make_message())
    assert [each.tls for each in peer.taken] == [False]
    with pytest.raises(Misconfigured, match="A password is not sent without TLS"):
        open_channel("email", peer.options() | {"tls": "none"}, peer.secrets())


def test_a_server_without_starttls_gets_nothing(
    smtp: ModuleType, authority: Any, open_channel: Open, make_message: Make
) -> None:
    """Whoever stands in between cannot talk us out of TLS; the password is not sent."""
    peer = smtp.SmtpPeer(authority.ca_file)
    with smtp.serving(peer, None):
        channel = open_channel("email", peer.options(), peer.secrets())
        with pytest.raises(PermanentError, match=r"127\.0\.0\.1 cannot be used: .*STARTTLS"):
            send(channel, make_message())
    assert peer.came == 0


def test_a_certificate_of_somebody_else_is_refused(
    smtp: ModuleType, authority: Any, open_channel: Open, make_message: Make
) -> None:
    """Another name, or an authority that nobody trusts: temporary, and the sentence says why."""
    peer = smtp.SmtpPeer(authority.ca_file)
    with smtp.serving(peer, authority.server_context("127.0.0.9")):
        wrong_name = open_channel("email", peer.options(), peer.secrets())
        with pytest.raises(TemporaryError, match="its certificate: IP address mismatch"):
            send(wrong_name, make_message())
        options = peer.options()
        del options["ca_file"]
        with pytest.raises(TemporaryError, match=r"its certificate: .*"):
            send(open_channel("email", options, peer.secrets()), make_message())
    assert peer.came == 0


def test_a_wrong_password_is_permanent(server: Any, open_channel: Open, make_message: Make) -> None:
    """Somebody has to change it; the next channel is told meanwhile."""
    channel = open_channel("email", server.options(), {"PASSWORD": "wrong"})
    with pytest.raises(PermanentError, match=r"127\.0\.0\.1 answered 535: .*\."):
        send(channel, make_message())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"to": "nobody"}, "to is one e-mail address"),
        ({"to": "a@fx.example, b@fx.example"}, "to is one e-mail address"),
        ({"to": "a@fx.example\r\nBcc: b@fx.example"}, "to is one e-mail address"),
        ({"to": ""}, "to is one e-mail address"),
        ({"sender": "Größe <größe@fx.example>"}, "sender is one e-mail address"),
        ({"password": None}, "username and password come together"),
        ({"ca_file": "/nowhere.pem"}, "ca_file cannot be read"),
        ({"port": 70_000}, "port is between"),
        ({"host": ""}, "host is a name"),
        ({"tls": "perhaps"}, "tls"),
    ],
)
def test_options_that_cannot_work_are_said_at_start(
    options: dict[str, object], sentence: str, open_channel: Open
) -> None:
    """Each in a sentence, before the first letter is lost."""
    pytest.importorskip("aiosmtplib", reason="the SMTP client is not installed")
    working: dict[str, object] = {
        "host": "mx.fx.example",
        "sender": "alerts@fx.example",
        "to": "desk@fx.example",
        "username": "alerts",
        "password": {"env": "P"},
    }
    with pytest.raises(Misconfigured, match=sentence):
        open_channel("email", working | options, {"P": "password"})


# What arrives.


def test_the_letters_of_an_incident_are_one_thread(make_message: Make) -> None:
    """The subject stays and all refer to one root; another incident is another thread."""
    first = letter(make_message(), SENDER, TO)
    last = letter(make_message(action="resolve", why="resolved", number=9), SENDER, TO)
    other = letter(make_message(incident="I-13"), SENDER, TO)

    assert first["Subject"] == "[I-12] Latency of POST /v1/orders is above 250 ms"
    assert first["Subject"] == last["Subject"]
    assert first["References"] == last["References"] == first["In-Reply-To"]
    assert first["Message-ID"] != last["Message-ID"]
    assert other["References"] != first["References"]


def test_an_id_is_never_folded(make_message: Make) -> None:
    """A folded id is an id that no client finds, however long the domain is."""
    long = Address(addr_spec=f"alerts@{'sub.' * 40}example")
    raw = letter(make_message(), long, TO).as_bytes(policy=SMTP)

    assert f"\r\nReferences: {thread_root(make_message(), long)}\r\n".encode() in raw
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]
    name = make_message().key[:32]
    assert f"\r\nMessage-ID: <{name}@sub.sub.sub.sub.sub.example>\r\n".encode() in raw


def test_no_machine_answers_it(make_message: Make) -> None:
    """Out-of-office replies stay away; what is urgent is marked, what is over is not."""
    made = letter(make_message(), SENDER, TO)
    over = letter(make_message(action="resolve", why="resolved"), SENDER, TO)

    assert made["Auto-Submitted"] == "auto-generated"
    assert (made["Importance"], over["Importance"]) == ("high", None)
    assert made["X-Tallystick-Severity"] == "critical"
    assert made["Date"] == "Sun, 22 Nov 2026 04:31:40 +0000"


def test_the_same_message_is_the_same_bytes(make_message: Make) -> None:
    """A second attempt is the same letter, also for a server that compares."""
    one, other = (letter(make_message(), SENDER, TO).as_bytes(policy=SMTP) for _ in range(2))
    assert one == other


def test_lines_are_short_and_plain_on_the_wire(hostile: Message) -> None:
    """At most 998 ASCII characters a line (RFC 5322): no server has to change a byte."""
    raw = letter(hostile, SENDER, TO).as_bytes(policy=SMTP)

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_text_and_html_and_chart(make_message: Make) -> None:
    """A text for every client, HTML for most, the chart inside it and nothing from outside."""
    made = read(letter(make_message(), SENDER, TO).as_bytes(policy=SMTP))
    kinds = [each.get_content_type() for each in made.walk()]

    assert kinds == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    (picture,) = (each for each in made.walk() if each.get_content_type() == "image/png")
    cid = str(picture["Content-ID"]).strip("<>")
    html = part(made, "html")
    assert f'src="cid:{cid}"' in html
    assert picture.get_content_disposition() == "inline"
    assert "src=" not in html.replace('src="cid:', "")
    assert "@import" not in html
    assert "url(" not in html


def test_receipts_are_attached(make_message: Make) -> None:
    """As files that `tallystick verify` reads; the same letter every time."""
    receipt = Receipt(7, b'{"kind":"x"}', "00", [b"h"], "note\n")
    message = make_message(proved=(Proved(7, "", receipt),))
    raw = letter(message, SENDER, TO).as_bytes(policy=SMTP)
    assert raw == letter(message, SENDER, TO).as_bytes(policy=SMTP)
    made = read(raw)
    assert made.get_content_type() == "multipart/mixed"
    assert "Latency" in part(made, "plain")
    (attached,) = made.iter_attachments()
    assert attached.get_filename() == "receipt-7.json"
    assert attached.get_content_type() == "application/json"
    assert msgspec.json.decode(attached.get_payload(decode=True), type=Receipt) == receipt  # type: ignore[arg-type]


def test_a_letter_without_a_chart_has_no_picture(make_message: Make) -> None:
    """Nothing is drawn of nothing."""
    made = letter(make_message(chart=None), SENDER, TO)
    kinds = [each.get_content_type() for each in made.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


def test_a_hostile_name_stays_text(hostile: Message) -> None:
    """No markup, no header, no link of its making."""
    made = read(letter(hostile, SENDER, TO).as_bytes(policy=SMTP))
    html = part(made, "html")

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "javascript:" not in html
    assert made["Bcc"] is None
    assert "\n" not in made["Subject"]
    assert len(made["Subject"]) <= 150
    assert "\x1b" not in part(made, "plain")


def test_a_test_says_that_nothing_is_wrong(make_message: Make) -> None:
    """It belongs to no incident and to no thread."""
    made = letter(
        make_message(why="test", incident="", alerts=(), chart=None, title="A test."), SENDER, TO
    )
    assert made["Subject"] == "[test] A test."
    assert made["References"] is None
    assert "This is a test: nothing is wrong." in part(made, "plain")
