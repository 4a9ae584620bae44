"""Targets and messages at the door: tests, dead letters, and sending them again."""

from collections.abc import Callable
from typing import Any

import httpx

Check = Callable[..., dict[str, Any]]
Soon = Callable[[Callable[[], Any]], Any]


def settled(client: httpx.Client, soon: Soon, number: int) -> dict[str, Any]:
    """A message when it has arrived or was given up."""

    def there() -> Any:
        message = client.get(f"/v1/notify/messages/{number}").json()
        return message if message["state"] != "pending" else None

    found: dict[str, Any] = soon(there)
    return found


def test_a_target_is_tried_out(app: Any, client: httpx.Client, soon: Soon) -> None:
    """The message takes the way of every alert; its id tells what became of it."""
    asked = client.post("/v1/notify/targets/ops/test", json={})
    assert asked.status_code == 202, asked.text
    message = settled(client, soon, asked.json()["id"])
    assert (message["state"], message["target"], message["why"]) == ("delivered", "ops", "test")
    assert message["incident"] == ""
    assert "asked for by ada" in app.said.getvalue()


def test_what_is_refused_is_dead_and_may_be_sent_again(
    client: httpx.Client, soon: Soon, no: Check
) -> None:
    """It stands among the dead letters with its reason; replayed, it is tried anew."""
    number = client.post("/v1/notify/targets/broken/test", json={}).json()["id"]
    message = settled(client, soon, number)
    assert message["state"] == "dead"
    assert "410" in message["last_error"]
    listed = client.get("/v1/notify/dead", params={"target": "broken"}).json()
    assert [each["id"] for each in listed["messages"]] == [number]
    assert listed["total"] == 1
    assert client.get("/v1/notify/dead", params={"target": "ops"}).json()["messages"] == []
    counted = {each["name"]: each for each in client.get("/v1/notify/targets").json()["targets"]}
    assert (counted["broken"]["type"], counted["broken"]["dead"]) == ("webhook", 1)
    assert counted["ops"]["dead"] == 0
    again = client.post(f"/v1/notify/dead/{number}/replay", json={})
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    assert settled(client, soon, number)["state"] == "dead"
    fine = client.post("/v1/notify/targets/ops/test", json={}).json()["id"]
    settled(client, soon, fine)
    no(client.post(f"/v1/notify/dead/{fine}/replay", json={}), 409, "MESSAGE_NOT_DEAD")


def test_what_is_not_there(app: Any, client: httpx.Client, no: Check) -> None:
    """Unknown targets and messages; and whoever may not."""
    no(client.post("/v1/notify/targets/nobody/test", json={}), 404, "UNKNOWN_TARGET")
    no(client.get("/v1/notify/messages/999999"), 404, "UNKNOWN_MESSAGE")
    no(client.get("/v1/notify/messages/one"), 404, "UNKNOWN_MESSAGE")
    no(client.post("/v1/notify/dead/999999/replay", json={}), 404, "UNKNOWN_MESSAGE")
    with app.client_of(app.reader) as reader:
        no(reader.post("/v1/notify/targets/ops/test", json={}), 403, "FORBIDDEN")
