"""E-mail: one letter a message to one address, over SMTP with TLS.

Sources: RFC 5321 (SMTP), 3207 (STARTTLS, required unless switched off), 4954 (AUTH), 5322 (threads
by References), 2387 (the chart inside the HTML), 3834 (no automatic answers). The letters of an
incident are one thread: the subject stays, and all refer to the same root. An attempt that is made
again is the same letter byte for byte, with the same Message-ID, by which many servers drop it.
"""

import asyncio
import hashlib
import ssl
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.posted import without
from tallystick.watch.notify.channels.writing.chart import drawn, has_values
from tallystick.watch.notify.channels.writing.letter import plain_text
from tallystick.watch.notify.channels.writing.page import CHART_NAME, page
from tallystick.watch.notify.channels.writing.sentences import one_line
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.proved import receipt_name

if TYPE_CHECKING:
    import aiosmtplib

PORTS = {"starttls": 587, "implicit": 465, "none": 25}
"""By how TLS begins: submission (RFC 6409), submissions (RFC 8314), relay."""
STEP_SECONDS_MAX = 5.0
"""Longest wait for one answer of the server."""
GOODBYE_SECONDS_MAX = 0.5
"""Longest wait for its goodbye, after it has taken the letter."""
SUBJECT_CHARACTERS_MAX = 150
SAID_CHARACTERS_MAX = 200
PLACE_CHARACTERS_MAX = 30


class EmailOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Server and addresses; `to` is one address: several people are several targets, or a list.

    `tls` is `starttls` (refused without it), `implicit`, or `none` for a relay on this machine.
    `ca_file` names the authorities to trust instead of the system's.
    """

    host: str
    sender: str
    to: str
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    port: int | None = None
    username: str | None = None
    password: Secret | None = None
    ca_file: str | None = None


class EmailChannel:
    """One connection a letter: an alert is rare, and a connection kept open may be dead."""

    options: ClassVar[type[msgspec.Struct]] = EmailOptions

    def __init__(self, options: EmailOptions, password: str | None) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: an address, the TLS settings or the credentials cannot work.
        """
        try:
            import aiosmtplib  # noqa: F401, PLC0415  loaded by those who send e-mail, at start
        except ImportError as error:
            raise Misconfigured("E-mail needs the package aiosmtplib.") from error
        self._host = options.host
        self._port = options.port or PORTS[options.tls]
        self._tls = options.tls
        self._sender = _address(options.sender, "sender")
        self._to = _address(options.to, "to")
        self._username = options.username
        self._password = password
        if (options.username is None) != (password is None):
            raise Misconfigured("username and password come together.")
        if password is not None and options.tls == "none":
            raise Misconfigured("A password is not sent without TLS: set tls.")
        self._context = None if options.tls == "none" else _context(options.ca_file)

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:  # noqa: ARG003  the port's
        """Of `EmailOptions`."""
        given = options_of(options, EmailOptions)
        if not 0 < (given.port or 1) < 65_536 or not given.host:
            raise Misconfigured("host is a name, and port is between 1 and 65535.")
        return cls(given, given.password.read(secrets) if given.password else None)

    async def send(self, message: Message) -> str:
        """Send one letter; its Message-ID."""
        import aiosmtplib  # noqa: PLC0415  loaded by those who send e-mail

        # In a thread: drawing the chart takes a while, and orders do not wait for it.
        made_id, made = await asyncio.to_thread(self._written, message)
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls == "implicit",
            start_tls=self._tls == "starttls",
            tls_context=self._context,
            username=self._username,
            password=self._password,
            # Its own name would be looked up, and says more about us than anybody needs.
            local_hostname=self._sender.domain,
            timeout=STEP_SECONDS_MAX,
        )
        transport = None
        try:
            await client.connect()
            transport = client.transport
            await client.sendmail(self._sender.addr_spec, [self._to.addr_spec], made)
            await _part(client)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._refusal(error) from None
        finally:
            _hang_up(client, transport)
        return made_id

    async def close(self) -> None:
        """Nothing is open between letters."""

    def _written(self, message: Message) -> tuple[str, bytes]:
        """The Message-ID and the letter as it goes over the wire."""
        made = letter(message, self._sender, self._to)
        return str(made["Message-ID"]), made.as_bytes(policy=SMTP)

    def _refusal(self, error: Exception) -> TemporaryError | PermanentError:
        """Without its cause: what a server says may repeat what it was sent."""
        import aiosmtplib  # noqa: PLC0415  loaded by those who send e-mail

        if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
            error = error.recipients[0]
        if isinstance(error, aiosmtplib.SMTPResponseException):
            said = one_line(self._hidden(error.message), SAID_CHARACTERS_MAX)
            sentence = f"{self._host} answered {error.code}: {said}."
            return (PermanentError if error.code >= 500 else TemporaryError)(sentence)
        if isinstance(error, OSError):
            return TemporaryError(f"{self._host} cannot be reached ({_reason(error)}).")
        said = one_line(self._hidden(str(error)), SAID_CHARACTERS_MAX).rstrip(".")
        return PermanentError(f"{self._host} cannot be used: {said}.")

    def _hidden(self, said: str) -> str:
        if self._password is None:
            return said
        user, password = (self._username or "").encode(), self._password.encode()
        sent = (b64encode(password), b64encode(b"\0" + user + b"\0" + password))
        return without((self._password, *(each.decode() for each in sent)), said)


def letter(message: Message, sender: Address, to: Address) -> EmailMessage:
    """The letter: text and HTML, the chart inside. The same message makes the same bytes."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = to
    about = message.incident or message.why
    made["Subject"] = one_line(f"[{about}] {message.title}", SUBJECT_CHARACTERS_MAX)
    made["Date"] = format_datetime(datetime.fromtimestamp(message.at_ns // NS_PER_SECOND, UTC))
    made["Message-ID"] = _id(message.key, sender)
    # A root that was never sent: whoever hears of the incident late still gets one thread.
    if message.incident:
        made["In-Reply-To"] = made["References"] = thread_root(message, sender)
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    if message.action == "trigger" and message.severity in {"critical", "error"}:
        made["Importance"] = "high"
    for name, value in _for_rules(message):
        made[name] = value
    made.set_content(plain_text(message), cte="quoted-printable")
    chart_id = f"{CHART_NAME}.{message.key[:32]}@{sender.domain}"
    made.add_alternative(page(message, chart_id), subtype="html", cte="quoted-printable")
    made.set_boundary(f"letter-{message.key[:32]}")
    html = made.get_body(("html",))
    if html is not None and message.chart is not None and has_values(message.chart):
        html.add_related(
            drawn(message.chart),
            maintype="image",
            subtype="png",
            cid=f"<{chart_id}>",
            disposition="inline",
            filename="chart.png",
        )
        html.set_boundary(f"page-{message.key[:32]}")
    for each in message.proved:
        receipt = msgspec.json.encode(each.receipt)
        made.add_attachment(receipt, "application", "json", filename=receipt_name(each))
    if message.proved:
        made.set_boundary(f"whole-{message.key[:32]}")
    return made


def thread_root(message: Message, sender: Address) -> str:
    """The Message-ID that all letters of one incident refer to."""
    incident = f"{message.incident}\n{message.dedup_key}".encode()
    return _id(hashlib.sha256(incident).hexdigest(), sender)


def _id(name: str, sender: Address) -> str:
    """A Message-ID so short that its header needs no fold: many clients find no folded one."""
    place = sender.domain
    while len(place) > PLACE_CHARACTERS_MAX:
        place = place.partition(".")[2] or "tallystick.invalid"
    return f"<{name[:32]}@{place}>"


def _for_rules(message: Message) -> tuple[tuple[str, str], ...]:
    """What a reader's mail rules go by, as the subject says none of it."""
    return (
        ("X-Tallystick-Incident", one_line(message.incident, 80) or "none"),
        ("X-Tallystick-Severity", message.severity),
        ("X-Tallystick-Action", message.action),
    )


async def _part(client: "aiosmtplib.SMTP") -> None:
    """Say goodbye; the letter is taken, so nothing that happens now matters."""
    import aiosmtplib  # noqa: PLC0415  loaded by those who send e-mail

    with suppress(aiosmtplib.SMTPException, OSError):
        await client.execute_command(b"QUIT", timeout=GOODBYE_SECONDS_MAX)


def _hang_up(client: "aiosmtplib.SMTP", transport: asyncio.BaseTransport | None) -> None:
    """At once: TLS would wait for the other side's goodbye, which may never come."""
    for each in (transport, client.transport):
        if isinstance(each, asyncio.WriteTransport):
            each.abort()
    client.close()


def _reason(error: BaseException) -> str:
    """What is wrong with the other side's certificate, or what kind of error it is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _address(text: str, option: str) -> Address:
    """`desk@fx.example` or `The desk <desk@fx.example>`.

    Raises:
        Misconfigured: it is no such address.
    """
    wrong = Misconfigured(f"{option} is one e-mail address, in ASCII, such as desk@fx.example.")
    found = getaddresses([text])
    if len(found) != 1 or not text.isprintable() or not found[0][1].isascii():
        raise wrong
    try:
        address = Address(display_name=found[0][0], addr_spec=found[0][1])
    except (HeaderParseError, ValueError, IndexError) as error:
        raise wrong from error
    if not (address.username and address.domain):
        raise wrong
    return address


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Misconfigured(f"ca_file cannot be read: {error}.") from error
