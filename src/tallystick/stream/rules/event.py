"""The event that patterns see: EventBridge's envelope around a ledger entry, or something else.

    {"version": "0", "id": "1042", "detail-type": "Order Decided", "source": "tallystick.ledger",
     "account": "demo", "time": "2026-11-22T04:08:16.123456Z", "region": "example.com/ledger",
     "resources": ["entry/1042", "account/demo", "order/O-1042"], "detail": {...}}

`id` is the ledger position; `detail` the entry's members as they stand in the ledger, byte for
byte, so amounts are decimal texts (and `numeric` reads them, see `operators`); `detail-type` the
entry's kind in words; `account` the trading account it is about, empty where there is none;
`region` the ledger's name; `time` the entry's own. A replayed event has `replay-name` too.
"""

from collections.abc import Mapping
from typing import cast

import msgspec

from tallystick.clock import rfc3339

LEDGER = "tallystick.ledger"
SCHEDULE = "tallystick.schedule"
DETECT = "tallystick.detect"
LOGS = "tallystick.logs"
EVENT_BYTES_MAX = 262_144
"""Largest event; EventBridge's limit too."""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An event as a value, and as the bytes that are sent."""

    id: str
    members: dict[str, object]
    body: bytes


def words_of(kind: str) -> str:
    """An entry's kind as a detail-type: `order_decided` is "Order Decided"."""
    return kind.replace("_", " ").title()


def kind_of(detail_type: str) -> str | None:
    """The kind whose words these are; None where no kind has such words."""
    kind = detail_type.lower().replace(" ", "_")
    return kind if words_of(kind) == detail_type else None


def entry_event(position: int, body: bytes, region: str, replay: str | None = None) -> Seen | None:
    """The event of a ledger entry; None for bytes that are no entry of ours.

    Raises:
        ValueError: they begin like one and cannot be read.
    """
    if not body.startswith(b"{"):
        return None
    detail = _decode(body)
    kind = detail.get("kind")
    if not isinstance(kind, str):
        return None
    account, resources = _about(position, detail)
    envelope: dict[str, object] = {
        "version": "0",
        "id": str(position),
        "detail-type": words_of(kind),
        "source": LEDGER,
        "account": account,
        "time": str(detail.get("at", "")),
        "region": region,
        "resources": resources,
    }
    if replay is not None:
        envelope["replay-name"] = replay
    whole = _encode(envelope)[:-1] + b',"detail":' + body + b"}"
    return Seen(str(position), {**envelope, "detail": detail}, whole)


def other_event(
    event_id: str,
    source: str,
    detail_type: str,
    detail: Mapping[str, object],
    at_ns: int,
    region: str,
    *,
    account: str = "",
    resources: tuple[str, ...] = (),
) -> Seen:
    """An event that is no ledger entry: an anomaly, a log line, a scheduled moment."""
    members: dict[str, object] = {
        "version": "0",
        "id": event_id,
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": rfc3339(at_ns),
        "region": region,
        "resources": list(resources),
        "detail": dict(detail),
    }
    body = _encode(members)
    return Seen(event_id, cast("dict[str, object]", _decode(body)), body)


def ledger_check_failed(sentence: str, at_ns: int, region: str) -> Seen:
    """What a check of the ledger has to say to the rule `ledger-check-failed`."""
    event_id = f"ledger-check/{rfc3339(at_ns)}"
    return other_event(
        event_id, LEDGER, "Ledger Check Failed", {"sentence": sentence}, at_ns, region
    )


def read_event(body: bytes) -> Seen:
    """An event in its bytes.

    Raises:
        ValueError: it is none.
    """
    members = _decode(body)
    if not isinstance(members, dict):
        raise ValueError("An event is a JSON object.")  # noqa: TRY004  of the text, not of a type
    return Seen(str(members.get("id", "")), members, body)


def _about(position: int, detail: Mapping[str, object]) -> tuple[str, list[str]]:
    """The account an entry is about, and all that it names."""
    order = detail.get("order")
    inner = order if isinstance(order, dict) else {}
    account = detail.get("account") or inner.get("account") or ""
    resources = [f"entry/{position}"]
    if isinstance(account, str) and account:
        resources.append(f"account/{account}")
    if isinstance(inner.get("id"), str):
        resources.append(f"order/{inner['id']}")
    pair = inner.get("pair") or detail.get("pair")
    if isinstance(pair, str):
        resources.append(f"pair/{pair}")
    return (account if isinstance(account, str) else ""), resources
