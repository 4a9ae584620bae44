"""An incident as a document: what a team reads and completes after it is over, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from starlette.responses import Response

from tallystick.api.incidents import IncidentDetail, Line, incident_detail
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.watch.notify import MessageRecord
from tallystick.watch.notify.proved import proved

MARKDOWN = "text/markdown"
"""RFC 7763."""
QUESTIONS = (
    ("What happened, for whom", "How many clients and orders it touched, and for how long."),
    ("Cause", "What made it happen, and what made that possible."),
    ("What went well", "What kept it small."),
    ("What did not", "What kept people from seeing, understanding or ending it sooner."),
    ("What changes", "Each with a name and a date."),
)
"""Headings that people complete, and what belongs under them."""
# What could make markup of a text that comes from outside.
_MARKUP = str.maketrans({each: f"\\{each}" for each in "\\`*[]<>|#"})
_SIZES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_WHY = {
    "opened": "it began",
    "worsened": "it became worse",
    "joined": "more alerts came",
    "escalated": "it escalated",
    "repeated": "it still went on",
    "reopened": "it came again",
    "unacknowledged": "nobody had it any more",
    "acknowledged": "somebody took it",
    "resolved": "it was over",
    "storm": "it spoke for many",
}


async def postmortem(services: Services, call: Call) -> Response:
    """The document."""
    detail = await incident_detail(services, call.path["id"])
    text = markdown(detail, services.clock.now_ns())
    headers = {"Content-Disposition": f'inline; filename="{detail.id}.md"'}
    return Response(text.encode(), headers=headers, media_type=MARKDOWN)


def markdown(incident: IncidentDetail, now_ns: int) -> str:
    """The whole document: facts first, then what only people know."""
    parts = [
        f"# {incident.id}: {_plain(incident.title)}",
        _facts(incident, now_ns),
        "## Timeline",
        _timeline(incident),
        "## Alerts",
        _alerts(incident),
        "## Who was told",
        _told(incident.messages),
        "## Orders and proofs",
        _proofs(incident),
        "## Log",
        f"`GET {incident.logs}`",
    ]
    for heading, hint in QUESTIONS:
        parts += [f"## {heading}", f"*{hint}*"]
    written = f"*Written by Tallystick on {_minute(rfc3339(now_ns))} UTC.*"
    return "\n\n".join([*parts, "---", written]) + "\n"


def _facts(incident: IncidentDetail, now_ns: int) -> str:
    opened_ns = parse_rfc3339(incident.opened_at)
    ended = incident.resolved_at
    lasted_ns = (now_ns if ended is None else parse_rfc3339(ended)) - opened_ns
    taken = next((each for each in incident.timeline if each.what == "acknowledged"), None)
    told = next((each for each in incident.timeline if each.what == "told"), None)
    still = "" if ended else ", and it goes on"
    facts = [
        ("Severity", incident.severity),
        ("State", incident.state),
        ("Began", f"{_second(incident.opened_at)} UTC"),
        ("Lasted", f"{span(lasted_ns)}{still}"),
        ("First person or system told", _after(opened_ns, told)),
        ("Acknowledged", _after(opened_ns, taken)),
        ("Resolved by", incident.resolved_by or ("its alerts" if ended else "nobody yet")),
        ("Alerts", str(incident.alerts)),
        ("Labels", ", ".join(f"{name}={value}" for name, value in sorted(incident.labels.items()))),
        ("Route and policy", f"{incident.route}, {incident.policy}"),
    ]
    return _table(("Fact", ""), [(name, value) for name, value in facts if value])


def _timeline(incident: IncidentDetail) -> str:
    rows = [(_second(each.at), each.what, each.by, each.text) for each in incident.timeline]
    table = _table(("UTC", "What", "By", ""), rows)
    if incident.timeline_left_out:
        table += f"\n\n{incident.timeline_left_out:,} lines in between are not kept."
    return table


def _alerts(incident: IncidentDetail) -> str:
    rows = [
        (
            _second(each.started_at),
            "still fires" if each.ended_at is None else _second(each.ended_at),
            each.severity,
            each.summary,
        )
        for each in reversed(incident.alert_items)
    ]
    table = _table(("From", "Until", "Severity", "What"), rows) if rows else "None is kept."
    left = incident.alerts - len(rows)
    return f"{table}\n\n{left:,} earlier ones are not listed." if rows and left > 0 else table


def _told(messages: Sequence[MessageRecord]) -> str:
    if not messages:
        return "Nobody was told."
    rows = [
        (
            _second(each.created_at),
            f"{each.target} ({each.recipient})" if each.recipient else each.target,
            _WHY.get(each.why, each.why),
            _outcome(each),
        )
        for each in reversed(messages)
    ]
    return _table(("UTC", "Target", "Why", "What became of it"), rows)


def _outcome(message: MessageRecord) -> str:
    tries = "" if message.attempts <= 1 else f" at attempt {message.attempts}"
    if message.state == "delivered":
        taken_ns = parse_rfc3339(message.settled_at or message.created_at)
        return f"arrived{tries} after {span(taken_ns - parse_rfc3339(message.created_at))}"
    if message.state == "dead":
        counted = "1 attempt" if message.attempts == 1 else f"{message.attempts} attempts"
        return f"given up after {counted}: {message.last_error or 'no reason'}"
    return f"on its way{tries}"


def _proofs(incident: IncidentDetail) -> str:
    if not incident.proofs:
        return "It is about no ledger entry."
    rows = [
        (
            str(each.position),
            (each.order or "").removeprefix("/v1/orders/"),
            proved(each.receipt).sentence if each.receipt else "",
            each.receipt.leaf_hash if each.receipt else "",
            each.proof,
        )
        for each in sorted(incident.proofs, key=lambda each: each.position)
    ]
    table = _table(("Entry", "Order", "What it says", "Leaf hash (SHA-256)", "Receipt"), rows)
    check = f"curl -s URL{incident.proofs[0].proof} | tallystick verify - --vkey @ledger.vkey"
    return f"{table}\n\nAnybody with the ledger's verifier key can check these: `{check}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(head, rows))


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_plain(cell) for cell in row)} |"


def span(ns: int) -> str:
    """How long, in its two largest units: `2 h 5 min`, `12 s`, `340 ms`."""
    if ns < NS_PER_SECOND:
        return f"{max(0, ns) // 1_000_000} ms"
    left = ns // NS_PER_SECOND
    parts: list[str] = []
    for size, unit in _SIZES:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def _after(since_ns: int, line: Line | None) -> str:
    if line is None:
        return "nobody"
    return f"after {span(parse_rfc3339(line.at) - since_ns)}, {line.by}"


def _second(stamp: str) -> str:
    """`2026-11-22 17:04:05`; what is no such stamp stays as it is."""
    return f"{stamp[:10]} {stamp[11:19]}" if stamp[10:11] == "T" else stamp


def _minute(stamp: str) -> str:
    return _second(stamp)[:16]


def _plain(text: str) -> str:
    """One line that Markdown shows as it is."""
    return " ".join(text.split()).translate(_MARKUP)


OPERATIONS = (
    Operation(
        "GET", "/v1/incidents/{id}/postmortem", "An incident as a document to complete, Markdown.",
        postmortem, bytes, scope="operate", media_type=MARKDOWN, tag="incidents",
        refusals=("UNKNOWN_INCIDENT",),
    ),
)  # fmt: skip
