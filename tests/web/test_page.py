"""The page in a real Chromium: prices, orders, logs, anomalies and alerts as they are."""

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.web.pages import STATIC

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(), reason="the page has not been built: run make page"
    ),
]

Open = Callable[[], Any]


def test_token_leaves_the_address_and_the_page_goes_live(page: Open, stage: Any) -> None:
    """The token comes in the fragment, is kept in the tab, and does not stay to be copied."""
    browser = page()
    browser.wait_for(".phase", "live")
    assert browser.driver.current_url == f"{stage.url}/"
    assert browser.driver.execute_script("return sessionStorage['tallystick.token']") == stage.token
    row = browser.wait_for(".prices tr", "EUR/USD")
    assert "1.08249" in row.text.replace(" ", "")
    assert browser.wait_for(".source.synthetic").text == "ecb-anchored (synthetic)"
    browser.driver.refresh()
    browser.wait_for(".phase", "live")
    other = stage.tokens.issue("other", "demo", ("read",))
    browser.driver.execute_script("location.hash = arguments[0]", f"token={other}")
    browser.wait_for(".answer", "This token may look but not trade")
    assert browser.driver.current_url == f"{stage.url}/"


def test_sign_in_field_says_what_is_wrong(signed_out: Any, stage: Any) -> None:
    """Without a token there is a field for it; a wrong one is answered with a sentence."""
    signed_out.type_into("#token", "tally_wrong")
    signed_out.click("button", "Sign in")
    signed_out.wait_for(".error", "This token is not known")
    signed_out.type_into("#token", stage.token)
    signed_out.click("button", "Sign in")
    signed_out.wait_for(".phase", "live")
    signed_out.driver.get("about:blank")


def test_order_from_the_ticket_is_filled_and_its_proof_checked(page: Open, stage: Any) -> None:
    """A typed order becomes a fill, a proof checked on the spot, and a row of the blotter."""
    browser = page()
    browser.wait_for("#ticket-send", "Buy EUR/USD at market")
    browser.type_into("#ticket-quantity", "2.5m")
    browser.click("#ticket-send")
    browser.wait_for(".answer", "Bought 2,500,000 EUR at 1.08251")
    browser.wait_for(".answer", "proof checked in this browser")
    browser.wait_for(".blotter tr", "O-0")
    placed = stage.placed[0].entry
    assert placed.order.quantity == "2500000.00"
    assert len(placed.key) == 36


def test_rejection_is_shown_in_plain_words_with_its_code(page: Open) -> None:
    """A rejected order says why, for a person and for a machine, in ticket and blotter."""
    browser = page()
    browser.wait_for("#ticket-send", "EUR/USD")
    browser.type_into("#ticket-quantity", "99m")
    browser.click("#ticket-send")
    browser.wait_for(".answer", "An order may be at most 50,000,000 EUR. ORDER_TOO_LARGE")
    browser.wait_for(".blotter tr", "ORDER_TOO_LARGE")


def test_lost_answer_is_asked_for_again_without_trading_twice(page: Open, stage: Any) -> None:
    """With the network gone the page says so; asking again uses the same order id."""
    browser = page()
    browser.wait_for(".phase", "live")
    browser.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    browser.click("#ticket-send")
    browser.wait_for(".answer", "may or may not have been taken")
    browser.driver.delete_network_conditions()
    browser.click(".answer button", "Ask again")
    browser.wait_for(".answer", "Bought 1,000,000 EUR")
    browser.wait_for(".phase", "live")
    assert len(stage.placed) == 1


def test_logs_are_searched_by_a_click_on_a_field(page: Open, stage: Any) -> None:
    """A click on a field asks the server for it; the tail keeps following the search."""
    stage.logs = [_log(1, "INFO", "api.order_answered"), _log(2, "ERROR", "notify.delivery_failed")]
    browser = page()
    browser.click(".logs .level", "ERROR")
    browser.wait_for(".logs", "notify.delivery_failed")
    assert stage.searches[-1] == "severity_text=ERROR"
    assert len(browser.all(".logs li")) == 1
    stage.logs.append(_log(3, "ERROR", "collect.store_failed"))
    stage.publish("log", {"logs": stage.logs[-1:]}, scope="operate")
    browser.wait_for(".logs", "collect.store_failed")


def _log(second: int, level: str, event: str) -> dict[str, object]:
    return {
        "timestamp": f"2026-11-22T04:30:0{second}.250000Z",
        "severity_text": level,
        "event_name": event,
        "account": "demo",
    }


def test_anomaly_and_alert_appear_live(page: Open, stage: Any) -> None:
    """What is odd is explained, and an alert's delivery is followed to its end."""
    browser = page()
    browser.wait_for(".phase", "live")
    anomaly = {
        "id": "A-1", "detector": "quantity", "account": "demo", "pair": "EUR/USD",
        "at": "2026-11-22T04:30:00.000000Z", "p_value": 3e-9, "expected": "1,000,000",
        "came": "40,000,000", "sentence": "Forty times the usual size.", "position": 4,
        "order_id": "O-4",
    }  # fmt: skip
    alert = {
        "id": "L-1", "severity": "critical", "summary": "demo trades forty times its size",
        "at": "2026-11-22T04:30:00.100000Z", "state": "pending",
    }  # fmt: skip
    stage.publish("anomaly", anomaly, scope="operate")
    stage.publish("alert", alert, scope="operate")
    browser.wait_for(".notices", "Forty times the usual size.")
    browser.wait_for(".notices", "expected 1,000,000, came 40,000,000")
    browser.wait_for(".state", "pending")
    stage.publish("alert", alert | {"state": "delivered"}, scope="operate")
    browser.wait_for(".state", "delivered")


def test_an_anomaly_is_explained_proved_and_judged(page: Open, stage: Any) -> None:
    """Features against what is usual, the entry's proof, and a verdict that goes to the server."""
    placed = stage.place(quantity="40000000")
    anomaly = {
        "id": "order_size-0", "detector": "order_size", "family": "fraud", "entity": "demo EUR/USD",
        "account": "demo", "pair": "EUR/USD", "at": "2026-11-22T04:30:00.000000Z", "p_value": 1e-9,
        "expected": "up to 110,000", "came": "40,000,000", "sentence": "Far more than usual.",
        "position": placed.position, "order_id": placed.entry.order.id, "held": None,
        "contributions": [{
            "feature": "order_quantity", "unit": "EUR", "came": 4e7, "expected_low": 1e5,
            "expected_high": 1.1e5, "surprise": 9.0, "share": 1.0,
        }],
        "nearest": {"at": "2026-11-22T04:29:00Z", "text": "buy 106,000 EUR/USD", "position": 0},
        "evidence": [{"position": placed.position, "entry": "", "receipt": ""}],
        "verdicts": [], "similar": [],
    }  # fmt: skip
    stage.anomalies.append(anomaly)
    browser = page()
    browser.wait_for(".notices", "Far more than usual.")
    browser.click(".anomaly button", "explain")
    browser.wait_for("dialog", "once in 1 billion")
    browser.wait_for("dialog", "usually 100,000 to 110,000 EUR, came 40,000,000 EUR")
    browser.wait_for("dialog", "buy 106,000 EUR/USD")
    browser.click("dialog button", "Verify in this browser")
    browser.wait_for("dialog .report", "Verified in this browser")
    browser.type_into("#judge-reason", "agreed by phone")
    browser.click("dialog button", "Dismiss")
    browser.wait_for("dialog .past", "dismissed by demo: agreed by phone")
    assert stage.sent == [{"verdict": "dismissed", "reason": "agreed by phone"}]
    browser.wait_for(".notices", "dismissed")


def test_blotter_is_bounded_and_a_gap_is_said(page: Open, stage: Any) -> None:
    """A burst leaves two hundred rows; missed events are admitted and the lists fetched again."""
    stage.place()
    row = stage.row(stage.placed[0])
    browser = page()
    browser.wait_for(".blotter tr", "O-0")
    burst = [row | {"id": f"O-{n}", "position": n} for n in range(1, 301)]
    stage.publish("order", {"orders": burst, "omitted": 7}, account="demo")
    browser.wait_for(".blotter tr", "O-300")
    assert len(browser.all(".blotter tbody tr")) == 200
    browser.wait_for("header", "7 more in bursts")
    stage.publish("gap", {"missed": 3})
    browser.wait_for(".bar", "missed 3 events, lists fetched again")
