"""What the bus hears: ledger entries and anomalies as EventBridge events.

An entry's event has the source, detail-type and members that event rules of the product know
(`stream.rules.event`). Amounts are decimal texts there, and EventBridge's `numeric` reads numbers
only: so `numbers` says some of them once more, for matching and for nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tallystick.errors import TemporaryError
from tallystick.stream.message import Message
from tallystick.stream.rules.event import DETECT, LEDGER, words_of
from tallystick.wiring.aws.clients import FAILURES, client, explained

ANOMALY = "Anomaly Found"
REQUEST_EVENTS_MAX = 10
"""Most events of one PutEvents."""
_NUMBERS = ("quantity", "price", "filled")
"""Members of an order that are told as numbers too."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode

Put = dict[str, Any]
"""One event, in PutEvents' form."""


def entry_put(message: Message, bus: str) -> Put | None:
    """The event of an entry; None for bytes that are none of ours.

    Raises:
        ValueError: they begin like one and cannot be read.
    """
    if not message.body.startswith(b"{"):
        return None
    entry = _decode(message.body)
    kind, order = str(entry.get("kind", "")), entry.get("order")
    if not kind:
        return None
    members = order if isinstance(order, Mapping) else {}
    account = members.get("account") or entry.get("account")
    detail = entry | {"numbers": _numbers(members), "position": message.position}
    resources = [f"entry/{message.position}"]
    if account:
        resources.append(f"account/{account}")
    return _put(bus, LEDGER, words_of(kind), detail, resources)


def anomaly_put(detail: Mapping[str, object], bus: str) -> Put:
    """The event of an anomaly."""
    return _put(bus, DETECT, ANOMALY, detail, [f"entry/{detail['position']}"])


def tell(events: Sequence[Put], region: str | None = None) -> int:
    """Put all events onto their bus; how many.

    Raises:
        TemporaryError: some were not taken; those that were may come twice when it is tried again.
    """
    bus = client("events", region)
    for start in range(0, len(events), REQUEST_EVENTS_MAX):
        some = events[start : start + REQUEST_EVENTS_MAX]
        try:
            answer = bus.put_events(Entries=list(some))
        except FAILURES as error:
            raise explained("EventBridge", error) from error
        if answer.get("FailedEntryCount"):
            raise TemporaryError(f"EventBridge did not take {list(_refusals(answer))}.")
    return len(events)


def _put(
    bus: str, source: str, detail_type: str, detail: Mapping[str, object], resources: list[str]
) -> Put:
    return {
        "EventBusName": bus,
        "Source": source,
        "DetailType": detail_type,
        "Detail": msgspec.json.encode(detail).decode(),
        "Resources": resources,
    }


def _numbers(members: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name in _NUMBERS:
        try:
            found[name] = float(members[name])
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _refusals(answer: Mapping[str, Any]) -> Iterator[str]:
    for entry in answer.get("Entries", ()):
        if "ErrorCode" in entry:
            yield f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}"
