"""Silences, anomalies and alerts at the door."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

Check = Callable[..., dict[str, Any]]
Until = Callable[[Callable[[], Any]], Any]
pytestmark = pytest.mark.server

LABEL = {"label": "account", "operator": "=", "value": "somebody"}


def in_hours(hours: float) -> str:
    """A moment from now on, as the API takes it."""
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_silence_begins_and_ends(product: Any, refused: Check) -> None:
    """201 with an id; it is listed; it ends when it is deleted, once."""
    body = {"matchers": [LABEL], "ends_at": in_hours(1), "comment": "maintenance"}
    made = product.demo.post("/v1/silences", json=body)
    silence = made.json()

    assert made.status_code == 201
    assert silence["author"] == "demo trader"
    assert silence["matchers"] == [LABEL]
    assert silence["starts_at"] < silence["ends_at"]
    listed = product.demo.get("/v1/silences").json()["silences"]
    assert silence in listed
    left = product.demo.delete(f"/v1/silences/{silence['id']}").json()["silences"]
    assert silence not in left
    refused(product.demo.delete(f"/v1/silences/{silence['id']}"), 404, "UNKNOWN_SILENCE")


def test_a_silence_is_made_once_under_its_key(product: Any, refused: Check) -> None:
    """A retry has the stored answer, also when the silence has ended; another request conflicts."""
    body = {"matchers": [LABEL], "ends_at": in_hours(1), "comment": "maintenance"}
    headers = {"Idempotency-Key": "silence-1"}
    made = product.demo.post("/v1/silences", json=body, headers=headers)
    again = product.demo.post("/v1/silences", json=body, headers=headers)
    assert (made.status_code, again.status_code, again.content) == (201, 201, made.content)
    assert "Idempotency-Replayed" not in made.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = product.demo.post("/v1/silences", json=body | {"comment": "else"}, headers=headers)
    refused(other, 409, "IDEMPOTENCY_CONFLICT", None)
    product.demo.delete(f"/v1/silences/{made.json()['id']}")
    assert product.demo.post("/v1/silences", json=body, headers=headers).content == made.content


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"matchers": []}, "VALUE_NOT_ALLOWED", "matchers"),
        ({"matchers": [LABEL | {"operator": "~"}]}, "VALUE_NOT_ALLOWED", "matchers[0].operator"),
        ({"ends_at": "soon"}, "VALUE_NOT_ALLOWED", "ends_at"),
        ({"starts_at": "2026-13-01T00:00:00Z"}, "VALUE_NOT_ALLOWED", "starts_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "SILENCE_PERIOD", None),
        ({"comment": ""}, "VALUE_NOT_ALLOWED", "comment"),
        ({"comment": " "}, "SILENCE_UNEXPLAINED", None),
        ({"author": "somebody else"}, "UNKNOWN_FIELD", "author"),
    ],
)
def test_a_silence_that_cannot_be(
    product: Any, refused: Check, changes: dict[str, Any], code: str, field: str | None
) -> None:
    """422 that says what is wrong with it."""
    body = {"matchers": [LABEL], "ends_at": in_hours(1), "comment": "maintenance"} | changes

    refused(product.demo.post("/v1/silences", json=body), 422, code, field)


def test_an_odd_order_becomes_an_anomaly_and_an_alert(product: Any, until: Until) -> None:
    """Both name the order and say in a sentence what was expected and what came."""
    for number in range(40):
        product.place(pair="USD/CAD", quantity=str(10_000 + 37 * number))
    odd = product.place(pair="USD/CAD", quantity="5000000")
    order_id = odd["order"]["id"]

    def named(path: str, items: str) -> Any:
        found = product.demo.get(path, params={"limit": 100}).json()[items]
        return [each for each in found if each["order_id"] == order_id]

    (anomaly,) = until(lambda: named("/v1/anomalies", "anomalies"))
    (alert,) = until(lambda: named("/v1/alerts", "alerts"))
    assert anomaly["detector"] == "order_size"
    assert anomaly["position"] == alert["position"] == odd["receipt"]["position"]
    assert anomaly["sentence"] == alert["summary"]
    assert anomaly["expected"]
    assert "5,000,000" in anomaly["came"]
    assert alert["labels"]["pair"] == "USD/CAD"
    assert alert["state"] in {"delivered", "deduplicated"}
