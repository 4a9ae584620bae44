"""Vendors on loopback: each checks strictly what its pages ask for, and misbehaves as told.

What is behind an address is a real HTTP server; what a vendor asks for stands here as a schema in
which nothing undocumented is allowed, so that a form which the vendor would refuse fails the test.
"""

import re
import threading
from base64 import b64encode
from collections import deque
from dataclasses import dataclass, field
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from typing import Annotated, ClassVar, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from tallystick.clock import SystemClock
from tallystick.stream.rules.signature import is_signed

RETRY_AFTER = 7
"""Seconds that a busy peer asks for."""
HANG_SECONDS_MAX = 60
SHARED = "a shared secret of enough bytes"
TOKEN = "token-that-nobody-may-read"

Words = Annotated[str, Meta(min_length=1)]
Url = Annotated[str, Meta(pattern="^https?://[^ <>]+$", max_length=3_000)]
Stamp = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]


@dataclass(frozen=True)
class Request:
    """What came, as it came."""

    target: str
    headers: Headers
    body: bytes

    def form(self) -> dict[str, str]:
        """The body as a form, each name once."""
        pairs = parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs), "a name twice"
        return dict(pairs)


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class HttpPeer:
    """A vendor. `plan`: how it misbehaves next (busy, broken, refusal, drop, hang, late)."""

    kind: ClassVar[str] = ""
    path: ClassVar[str] = "/"
    says_when: ClassVar[bool] = True
    refuses: ClassVar[bool] = True
    origin: str = ""
    plan: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    taken: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    came: int = 0

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        raise NotImplementedError

    def secrets(self) -> dict[str, str]:
        """What the environment holds."""
        known = {"TOKEN": TOKEN, "SHARED": SHARED, "URL": self.origin + self.path}
        named = [option["env"] for option in self.options().values() if isinstance(option, dict)]
        return {name: known[name] for name in named}

    def judge(self, request: Request) -> None:
        """Raises where the documentation does not allow this."""

    def fine(self, request: Request) -> Reply:  # noqa: ARG002  vendors look at it
        """What the vendor answers when it has taken it."""
        return Reply(200, b"ok")

    def refusal(self, request: Request) -> Reply:
        """A refusal that repeats all it was sent, secrets too."""
        return Reply(400, b"refused: " + self.echo(request))

    def echo(self, request: Request) -> bytes:
        """Everything that was sent."""
        return f"{request.target} {self.secrets()} {request.body[:50].decode()}".encode()

    def answer(self, request: Request) -> Reply:
        """Look, and answer."""
        way = self.plan.popleft() if self.plan else "fine"
        if way == "busy":
            return Reply(429, self.echo(request), (("Retry-After", str(RETRY_AFTER)),))
        if way == "broken":
            return Reply(500, self.echo(request))
        if way == "refusal":
            return self.refusal(request)
        try:
            assert request.target == self.path, request.target
            self.judge(request)
        except (AssertionError, msgspec.ValidationError, ValueError) as error:
            self.complaints.append(f"{type(error).__name__}: {error}")
            return self.refusal(request)
        self.taken.append(request)
        return self.fine(request)


class Terminal(HttpPeer):
    """No server at all: what is written is looked at by the test of the terminal."""

    kind = "terminal"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {}


class Webhook(HttpPeer):
    """A receiver that checks who sent it, as the documentation of the webhook says."""

    kind = "webhook"
    path = "/alerts?token=hidden-in-the-query"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"url": {"env": "URL"}, "secret": {"env": "SHARED"}}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        now = SystemClock().now_ns() // 1_000_000_000
        stamp, given = (request.headers[f"Tallystick-{n}"] for n in ("Timestamp", "Signature"))
        assert is_signed(SHARED.encode(), stamp, request.body, given, now), "not signed"
        body = msgspec.json.decode(request.body)
        assert set(body) == {"v", "message"}
        assert body["v"] == 2
        assert request.headers["Idempotency-Key"] == body["message"]["key"]
        assert request.headers["Content-Type"] == "application/json"


class PagerDutyLink(Struct, forbid_unknown_fields=True):
    """`links` of an event."""

    href: Url
    text: Words


class PagerDutyPayload(Struct, forbid_unknown_fields=True):
    """`payload` of an event that triggers."""

    summary: Annotated[str, Meta(min_length=1, max_length=1_024)]
    source: Words
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: Stamp | None = None
    component: Words | None = None
    group: Words | None = None
    class_: Words | None = msgspec.field(name="class", default=None)
    custom_details: dict[str, object] | None = None


class PagerDutyEvent(Struct, forbid_unknown_fields=True):
    """`POST /v2/enqueue`."""

    routing_key: Annotated[str, Meta(min_length=32, max_length=32)]
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Meta(min_length=1, max_length=255)]
    payload: PagerDutyPayload | None = None
    client: Words | None = None
    client_url: Url | None = None
    links: list[PagerDutyLink] | None = None


class PagerDuty(HttpPeer):
    """Events API v2; `open` are its alerts by deduplication key."""

    kind = "pagerduty"
    path = "/v2/enqueue"
    routing_key = "e93facc04764012d7bfb002500d5d1a6"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"routing_key": {"file": "/run/key"}, "url": self.origin + self.path}

    def secrets(self) -> dict[str, str]:
        """What the environment or a file holds."""
        return {"/run/key": self.routing_key}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        assert len(request.body) <= 512_000
        assert request.headers["Content-Type"] == "application/json"
        event = msgspec.json.decode(request.body, type=PagerDutyEvent)
        assert event.routing_key == self.routing_key
        if event.event_action == "trigger":
            assert event.payload is not None
        else:
            assert event.client is None, "client belongs to a trigger"

    def fine(self, request: Request) -> Reply:
        """What it answers when it has taken it."""
        key = msgspec.json.decode(request.body)["dedup_key"]
        said = {"status": "success", "message": "Event processed", "dedup_key": key}
        return Reply(202, msgspec.json.encode(said))


class Mrkdwn(Struct, tag="mrkdwn", forbid_unknown_fields=True):
    """Slack's text object with formatting."""

    text: Annotated[str, Meta(min_length=1, max_length=3_000)]
    verbatim: bool = False


class PlainText(Struct, tag="plain_text", forbid_unknown_fields=True):
    """Slack's text object without."""

    text: Annotated[str, Meta(min_length=1, max_length=150)]
    emoji: bool = True


class SlackHeader(Struct, tag="header", forbid_unknown_fields=True):
    """A header block."""

    text: PlainText


class SlackField(Struct, tag="mrkdwn", forbid_unknown_fields=True):
    """One of a section's fields."""

    text: Annotated[str, Meta(min_length=1, max_length=2_000)]
    verbatim: bool = False


class SlackSection(Struct, tag="section", forbid_unknown_fields=True):
    """A section block: text, fields, or both."""

    text: Mrkdwn | None = None
    fields: Annotated[list[SlackField], Meta(min_length=1, max_length=10)] | None = None


class SlackDivider(Struct, tag="divider", forbid_unknown_fields=True):
    """A divider block."""


class SlackContext(Struct, tag="context", forbid_unknown_fields=True):
    """A context block."""

    elements: Annotated[list[Mrkdwn], Meta(min_length=1, max_length=10)]


SlackBlock = SlackHeader | SlackSection | SlackDivider | SlackContext


class SlackBody(Struct, forbid_unknown_fields=True):
    """What an incoming webhook takes."""

    text: Words
    blocks: Annotated[list[SlackBlock], Meta(max_length=50)]
    unfurl_links: bool = True
    unfurl_media: bool = True


class Slack(HttpPeer):
    """An incoming webhook."""

    kind = "slack"
    path = "/services/T0000SECRET/B0000SECRET/abcdefghijklmnop"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"url": {"env": "URL"}}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        assert request.headers["Content-Type"] == "application/json"
        body = msgspec.json.decode(request.body, type=SlackBody)
        for block in body.blocks:
            if isinstance(block, SlackSection):
                assert block.text or block.fields
                assert _links_are_whole(block.text.text if block.text else "")
        # Slack answers msg_blocks_too_long at about 13,000 characters.
        assert len(msgspec.json.encode(body.blocks)) < 13_000


def _links_are_whole(text: str) -> bool:
    """Every `<` opens a link or a date that is closed; a stray one is not escaped."""
    return "<" not in re.sub(r"<(https?://[^|<>]+|!date\^[^|<>]+)\|[^|<>]+>", "", text)


class CardText(Struct, tag="TextBlock", forbid_unknown_fields=True):
    """Adaptive Cards' TextBlock."""

    text: Words
    wrap: bool = False
    size: Literal["Default", "Small", "Medium", "Large", "ExtraLarge"] = "Default"
    weight: Literal["Default", "Lighter", "Bolder"] = "Default"
    spacing: Literal["Default", "None", "Small", "Medium", "Large"] = "Default"
    isSubtle: bool = False  # noqa: N815  the schema's name


class CardFact(Struct, forbid_unknown_fields=True):
    """One fact."""

    title: Words
    value: Words


class CardFacts(Struct, tag="FactSet", forbid_unknown_fields=True):
    """Adaptive Cards' FactSet."""

    facts: Annotated[list[CardFact], Meta(min_length=1)]


class CardContainer(Struct, tag="Container", forbid_unknown_fields=True):
    """Adaptive Cards' Container."""

    items: list["CardText | CardFacts"]
    style: Literal["default", "emphasis", "good", "attention", "warning", "accent"] = "default"
    bleed: bool = False
    separator: bool = False


class CardAction(Struct, tag="Action.OpenUrl", forbid_unknown_fields=True):
    """A button that opens a link."""

    title: Words
    url: Url


class Card(Struct, tag="AdaptiveCard", forbid_unknown_fields=True):
    """Adaptive Cards 1.4."""

    schema: Literal["http://adaptivecards.io/schemas/adaptive-card.json"] = msgspec.field(
        name="$schema"
    )
    version: Literal["1.4"]
    body: list[CardText | CardFacts | CardContainer]
    actions: list[CardAction] = []
    fallbackText: str = ""  # noqa: N815  the schema's name
    msteams: dict[str, str] = {}


class CardAttachment(Struct, forbid_unknown_fields=True):
    """The card as an attachment."""

    contentType: Literal["application/vnd.microsoft.card.adaptive"]  # noqa: N815
    contentUrl: None  # noqa: N815
    content: Card


class TeamsBody(Struct, forbid_unknown_fields=True):
    """What a workflow takes."""

    type: Literal["message"]
    attachments: Annotated[list[CardAttachment], Meta(min_length=1, max_length=1)]


class Teams(HttpPeer):
    """A workflow's webhook; its URL is signed."""

    kind = "teams"
    path = "/workflows/0123456789/triggers/manual/paths/invoke?sig=the-signature-of-the-url"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"url": {"env": "URL"}}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        assert len(request.body) <= 28 * 1_024
        assert request.headers["Content-Type"] == "application/json"
        msgspec.json.decode(request.body, type=TeamsBody)

    def fine(self, request: Request) -> Reply:  # noqa: ARG002
        """What it answers when it has taken it."""
        return Reply(202)


class Twilio(HttpPeer):
    """Programmable Messaging: `POST .../Messages.json`."""

    kind = "sms"
    account = "AC" + "0123456789abcdef" * 2
    path = f"/2010-04-01/Accounts/{account}/Messages.json"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {
            "to": "+442071838750",
            "account": self.account,
            "token": {"env": "TOKEN"},
            "sender": "+15017122661",
            "url": self.origin,
        }

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        basic = b64encode(f"{self.account}:{TOKEN}".encode()).decode()
        assert request.headers["Authorization"] == f"Basic {basic}"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = request.form()
        assert set(form) in ({"To", "From", "Body"}, {"To", "MessagingServiceSid", "Body"})
        assert re.fullmatch(r"\+[1-9]\d{1,14}", form["To"])
        assert 0 < len(form["Body"]) <= 1_600

    def fine(self, request: Request) -> Reply:  # noqa: ARG002
        """What it answers when it has taken it."""
        said = {"sid": "SM" + "0" * 32, "status": "queued", "error_code": None}
        return Reply(201, msgspec.json.encode(said))


class Sns(HttpPeer):
    """Amazon SNS's Query protocol, `Publish` to a topic."""

    kind = "sns"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"topic_arn": "arn:aws:sns:eu-west-2:123456789012:alerts", "url": self.origin}

    def secrets(self) -> dict[str, str]:
        """What the environment or a file holds."""
        return {"AWS_SECRET_ACCESS_KEY": "secret-of-the-account"}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        form = request.form()
        assert (form["Action"], form["Version"]) == ("Publish", "2010-03-31")
        assert form["TopicArn"] == "arn:aws:sns:eu-west-2:123456789012:alerts"
        assert form["MessageStructure"] == "json"
        assert len(form["Message"].encode()) <= 262_144
        texts = msgspec.json.decode(form["Message"])
        assert "default" in texts
        assert set(texts) <= {"default", "email", "sms", "http", "https", "sqs", "lambda"}
        assert re.fullmatch(r"[!-~][ -~]{0,99}", form["Subject"])

    def fine(self, request: Request) -> Reply:  # noqa: ARG002
        """What it answers when it has taken it."""
        return Reply(
            200,
            b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
            b"<MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>"
            b"<ResponseMetadata><RequestId>f187a3c1</RequestId></ResponseMetadata></PublishResponse>",
            (("Content-Type", "text/xml"),),
        )

    def refusal(self, request: Request) -> Reply:
        """A refusal that repeats all it was sent, secrets too."""
        return self._error(400, "InvalidParameter", request)

    def answer(self, request: Request) -> Reply:
        """Look, and answer."""
        if self.plan and self.plan[0] in {"busy", "broken"}:
            busy = self.plan.popleft() == "busy"
            status, code = (429, "Throttled") if busy else (500, "InternalError")
            return self._error(status, code, request)
        return super().answer(request)

    def _error(self, status: int, code: str, request: Request) -> Reply:
        said = self.echo(request).replace(b"<", b"").replace(b"&", b"")
        body = (
            b'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender'
            b"</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>f187a3c1</RequestId>"
            b"</ErrorResponse>" % (code.encode(), said)
        )
        when = (("Retry-After", str(RETRY_AFTER)),) if status == 429 else ()
        return Reply(status, body, (("Content-Type", "text/xml"), *when))


LABEL = Annotated[str, Meta(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")]


class GroupAlert(Struct, forbid_unknown_fields=True):
    """One alert of Alertmanager's webhook."""

    status: Literal["firing", "resolved"]
    labels: dict[LABEL, Words]
    annotations: dict[LABEL, str]
    startsAt: Stamp  # noqa: N815  Alertmanager's names, here and below
    endsAt: Stamp  # noqa: N815
    generatorURL: Url | Literal[""]  # noqa: N815
    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Group(Struct, forbid_unknown_fields=True):
    """Alertmanager's webhook, version 4: every member is there."""

    version: Literal["4"]
    groupKey: Words  # noqa: N815
    truncatedAlerts: Annotated[int, Meta(ge=0)]  # noqa: N815
    status: Literal["firing", "resolved"]
    receiver: Words
    groupLabels: dict[str, str]  # noqa: N815
    commonLabels: dict[str, str]  # noqa: N815
    commonAnnotations: dict[str, str]  # noqa: N815
    externalURL: Url | Literal[""]  # noqa: N815
    notification_reason: Words
    alerts: Annotated[list[GroupAlert], Meta(min_length=1)]


class AlertmanagerWebhook(HttpPeer):
    """Whatever takes Alertmanager's webhook."""

    kind = "alertmanager_webhook"
    path = "/hooks/alertmanager"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"url": self.origin + self.path, "bearer_token": {"env": "TOKEN"}}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.headers["Content-Type"] == "application/json"
        group = msgspec.json.decode(request.body, type=Group)
        statuses = {alert.status for alert in group.alerts}
        assert group.status == ("firing" if "firing" in statuses else "resolved")
        for alert in group.alerts:
            assert {"alertname", "severity"} <= set(alert.labels)
            assert (alert.endsAt == "0001-01-01T00:00:00Z") == (alert.status == "firing")


class PostableAlert(Struct, forbid_unknown_fields=True):
    """`postableAlert` of Alertmanager's openapi v2."""

    labels: Annotated[dict[LABEL, Words], Meta(min_length=1)]
    annotations: dict[LABEL, str] = {}
    startsAt: Stamp | None = None  # noqa: N815
    endsAt: Stamp | None = None  # noqa: N815
    generatorURL: Url | Literal[""] = ""  # noqa: N815


class Alertmanager(HttpPeer):
    """`POST /api/v2/alerts`; `firing` are its alerts that fire, by their labels."""

    kind = "alertmanager"
    path = "/api/v2/alerts"

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"url": self.origin, "bearer_token": {"env": "TOKEN"}}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.headers["Content-Type"] == "application/json"
        alerts = msgspec.json.decode(request.body, type=list[PostableAlert])
        assert alerts
        assert all("alertname" in alert.labels for alert in alerts)
        # Alertmanager refuses an alert that ends before it starts.
        assert all(str(alert.startsAt) <= str(alert.endsAt) for alert in alerts)

    def fine(self, request: Request) -> Reply:  # noqa: ARG002
        """What it answers when it has taken it."""
        return Reply(200)


class Apprise(HttpPeer):
    """One of apprise's services: its own JSON webhook. It never says why, so nothing is final."""

    kind = "apprise"
    path = "/hidden-path-of-the-service/"
    says_when = False
    refuses = False

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {"url": {"env": "URL"}}

    def secrets(self) -> dict[str, str]:
        """What the environment or a file holds."""
        return {"URL": self.origin.replace("http://", "json://user:hidden-password@") + self.path}

    def judge(self, request: Request) -> None:
        """What its documentation asks for."""
        body = msgspec.json.decode(request.body)
        assert body["title"]
        assert body["message"]
        assert body["type"] in {"info", "success", "warning", "failure"}


HTTP_PEERS: tuple[type[HttpPeer], ...] = (
    Alertmanager,
    AlertmanagerWebhook,
    Apprise,
    PagerDuty,
    Slack,
    Sns,
    Teams,
    Twilio,
    Webhook,
)


class Server(ThreadingHTTPServer):
    """Serves one peer; quiet about connections that end early."""

    peer: HttpPeer

    def handle_error(self, *_: object) -> None:
        """A client that gave up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """One request of the peer's."""

    server: Server

    def do_POST(self) -> None:
        """Read, then do as the peer is told."""
        peer = self.server.peer
        body = self.rfile.read(int(self.headers["Content-Length"]))
        peer.came += 1
        if peer.plan and peer.plan[0] in {"drop", "hang", "late"}:
            way = peer.plan.popleft()
            if way != "drop":
                peer.released.wait(HANG_SECONDS_MAX)
            if way != "late":
                self.connection.shutdown(SHUT_RDWR)
                return
        reply = peer.answer(Request(self.path, self.headers, body))
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
