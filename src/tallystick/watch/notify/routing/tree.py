"""The tree of routes: which of them an alert takes, and with whom it is grouped there. Pure."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from tallystick.watch.notify.alert import Alert, matched_labels
from tallystick.watch.notify.config import EVERYBODY, RouteText
from tallystick.watch.notify.routing.matcher import Matcher, all_match, parse_matcher

GROUP_INTERVAL_SECONDS = 300
"""News of an open incident are told at most this often (Alertmanager's default)."""
REPEAT_SECONDS = 4 * 3_600
"""How often an incident that nobody acknowledges is said again (Alertmanager's default)."""
REOPEN_SECONDS = 300
"""What fires again this soon after it was resolved is the same incident."""

EVERY_LABEL = ("...",)
"""Alertmanager's word for: no two troubles share a group."""


class Route(msgspec.Struct, frozen=True):
    """One node with all that it has of those above it; `group_by` None: by fingerprint."""

    name: str
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    group_wait_seconds: int = 0
    group_interval_seconds: int = GROUP_INTERVAL_SECONDS
    repeat_seconds: int = REPEAT_SECONDS
    reopen_seconds: int = REOPEN_SECONDS
    policy: str = EVERYBODY
    mute: tuple[str, ...] = ()
    goes_on: bool = False
    routes: "tuple[Route, ...]" = ()


class Place(msgspec.Struct, frozen=True):
    """Where an alert belongs: a route, and a group there.

    `key` is 64 hex digits, the same for all of the group; `labels` are what they share.
    """

    route: Route
    key: str
    labels: dict[str, str]


_LAST = Route(EVERYBODY)
"""Takes what no other route takes."""


class Tree:
    """The routes of the file, and a last one that takes the rest and tells everybody."""

    def __init__(self, routes: tuple[RouteText, ...]) -> None:
        self._routes = tuple(_route(text, _LAST) for text in routes)
        self._named = {route.name: route for route in _walk(self._routes)}

    def named(self, name: str) -> Route:
        """The route of an incident; one that has gone from the file is the last one."""
        return self._named.get(name, _LAST)

    def places(self, alert: Alert) -> tuple[Place, ...]:
        """Where it belongs: one place, or several where a route says `continue`."""
        labels = matched_labels(alert)
        taken = list(_taken(self._routes, labels)) or [_LAST]
        return tuple(_place(route, alert, labels) for route in taken)


def _route(text: RouteText, above: Route) -> Route:
    said = {
        name: value
        for name in (
            "group_by", "group_wait_seconds", "group_interval_seconds", "repeat_seconds",
            "reopen_seconds", "policy", "mute",
        )
        if (value := getattr(text, name)) is not None
    }  # fmt: skip
    if said.get("group_by") == EVERY_LABEL:
        said["group_by"] = None
    matchers = tuple(parse_matcher(each) for each in text.match)
    own = {"name": text.name, "matchers": matchers, "goes_on": text.goes_on, "routes": ()}
    route = msgspec.structs.replace(above, **(own | said))
    return msgspec.structs.replace(
        route, routes=tuple(_route(child, route) for child in text.routes)
    )


def _walk(routes: tuple[Route, ...]) -> Iterator[Route]:
    for route in routes:
        yield route
        yield from _walk(route.routes)


def _taken(routes: tuple[Route, ...], labels: Mapping[str, str]) -> Iterator[Route]:
    """Depth first: children before their parent, which takes what none of them takes."""
    for route in routes:
        if not all_match(route.matchers, labels):
            continue
        children = list(_taken(route.routes, labels))
        yield from children or (route,)
        if not route.goes_on:
            return


def _place(route: Route, alert: Alert, labels: Mapping[str, str]) -> Place:
    if route.group_by is None:
        shared, group = dict(alert.labels), [["fingerprint", alert.fingerprint]]
    else:
        shared = {name: labels.get(name, "") for name in route.group_by}
        group = sorted([name, value] for name, value in shared.items())
    key = hashlib.sha256(msgspec.json.encode([route.name, group])).hexdigest()
    return Place(route, key, shared)
