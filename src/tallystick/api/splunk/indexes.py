"""Indexes and fired alerts as Splunk shows them."""

from collections.abc import Sequence

from starlette.responses import Response

from tallystick.api.splunk.asking import Asked, fed
from tallystick.api.splunk.atom import Entry, Feed, Value
from tallystick.api.splunk.jobs import paged
from tallystick.api.splunk.rows import epoch, splunk_time
from tallystick.clock import parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.watch.collect.columns import Use
from tallystick.watch.collect.search.relation import events_of, sql
from tallystick.watch.notify import AlertRecord

PATH = "data/indexes"
FIRED_PATH = "alerts/fired_alerts"
ALL_ALERTS = "-"
"""The group that holds the alerts of all."""
_SEVERITIES = {"info": 1, "warning": 3, "error": 4, "critical": 5}
"""Splunk's numbers of severities."""
_MIB = 1 << 20


async def listed(asked: Asked) -> Response:
    """The indexes that the asker may see, with how much is in them."""
    entries = await asked.run(lambda: _indexes(asked))
    return fed(paged(asked, "indexes", PATH, entries), asked.mode)


async def show(asked: Asked) -> Response:
    """One index.

    Raises:
        Refused: `NOT_FOUND`.
    """
    name = asked.path["name"]
    for entry in await asked.run(lambda: _indexes(asked)):
        if entry.name == name:
            return fed(Feed("indexes", PATH, entry.updated, [entry], 1), asked.mode)
    raise Refused("NOT_FOUND", f"Could not find object id={name[:100]}")


def _indexes(asked: Asked) -> list[Entry]:
    """Counted from the lines themselves; sizes are those of the sealed parts."""
    search = asked.search
    plan = search.plan(search.read(asked.question("", None, None)))
    events = events_of(plan, (Use("index", "text"),))
    question = sql(
        "SELECT ", events.columns[0], " AS index, count(*), min(epoch_ns(_time)),"
        " max(epoch_ns(_time)) FROM ", events.relation, " GROUP BY ALL ORDER BY 1",
    )  # fmt: skip
    rows, _skipped = search.ask(events.ask(question, ("index", "count", "first", "last")))
    sizes: dict[str, int] = {}
    for part in search.store.parts():
        sizes[part.index] = sizes.get(part.index, 0) + part.size
    updated = rfc3339(asked.services.clock.now_ns())
    return [
        _index(str(name), [int(str(each)) for each in figures], sizes.get(str(name), 0), updated)
        for name, *figures in rows
    ]


def _index(name: str, figures: Sequence[int], size: int, updated: str) -> Entry:
    count, first_ns, last_ns = figures
    content: dict[str, Value] = {
        "totalEventCount": count,
        "currentDBSizeMB": -(-size // _MIB),
        "minTime": splunk_time(first_ns),
        "maxTime": splunk_time(last_ns),
        "datatype": "event",
        "disabled": False,
        "isInternal": False,
        "isReady": True,
    }
    return Entry(name, f"{PATH}/{name}", updated, content)


async def fired(asked: Asked) -> Response:
    """What raised alerts lately, and how often."""
    groups: dict[str, int] = {ALL_ALERTS: 0}
    for record in await _records(asked):
        groups[ALL_ALERTS] += 1
        groups[record.alert.source] = groups.get(record.alert.source, 0) + 1
    updated = rfc3339(asked.services.clock.now_ns())
    entries = [
        Entry(name, f"{FIRED_PATH}/{name}", updated, {"triggered_alert_count": count})
        for name, count in groups.items()
    ]
    return fed(paged(asked, "fired_alerts", FIRED_PATH, entries), asked.mode)


async def fired_by(asked: Asked) -> Response:
    """The alerts of one source, or of all, newest first."""
    name = asked.path["name"]
    records = [
        record for record in await _records(asked) if name in {ALL_ALERTS, record.alert.source}
    ]
    entries = [_alert(record) for record in records]
    return fed(paged(asked, "fired_alerts", f"{FIRED_PATH}/{name}", entries), asked.mode)


async def _records(asked: Asked) -> list[AlertRecord]:
    return list(await asked.run(lambda: asked.services.notifier.recent(PAGE_ITEMS_MAX)))


def _alert(record: AlertRecord) -> Entry:
    alert = record.alert
    content: dict[str, Value] = {
        "savedsearch_name": alert.source,
        "alert_type": "log",
        "severity": _SEVERITIES.get(alert.severity, 3),
        "trigger_time": epoch(parse_rfc3339(record.raised_at)),
        "trigger_time_rendered": record.raised_at,
        "triggered_alerts": "1",
        "description": alert.summary,
        "actions": ",".join(delivery.channel for delivery in record.deliveries),
        "digest_mode": True,
        "sid": alert.id,
    }
    return Entry(alert.id, f"{FIRED_PATH}/{alert.id}", record.raised_at, content)
