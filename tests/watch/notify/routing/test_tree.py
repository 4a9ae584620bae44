"""The tree of routes: first match, children before parents, `continue`, inheritance, groups."""

import pytest

from tallystick.watch.notify import Alert
from tallystick.watch.notify.config import RouteText
from tallystick.watch.notify.routing import Tree


def alert(fingerprint: str = "f", severity: str = "warning", **labels: str) -> Alert:
    """An alert with these labels."""
    return Alert("a", fingerprint, severity, "s", "detect", "", labels)  # type: ignore[arg-type]


def tree(*routes: RouteText) -> Tree:
    """Of these routes."""
    return Tree(routes)


def names(found: Tree, which: Alert) -> list[str]:
    """The routes that an alert takes."""
    return [place.route.name for place in found.places(which)]


FX = RouteText(
    "fx",
    match=('team="fx"',),
    policy="page",
    repeat_seconds=60,
    routes=(
        RouteText("loud", match=('severity="critical"',), repeat_seconds=10),
        RouteText("noted", match=('severity="error"',), goes_on=True),
        RouteText("rest", match=('severity=~"error|info"',)),
    ),
)


@pytest.mark.parametrize(
    ("severity", "team", "taken"),
    [
        ("critical", "fx", ["loud"]),
        ("error", "fx", ["noted", "rest"]),
        ("info", "fx", ["rest"]),
        ("warning", "fx", ["fx"]),
        ("critical", "hr", ["all"]),
    ],
)
def test_the_first_that_matches_takes_it(severity: str, team: str, taken: list[str]) -> None:
    """Children before their parent; with `continue` also the next; else the last route."""
    assert names(tree(FX), alert(severity=severity, team=team)) == taken


def test_what_is_not_said_is_inherited() -> None:
    """A child has its parent's policy and its own repeat; the last route has the defaults."""
    found = tree(FX)
    assert (found.named("loud").policy, found.named("loud").repeat_seconds) == ("page", 10)
    assert (found.named("rest").policy, found.named("rest").repeat_seconds) == ("page", 60)
    assert found.named("gone").name == "all"
    assert found.named("all").repeat_seconds == 4 * 3_600


def test_a_route_that_continues_leaves_nothing_for_the_last_one() -> None:
    """The last route is for what nobody takes."""
    audit = RouteText("audit", goes_on=True)
    assert names(tree(audit), alert()) == ["audit"]
    assert names(tree(audit, FX), alert(team="fx")) == ["audit", "fx"]


def test_a_group_is_a_route_and_its_labels() -> None:
    """Same labels, same group; labels that are not grouped by do not matter, other routes do."""
    found = tree(
        RouteText("a", match=('on="a"',), group_by=("team", "severity")),
        RouteText("b", match=('on="b"',), group_by=("team", "severity")),
    )
    one, same, other, elsewhere = (
        found.places(each)[0]
        for each in (
            alert("f", on="a", team="fx"),
            alert("g", on="a", team="fx", host="h"),
            alert("f", on="a", team="rates"),
            alert("f", on="b", team="fx"),
        )
    )
    assert one.key == same.key
    assert len({one.key, other.key, elsewhere.key}) == 3
    assert one.labels == {"team": "fx", "severity": "warning"}
    assert len(one.key) == 64


def test_without_a_group_each_trouble_is_its_own() -> None:
    """By fingerprint; `["..."]` says the same; an empty list is one group for all."""
    for group_by, groups in ((None, 2), (("...",), 2), ((), 1)):
        found = tree(RouteText("a", group_by=group_by))
        keys = {found.places(alert(each))[0].key for each in ("f", "g")}
        assert len(keys) == groups
    assert tree().places(alert("f", host="h"))[0].labels == {"host": "h"}
