"""Search jobs as Splunk shows them: make one, look at it, steer it."""

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from tallystick.api.splunk.asking import Asked, fed, one_entry, said
from tallystick.api.splunk.atom import Entry, Feed, Mode, Value, response_xml
from tallystick.api.splunk.job_results import answered, page_of
from tallystick.api.splunk.results import MEDIA_TYPES
from tallystick.api.splunk.rows import splunk_time
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.search import Asked as JobAsked
from tallystick.watch.collect.search import Job
from tallystick.watch.collect.search.jobs import JOB_TTL_SECONDS, JOB_TTL_SECONDS_MAX

LIST_DEFAULT = 30
"""Entities in a list when nobody says how many; 0 or -1 asks for all."""
LIST_MAX = 10_000
CONTROLS = {
    "pause": "Search job paused.",
    "unpause": "Search job unpaused.",
    "finalize": "Search job finalized.",
    "cancel": "Search job cancelled.",
    "touch": "Search job touched.",
    "setttl": "The ttl of the search job was changed.",
    "setpriority": "The search job priority was changed.",
    "enablepreview": "Preview was enabled.",
    "disablepreview": "Preview was disabled.",
    "save": "The search job was saved.",
    "unsave": "The search job was unsaved.",
}
"""What can be done with a job, and what is said when it was."""


async def create(asked: Asked) -> Response:
    """A new job; with `exec_mode=blocking` when it is done, with `oneshot` its results at once."""
    mode, exec_mode = asked.mode, asked.one("exec_mode") or "normal"
    if exec_mode not in {"normal", "blocking", "oneshot"}:
        raise Refused("VALUE_NOT_ALLOWED", f"exec_mode {exec_mode[:40]!r} is not known.")
    query = asked.one("search")
    if query is None:
        raise Refused("BAD_REQUEST", "The form has no member 'search'.")
    page = page_of(asked)
    job = dispatch(asked, query, asked.one("earliest_time"), asked.one("latest_time"))
    if exec_mode == "normal":
        return sid_answer(job, mode)
    await ended(asked, job, keep=exec_mode == "blocking")
    if exec_mode == "blocking":
        return sid_answer(job, mode)
    if job.state == "FAILED":
        asked.search.jobs.cancel(job)
        return said(list(job.messages), mode, 400)
    return answered(asked, job, page, forget=True)


def dispatch(
    asked: Asked,
    query: str,
    earliest: str | None,
    latest: str | None,
    saved_name: str | None = None,
) -> Job:
    """Start a job for a query that can be understood.

    Raises:
        Refused: `BAD_QUERY`.
        Crowded: no more can be queued.
    """
    search = asked.search
    question = asked.question(query, earliest or None, latest or None)
    pipeline = search.read(question)
    if pipeline.search.live:
        raise Refused("BAD_QUERY", "A real-time search cannot be a job: use search/jobs/export.")
    search.plan(pipeline)
    ttl_seconds = asked.number("timeout", JOB_TTL_SECONDS, JOB_TTL_SECONDS_MAX) or JOB_TTL_SECONDS
    found = pipeline.search  # its relative times are fixed now, whenever the job runs
    return search.jobs.create(
        JobAsked(
            query,
            _moment(question.earliest, found.earliest_ns),
            _moment(question.latest, found.latest_ns),
            asked.owner,
            question.indexes,
            saved_name,
            ttl_seconds,
        )
    )


def _moment(text: str | None, at_ns: int | None) -> str | None:
    """A time that was asked for as seconds since the epoch, to the nanosecond."""
    if text is None or at_ns is None:
        return None
    return f"{at_ns // NS_PER_SECOND}.{at_ns % NS_PER_SECOND:09}"


async def ended(asked: Asked, job: Job, *, keep: bool) -> None:
    """Wait until a job has ended; where nobody waits any more it is ended, unless it is kept."""
    try:
        await asyncio.shield(asyncio.wrap_future(job.done))
    except asyncio.CancelledError:
        if not keep:
            asked.search.jobs.cancel(job)
        raise


def sid_answer(job: Job, mode: Mode) -> Response:
    """The id of a new job."""
    if mode == "json":
        body = msgspec.json.encode({"sid": job.sid})
        return Response(body, 201, media_type=MEDIA_TYPES["json"])
    return Response(response_xml(sid=job.sid), 201, media_type=MEDIA_TYPES["xml"])


async def listed(asked: Asked) -> Response:
    """The asker's jobs, newest first."""
    entries = [job_entry(asked, job) for job in asked.search.jobs.all(asked.owner)]
    return fed(paged(asked, "jobs", "search/jobs", entries), asked.mode)


def paged(asked: Asked, title: str, path: str, entries: Sequence[Entry]) -> Feed:
    """The page of entities that was asked for with `count` and `offset`."""
    wanted = asked.one("count")
    count = LIST_MAX if wanted in {"0", "-1"} else asked.number("count", LIST_DEFAULT, LIST_MAX)
    offset = asked.number("offset", 0, LIST_MAX)
    updated = rfc3339(asked.services.clock.now_ns())
    return Feed(title, path, updated, entries[offset : offset + count], len(entries), offset)


def job_of(asked: Asked) -> Job:
    """The job in the path.

    Raises:
        Refused: `UNKNOWN_JOB`.
    """
    return asked.search.jobs.get(asked.path["sid"], asked.owner)


async def show(asked: Asked) -> Response:
    """A job."""
    return one_entry(job_entry(asked, job_of(asked)), asked.mode)


async def delete(asked: Asked) -> Response:
    """Stop a job and forget its results."""
    asked.search.jobs.cancel(job_of(asked))
    return said([("INFO", CONTROLS["cancel"])], asked.mode)


async def control(asked: Asked) -> Response:
    """Steer a job."""
    job, action = job_of(asked), asked.one("action") or ""
    if action not in CONTROLS:
        known = ", ".join(CONTROLS)
        raise Refused("VALUE_NOT_ALLOWED", f"action is one of {known}, not {action[:40]!r}.")
    if action == "pause":
        job.pause()
    elif action == "unpause":
        job.unpause()
    elif action == "finalize":
        job.finalize()
    elif action == "cancel":
        asked.search.jobs.cancel(job)
    else:
        _change(asked, job, action)
    return said([("INFO", CONTROLS[action])], asked.mode)


def _change(asked: Asked, job: Job, action: str) -> None:
    """What changes how a job is kept; to look at it has touched it already."""
    if action == "setttl":
        job.ttl_seconds = asked.number("ttl", JOB_TTL_SECONDS, JOB_TTL_SECONDS_MAX)
    elif action == "setpriority":
        job.priority = asked.number("priority", job.priority, 10)
    elif action in {"save", "unsave"}:
        job.ttl_seconds = JOB_TTL_SECONDS_MAX if action == "save" else JOB_TTL_SECONDS
    elif action in {"enablepreview", "disablepreview"}:
        job.is_preview_enabled = action == "enablepreview"


async def parser(asked: Asked) -> Response:
    """The commands of a query, or what is wrong with it."""
    query = asked.one("q") or ""
    pipeline = asked.search.read(asked.question(query, None, None))
    asked.search.plan(pipeline)
    commands = [{"command": type(each).__name__.lower()} for each in pipeline.commands]
    body = {
        "eventsSearch": query.partition("|")[0].strip(),
        "commands": [{"command": "search"}, *commands],
    }
    return Response(msgspec.json.encode(body), media_type=MEDIA_TYPES["json"])


def job_entry(asked: Asked, job: Job) -> Entry:
    """A job with everything that clients of Splunk look at."""
    ended_ns = job.ended_ns or asked.services.clock.now_ns()
    is_table = job.shape == "table"
    events = job.event_count
    content: dict[str, Value] = {
        "sid": job.sid,
        "dispatchState": job.state,
        "isDone": job.is_done,
        "isFailed": job.state == "FAILED",
        "isFinalized": job.is_finalized,
        "isPaused": job.state == "PAUSED",
        "isPreviewEnabled": job.is_preview_enabled,
        "isRealTimeSearch": False,
        "isRemoteTimeline": False,
        "isSaved": job.ttl_seconds >= JOB_TTL_SECONDS_MAX,
        "isSavedSearch": job.asked.saved_name is not None,
        "isZombie": False,
        "isTimeCursored": not is_table,
        "doneProgress": 1.0 if job.is_done else 0.0,
        "eventCount": events,
        "eventAvailableCount": 0 if is_table else job.rows,
        "eventIsStreaming": True,
        "eventIsTruncated": job.is_cut,
        "eventSearch": job.asked.query.partition("|")[0].strip(),
        "eventSorting": "none" if is_table else "desc",
        "resultCount": job.rows,
        "resultPreviewCount": job.rows,
        "resultIsStreaming": not is_table,
        "scanCount": events,
        "diskUsage": job.size,
        "earliestTime": job.asked.earliest or "",
        "latestTime": job.asked.latest or "",
        "cursorTime": splunk_time(job.created_ns),
        "runDuration": round((ended_ns - job.begun_ns) / NS_PER_SECOND, 3),
        "priority": job.priority,
        "ttl": job.ttl_seconds,
        "defaultTTL": JOB_TTL_SECONDS,
        "search": job.asked.query,
        "keywords": "",
        "label": job.asked.saved_name or "",
        "searchProviders": ["tallystick"],
        "statusBuckets": 0,
        "numPreviews": 0,
        "messages": {kind.lower(): text for kind, text in job.messages},
    }
    links = {
        name: name
        for name in ("search.log", "events", "results", "results_preview", "timeline", "summary",
                     "control")
    }  # fmt: skip
    updated = rfc3339(ended_ns)
    name, path = job.asked.query, f"search/jobs/{job.sid}"
    return Entry(name, path, updated, content, job.asked.owner, links)
