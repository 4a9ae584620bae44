"""The page in a real Chromium: every kind of order, the account, and what stops trading."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tallystick.web.pages import STATIC

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(), reason="the page has not been built: run make page"
    ),
]

Open = Callable[[], Any]
AT = "2026-11-22T11:30:00.000000Z"
FIGURES = {
    "account": "demo",
    "last_position": 41,
    "summary": {
        "home": "USD", "nav": "1993397.00", "unrealised": "-6603.00", "realised": "0.00",
        "margin": {
            "profile": "esma_retail", "equity": "1993397.00", "used": "1626420.34",
            "available": "229196.33", "level_percent": "122.56", "call_percent": 100,
            "close_out_percent": 50, "in_call": False,
        },
    },
    "balances": [{"currency": "EUR", "amount": "2000000.00"}],
    "positions": [
        {
            "pair": "EUR/USD", "long": "2000000.00", "long_average": "1.0825150", "short": "0.00",
            "short_average": None, "unrealised": "-6603.00", "unrealised_home": "-6603.00",
            "realised": "0.00",
        },
        {
            "pair": "USD/JPY", "long": "0.00", "long_average": None, "short": "0.00",
            "short_average": None, "unrealised": "0", "unrealised_home": "0.00", "realised": "9",
        },
    ],
}  # fmt: skip


PRECHECK = {
    "accepted": True, "state": "filled", "rejections": [], "average_price": "1.08251",
    "amount": {"currency": "USD", "amount": "1082510.00"},
    "cost": {"currency": "USD", "amount": "10.00"}, "value_date": "2026-11-25",
    "net_position": {"before": "0.00", "after": "1000000.00"}, "margin": None, "linked": [],
}  # fmt: skip
DEEP = (
    "event: snapshot\nid: 1\n"
    'data: {"prices":[{"pair":"EUR/USD","source":"test","tradeable":true,'
    '"bids":[{"price":"1.08249","quantity":"1000000.00"}],'
    '"asks":[{"price":"1.08251","quantity":"3000000.00"}]}]}\n\n'
)


def choose(browser: Any, css: str, value: str) -> None:
    """Choose from a list, as a person would."""
    Select(browser.wait_for(css)).select_by_value(value)


def row_of(browser: Any, order_id: str) -> str:
    """The text of an order's row, white space folded."""
    for row in browser.all(".blotter tbody tr"):
        if row.find_element(By.CSS_SELECTOR, ".id").text == order_id:
            return " ".join(row.text.split())
    return ""


def test_the_ticket_places_a_stop_with_what_closes_it(page: Open, stage: Any) -> None:
    """Stop price, expiry, take-profit and stop-loss are sent as the API names them."""
    browser = page()
    browser.wait_for("#ticket-send", "Buy EUR/USD at market")
    choose(browser, "#ticket-type", "stop")
    choose(browser, "#ticket-tif", "GTD")
    browser.type_into("#ticket-stop", "1.09000")
    browser.driver.execute_script(
        "const field = document.querySelector('#ticket-ends');"
        "field.value = '2026-11-30T12:30'; field.dispatchEvent(new Event('input'))"
    )
    browser.type_into("#ticket-profit", "1.10000")
    browser.type_into("#ticket-loss", "1.08000")
    browser.click("#ticket-send", "Buy EUR/USD on stop")
    browser.wait_for(".answer", "Working: stop, stop 1.09000, until 2026-11-30 12:30 UTC.")

    sent = stage.sent[0]
    assert (sent["type"], sent["stop_price"], sent["time_in_force"]) == ("stop", "1.09000", "GTD")
    assert sent["expires_at"] == "2026-11-30T12:30:00Z"
    assert sent["if_done"] == [
        {"type": "take_profit", "price": "1.10000"}, {"type": "stop_loss", "stop_price": "1.08000"},
    ]  # fmt: skip
    assert "price" not in sent
    browser.wait_for(".blotter .type", "stop to")
    browser.wait_for(".blotter .price", "1.09000")


def test_only_the_members_of_its_type_are_asked_for(page: Open, stage: Any) -> None:
    """A trailing stop has a distance and closes: no prices, nothing behind it."""
    browser = page()
    browser.wait_for("#ticket-send", "EUR/USD")
    choose(browser, "#ticket-type", "trailing_stop")
    browser.type_into("#ticket-distance", "0.0050")
    assert browser.all("#ticket-price, #ticket-stop, #ticket-profit, #ticket-loss") == []
    browser.click("#ticket-send", "Buy EUR/USD on trailing stop")
    browser.wait_for(".answer", "Working: trailing stop")

    assert stage.sent[0]["distance"] == "0.0050"
    assert stage.sent[0].keys() & {"price", "stop_price", "if_done"} == set()


def test_the_dry_run_is_shown_before_anything_is_sent(page: Open, stage: Any) -> None:
    """What it would become, cost and change; then why it would be rejected; nothing is placed."""
    stage.overrides["/v1/orders/precheck"] = PRECHECK
    browser = page()
    browser.type_into("#ticket-quantity", "2m")
    browser.wait_for(".expected", "Would be filled at 1.08251, value 2026-11-25.")
    browser.wait_for(".expected", "Spread costs 10.00 USD. Position 0 → 1,000,000 EUR.")
    reason = {"code": "INSUFFICIENT_MARGIN", "reason": "The account has not the margin."}
    stage.overrides["/v1/orders/precheck"] = PRECHECK | {
        "accepted": False, "state": "rejected", "rejections": [reason],
    }  # fmt: skip
    browser.type_into("#ticket-quantity", "40m")
    browser.wait_for(".expected .bad", "Would be rejected: The account has not the margin.")

    assert stage.prechecks[-1]["quantity"] == "40000000"
    assert (stage.placed, stage.sent) == ([], [])


def test_a_server_without_the_new_paths_is_served_as_before(page: Open, stage: Any) -> None:
    """No dry run, no figures, no trading states: orders and balances all the same, asked once."""
    stage.overrides |= dict.fromkeys(
        ["/v1/orders/precheck", "/v1/accounts/demo", "/v1/trading-state"]
    )
    browser = page()
    browser.wait_for(".account .balances", "EUR 1,000,000.00")
    for amount in ("2m", "3m"):
        browser.type_into("#ticket-quantity", amount)
        browser.click("#ticket-send")
        browser.wait_for(".answer", f"Bought {amount[0]},000,000 EUR at 1.08251")

    assert browser.all(".error, .expected p, #trading") == []
    assert len(stage.prechecks) <= 1


def test_an_order_is_followed_through_its_states(page: Open, stage: Any) -> None:
    """Each live event moves the one row: waiting, working, part filled, and how it ended."""
    first = stage.place(type="limit", price="1.08000")
    row = stage.row(first) | {"client_order_id": "c", "rejection": None}
    browser = page()
    browser.wait_for(".blotter .became", "working")

    def say(**members: object) -> None:
        stage.publish("order", {"orders": [row | members]}, account="demo")

    fill = {"id": "F-5-1", "price": "1.07999", "quantity": "400000.00", "amount": "431996.00"}
    fill |= {"value_date": "2026-11-25"}
    say(position=5, state="partially_filled", filled="400000.00", fills=[fill])
    browser.wait_for(".blotter .became", "part filled")
    browser.wait_for(".blotter .size", "400,000 of 1,000,000")
    say(position=4, state="new")  # a slower answer
    cancelled = {"by": "demo", "reason": "asked by the client", "code": "CLIENT_REQUEST"}
    say(position=6, state="cancelled", filled="400000.00", cancelled=cancelled)
    browser.wait_for(".blotter .became", "cancelled CLIENT_REQUEST")

    assert len(browser.all(".blotter tbody tr")) == 1
    assert "1.07999" in row_of(browser, "O-0")


def test_fills_through_depth_are_one_deal(page: Open, stage: Any) -> None:
    """Two levels of the market: the whole quantity, its exact amount and its average price."""
    row = stage.row(stage.place()) | {"rejection": None}
    first = {"id": "F-0-1", "price": "1.08251", "quantity": "1000000.00", "amount": "1082510.00"}
    more = {"id": "F-0-2", "price": "1.08254", "quantity": "1500000.00", "amount": "1623810.00"}
    fills = [first | {"value_date": "2026-11-25"}, more | {"value_date": "2026-11-25"}]
    browser = page()
    browser.wait_for(".blotter .became", "filled")
    stage.publish("order", {"orders": [row | {"fills": fills, "position": 1}]}, account="demo")
    browser.wait_for(".blotter .price", "1.08253")
    title = browser.wait_for(".blotter .price span").get_attribute("title")

    assert title == "Average of 2 fills"


def test_orders_that_hang_together_say_so(page: Open, stage: Any) -> None:
    """If-done, one-cancels-other and replacing orders name each other; the replaced one is."""
    row = stage.row(stage.place(type="limit", price="1.08000")) | {"rejection": None}
    browser = page()
    browser.wait_for(".blotter .became", "working")
    more = {"type": "stop_loss", "price": None, "stop_price": "1.07000", "state": "suspended"}
    child = row | more | {"id": "O-1", "position": 1, "parent": "O-0", "oco": "O-2"}
    close = row | {"id": "O-3", "position": 3, "replaces": "O-0", "by": "margin close-out"}
    stage.publish("order", {"orders": [child, close]}, account="demo")
    browser.wait_for(".blotter .became", "replaced")

    assert "waiting" in row_of(browser, "O-1")
    titles = [cell.get_attribute("title") for cell in browser.all(".blotter .became")]
    assert "if done O-0; one cancels other O-2" in titles[1]
    assert "replaces O-0" in titles[0]
    browser.click("#only-open")
    browser.wait_for(".blotter .became", "waiting")
    assert [cell.text for cell in browser.all(".blotter .id")] == ["O-3", "O-1"]


def test_the_account_is_shown_in_figures(page: Open, stage: Any) -> None:
    """Net asset value, margin, open positions with their results; closed ones are not in the way.

    A margin call is said as it comes.
    """
    stage.overrides["/v1/accounts/demo"] = FIGURES
    browser = page()
    browser.wait_for("#nav", "1,993,397.00")
    browser.wait_for(".figures", "Available, USD 229,196.33")
    browser.wait_for(".figures", "Margin level 122.56 %")
    browser.wait_for(".positions", "EUR/USD 2,000,000 1.0825150 -6,603.00")
    assert "USD/JPY" not in browser.wait_for(".positions").text

    call = {"account": "demo", "event": "call_entered", "equity": "90.00", "used": "100.00"}
    stage.publish("margin", call | {"at": AT, "position": 9}, account="demo")
    browser.wait_for(".call", "Margin call at 11:30:00: equity 90.00 USD, margin used 100.00 USD.")


def test_what_stops_trading_is_said_with_who_and_why(page: Open, stage: Any) -> None:
    """While nothing does, the bar says so; a stop is shown as soon as it is said."""
    browser = page()
    browser.wait_for("#trading", "trading active")
    halted = {
        "scope": "all", "id": None, "state": "halted", "by": "ann", "reason": "a drill",
        "at": AT, "position": 3, "asked": {
            "state": "active", "by": "ben", "reason": "it is over", "at": AT,
        },
    }  # fmt: skip
    stage.overrides["/v1/trading-state"] = {"states": [halted]}
    stage.publish("trading_state", {"scope": "all", "id": None, "state": "halted"})
    browser.wait_for(".stops", "Trading is halted for everybody, by ann at 11:30:00: a drill")
    browser.wait_for(".stops", "ben asks for active (it is over); a second person has to grant it.")
    assert browser.all("#trading") == []
    stage.overrides["/v1/trading-state"] = {"states": []}
    stage.publish("trading_state", {"scope": "all", "id": None, "state": "active"})
    browser.wait_for("#trading", "trading active")


def test_depth_opens_from_the_keyboard(page: Open, stage: Any) -> None:
    """A pair is a button: Enter shows its depth, Enter hides it again."""
    stage.overrides["/v1/prices/stream?pairs=EUR%2FUSD"] = DEEP
    browser = page()
    pair = browser.wait_for("button.pair", "EUR/USD")
    pair.send_keys(Keys.ENTER)
    browser.wait_for(".depth", "1,000,000 1.08249 1.08251 3,000,000")
    assert pair.get_attribute("aria-expanded") == "true"
    pair.send_keys(Keys.ENTER)
    assert browser.all(".depth") == []


@pytest.fixture
def telephone(chromium: Any) -> Iterator[None]:
    """A window of 390 by 844 points."""
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.usefixtures("telephone")
def test_it_fits_on_a_telephone(page: Open, stage: Any) -> None:
    """Nothing is wider than the screen, and an order says what became of it."""
    stage.overrides["/v1/accounts/demo"] = FIGURES
    for changes in ({}, {"type": "limit", "price": "1.08000"}, {"quantity": "99000000"}):
        stage.place(**changes)
    browser = page()
    browser.wait_for("#nav", "1,993,397.00")
    browser.wait_for(".blotter .became", "rejected")
    width = browser.driver.execute_script("return document.documentElement.scrollWidth")
    assert width <= 390
    wide = "return [...document.querySelectorAll('.blotter tr')].some((r) => r.scrollWidth > 390)"
    assert not browser.driver.execute_script(wide)
