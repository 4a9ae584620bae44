"""Saved searches at the door: keep a query under a name, list, forget."""

import asyncio
from functools import partial

import msgspec

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.watch.collect.search import Question, SavedSearch
from tallystick.watch.collect.search.saved import Description, Moment, Text


class SavedSearchList(msgspec.Struct, frozen=True):
    """Every saved search, by name."""

    saved: tuple[SavedSearch, ...]


class NewSavedSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query to keep, and the range it is run over where nobody names another."""

    query: Text
    description: Description = ""
    earliest: Moment | None = None
    latest: Moment | None = None


async def saved(services: Services, _call: Call) -> SavedSearchList:
    """All of them."""
    return SavedSearchList(services.search.saved.all())


async def saved_one(services: Services, call: Call) -> SavedSearch:
    """One by its name."""
    return services.search.saved.get(call.path["name"])


async def save(services: Services, call: Call) -> SavedSearch:
    """Keep a query that can be understood."""
    asked: NewSavedSearch = call.body
    name, author = call.path["name"], call.principal.name
    return await asyncio.to_thread(partial(keep, services, name, author, asked))


def keep(services: Services, name: str, author: str, asked: NewSavedSearch) -> SavedSearch:
    """Check and keep; durable on return.

    Raises:
        Refused: `BAD_QUERY`, `VALUE_NOT_ALLOWED`, `SEARCHES_TOO_MANY`.
    """
    search = services.search
    search.plan(search.read(Question(asked.query, asked.earliest, asked.latest)))
    return search.saved.put(
        name, asked.query, author,
        description=asked.description, earliest=asked.earliest, latest=asked.latest,
    )  # fmt: skip


async def forget(services: Services, call: Call) -> SavedSearch:
    """Remove one; what it was."""
    return await asyncio.to_thread(services.search.saved.remove, call.path["name"])


OPERATIONS = (
    Operation(
        "GET", "/v1/logs/saved", "Saved searches.",
        saved, SavedSearchList, scope="operate", tag="logs",
    ),
    Operation(
        "GET", "/v1/logs/saved/{name}", "A saved search.",
        saved_one, SavedSearch, scope="operate", tag="logs", refusals=("UNKNOWN_SEARCH",),
    ),
    Operation(
        "PUT", "/v1/logs/saved/{name}", "Keep a query under a name, in the place of another.",
        save, SavedSearch, scope="operate", body=NewSavedSearch, tag="logs",
        refusals=("BAD_QUERY", "SEARCHES_TOO_MANY"),
    ),
    Operation(
        "DELETE", "/v1/logs/saved/{name}", "Forget a saved search.",
        forget, SavedSearch, scope="operate", tag="logs", refusals=("UNKNOWN_SEARCH",),
    ),
)  # fmt: skip
