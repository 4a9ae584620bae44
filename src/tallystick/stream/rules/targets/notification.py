"""The notification: an alert for people, raised through whoever the wiring names.

The parcel's body may be an event as it came, or what an input transformer made of it: a text is
the alert's sentence; an object may say `summary` and `severity`, and everything else is detail.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tallystick.clock import rfc3339
from tallystick.errors import PermanentError
from tallystick.stream.rules.targets.port import Notification, Parcel, Surroundings, options_of

Severity = Literal["critical", "error", "warning", "info"]
SUMMARY_CHARACTERS_MAX = 500
DETAILS_MAX = 32
"""Most members that go along."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How loud, and the sentence where the body says none."""

    severity: Severity = "warning"
    summary: Annotated[str, Meta(max_length=SUMMARY_CHARACTERS_MAX)] = ""


class NotificationTarget:
    """Raises an alert for each parcel; the same parcel again is the same alert."""

    def __init__(self, given: Mapping[str, object], around: Surroundings) -> None:
        self._options = options_of(given, Options)
        self._notify = around.notify
        self._clock = around.clock

    async def send(self, parcel: Parcel) -> None:
        """Durable when the one who is told has returned."""
        if self._notify is None:
            raise PermanentError("Nobody takes notifications here.")
        await asyncio.to_thread(self._notify, self.notification(parcel))

    async def close(self) -> None:
        """Nothing is held."""

    def notification(self, parcel: Parcel) -> Notification:
        """What a parcel tells a person."""
        said = msgspec.json.decode(parcel.body)
        members = said if isinstance(said, dict) else {"summary": said}
        severity = members.get("severity")
        if severity not in {"critical", "error", "warning", "info"}:
            severity = self._options.severity
        summary = members.get("summary") or self._options.summary
        if not summary:
            what = members.get("detail-type", "An event")
            summary = f"{what} {parcel.event_id} matched the rule {parcel.rule}."
        position = int(parcel.event_id) if parcel.event_id.isdecimal() else None
        order_id = members.get("order_id")
        return Notification(
            id=parcel.key,
            rule=parcel.rule,
            severity=str(severity),
            summary=str(summary)[:SUMMARY_CHARACTERS_MAX],
            at=str(members.get("time") or rfc3339(self._clock.now_ns())),
            position=position,
            order_id=order_id if isinstance(order_id, str) else None,
            account=str(members.get("account", "")),
            details=_details(members),
        )


def _details(members: Mapping[str, object]) -> dict[str, str]:
    """Texts and numbers of the body, as texts."""
    plain = {
        str(name): str(value)
        for name, value in members.items()
        if isinstance(value, (str, int, float)) and name not in {"summary", "severity"}
    }
    return dict(list(plain.items())[:DETAILS_MAX])
