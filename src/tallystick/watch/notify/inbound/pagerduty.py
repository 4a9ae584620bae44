"""PagerDuty's webhooks (v3): what somebody did there is done here.

Source: PagerDuty's developer documentation, Webhooks: Overview, Behavior and Verifying Signatures.
`X-PagerDuty-Signature` is `v1=<hex HMAC-SHA256 of the raw body>`, several with commas while a
secret is changed. A body holds one event; `data.incident_key` is the key under which we triggered.
Webhooks of one incident come in order, each at least once; one that is answered 4xx does not come
again, and one that takes longer than five seconds does.

An event changes something once: it is known by its id, which the signature covers, and one that
happened before what was last done to the incident here comes too late. So whoever records a
webhook and plays it again changes nothing, also after a restart.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Literal

import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, Clock, parse_rfc3339
from tallystick.errors import Misconfigured, Refused
from tallystick.watch.notify.incidents.incident import Happening, Incident
from tallystick.watch.notify.notifier import Notifier

SIGNATURE_HEADER = "X-PagerDuty-Signature"
WEBHOOK_BYTES_MAX = 262_144
"""PagerDuty drops what is larger than 256 KB."""
SIGNATURES_MAX = 16
"""As many signatures of a header are looked at."""
SECRET_CHARACTERS_MIN = 16
EVENT_SECONDS_MAX = 86_400
"""An event that happened longer ago is not carried out: PagerDuty tries for about 20 minutes."""
EVENTS_KNOWN_MAX = 10_000
"""Ids of events that are remembered."""
SKEW_SECONDS = 5
"""How far PagerDuty's clock and ours may be apart."""

Outcome = Literal["done", "nothing_to_do", "repeated", "too_late", "unknown_incident", "ignored"]
_DECIDED = {"acknowledged", "unacknowledged", "resolved", "reopened"}
_log = structlog.get_logger()


class Receipt(msgspec.Struct, frozen=True):
    """What became of a webhook: PagerDuty is answered 202 whatever it was."""

    outcome: Outcome
    incident: str = ""


class _Agent(msgspec.Struct, frozen=True):
    summary: str | None = None
    type: str | None = None


class _Data(msgspec.Struct, frozen=True):
    incident_key: str | None = None


class _Event(msgspec.Struct, frozen=True):
    id: str
    event_type: str
    occurred_at: str
    agent: _Agent | None = None
    data: _Data = _Data()


class _Body(msgspec.Struct, frozen=True):
    event: _Event


_decode = msgspec.json.Decoder(_Body).decode


class PagerDutyDoor:
    """Takes webhooks; blocks for the disk: call it in a thread."""

    def __init__(
        self, secrets: Sequence[str], notifier: Notifier, clock: Clock, target: str = ""
    ) -> None:
        """`secrets` of the subscription, both while it is changed.

        `target` is our PagerDuty target: it knows already, and is not told again.

        Raises:
            Misconfigured: there is no secret, or one is too short to be PagerDuty's.
        """
        if not secrets or any(len(secret) < SECRET_CHARACTERS_MIN for secret in secrets):
            raise Misconfigured(
                "The secret of a PagerDuty webhook subscription has at least "
                f"{SECRET_CHARACTERS_MIN} characters; PagerDuty shows it once, when it is made."
            )
        self._secrets = [secret.encode() for secret in secrets]
        self._notifier = notifier
        self._clock = clock
        self._target = target
        self._lock = Lock()
        self._known: OrderedDict[str, None] = OrderedDict()  # bounded by: EVENTS_KNOWN_MAX

    def receive(self, signatures: str, body: bytes) -> Receipt:
        """Carry out one webhook: its signature header and its raw body.

        Raises:
            Refused: `WEBHOOK_SIGNATURE`, `WEBHOOK_BODY`.
            TemporaryError: it could not be stored; PagerDuty tries again after a 5xx.
        """
        if len(body) > WEBHOOK_BYTES_MAX or not is_signed(self._secrets, signatures, body):
            raise Refused("WEBHOOK_SIGNATURE", "This webhook is not signed with our secret.")
        event = _event(body)
        with self._lock:  # PagerDuty's order is kept, and a repetition waits for the first
            if event.id in self._known:
                receipt = Receipt("repeated")
            else:
                receipt = self._carry_out(event)
                self._remember(event.id)
        _log.info(
            "notify.pagerduty_webhook", outcome=receipt.outcome, incident=receipt.incident,
            type=event.event_type,
        )  # fmt: skip
        return receipt

    def _carry_out(self, event: _Event) -> Receipt:
        if event.event_type not in _HERE or not event.data.incident_key:
            return Receipt("ignored")
        incident = self._notifier.find(event.data.incident_key)
        if incident is None:
            return Receipt("unknown_incident")
        if self._is_late(_occurred_ns(event), incident):
            return Receipt("too_late", incident.id)
        if incident.state not in _HERE[event.event_type]:
            return Receipt("nothing_to_do", incident.id)  # also the echo of what we told it
        by = _who(event)
        try:
            if event.event_type == "incident.acknowledged":
                self._notifier.acknowledge(incident.id, by, via=self._target)
            elif event.event_type == "incident.resolved":
                self._notifier.resolve(incident.id, by, via=self._target)
            else:
                self._notifier.unacknowledge(incident.id, by)
        except Refused as refusal:  # it changed between the look and the act
            _log.info("notify.pagerduty_webhook_refused", code=refusal.code, reason=str(refusal))
            return Receipt("nothing_to_do", incident.id)
        return Receipt("done", incident.id)

    def _is_late(self, occurred_ns: int, incident: Incident) -> bool:
        """Whether it happened long ago, or before what was last decided about the incident."""
        if self._clock.now_ns() - occurred_ns > EVENT_SECONDS_MAX * NS_PER_SECOND:
            return True
        timeline = self._notifier.incident(incident.id).timeline
        decided_ns = max((_decided_ns(line) for line in timeline), default=0)
        last_ns = max(decided_ns, incident.opened_ns)
        return occurred_ns + SKEW_SECONDS * NS_PER_SECOND < last_ns

    def _remember(self, event_id: str) -> None:
        self._known[event_id] = None
        if len(self._known) > EVENTS_KNOWN_MAX:
            self._known.popitem(last=False)


_HERE: dict[str, tuple[str, ...]] = {
    "incident.acknowledged": ("open",),
    "incident.unacknowledged": ("acknowledged",),
    "incident.resolved": ("open", "acknowledged"),
}
"""The events that act, and the states of an incident in which they do."""


def is_signed(secrets: Sequence[bytes], header: str, body: bytes) -> bool:
    """Whether one of the signatures was made with one of the secrets, found in constant time."""
    given = [each.strip().encode() for each in header.split(",")[:SIGNATURES_MAX]]
    signed = False
    for secret in secrets:
        ours = b"v1=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        for each in given:
            signed |= hmac.compare_digest(ours, each)
    return signed


def _event(body: bytes) -> _Event:
    try:
        event = _decode(body).event
        _occurred_ns(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Refused("WEBHOOK_BODY", "This is no event of PagerDuty's webhooks v3.") from error
    return event


def _occurred_ns(event: _Event) -> int:
    return parse_rfc3339(event.occurred_at)


def _decided_ns(line: Happening) -> int:
    return line.at_ns if line.what in _DECIDED else 0


def _who(event: _Event) -> str:
    """How the timeline names whoever did it."""
    name = (event.agent.summary if event.agent else None) or ""
    return f"pagerduty:{' '.join(name.split())[:100]}" if name.strip() else "pagerduty"
