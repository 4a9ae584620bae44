"""Alarms at the door: their states, definitions with versions, traces, and what they would do."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Check = Callable[..., dict[str, Any]]
Soon = Callable[[Callable[[], Any]], Any]


def lag(**changes: Any) -> dict[str, Any]:
    """An alarm over a metric, as somebody writes it."""
    written = {
        "description": "The lag is too long.", "severity": "warning", "comparison": ">",
        "threshold": 5.0, "source": {"type": "metric", "name": "lag"}, "unit": "seconds",
    }  # fmt: skip
    return {name: value for name, value in (written | changes).items() if value is not None}


def test_an_alarm_fires_and_says_why(app: Any, client: httpx.Client, soon: Soon) -> None:
    """The second event of an account: the list has it first, with the sentence of its series."""
    app.happen("acme", 3)
    app.happen("bolt", 1)

    def row() -> Any:
        found = client.get("/v1/alarms").json()["alarms"]
        return next((e for e in found if e["name"] == "rejects" and e["state"] == "ALARM"), None)

    found = soon(row)
    assert found["origin"] == "shipped"
    assert (found["version"], found["severity"]) == (0, "error")
    assert 1 <= found["firing"] <= found["series"]
    assert found["sentence"].startswith("ALARM: ")
    assert found["since"].endswith("Z")
    whole = client.get("/v1/alarms/rejects")
    assert whole.headers["ETag"] == '"0"'
    answer = whole.json()
    assert answer["alarm"]["source"]["type"] == "events"
    states = {each["labels"]["account"]: each["state"] for each in answer["series"]}
    assert states["acme"] == "ALARM"
    assert soon(lambda: client.get("/v1/incidents", params={"label": "alarm=rejects"})
                .json()["incidents"])  # fmt: skip


def test_why_it_fired_or_did_not(app: Any, client: httpx.Client, soon: Soon) -> None:
    """Traces: the datapoints that were looked at, their threshold's verdict, and a sentence."""
    app.happen("core", 3)

    def traced() -> Any:
        found = client.get("/v1/alarms/rejects/traces", params={"limit": 50}).json()["traces"]
        about = [each for each in found if each["labels"] == {"account": "core"}]
        return next((each for each in about[::-1] if each["state"] == "ALARM"), None)

    trace = soon(traced)
    assert trace["before"] == "INSUFFICIENT_DATA"
    assert trace["datapoints"][-1]["value"] == 2.0
    assert trace["datapoints"][-1]["breaching"] is True
    assert trace["at"].endswith("Z")
    assert trace["datapoints"][-1]["at"].endswith("Z")


def test_an_alarm_is_made_changed_and_deleted(client: httpx.Client, no: Check) -> None:
    """Each change is a version; If-Match keeps two people from changing it at once."""
    made = client.put("/v1/alarms/lag", json=lag(), headers={"If-None-Match": "*"})
    assert made.status_code == 200, made.text
    assert made.headers["ETag"] == '"1"'
    answer = made.json()
    assert (answer["origin"], answer["version"], answer["author"]) == ("api", 1, "ada")
    assert answer["alarm"]["name"] == "lag"
    assert answer["state"] == "INSUFFICIENT_DATA"
    no(client.put("/v1/alarms/lag", json=lag(), headers={"If-None-Match": "*"}), 412,
       "ALARM_CHANGED")  # fmt: skip
    changed = client.put("/v1/alarms/lag", json=lag(threshold=6), headers={"If-Match": '"1"'})
    assert changed.json()["alarm"]["threshold"] == 6.0
    assert changed.headers["ETag"] == '"2"'
    no(client.put("/v1/alarms/lag", json=lag(), headers={"If-Match": '"1"'}), 412, "ALARM_CHANGED")
    no(client.delete("/v1/alarms/lag", headers={"If-Match": '"1"'}), 412, "ALARM_CHANGED")
    left = client.delete("/v1/alarms/lag", headers={"If-Match": '"2"'})
    assert [each["name"] for each in left.json()["alarms"]] == ["rejects"]
    no(client.get("/v1/alarms/lag"), 404, "UNKNOWN_ALARM")
    no(client.get("/v1/alarms/lag/traces"), 404, "UNKNOWN_ALARM")
    no(client.delete("/v1/alarms/lag"), 404, "UNKNOWN_ALARM")


def test_an_alarm_that_others_need_stays(client: httpx.Client, no: Check) -> None:
    """Until they are gone."""
    assert client.put("/v1/alarms/base", json=lag()).status_code == 200
    rule = {"description": "Both.", "rule": 'ALARM("base") AND NOT OK("rejects")'}
    assert client.put("/v1/alarms/both", json=rule).status_code == 200
    no(client.delete("/v1/alarms/base"), 409, "ALARM_IN_USE")
    round_ = {"description": "Round.", "rule": 'ALARM("both")'}
    no(client.put("/v1/alarms/base", json=round_), 422, "ALARM_CYCLE")
    assert client.delete("/v1/alarms/both").status_code == 200
    assert client.delete("/v1/alarms/base").status_code == 200


def test_a_shipped_alarm_comes_back(client: httpx.Client, no: Check) -> None:
    """One made in its place may be deleted; what stands in a file may not."""
    no(client.delete("/v1/alarms/rejects"), 409, "ALARM_IN_FILE")
    assert client.put("/v1/alarms/rejects", json=lag()).json()["origin"] == "api"
    left = client.delete("/v1/alarms/rejects").json()["alarms"]
    assert [(each["name"], each["origin"]) for each in left] == [("rejects", "shipped")]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"source": None}, 422, "ALARM_UNUSABLE"),
        ({"threshold": None}, 422, "ALARM_UNUSABLE"),
        ({"datapoints": 2}, 422, "ALARM_UNUSABLE"),
        ({"source": None, "threshold": None, "rule": "ALARM("}, 422, "ALARM_UNUSABLE"),
        ({"source": None, "threshold": None, "rule": 'OK("no")'}, 422, "ALARM_REFERENCE"),
        ({"source": {"type": "events", "pattern": "{"}}, 422, None),
        ({"severity": "loud"}, 422, "VALUE_NOT_ALLOWED"),
        ({"treshold": 1}, 422, "UNKNOWN_FIELD"),
        ({"name": "other"}, 422, "VALUE_NOT_ALLOWED"),
    ],
)
def test_an_alarm_that_cannot_work(
    client: httpx.Client, no: Check, changes: dict[str, Any], status: int, code: str | None
) -> None:
    """A sentence that says what is wrong with it; nothing has changed."""
    response = client.put("/v1/alarms/wrong", json=lag(**changes))
    assert response.status_code == status, response.text
    no(response, status, code or response.json()["code"])
    assert client.get("/v1/alarms/wrong").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "1"},
        {"If-Match": 'W/"1"'},
        {"If-None-Match": '"1"'},
        {"If-Match": '"1"', "If-None-Match": "*"},
    ],
    ids=["no-quotes", "weak", "none-match-of-one", "both"],
)
def test_conditions_that_say_nothing(
    client: httpx.Client, no: Check, headers: dict[str, str]
) -> None:
    """They are refused: to pass one over would change what it was meant to keep."""
    no(client.put("/v1/alarms/cond", json=lag(), headers=headers), 422, "BAD_REQUEST")


def test_history_is_replayed(client: httpx.Client, no: Check) -> None:
    """What an alarm would have done, whether it is known or only written; nobody is told."""
    body = {"alarm": lag(source={"type": "events", "pattern": '{"source": ["x"]}'},
                         statistic="count", comparison=">="), "earliest": "-10m"}  # fmt: skip
    tested = client.post("/v1/alarms/test", json=body)
    assert tested.status_code == 200, tested.text
    answer = tested.json()
    assert (answer["name"], answer["fired"]) == ("test", 0)
    assert 9 <= answer["periods"] <= 11
    (series,) = answer["series"]
    assert series["sentence"].startswith("It would not have fired")
    assert series["state"] == "OK"
    assert client.post("/v1/alarms/test", json={"name": "rejects"}).json()["name"] == "rejects"
    told = client.get("/v1/incidents", params={"label": "alarm=test"}).json()
    assert told["incidents"] == []
    no(client.post("/v1/alarms/test", json={"name": "nobody"}), 404, "UNKNOWN_ALARM")
    no(client.post("/v1/alarms/test", json={}), 422, "BAD_REQUEST")
    no(client.post("/v1/alarms/test", json={"name": "rejects", "earliest": "soon"}), 422,
       "BAD_QUERY")  # fmt: skip
    late = {"name": "rejects", "earliest": "now", "latest": "-1h"}
    no(client.post("/v1/alarms/test", json=late), 422, "BAD_RANGE")


def test_only_those_who_operate(app: Any, no: Check) -> None:
    """Whoever is watched must not learn by what."""
    with app.client_of(app.reader) as reader:
        no(reader.get("/v1/alarms"), 403, "FORBIDDEN")
        no(reader.put("/v1/alarms/lag", json=lag()), 403, "FORBIDDEN")
