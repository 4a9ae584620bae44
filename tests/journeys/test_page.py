"""The page and the whole product behind it: what it shows is so, and a lie on the way is seen."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException as Stale
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tallystick.web.pages import STATIC

pytestmark = [
    pytest.mark.server,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(), reason="the page has not been built: run make page"
    ),
]

SHOTS = os.environ.get("TALLYSTICK_TEST_SHOTS")
"""A folder for pictures of what these tests see; none are taken without it."""
WAIT_SECONDS = 20
LIAR = """
const honest = window.fetch.bind(window);
window.fetch = async (input, init) => {
  const answer = await honest(input, init);
  if (!/^\\/v1\\/orders\\/O-\\d+$/.test(String(input)) || !answer.ok) return answer;
  const told = await answer.json();
  const flipped = (text) => {
    const at = Math.floor(text.length / 2);
    return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  };
  (%s)(told, flipped);
  return new Response(JSON.stringify(told), { headers: { "Content-Type": "application/json" } });
};
"""
LIES = {
    "entry": "({ receipt }, flipped) => { receipt.entry = flipped(receipt.entry); }",
    "path": "({ receipt }, flipped) => { receipt.inclusion[0] = flipped(receipt.inclusion[0]); }",
    "head": "({ receipt }, flipped) => { receipt.checkpoint = receipt.checkpoint"
    ".split('\\n').map((line, n) => n === 2 ? flipped(line) : line).join('\\n'); }",
    "price": "(told) => { told.fills[0].price = '9.99999'; }",
}
STEP_OF = {"entry": "Entry", "path": "Inclusion", "head": "Signature", "price": "Content"}

Open = Callable[..., Chrome]


@pytest.fixture
def page(chromium: Chrome, serve: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a fresh server, signed in; the console stays clean of complaints."""
    server = serve(tmp_path / "data")
    scripts: list[str] = []

    def open_page(script: str = "") -> Chrome:
        if script:
            added = chromium.execute_cdp_cmd(
                "Page.addScriptToEvaluateOnNewDocument", {"source": script}
            )
            scripts.append(added["identifier"])
        chromium.get(f"{server.url}/#token={server.token}")
        return chromium

    chromium.get("about:blank")
    origin = {"origin": server.url, "storageTypes": "all"}  # the port may have been another's
    chromium.execute_cdp_cmd("Storage.clearDataForOrigin", origin)
    chromium.get_log("browser")
    yield open_page
    said = chromium.get_log("browser")
    for identifier in scripts:
        chromium.execute_cdp_cmd(
            "Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier}
        )
    chromium.get("about:blank")
    assert [line for line in said if line["level"] in ("SEVERE", "WARNING")] == []
    assert server.said() == ""


def wait_for(browser: Chrome, css: str, text: str = "") -> WebElement:
    """The first visible element of this selector that holds this text, white space folded."""

    def found(driver: Chrome) -> WebElement | None:
        for element in driver.find_elements(By.CSS_SELECTOR, css):
            if text in " ".join(element.text.split()) and element.is_displayed():
                return element
        return None

    wait = WebDriverWait(browser, WAIT_SECONDS, poll_frequency=0.05, ignored_exceptions=[Stale])
    shown = browser.find_element(By.TAG_NAME, "body").text[:3000]
    return wait.until(found, f"no {css} with {text!r}; at first the page showed:\n{shown}")


def shot(browser: Chrome, name: str) -> None:
    """A picture, where they are wanted."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(SHOTS) / f"real-{name}.png"))


def trade(browser: Chrome, quantity: str = "2.5m") -> str:
    """Buy at market with the ticket, as a person would; the order's id as the blotter shows it."""
    wait_for(browser, ".phase", "live")
    field = wait_for(browser, "#ticket-quantity")
    field.clear()
    field.send_keys(quantity)
    wait_for(browser, "#ticket-send", "Buy EUR/USD at market").click()
    wait_for(browser, ".answer", "proof checked in this browser")
    return wait_for(browser, ".blotter .link", "O-").text


def verdicts(browser: Chrome) -> dict[str, str]:
    """The verdict of every step of the report that is shown."""
    lines = browser.find_element(By.CSS_SELECTOR, ".report").find_elements(By.TAG_NAME, "dt")
    return {line.text.split()[0]: line.text.split(" ", 1)[1] for line in lines}


def test_a_trade_is_seen_and_proved_in_the_browser(page: Open) -> None:
    """Prices move, an order from the ticket reaches the blotter, its proof holds, logs are there.

    Nothing breaks the content security policy, and the console has no complaint.
    """
    browser = page()
    wait_for(browser, ".phase", "live")
    before = wait_for(browser, ".prices tr", "EUR/USD").text
    moved = WebDriverWait(browser, WAIT_SECONDS, ignored_exceptions=[Stale])
    moved.until(lambda b: wait_for(b, ".prices tr", "EUR/USD").text != before)
    order_id = trade(browser)
    wait_for(browser, ".answer", "Bought 2,500,000 EUR at")
    wait_for(browser, ".logs li", "api.request_answered")
    wait_for(browser, ".ledger", "Signature holds")
    shot(browser, "desk")
    wait_for(browser, ".blotter .link", order_id).click()
    wait_for(browser, "#detail-verify").click()
    wait_for(browser, ".report", "Verified in this browser")
    shot(browser, "verified")
    assert set(verdicts(browser).values()) == {"holds"}
    token = json.loads(browser.execute_script("return JSON.stringify(sessionStorage)"))
    assert "tallystick.token" in token
    assert "token" not in browser.current_url


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_on_the_way_is_refused(page: Open, lie: str) -> None:
    """One changed character in what the page fetches makes its step false, and says so loudly."""
    browser = page(LIAR % LIES[lie])
    order_id = trade(browser)
    wait_for(browser, ".blotter .link", order_id).click()
    wait_for(browser, "#detail-verify").click()
    wait_for(browser, ".report", "This proof is FALSE")
    shot(browser, f"refused-{lie}")
    assert verdicts(browser)[STEP_OF[lie]] == "FALSE"
