"""The Alertmanager API: what Prometheus and its clients post and ask, in their own words."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339

Check = Callable[..., dict[str, Any]]
ZERO = "0001-01-01T00:00:00.000Z"
"""What Go's clients write for no time at all."""


def posted(app: Any, name: str, **changes: Any) -> dict[str, Any]:
    """An alert as Prometheus posts it: it fires, until a few minutes from now."""
    now_ns = app.clock.now_ns()
    return {
        "labels": {"alertname": name, "instance": "h1:9100", "severity": "page"},
        "annotations": {"summary": f"{name} is wrong", "runbook_url": "https://wiki.example/x"},
        "startsAt": rfc3339(now_ns - 60 * NS_PER_SECOND),
        "endsAt": rfc3339(now_ns + 240 * NS_PER_SECOND),
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=1",
    } | changes


def incident(client: httpx.Client, name: str) -> Any:
    """The newest incident of an alert's name."""
    asked = {"label": f"alertname={name}"}
    found = client.get("/v1/incidents", params=asked).json()["incidents"]
    return found[0] if found else None


def named(client: httpx.Client, name: str, **query: str) -> list[dict[str, Any]]:
    """The alerts of this name, as Alertmanager's clients see them."""
    asked = {"filter": f'alertname="{name}"'} | query
    found: list[dict[str, Any]] = client.get("/api/v2/alerts", params=asked).json()
    return found


def test_an_alert_fires_is_sent_again_and_ends(app: Any, client: httpx.Client) -> None:
    """Prometheus sends it each minute, and an end when it is over: one incident, resolved."""
    first = posted(app, "Wrong")
    for ends_in in (240, 300):
        until = rfc3339(app.clock.now_ns() + ends_in * NS_PER_SECOND)
        response = client.post("/api/v2/alerts", json=[first | {"endsAt": until}])
        assert (response.status_code, response.json()) == (200, {})
    item = incident(client, "Wrong")
    assert (item["severity"], item["alerts"], item["state"]) == ("critical", 1, "open")
    assert item["title"] == "Wrong is wrong"
    detail = client.get(f"/v1/incidents/{item['id']}").json()
    (alert,) = detail["alert_items"]
    assert alert["links"]["runbook"] == "https://wiki.example/x"
    assert alert["links"]["source"] == alert["generator"] == first["generatorURL"]
    assert alert["source"] == "alertmanager"
    (seen,) = named(client, "Wrong")
    assert seen["labels"] == first["labels"]
    assert seen["annotations"]["summary"] == "Wrong is wrong"
    assert seen["status"] == {
        "state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": [],
    }  # fmt: skip
    assert seen["receivers"] == [{"name": "tallystick"}]
    assert seen["generatorURL"] == first["generatorURL"]
    over = rfc3339(app.clock.now_ns() - NS_PER_SECOND)
    client.post("/api/v2/alerts", json=[first | {"endsAt": over}])
    assert incident(client, "Wrong")["state"] == "resolved"
    assert named(client, "Wrong") == []


def test_without_times_it_fires_now(client: httpx.Client) -> None:
    """As amtool and scripts post: no times, or Go's zero time; sent again it is the same."""
    for body in ({}, {"startsAt": ZERO, "endsAt": ZERO}, {}):
        labels = {"labels": {"alertname": "Bare"}}
        assert client.post("/api/v2/alerts", json=[labels | body]).status_code == 200
    item = incident(client, "Bare")
    assert (item["alerts"], item["title"]) == (1, "Bare fires.")
    assert item["severity"] == "warning"


def test_of_a_batch_what_can_be_used_is_taken(app: Any, client: httpx.Client, no: Check) -> None:
    """400 names the first complaint and how many were taken, as Alertmanager would."""
    now = rfc3339(app.clock.now_ns())
    before = rfc3339(app.clock.now_ns() - NS_PER_SECOND)
    wrong = [
        {"labels": {}},
        {"labels": {"alertname": ""}},
        {"labels": {"": "x"}},
        {"labels": {"alertname": "Late"}, "startsAt": now, "endsAt": before},
        {"labels": {"alertname": "When"}, "startsAt": "yesterday"},
        {"labels": {"alertname": "Large"}, "annotations": {"a": "x" * 70_000}},
    ]
    problem = no(client.post("/api/v2/alerts", json=[*wrong, posted(app, "Fine")]), 400,
                 "ALERT_INVALID")  # fmt: skip
    assert problem["detail"].startswith("Alert 0: ")
    assert problem["detail"].endswith("1 of 7 alerts were taken.")
    assert incident(client, "Fine") is not None
    assert incident(client, "Late") is None
    no(client.post("/api/v2/alerts", json={"labels": {}}), 422, "VALUE_NOT_ALLOWED")
    no(client.post("/api/v2/alerts", content=b"["), 400, "BAD_JSON")
    assert client.post("/api/v2/alerts", json=[]).status_code == 200


@pytest.mark.parametrize(
    ("said", "severity"),
    [("critical", "critical"), ("PAGE", "critical"), ("error", "error"), ("warning", "warning"),
     ("info", "info"), ("none", "info"), ("purple", "warning"), ("", "warning")],
)  # fmt: skip
def test_severities(app: Any, client: httpx.Client, said: str, severity: str) -> None:
    """The words that people use; the label itself stays as it is, for routes."""
    name = f"Severity{said}"
    alert = posted(app, name, labels={"alertname": name, "severity": said})
    client.post("/api/v2/alerts", json=[alert])
    assert incident(client, name)["severity"] == severity


def test_filters(app: Any, client: httpx.Client, no: Check) -> None:
    """One matcher, or several in braces; states; and the receiver's name as an expression."""
    client.post("/api/v2/alerts", json=[posted(app, "FilterA"), posted(app, "FilterB")])
    both = {"filter": '{alertname=~"Filter.",instance="h1:9100"}'}
    found = client.get("/api/v2/alerts", params=both).json()
    assert {each["labels"]["alertname"] for each in found} == {"FilterA", "FilterB"}
    assert named(client, "FilterA", active="false") == []
    assert named(client, "FilterA", receiver="tally.*")
    assert named(client, "FilterA", receiver="ops") == []
    no(client.get("/api/v2/alerts", params={"filter": "alertname"}), 422, "MATCHER_PATTERN")
    no(client.get("/api/v2/alerts", params={"receiver": "("}), 422, "MATCHER_PATTERN")


def test_silences(app: Any, client: httpx.Client, no: Check) -> None:
    """Made, listed, changed, expired; what they cover is suppressed."""
    body = {
        "matchers": [
            {"name": "alertname", "value": "Quiet.*", "isRegex": True},
            {"name": "instance", "value": "h2", "isRegex": False, "isEqual": False},
        ],
        "startsAt": rfc3339(app.clock.now_ns() - 3_600 * NS_PER_SECOND),
        "endsAt": rfc3339(app.clock.now_ns() + 3_600 * NS_PER_SECOND),
        "createdBy": "grace",
        "comment": "maintenance",
    }
    made = client.post("/api/v2/silences", json=body)
    assert made.status_code == 200, made.text
    name = made.json()["silenceID"]
    silence = client.get(f"/api/v2/silence/{name}").json()
    assert silence["matchers"] == [
        {"name": "alertname", "value": "Quiet.*", "isRegex": True, "isEqual": True},
        {"name": "instance", "value": "h2", "isRegex": False, "isEqual": False},
    ]
    assert silence["status"] == {"state": "active"}
    assert silence["createdBy"] == "grace (ada)"
    client.post("/api/v2/alerts", json=[posted(app, "QuietDisk")])
    (seen,) = named(client, "QuietDisk")
    assert seen["status"]["state"] == "suppressed"
    assert seen["status"]["silencedBy"] == [name]
    assert named(client, "QuietDisk", silenced="false") == []
    assert incident(client, "QuietDisk")["held"] == name
    later = body | {"id": name, "comment": "longer"}
    other = client.post("/api/v2/silences", json=later).json()["silenceID"]
    assert other != name
    listed = client.get("/api/v2/silences", params={"filter": 'alertname=~"Quiet.*"'}).json()
    assert [each["id"] for each in listed] == [other]
    assert client.get("/api/v2/silences", params={"filter": 'a="b"'}).json() == []
    assert client.delete(f"/api/v2/silence/{other}").status_code == 200
    no(client.delete(f"/api/v2/silence/{other}"), 404, "UNKNOWN_SILENCE")
    no(client.get(f"/api/v2/silence/{other}"), 404, "UNKNOWN_SILENCE")
    no(client.post("/api/v2/silences", json=body | {"id": "S-999"}), 404, "UNKNOWN_SILENCE")
    no(client.post("/api/v2/silences", json=body | {"endsAt": ""}), 422, "SILENCE_PERIOD")
    no(client.post("/api/v2/silences", json=body | {"comment": " "}), 422, "SILENCE_UNEXPLAINED")
    no(client.post("/api/v2/silences", json=body | {"endsAt": "soon"}), 400, "ALERT_INVALID")


def test_what_answers(app: Any, client: httpx.Client, no: Check) -> None:
    """Its status and receivers have every member that clients read; a token is needed."""
    status = client.get("/api/v2/status").json()
    assert status["cluster"] == {"status": "disabled", "peers": []}
    assert status["versionInfo"].keys() == {
        "version", "revision", "branch", "buildUser", "buildDate", "goVersion",
    }  # fmt: skip
    assert status["config"] == {"original": ""}
    assert status["uptime"] <= rfc3339(app.clock.now_ns())
    assert client.get("/api/v2/receivers").json() == [{"name": "tallystick"}]
    with httpx.Client(base_url=app.url, timeout=30) as stranger:
        no(stranger.post("/api/v2/alerts", json=[]), 401, "UNAUTHENTICATED")
    with app.client_of(app.reader) as reader:
        no(reader.post("/api/v2/alerts", json=[]), 403, "FORBIDDEN")
