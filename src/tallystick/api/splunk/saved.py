"""Saved searches as Splunk shows them; they are the same as at `/v1/logs/saved`."""

from dataclasses import replace
from functools import partial

from starlette.responses import Response

from tallystick.api.log_saved import NewSavedSearch, keep
from tallystick.api.splunk.asking import Asked, fed, said
from tallystick.api.splunk.atom import Entry, Feed, Value
from tallystick.api.splunk.jobs import dispatch, job_entry, paged, sid_answer
from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.query.pipeline import PIPELINE_CHARACTERS_MAX
from tallystick.watch.collect.search import SavedSearch
from tallystick.watch.collect.search.saved import (
    SAVED_DESCRIPTION_CHARACTERS_MAX,
    TIME_CHARACTERS_MAX,
)

PATH = "saved/searches"
_FIELDS: dict[str, Value] = {
    "requiredFields": ["name", "search"],
    "optionalFields": ["description", "dispatch.earliest_time", "dispatch.latest_time"],
    "wildcardFields": [],
}


async def listed(asked: Asked) -> Response:
    """All of them; with `search` those whose name or query has these words."""
    words = (asked.one("search") or "").lower().split()
    kept = [
        each
        for each in asked.search.saved.all()
        if all(word in f"{each.name} {each.query}".lower() for word in words)
    ]
    return fed(paged(asked, "savedsearch", PATH, list(map(entry, kept))), asked.mode)


async def show(asked: Asked) -> Response:
    """One of them."""
    return _one(asked, named(asked))


async def create(asked: Asked) -> Response:
    """Keep a new one.

    Raises:
        Refused: `BAD_REQUEST`, `VALUE_NOT_ALLOWED`, `BAD_QUERY`, `SEARCHES_TOO_MANY`.
    """
    name, query = asked.one("name"), asked.one("search")
    if name is None or query is None:
        raise Refused("BAD_REQUEST", "A saved search needs 'name' and 'search'.")
    if name in {each.name for each in asked.search.saved.all()}:
        sentence = f"A saved search with that name already exists: {name[:100]}."
        return said([("ERROR", sentence)], asked.mode, 409)
    return _one(asked, await _keep(asked, name, query, None), 201)


async def update(asked: Asked) -> Response:
    """Change one: what is not said stays."""
    known = named(asked)
    return _one(asked, await _keep(asked, known.name, asked.one("search") or known.query, known))


async def delete(asked: Asked) -> Response:
    """Forget one."""
    name = named(asked).name
    await asked.run(partial(asked.search.saved.remove, name))
    return fed(paged(asked, "savedsearch", PATH, []), asked.mode)


async def run(asked: Asked) -> Response:
    """A job that runs it; its own range holds unless another is named."""
    kept = named(asked)
    earliest = asked.one("dispatch.earliest_time") or kept.earliest
    latest = asked.one("dispatch.latest_time") or kept.latest
    return sid_answer(dispatch(asked, kept.query, earliest, latest, kept.name), asked.mode)


async def history(asked: Asked) -> Response:
    """The asker's jobs that ran it."""
    name = named(asked).name
    jobs = [job for job in asked.search.jobs.all(asked.owner) if job.asked.saved_name == name]
    entries = [replace(job_entry(asked, job), name=job.sid) for job in jobs]
    return fed(paged(asked, "history", f"{PATH}/{name}/history", entries), asked.mode)


async def suppression(asked: Asked) -> Response:
    """No saved search is suppressed here: none raises alerts by itself."""
    content: dict[str, Value] = {"suppressed": False, "expiration": 0}
    return _entry_answer(asked, "suppress", content)


async def schedule(asked: Asked) -> Response:
    """No saved search is scheduled here."""
    return _entry_answer(asked, "scheduled_times", {"scheduled_times": []})


async def template(asked: Asked) -> Response:
    """What a new one needs."""
    entry = Entry("_new", f"{PATH}/_new", _now(asked), {"eai:attributes": _FIELDS})
    return fed(Feed("savedsearch", PATH, entry.updated, [entry], 1), asked.mode)


def named(asked: Asked) -> SavedSearch:
    """The one in the path; clients of Splunk write a space there as a plus sign.

    Raises:
        Refused: `UNKNOWN_SEARCH`.
    """
    name = asked.path["name"]
    names = {each.name for each in asked.search.saved.all()}
    return asked.search.saved.get(name if name in names else name.replace("+", " "))


def entry(kept: SavedSearch) -> Entry:
    """A saved search as an entity."""
    content: dict[str, Value] = {
        "search": kept.query,
        "qualifiedSearch": kept.query,
        "description": kept.description,
        "dispatch.earliest_time": kept.earliest or "",
        "dispatch.latest_time": kept.latest or "",
        "disabled": False,
        "is_scheduled": False,
        "is_visible": True,
        "cron_schedule": "",
        "next_scheduled_time": "",
        "alert_type": "always",
        "actions": "",
        "triggered_alert_count": 0,
        "eai:attributes": _FIELDS,
    }
    links = {"dispatch": "dispatch", "history": "history"}
    return Entry(kept.name, f"{PATH}/{kept.name}", kept.updated_at, content, kept.author, links)


async def _keep(asked: Asked, name: str, query: str, known: SavedSearch | None) -> SavedSearch:
    wanted = NewSavedSearch(
        _short(query, "search", PIPELINE_CHARACTERS_MAX),
        _member(
            asked,
            "description",
            known.description if known else None,
            SAVED_DESCRIPTION_CHARACTERS_MAX,
        )
        or "",
        _member(
            asked, "dispatch.earliest_time", known.earliest if known else None, TIME_CHARACTERS_MAX
        ),
        _member(
            asked, "dispatch.latest_time", known.latest if known else None, TIME_CHARACTERS_MAX
        ),
    )
    return await asked.run(partial(keep, asked.services, name, asked.owner, wanted))


def _member(asked: Asked, name: str, known: str | None, most: int) -> str | None:
    """A member of the form; what is known where it is not there, nothing where it is empty."""
    if name not in asked.members:
        return known
    text = asked.one(name)
    return None if text is None else _short(text, name, most)


def _short(text: str, name: str, most: int) -> str:
    if len(text) > most:
        raise Refused("VALUE_NOT_ALLOWED", f"{name} has at most {most} characters.")
    return text


def _one(asked: Asked, kept: SavedSearch, status: int = 200) -> Response:
    feed = Feed("savedsearch", PATH, kept.updated_at, [entry(kept)], 1)
    return fed(feed, asked.mode, status)


def _entry_answer(asked: Asked, name: str, content: dict[str, Value]) -> Response:
    path = f"{PATH}/{named(asked).name}/{name}"
    entry = Entry(name, path, _now(asked), content)
    return fed(Feed(name, path, entry.updated, [entry], 1), asked.mode)


def _now(asked: Asked) -> str:
    return rfc3339(asked.services.clock.now_ns())
