"""Incidents in a real Chromium over the whole product: seen, opened, taken, noted, resolved."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tallystick.access import Tokens
from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.web.pages import STATIC

pytestmark = [
    pytest.mark.server,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(), reason="the page has not been built: run make page"
    ),
]

Explore = Callable[..., Any]
SECONDS_MAX = 30
ALERTING = """
[targets.chat]
type = "terminal"

[targets.phone]
type = "terminal"

[people.ann]
targets = ["phone"]
time_zone = "Europe/London"

[policies.page]
acknowledge_seconds = 3600
[[policies.page.steps]]
tell = ["target:chat"]
[[policies.page.steps]]
after_seconds = 600
tell = ["person:ann"]

[[routes]]
name = "all"
policy = "page"
reopen_seconds = 0
"""
REJECTED = {
    "description": "An order was rejected", "severity": "critical", "statistic": "count",
    "comparison": ">=", "threshold": 1, "period_seconds": 3600, "missing": "notBreaching",
    "runbook": "1. Look at the order.\n2. Call the client.",
    "source": {
        "type": "events", "by": ["$.account"],
        "pattern": '{"detail-type": ["Order Decided"],'
        ' "detail": {"order": {"state": ["rejected"]}}}',
    },
}  # fmt: skip
HUGE = {
    "pair": "EUR/USD", "side": "buy", "quantity": "90000000000", "type": "market",
    "time_in_force": "FOK", "client_order_id": "huge",
}  # fmt: skip
AT = "2026-11-22T11:30:00.000000Z"
INCIDENT = {
    "id": "I-1", "title": "An order was rejected", "severity": "critical", "state": "open",
    "route": "all", "policy": "all", "labels": {}, "opened_at": AT, "changed_at": AT, "firing": 1,
    "alerts": 1, "held": "S-7", "told": [], "escalates_at": None, "escalates_to": [],
    "acknowledged_by": "", "acknowledged_until": None, "resolved_at": None, "resolved_by": "",
    "timeline": [], "timeline_left_out": 0, "messages": [], "alert_items": [], "orders": [],
    "proofs": [], "logs": "/v1/logs?q=", "postmortem": "/v1/incidents/I-1/postmortem",
}  # fmt: skip


@pytest.fixture
def server(serve: Any, tmp_path: Path) -> Any:
    """The whole product, which tells the chat, and after ten minutes Ann's phone."""
    file = tmp_path / "alerting.toml"
    file.write_text(ALERTING)
    return serve(tmp_path / "data", alerting=str(file), alerts_terminal="true")


def goto(screen: Any, server: Any, incident: str) -> None:
    """Follow the link that stands in messages."""
    screen.driver.get(f"{server.url}/#incident={incident}")


def reject_an_order(server: Any) -> str:
    """Have an alarm watch for rejected orders, and one rejected; its id."""
    with server.client() as client:
        put = client.put("/v1/alarms/order-rejected", json=REJECTED)
        assert put.status_code == 200, put.text
        answer = client.post("/v1/orders", json=HUGE | {"account": server.account})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["order"]["id"])


def prometheus(server: Any, name: str, lasts_seconds: int = 600) -> None:
    """Raise an alert as a Prometheus does; an end that is now ends it."""
    ends_at = rfc3339(SystemClock().now_ns() + lasts_seconds * NS_PER_SECOND)
    labels = {"alertname": name, "severity": "warning", "host": "fx-1"}
    body = {"labels": labels, "annotations": {"summary": f"{name} came"}, "endsAt": ends_at}
    with server.client() as client:
        assert client.post("/api/v2/alerts", json=[body]).status_code == 200


def of(server: Any, incident: str) -> dict[str, Any]:
    """The incident as the API tells it."""
    with server.client() as client:
        found: dict[str, Any] = client.get(f"/v1/incidents/{incident}").json()
        return found


def test_an_incident_is_proved_taken_noted_and_resolved(
    server: Any, explore: Explore, tmp_path: Path
) -> None:
    """From a rejected order to its postmortem, with what the browser itself has verified."""
    screen = explore(server.url, server.token, view="desk")
    screen.wait_for("#ledger-size")
    order = reject_an_order(server)
    screen.wait_for(".untaken", "critical I-1 An order was rejected (account demo)")
    screen.wait_for(".bar nav .count", "1")
    goto(screen, server, "I-1")
    screen.wait_for("#incident-title", "An order was rejected (account demo)")
    screen.wait_for("#told-next", "phone (ann) in 9 min")
    proof = screen.wait_for('.proof[data-verdict="good"]', "a proved fact")
    assert f"Order {order}, buy 90,000,000,000 EUR/USD, was rejected" in proof.text
    screen.click(".proof summary", "How this browser checked it")
    steps = screen.steps()
    assert {name: steps[name] for name in ("Entry", "Inclusion", "Signature")} == {
        "Entry": "holds", "Inclusion": "holds", "Signature": "holds",
    }  # fmt: skip
    screen.click(".proof .line button", order)
    screen.wait_for("#detail-title", f"Order {order}")
    screen.press(Keys.ESCAPE)
    screen.wait_for(".alerts .detail", "Call the client.")
    screen.wait_for(".messages li", "chat it began arrived")
    Select(screen.wait_for("#acknowledge-for")).select_by_visible_text("4 hours")
    screen.click("#acknowledge")
    screen.wait_for(".handle .done", "You have it.")
    screen.wait_for(".incident .facts", "until")
    assert of(server, "I-1")["state"] == "acknowledged"
    screen.click("#give-back")
    screen.wait_for(".incident .facts", "Who has it nobody")
    screen.wait_for(".timeline li", "given back")
    screen.click("#write-note")
    screen.wait_for("#incident-text").send_keys("Agreed by phone.", Keys.CONTROL, Keys.ENTER)
    screen.wait_for(".timeline .noted", "Agreed by phone.")
    screen.click("#write-resolve")
    screen.wait_for("#incident-text").send_keys("A typing error.")
    screen.click("#incident-send", "Resolve incident")
    screen.wait_for(".incident .what .state", "resolved")
    screen.wait_for(".timeline .resolved", "A typing error.")
    assert not screen.all("#acknowledge")
    assert [each["what"] for each in of(server, "I-1")["timeline"] if each["what"] != "told"] == [
        "opened", "acknowledged", "unacknowledged", "noted", "resolved",
    ]  # fmt: skip
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    screen.driver.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    screen.click("#postmortem")
    assert "A typing error." in written(tmp_path / "I-1.md")
    screen.click("#incident-logs")
    assert screen.wait_for("#query").get_attribute("value") == f'"{order}"'
    screen.wait_for(".lines .row")


def written(file: Path) -> str:
    """What the browser has saved, once it is there."""
    deadline = time.monotonic() + SECONDS_MAX
    while not file.is_file():
        assert time.monotonic() < deadline, f"no {file.name} came"
        time.sleep(0.05)
    return file.read_text()


def test_the_list_follows_what_happens(server: Any, explore: Explore) -> None:
    """Incidents come and go by themselves; lists are chosen, rows are links, and lead back."""
    screen = explore(server.url, server.token, view="incidents")
    screen.wait_for("#no-incident", "Nothing is wrong: no incident is open.")
    prometheus(server, "DiskLow")
    prometheus(server, "FeedDown")
    screen.wait_for(".incident-list li a", "warning open I-1")
    row = screen.wait_for(".incident-list li a", "FeedDown came nobody has it next: phone (ann) in")
    row.send_keys(Keys.ENTER)
    screen.wait_for("#incident-title", "FeedDown came")
    assert screen.driver.switch_to.active_element.get_attribute("id") == "incident-title"
    with server.client() as client:
        client.post("/v1/incidents/I-2/acknowledge", json={"seconds": 0}).raise_for_status()
    screen.wait_for(".incident .facts", "until it is resolved")
    prometheus(server, "FeedDown", lasts_seconds=0)
    screen.wait_for(".incident .facts", "by itself: nothing fires any more")
    screen.wait_for(".timeline .ended", "alert ended")
    screen.driver.back()
    screen.wait_for("#targets-title", "Who can be told")
    screen.click('.choice input[value="resolved"]')
    screen.wait_for(".incident-list li a", "warning resolved I-2")
    assert len(screen.all(".incident-list li a")) == 1
    screen.click('.choice input[value="all"]')
    screen.wait_for(".incident-list li a", "warning open I-1")
    assert len(screen.all(".incident-list li a")) == 2
    screen.wait_for(".bar nav .count", "1")


def test_targets_are_tried_and_unknown_incidents_said(server: Any, explore: Explore) -> None:
    """A test message is followed to its arrival; what is refused is a sentence with its code."""
    screen = explore(server.url, server.token, view="incidents")
    screen.click('[aria-label="Send a test to chat"]')
    screen.wait_for(".targets li", "chat terminal Send a test arrived")
    screen.wait_for(".advice", "No person is told yet.")
    goto(screen, server, "I-99")
    screen.wait_for(".error", "There is no incident 'I-99'. (UNKNOWN_INCIDENT)")
    screen.click(".back", "All incidents")
    screen.wait_for("#targets-title")
    token = Tokens(server.folder / "tokens.json").issue("trader", "demo", ("trade", "read"))
    screen = explore(server.url, token, view="incidents")
    screen.wait_for(".incident-list", "This token may not see incidents: it lacks the scope")
    assert not screen.all(".targets")


def test_on_a_phone_one_thing_at_a_time(server: Any, explore: Explore) -> None:
    """The list gives way to the incident, nothing is wider than the screen, and back is there."""
    prometheus(server, "DiskLow")
    screen = explore(server.url, server.token, view="incidents")
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    screen.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        screen.click(".incident-list li a", "DiskLow came")
        screen.wait_for("#incident-title", "DiskLow came")
        assert (
            not screen.wait_for("main")
            .find_elements("css selector", ".incident-list")[0]
            .is_displayed()
        )
        wide = screen.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= 390
        screen.click(".back")
        screen.wait_for(".incident-list li a", "DiskLow came")
    finally:
        screen.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_false_receipt_is_called_false(
    stage: Any, page: Callable[[], Any], flip: Callable[[str], str]
) -> None:
    """A server that changes an entry is found out; why nobody is told is said."""
    placed = stage.place(quantity="60000000")
    receipt = stage.receipt(placed.position)
    proof = {"position": placed.position, "order": None, "receipt": receipt}
    stage.incidents.append(INCIDENT | {"proofs": [proof]})
    screen = page()
    screen.wait_for("#ledger-size", "1")
    screen.click(".bar nav a", "Incidents")
    screen.wait_for(".incident-list li a", "nobody is told: silence S-7")
    screen.click(".incident-list li a")
    screen.wait_for('.proof[data-verdict="good"]', "a proved fact")
    screen.wait_for("#told-next", "nobody: silence S-7")
    proof["receipt"] = receipt | {"entry": flip(receipt["entry"])}
    screen.driver.refresh()
    screen.wait_for('.proof[data-verdict="bad"]', "FALSE")
