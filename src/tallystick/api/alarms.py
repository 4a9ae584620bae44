"""Alarms at the door: what they are, how they stand and why, and what one would have done.

Only for those who operate: whoever is watched must not learn by what.
"""

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tallystick.api.operation import JSON, Call, Operation
from tallystick.api.services import Services
from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, State, Trace
from tallystick.watch.alarms.alarms import AlarmState, Known, Origin, SeriesState, Traced
from tallystick.watch.alarms.trying import Trial
from tallystick.watch.collect.query import parse_time
from tallystick.watch.notify.alert import Severity

TRACES_DEFAULT = 20
TRACES_MAX = 100
"""Most traces of an alarm that are kept."""
TEST_SECONDS = 6 * 3_600
"""How far back a test looks where nobody says."""
SERIES_SHOWN_MAX = 500
_STATES: tuple[State, ...] = ("ALARM", "INSUFFICIENT_DATA", "OK")
"""The one to look at first, first."""
_TAG = re.compile(r'"(0|[1-9][0-9]{0,14})"')
_ETAG = {
    "ETag": {
        "description": "The version, in quotes, for If-Match; 0: it stands in a file.",
        "required": True,
        "schema": {"type": "string"},
    }
}
_WRONG = (
    "ALARM_CYCLE", "ALARM_IN_FILE", "ALARM_REFERENCE", "ALARM_UNUSABLE", "BAD_PATTERN", "BAD_QUERY",
)  # fmt: skip
Moment = Annotated[str, Meta(min_length=1, max_length=64)]


class AlarmRow(msgspec.Struct, frozen=True):
    """An alarm in a list. `series` are all it has, `firing` those in ALARM.

    `sentence` says why its worst series is in that state, `since` (RFC 3339) from when on; both
    empty before the first evaluation.
    """

    name: str
    description: str
    severity: Severity
    state: State
    enabled: bool
    origin: Origin
    version: int
    series: int
    firing: int
    since: str | None
    sentence: str
    suppressed_by: str


class AlarmList(msgspec.Struct, frozen=True):
    """Every alarm: those that fire first, then by name."""

    alarms: list[AlarmRow]


class AlarmAnswer(msgspec.Struct, frozen=True):
    """An alarm, where it comes from, and how each of its series stands.

    `origin` is "shipped", "file" (the operator's folder) or "api"; `version` counts the changes
    made through the API and is 0 for what stands in a file.
    """

    alarm: Alarm
    origin: Origin
    version: int
    changed_at: str | None
    author: str
    state: State
    series: tuple[SeriesState, ...]


class AlarmDefinition(Alarm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alarm as it shall be; its name may be left out, the path says it.

    `datapoints` of the last `periods` periods of `period_seconds` must breach. Either `source` with
    a `threshold` or a `band`, or a `rule` such as `ALARM("a") AND NOT OK("b")`.
    """

    name: str = ""


class PointItem(msgspec.Struct, frozen=True):
    """One period that was looked at: what it came to (null: no data), and whether that breached.

    `low` and `high` are the band where the alarm has one.
    """

    at: str
    value: float | None
    low: float | None
    high: float | None
    breaching: bool | None


class TraceItem(msgspec.Struct, frozen=True):
    """Why a series was in its state; `suppressed_by` is the alarm that kept it quiet."""

    labels: dict[str, str]
    at: str
    state: State
    before: State
    sentence: str
    suppressed_by: str
    datapoints: list[PointItem]


class TraceList(msgspec.Struct, frozen=True):
    """The last evaluations, newest first; of changes, older ones too."""

    traces: list[TraceItem]


class TracesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many, newest first."""

    limit: Annotated[int, Meta(ge=1, le=TRACES_MAX)] = TRACES_DEFAULT


class AlarmTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Replay an `alarm` as it would be, or the one called `name` as it is.

    `earliest` and `latest` are RFC 3339, or from now: `-6h`, `-1d@d`.
    """

    alarm: AlarmDefinition | None = None
    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    earliest: Moment = f"-{TEST_SECONDS}s"
    latest: Moment = "now"


class TriedSeries(msgspec.Struct, frozen=True):
    """What a series would have done: how often it had fired, for how long, and each change."""

    labels: dict[str, str]
    sentence: str
    fired: int
    alarm_seconds: int
    state: State
    changes: list[TraceItem]
    last: TraceItem


class AlarmTested(msgspec.Struct, frozen=True):
    """What the alarm would have done; nobody was told. `note` says what could not be looked at."""

    name: str
    earliest: str
    latest: str
    periods: int
    fired: int
    series: list[TriedSeries]
    note: str


async def alarms(services: Services, _call: Call) -> AlarmList:
    """All alarms and how they stand."""
    states = {each.name: each for each in services.alarms.states()}
    rows = [_row(known, states[known.alarm.name]) for known in services.alarms.list()]
    return AlarmList(sorted(rows, key=lambda row: (_STATES.index(row.state), row.name)))


async def alarm(services: Services, call: Call) -> Response:
    """One alarm and how it stands."""
    return _answer(services, services.alarms.get(call.path["name"]))


async def put_alarm(services: Services, call: Call) -> Response:
    """Make an alarm or change it."""
    asked = _definition(call.body, call.path["name"])
    made = await services.alarms.put(asked, call.principal.name, _expected(call))
    return _answer(services, made)


async def delete_alarm(services: Services, call: Call) -> AlarmList:
    """Delete an alarm that was made here; gives those that are left."""
    await services.alarms.delete(call.path["name"], call.principal.name, _expected(call))
    return await alarms(services, call)


async def traces(services: Services, call: Call) -> TraceList:
    """Why an alarm is as it is."""
    found = await services.alarms.traces(call.path["name"], call.query.limit)
    return TraceList([_trace(each) for each in found])


async def try_alarm(services: Services, call: Call) -> AlarmTested:
    """What an alarm would have done."""
    asked: AlarmTest = call.body
    if (asked.alarm is None) is (asked.name is None):
        raise Refused("BAD_REQUEST", "Name either an alarm that is known, or give one.")
    if asked.alarm is not None:
        tried = _definition(asked.alarm, asked.alarm.name or "test")
    else:
        tried = services.alarms.get(asked.name or "").alarm
    now_ns = services.clock.now_ns()
    start_ns, end_ns = (parse_time(text, now_ns) for text in (asked.earliest, asked.latest))
    trial = await services.alarms.try_out(tried, start_ns, min(end_ns, now_ns))
    return _tested(tried.name, trial)


def trace_item(labels: dict[str, str], trace: Trace) -> TraceItem:
    """A trace in the words of the API."""
    points = [
        PointItem(rfc3339(each.at_ns), each.value, each.low, each.high, each.breaching)
        for each in trace.datapoints
    ]
    return TraceItem(
        labels, rfc3339(trace.at_ns), trace.state, trace.before, trace.sentence,
        trace.suppressed_by, points,
    )  # fmt: skip


def _row(known: Known, state: AlarmState) -> AlarmRow:
    worst = _worst(state.series)
    return AlarmRow(
        name=known.alarm.name,
        description=known.alarm.description,
        severity=known.alarm.severity,
        state=state.state,
        enabled=state.enabled,
        origin=known.origin,
        version=known.version,
        series=len(state.series),
        firing=sum(each.state == "ALARM" for each in state.series),
        since=None if worst is None else worst.since,
        sentence="" if worst is None else worst.sentence,
        suppressed_by="" if worst is None else worst.suppressed_by,
    )


def _worst(series: Iterable[SeriesState]) -> SeriesState | None:
    """The series to look at first; of those that fire, the one that came last."""
    newest = sorted(series, key=lambda each: each.since or "", reverse=True)
    # As in CloudWatch an alarm is in ALARM if any of its series is, else OK if any is.
    ranks = {"ALARM": 0, "OK": 1, "INSUFFICIENT_DATA": 2}
    return min(newest, key=lambda each: ranks[each.state], default=None)


def _answer(services: Services, known: Known) -> Response:
    state = services.alarms.state(known.alarm.name)
    answer = AlarmAnswer(
        alarm=known.alarm,
        origin=known.origin,
        version=known.version,
        changed_at=known.changed_at,
        author=known.author,
        state=state.state,
        series=state.series[:SERIES_SHOWN_MAX],
    )
    headers = {"ETag": f'"{known.version}"'}
    return Response(msgspec.json.encode(answer), headers=headers, media_type=JSON)


def _definition(asked: AlarmDefinition, name: str) -> Alarm:
    if asked.name not in {"", name}:
        sentence = f"The path names the alarm {name[:64]!r}, the body {asked.name[:64]!r}."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="name")
    return Alarm(**(msgspec.structs.asdict(asked) | {"name": name}))


def _expected(call: Call) -> int | None:
    """The version that may be replaced: RFC 9110 section 13.1; None: any, 0: none made here."""
    match, none_match = call.headers.get("if-match"), call.headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise Refused("BAD_REQUEST", "If-Match and If-None-Match contradict each other.")
    if none_match is not None:
        if none_match.strip() != "*":
            raise Refused("BAD_REQUEST", "If-None-Match can only be *: where there is none yet.")
        return 0
    if match is None:
        return None
    found = _TAG.fullmatch(match.strip())
    if found is None:
        sentence = 'If-Match is an ETag that was given out, such as "3".'
        raise Refused("BAD_REQUEST", sentence)
    return int(found[1])


def _trace(traced: Traced) -> TraceItem:
    return trace_item(traced.labels, traced.trace)


def _tested(name: str, trial: Trial) -> AlarmTested:
    ordered = sorted(trial.series, key=lambda each: (-each.fired, sorted(each.labels.items())))
    series = [
        TriedSeries(
            each.labels,
            each.sentence,
            each.fired,
            each.alarm_seconds,
            each.last.state,
            [trace_item(each.labels, change) for change in each.changes],
            trace_item(each.labels, each.last),
        )
        for each in ordered
    ]
    return AlarmTested(
        name, trial.earliest, trial.latest, trial.periods, sum(each.fired for each in series),
        series, trial.note,
    )  # fmt: skip


OPERATIONS = (
    Operation(
        "GET", "/v1/alarms", "Every alarm and its state, those that fire first.",
        alarms, AlarmList, scope="operate", tag="alarms",
    ),
    Operation(
        "POST", "/v1/alarms/test", "What an alarm would have done over the past; nobody is told.",
        try_alarm, AlarmTested, scope="operate", body=AlarmTest, tag="alarms",
        refusals=("UNKNOWN_ALARM", "BAD_RANGE", "BAD_QUERY", "BAD_REQUEST", "REPLAY_TOO_LONG",
                  "ALARM_UNUSABLE", "ALARM_REFERENCE", "ALARM_CYCLE", "BAD_PATTERN",
                  "ALARMS_TOO_MANY"),
    ),
    Operation(
        "GET", "/v1/alarms/{name}", "An alarm, and how each of its series stands.",
        alarm, AlarmAnswer, scope="operate", tag="alarms", headers=_ETAG,
        refusals=("UNKNOWN_ALARM",),
    ),
    Operation(
        "PUT", "/v1/alarms/{name}", "Make or change an alarm; If-Match names the version replaced.",
        put_alarm, AlarmAnswer, scope="operate", body=AlarmDefinition, tag="alarms", headers=_ETAG,
        refusals=(*_WRONG, "ALARM_CHANGED", "ALARMS_TOO_MANY", "BAD_REQUEST"),
    ),
    Operation(
        "DELETE", "/v1/alarms/{name}", "Delete an alarm that was made through the API.",
        delete_alarm, AlarmList, scope="operate", tag="alarms",
        refusals=("UNKNOWN_ALARM", "ALARM_IN_FILE", "ALARM_CHANGED", "ALARM_IN_USE", "BAD_REQUEST"),
    ),
    Operation(
        "GET", "/v1/alarms/{name}/traces", "Why an alarm fires or does not: its last evaluations.",
        traces, TraceList, scope="operate", query=TracesQuery, tag="alarms",
        refusals=("UNKNOWN_ALARM",),
    ),
)  # fmt: skip
