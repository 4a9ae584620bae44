"""What a search job found, as Splunk gives it out: pages, timeline, summary, log."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.responses import Response

from tallystick.api.log_stream import StreamedResponse
from tallystick.api.splunk.asking import Asked, refused
from tallystick.api.splunk.atom import Mode, Value, xml_attribute, xml_text
from tallystick.api.splunk.results import MEDIA_TYPES, Shown, written
from tallystick.api.splunk.rows import Results, event_result
from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.search import Job, Question, facets, histogram

COUNT_DEFAULT = 100
"""Results in a page when nobody says how many; 0 asks for all."""
COUNT_MAX = 10**9
_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Page:
    """Which results, in which form."""

    offset: int
    count: int
    fields: tuple[str, ...]
    mode: Mode


def page_of(asked: Asked) -> Page:
    """The page that was asked for.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`, `BAD_REQUEST`.
    """
    if asked.path.get("sid") and asked.one("search"):
        sentence = "Results cannot be searched again: put the commands into the job's own search."
        raise Refused("BAD_REQUEST", sentence)
    count = asked.number("count", COUNT_DEFAULT, COUNT_MAX) or COUNT_MAX
    named = [*asked.members.get("f", ()), *(asked.one("field_list") or "").split(",")]
    fields = tuple(dict.fromkeys(name.strip() for name in named if name.strip()))
    return Page(asked.number("offset", 0, COUNT_MAX), count, fields, asked.mode)


async def results(asked: Asked) -> Response:
    """The results of a job that has ended; 204 while it has not."""
    job, page = _job(asked), page_of(asked)
    if not job.is_done:
        return Response(status_code=204)
    return answered(asked, job, page)


async def preview(asked: Asked) -> Response:
    """The results that are there by now."""
    job, page = _job(asked), page_of(asked)
    return answered(asked, job, page)


async def events(asked: Asked) -> Response:
    """The events that are there by now; of a table none are kept."""
    job, page = _job(asked), page_of(asked)
    if job.shape == "table":
        page = Page(page.offset, 0, page.fields, page.mode)
    return answered(asked, job, page)


def answered(asked: Asked, job: Job, page: Page, *, forget: bool = False) -> Response:
    """A page of a job's results; `forget`: nobody else will ask for them."""
    return StreamedResponse(
        asked.search,
        lambda: _Results(asked, job, page, forget=forget),
        stop=_nothing,
        media_type=MEDIA_TYPES[page.mode],
        refuse=lambda error: refused(error, page.mode),
    )


class _Results:
    """The bytes of a page; perhaps nobody asks for the job again."""

    def __init__(self, asked: Asked, job: Job, page: Page, *, forget: bool) -> None:
        self._asked = asked
        self._job = job
        self._forget = forget
        self.pieces = _generated(written(shown(job, page), page.mode))

    def close(self) -> None:
        """Let go of them."""
        self.pieces.close()
        if self._forget:
            self._asked.search.jobs.cancel(self._job)


def _generated(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    yield from pieces


def shown(job: Job, page: Page) -> Shown:
    """The page as it is to be written."""
    fields = page.fields
    pieces = job.results(page.offset, page.count)
    if job.shape == "table" and fields:
        at = [job.fields.index(name) for name in fields if name in job.fields]
        fields = tuple(job.fields[each] for each in at)
        pieces = ([[row[each] for each in at] for row in piece] for piece in pieces)
    elif job.shape == "table":
        fields = job.fields
    return Shown(
        Results(job.shape, fields, pieces),
        page.offset,
        not job.is_done,
        tuple(job.messages),
        partial(_names, job, page),
    )


def _names(job: Job, page: Page) -> tuple[str, ...]:
    """All fields of the events of a page, by looking through it once before."""
    names: dict[str, None] = {}
    for piece in job.results(page.offset, page.count):
        for row in piece:
            names |= dict.fromkeys(event_result(row))
    return tuple(names)


async def timeline(asked: Asked) -> Response:
    """How many events came when."""
    job = _job(asked)
    found = await asked.run(lambda: histogram(asked.search, _question(job)))
    buckets = [(parse_rfc3339(bucket.at), bucket.count) for bucket in found.buckets]
    if asked.mode == "json":
        body = {
            "buckets": [
                {
                    "earliest_time": at_ns / NS_PER_SECOND, "earliest_time_offset": 0,
                    "latest_time_offset": 0, "duration": found.bucket_seconds,
                    "total_count": count, "available_count": 0, "is_finalized": job.is_done,
                }
                for at_ns, count in buckets
            ],
            "event_count": found.total,
        }  # fmt: skip
        return Response(msgspec.json.encode(body), media_type=MEDIA_TYPES["json"])
    inner = "".join(
        f'<bucket c="{count}" a="0" t="{at_ns / NS_PER_SECOND:.3f}" d="{found.bucket_seconds:g}"'
        f' f="{int(job.is_done)}" etz="0" ltz="0"/>\n'
        for at_ns, count in buckets
    )
    text = (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<timeline c='{found.total}'>\n{inner}</timeline>"
    )
    return Response(text, media_type=MEDIA_TYPES["xml"])


async def summary(asked: Asked) -> Response:
    """What fields the events have, and their most frequent values."""
    job = _job(asked)
    wanted = tuple(asked.members.get("f", ()))
    found = await asked.run(lambda: facets(asked.search, _question(job), wanted))
    fields: dict[str, Value] = {
        facet.field: {
            "count": facet.count,
            "distinct_count": facet.distinct,
            "is_exact": False,
            "relevant": True,
            "modes": [
                {"value": each.value, "count": each.count, "is_exact": True}
                for each in facet.values
            ],
        }
        for facet in found.facets
    }
    if asked.mode == "json":
        body = {"event_count": found.total, "fields": fields}
        return Response(msgspec.json.encode(body), media_type=MEDIA_TYPES["json"])
    return Response(_summary_xml(found.total, fields), media_type=MEDIA_TYPES["xml"])


async def log(asked: Asked) -> Response:
    """What was said about the search, a line each."""
    job = _job(asked)
    lines = [f"{kind} {text}" for kind, text in (("INFO", job.state), *job.messages)]
    return Response("\n".join(lines) + "\n", media_type="text/plain; charset=UTF-8")


def _summary_xml(total: int, fields: dict[str, Value]) -> str:
    head = "<?xml version='1.0' encoding='UTF-8'?>\n<results preview='0'>\n"
    parts = [f"{head}<summary event_count='{total}'>\n"]
    for name, facet in fields.items():
        if not isinstance(facet, dict):
            continue
        modes = "".join(
            f"<value c='{mode['count']}' exact='1'>"
            f"<text>{xml_text(str(mode['value']))}</text></value>"
            for mode in facet["modes"]
        )
        parts.append(
            f"<field k={xml_attribute(name)} c='{facet['count']}' nc='0' exact='0'"
            f" dc='{facet['distinct_count']}'><modes>{modes}</modes></field>\n"
        )
    return "".join([*parts, "</summary>\n</results>\n"])


def _job(asked: Asked) -> Job:
    return asked.search.jobs.get(asked.path["sid"], asked.owner)


def _question(job: Job) -> Question:
    return Question(job.asked.query, job.asked.earliest, job.asked.latest, job.asked.indexes)


def _nothing() -> None:
    """Results that are there already need not be stopped."""
