"""Incidents at the door: filters, pages, what people do, the timeline and the proofs."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

Check = Callable[..., dict[str, Any]]
Soon = Callable[[Callable[[], Any]], Any]


def of(client: httpx.Client, number: int, **query: str) -> dict[str, Any]:
    """The incident of a trouble; there is one."""
    asked = {"label": f"trouble={number}"} | query
    found = client.get("/v1/incidents", params=asked).json()["incidents"]
    assert len(found) == 1, found
    item: dict[str, Any] = found[0]
    return item


def whats(client: httpx.Client, incident: str) -> list[str]:
    """What happened, in order."""
    return [each["what"] for each in client.get(f"/v1/incidents/{incident}").json()["timeline"]]


def test_an_incident_from_its_alert_to_its_end(app: Any, client: httpx.Client, soon: Soon) -> None:
    """It opens, is told, taken, noted and resolved by itself; each is a line of the timeline."""
    app.raise_alert(1)
    item = of(client, 1)
    assert (item["state"], item["severity"], item["route"]) == ("open", "error", "fx")
    assert (item["firing"], item["alerts"], item["policy"]) == (1, 1, "page")
    assert item["title"] == "Trouble 1 has come."
    assert item["escalates_at"] is not None
    assert item["escalates_to"] == [{"target": "broken", "recipient": ""}]
    path = f"/v1/incidents/{item['id']}"
    soon(lambda: "told" in whats(client, item["id"]))
    taken = client.post(f"{path}/acknowledge", json={}).json()
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "ada")
    assert taken["acknowledged_until"] is not None
    assert taken["escalates_at"] is None
    assert taken["escalates_to"] == []
    noted = client.post(f"{path}/notes", json={"text": "The feed is late."})
    assert noted.status_code == 200, noted.text
    app.end_alert(1)
    over = of(client, 1)
    assert over["state"] == "resolved"
    assert over["resolved_at"] is not None
    assert over["resolved_by"] == ""
    said = whats(client, item["id"])
    assert [each for each in said if each != "told"] == [
        "opened", "acknowledged", "noted", "ended", "resolved",
    ]  # fmt: skip
    timeline = client.get(path).json()["timeline"]
    assert {(each["what"], each["by"]) for each in timeline} >= {
        ("acknowledged", "ada"), ("noted", "ada"), ("opened", "test"),
    }  # fmt: skip
    soon(lambda: "RESOLVED" in app.said.getvalue().upper())


def test_people_act(app: Any, client: httpx.Client, no: Check) -> None:
    """For how long, given back, resolved with a note; what is over cannot be taken."""
    app.raise_alert(2)
    path = f"/v1/incidents/{of(client, 2)['id']}"
    kept = client.post(f"{path}/acknowledge", json={"seconds": 0}).json()
    assert kept["acknowledged_until"] is None
    back = client.post(f"{path}/unacknowledge", json={}).json()
    assert (back["state"], back["acknowledged_by"]) == ("open", "")
    over = client.post(f"{path}/resolve", json={"note": "It was a drill."}).json()
    assert (over["state"], over["resolved_by"]) == ("resolved", "ada")
    assert "It was a drill." in {each["text"] for each in client.get(path).json()["timeline"]}
    no(client.post(f"{path}/acknowledge", json={}), 409, "INCIDENT_RESOLVED")
    no(client.post(f"{path}/notes", json={"text": "  "}), 422, "NOTE_EMPTY")
    no(client.post(f"{path}/notes", json={"text": ""}), 422, "VALUE_NOT_ALLOWED")
    no(client.post(f"{path}/acknowledge", json={"seconds": -1}), 422, "VALUE_NOT_ALLOWED")
    no(client.post(f"{path}/acknowledge", json={"by": "bob"}), 422, "UNKNOWN_FIELD")


def test_filters_and_pages(app: Any, client: httpx.Client, no: Check) -> None:
    """Newest first, in pages that follow each other; each filter takes what it names."""
    for number in range(30, 35):
        severity = "critical" if number == 33 else "warning"
        app.raise_alert(number, severity=severity, labels={"team": "fx", "page": "yes"})
    first = client.get("/v1/incidents", params={"label": "page=yes", "limit": 2}).json()
    assert [each["labels"]["trouble"] for each in first["incidents"]] == ["34", "33"]
    asked = {"label": "page=yes", "limit": "2", "cursor": first["next"]}
    second = client.get("/v1/incidents", params=asked).json()
    assert [each["labels"]["trouble"] for each in second["incidents"]] == ["32", "31"]
    third = client.get("/v1/incidents", params=asked | {"cursor": second["next"]}).json()
    assert [each["labels"]["trouble"] for each in third["incidents"]] == ["30"]
    assert third["next"] is None
    bad = client.get("/v1/incidents", params={"severity": "critical", "route": "fx"}).json()
    assert {each["severity"] for each in bad["incidents"]} == {"critical"}
    assert of(client, 33, severity="critical", state="unresolved")["labels"]["page"] == "yes"
    assert client.get("/v1/incidents", params={"route": "no"}).json()["incidents"] == []
    no(client.get("/v1/incidents", params={"label": "page"}), 422, "VALUE_NOT_ALLOWED")
    no(client.get("/v1/incidents", params={"cursor": "7"}), 422, "BAD_CURSOR")
    no(client.get("/v1/incidents", params={"state": "gone"}), 422, "VALUE_NOT_ALLOWED")
    no(client.get("/v1/incidents/I-999999"), 404, "UNKNOWN_INCIDENT")
    no(client.get("/v1/incidents/seven"), 404, "UNKNOWN_INCIDENT")


def test_an_alert_on_a_trade_carries_its_receipt(app: Any, client: httpx.Client) -> None:
    """The entry it is about, where its proof is, and the proof itself; the order and the log."""
    app.raise_alert(4, position=1, order_id="O-1", links={"order": "/v1/orders/O-1"})
    item = client.get(f"/v1/incidents/{of(client, 4)['id']}").json()
    (proof,) = item["proofs"]
    assert (proof["position"], proof["order"]) == (1, "/v1/orders/O-1")
    assert proof["proof"] == "/v1/ledger/entries/1/receipt"
    assert proof["receipt"]["position"] == 1
    assert len(proof["receipt"]["leaf_hash"]) == 64
    assert proof["receipt"]["checkpoint"].startswith("tallystick.test/alerts\n")
    assert item["orders"] == ["/v1/orders/O-1"]
    asked = parse_qs(urlsplit(item["logs"]).query)
    assert asked["q"] == ['"O-1"']
    assert asked["earliest"][0] < item["opened_at"] < asked["latest"][0]
    (alert,) = item["alert_items"]
    assert (alert["id"], alert["ended_at"]) == ("a-4", None)
    assert item["postmortem"] == f"/v1/incidents/{item['id']}/postmortem"


def test_an_entry_that_is_not_there_has_no_receipt(app: Any, client: httpx.Client) -> None:
    """An alert of another ledger's position is told all the same."""
    app.raise_alert(5, position=10**9, labels={"team": "fx", "account": "acme"})
    item = client.get(f"/v1/incidents/{of(client, 5)['id']}").json()
    assert item["proofs"][0]["receipt"] is None
    assert parse_qs(urlsplit(item["logs"]).query)["q"] == ['account="acme"']


@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/incidents/I-1"])
def test_only_those_who_operate(app: Any, no: Check, path: str) -> None:
    """Incidents tell of all accounts."""
    with app.client_of(app.reader) as reader:
        no(reader.get(path), 403, "FORBIDDEN")
