"""On call at the door: who has the duty, shifts, calendars by key, and who stands in."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339

Check = Callable[..., dict[str, Any]]


def hours(app: Any, count: float) -> str:
    """A moment from now on."""
    return rfc3339(app.clock.now_ns() + round(count * 3_600) * NS_PER_SECOND)


def schedule(client: httpx.Client, name: str) -> dict[str, Any]:
    """How a schedule stands."""
    found = client.get("/v1/on-call").json()["schedules"]
    item: dict[str, Any] = next(each for each in found if each["schedule"] == name)
    return item


def test_who_is_on_call(client: httpx.Client) -> None:
    """Now and next; a schedule with nobody in it is one gap, not an error."""
    desk = schedule(client, "desk")
    assert {desk["now"]["person"], desk["next"]["person"]} == {"ann", "bob"}
    assert desk["now"]["ends_at"] == desk["next"]["starts_at"]
    assert desk["gaps"] == []
    empty = schedule(client, "empty")
    assert (empty["now"], empty["next"], len(empty["gaps"])) == (None, None, 1)


def test_shifts(client: httpx.Client, no: Check) -> None:
    """Whole shifts that touch the time, in order; a time that cannot be asked for is refused."""
    asked = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-30T00:00:00Z"}
    answer = client.get("/v1/on-call/desk/shifts", params=asked).json()
    starts = [each["starts_at"] for each in answer["shifts"]]
    assert starts == sorted(starts)
    assert [each["person"] for each in answer["shifts"]] == ["bob", "ann", "bob", "ann", "bob"]
    assert answer["shifts"][1]["starts_at"] == "2026-03-02T09:00:00.000000Z"
    assert answer["gaps"] == []
    assert client.get("/v1/on-call/desk/shifts").json()["shifts"]
    back = {"from": asked["to"], "to": asked["from"]}
    no(client.get("/v1/on-call/desk/shifts", params=back), 422, "SCHEDULE_PERIOD")
    no(client.get("/v1/on-call/nobody/shifts"), 404, "UNKNOWN_SCHEDULE")
    no(client.get("/v1/on-call/desk/shifts", params={"from": "soon"}), 422, "VALUE_NOT_ALLOWED")


def test_somebody_stands_in(app: Any, client: httpx.Client, no: Check) -> None:
    """From now on, whoever has the duty; ended, it is as before."""
    before = schedule(client, "desk")["now"]["person"]
    other = "bob" if before == "ann" else "ann"
    body = {"person": other, "ends_at": hours(app, 8), "reason": "dentist"}
    headers = {"Idempotency-Key": "override-1"}
    made = client.post("/v1/on-call/desk/overrides", json=body, headers=headers)
    assert made.status_code == 201, made.text
    override = made.json()
    assert (override["person"], override["by"], override["reason"]) == (other, "ada", "dentist")
    again = client.post("/v1/on-call/desk/overrides", json=body, headers=headers)
    assert again.json() == override
    assert again.headers["Idempotency-Replayed"] == "true"
    changed = body | {"reason": "holiday"}
    no(client.post("/v1/on-call/desk/overrides", json=changed, headers=headers), 409,
       "IDEMPOTENCY_CONFLICT")  # fmt: skip
    desk = schedule(client, "desk")
    assert (desk["now"]["person"], desk["now"]["source"]) == (other, f"override:{override['id']}")
    assert [each["id"] for each in desk["overrides"]] == [override["id"]]
    left = client.delete(f"/v1/on-call/overrides/{override['id']}").json()["schedules"]
    assert left[0]["now"]["person"] == before
    no(client.delete(f"/v1/on-call/overrides/{override['id']}"), 404, "UNKNOWN_OVERRIDE")


@pytest.mark.parametrize(
    ("changes", "path", "status", "code"),
    [
        ({"person": "zoe"}, "desk", 422, "ON_CALL_PERSON"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "desk", 422, "ON_CALL_PERIOD"),
        ({"ends_at": "2200-01-01T00:00:00Z"}, "desk", 422, "ON_CALL_PERIOD"),
        ({"ends_at": "later"}, "desk", 422, "VALUE_NOT_ALLOWED"),
        ({}, "nobody", 404, "UNKNOWN_SCHEDULE"),
    ],
    ids=["person", "over", "long", "time", "schedule"],
)
def test_overrides_that_cannot_be(
    app: Any, client: httpx.Client, no: Check, changes: dict[str, str], path: str, status: int,
    code: str,
) -> None:  # fmt: skip
    """Each with its code."""
    body = {"person": "ann", "ends_at": hours(app, 1)} | changes
    no(client.post(f"/v1/on-call/{path}/overrides", json=body), status, code)


def test_a_calendar_is_read_by_its_key(app: Any, client: httpx.Client, no: Check) -> None:
    """A calendar program shows no token: the key in the address opens this calendar alone."""
    address = schedule(client, "desk")["calendar"]
    with httpx.Client(base_url=app.url, timeout=30) as stranger:
        feed = stranger.get(address)
        assert feed.status_code == 200, feed.text
        assert feed.headers["content-type"].startswith("text/calendar")
        lines = feed.text.split("\r\n")
        assert lines[0] == "BEGIN:VCALENDAR"
        assert "SUMMARY:ann" in lines
        assert "SUMMARY:bob" in lines
        no(stranger.get(address.replace("desk.ics", "empty.ics")), 401, "UNAUTHENTICATED")
        no(stranger.get("/v1/on-call/desk.ics"), 401, "UNAUTHENTICATED")
        no(stranger.get("/v1/on-call/desk.ics?key=é"), 401, "UNAUTHENTICATED")
    assert client.get("/v1/on-call/desk.ics").text == feed.text
    no(client.get("/v1/on-call/nobody.ics"), 404, "UNKNOWN_SCHEDULE")
    with app.client_of(app.reader) as reader:
        no(reader.get("/v1/on-call/desk.ics"), 403, "FORBIDDEN")
        no(reader.get("/v1/on-call"), 403, "FORBIDDEN")
