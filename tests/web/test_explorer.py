"""The log explorer in a real Chromium over the whole product: searched, clicked, followed, kept."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tallystick.access import Tokens
from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.web.pages import STATIC

pytestmark = [
    pytest.mark.server,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(), reason="the page has not been built: run make page"
    ),
]

Explore = Callable[..., Any]
DOWNLOAD_SECONDS_MAX = 20
ROUTES = ("/shop/buy", "/shop/sell", "/shop/look")


@pytest.fixture
def server(serve: Any, tmp_path: Path) -> Any:
    """The whole product on an empty folder."""
    return serve(tmp_path / "data")


def send(server: Any, events: list[dict[str, object]], age_seconds: float = 0.0) -> None:
    """Have these events stored, evenly over this long a time until now."""
    now = SystemClock().now_ns() / NS_PER_SECOND
    step = age_seconds / max(1, len(events))
    lines = [
        msgspec.json.encode({"time": now - age_seconds + n * step, "event": event})
        for n, event in enumerate(events)
    ]
    answer = httpx.post(
        f"{server.url}/services/collector/event", content=b"\n".join(lines),
        headers={"Authorization": f"Splunk {server.hec_token}"}, timeout=30,
    )  # fmt: skip
    assert answer.status_code == 200


def shop(number: int) -> list[dict[str, object]]:
    """Events of a shop: one in ten failed, and each took some time."""
    return [
        {
            "severity_text": "ERROR" if n % 10 == 0 else "INFO",
            "event_name": "shop.order_failed" if n % 10 == 0 else "shop.order_taken",
            "body": f"order {n} of 10.0.0.{n % 250} took {n * 7919 % 900} ms",
            "http.route": ROUTES[n % 3],
            "http.response.status_code": 500 if n % 10 == 0 else 200,
            "duration_us": 100 + n * 7919 % 90_000,
        }
        for n in range(number)
    ]


def texts(screen: Any, css: str) -> set[str]:
    """What elements say, read in one moment: the next answer may replace them at any time."""
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
    return set(screen.driver.execute_script(script, css))


def said(screen: Any) -> dict[str, str]:
    """What the address says of the explorer's state."""
    fragment = urlsplit(screen.driver.current_url).fragment
    return {name: values[0] for name, values in parse_qs(fragment).items()}


def search(screen: Any, query: str) -> None:
    """Type a query and press Enter."""
    screen.type_into("#query", query)
    screen.press(Keys.ENTER)


def test_query_is_typed_with_hints_and_narrowed_by_clicks(server: Any, explore: Explore) -> None:
    """Typed with a hint, narrowed by a facet and a NOT; the address says all but the token."""
    send(server, shop(60), 600)
    screen = explore(server.url, server.token)
    screen.wait_for(".lines .row", "shop.order_taken")
    screen.type_into("#query", "severity=ERR")
    screen.wait_for("#query-hints", "ERROR")
    screen.press(Keys.ARROW_DOWN, Keys.ENTER)
    assert screen.wait_for("#query").get_attribute("value").strip() == "severity=ERROR"
    screen.press(Keys.ENTER)
    screen.wait_for("#volume-total", "6 lines")
    assert texts(screen, ".lines .event") == {"shop.order_failed"}
    screen.click('[data-field="http.route"] .value', "/shop/buy")
    screen.wait_for("#volume-total", "2 lines")
    assert said(screen)["q"] == "severity=ERROR http.route=/shop/buy"
    screen.wait_for(".lines .at").click()
    screen.wait_for(".line-fields th", "http.response.status_code")
    screen.click('[aria-label^="Hide http.route"]')
    screen.wait_for("#volume-total", "0 lines")
    screen.wait_for(".results", "No line fits.")
    assert said(screen)["q"].endswith("NOT http.route=/shop/buy")
    screen.driver.back()
    screen.wait_for("#volume-total", "2 lines")
    screen.click("#share")
    link = screen.wait_for("#share-link").get_attribute("value")
    assert link == screen.driver.current_url
    assert server.token not in link
    other = explore(server.url, server.token, **said(screen))
    other.wait_for("#volume-total", "2 lines")
    assert other.wait_for("#query").get_attribute("value") == "severity=ERROR http.route=/shop/buy"


def test_error_is_told_with_its_place(server: Any, explore: Explore) -> None:
    """A query that cannot be read is marked where the server stopped; the caret stands there."""
    screen = explore(server.url, server.token)
    screen.wait_for(".lines .row")
    search(screen, "severity=ERROR | stat count")
    screen.wait_for(".wrong", "there is no command stat; the nearest is stats. (BAD_QUERY)")
    assert screen.wait_for(".wrong mark").text == "s"
    caret = "return document.querySelector('#query').selectionStart"
    assert screen.driver.execute_script(caret) == len("severity=ERROR | ")
    screen.driver.execute_script("document.activeElement.blur()")
    screen.press("/")
    assert screen.driver.switch_to.active_element.get_attribute("id") == "query"
    search(screen, "* | stats count")
    screen.wait_for("#table td")
    assert not screen.all(".wrong")


def test_volume_is_zoomed_by_mouse_and_keys(server: Any, explore: Explore) -> None:
    """A drag over the histogram selects its range, Zoom out goes back; keys do it too."""
    send(server, shop(200), 3000)
    screen = explore(server.url, server.token, q="shop.*")
    screen.wait_for("#volume-total", "200 lines")
    plot = screen.wait_for(".volume svg")
    width = plot.size["width"]
    drag = ActionChains(screen.driver).move_to_element_with_offset(plot, int(-width * 0.1), 0)
    drag.click_and_hold().move_by_offset(int(width * 0.3), 0).release().perform()
    screen.wait_for("#zoom-out")
    zoomed = said(screen)
    assert zoomed["earliest"] < zoomed["latest"]
    screen.wait_for("#range", zoomed["earliest"][:10])
    screen.click("#zoom-out")
    screen.wait_for("#volume-total", "200 lines")
    assert said(screen)["earliest"] == "-1h"
    screen.driver.execute_script("document.querySelector('.volume svg').focus()")
    screen.press(Keys.END)
    keys = ActionChains(screen.driver).key_down(Keys.SHIFT)
    keys.send_keys(Keys.ARROW_LEFT * 9).key_up(Keys.SHIFT).send_keys(Keys.ENTER).perform()
    screen.wait_for("#zoom-out")
    assert "latest" in said(screen)


def test_live_tail_is_paused_and_says_how_much_waits(server: Any, explore: Explore) -> None:
    """New lines come by themselves; paused they wait and are counted, resumed they are shown."""
    send(server, shop(30), 60)
    screen = explore(server.url, server.token, q="shop.*", live="1")
    screen.wait_for(".live .dot.on")
    screen.wait_for("#volume-total", "30 lines")
    send(server, [{"severity_text": "WARN", "event_name": "shop.closing"}])
    screen.wait_for(".lines .row.is-warn", "shop.closing")
    screen.wait_for("#volume-total", "31 lines")
    screen.click("#pause")
    send(server, [{"severity_text": "FATAL", "event_name": "shop.closed", "n": n} for n in (1, 2)])
    screen.wait_for("#waiting", "2 new lines")
    assert not screen.all(".lines .row.is-fatal")
    screen.click("#waiting")
    screen.wait_for(".lines .row.is-fatal", "shop.closed")
    assert len(screen.all(".lines .row.is-fatal")) == 2
    screen.wait_for(".lines .at").click()  # nobody reads a line that moves away
    screen.wait_for("#pause", "Resume")
    screen.click("#live")
    assert "live" not in said(screen)


def test_tables_charts_and_patterns(server: Any, explore: Explore) -> None:
    """A table is sorted and leads to its lines, a timechart is drawn, messages are grouped."""
    send(server, shop(90), 900)
    screen = explore(server.url, server.token)
    search(screen, "shop.* | stats count, avg(duration_us) BY http.route")
    screen.wait_for("#table tbody tr", "/shop/buy 30")
    numbers = screen.all("#table tbody td.number")
    assert {each.value_of_css_property("text-align") for each in numbers} == {"right"}
    screen.click("#table th button", "count")
    screen.wait_for('#table th[aria-sort="descending"]', "count")
    screen.click("#table td button", "/shop/sell")
    screen.wait_for("#volume-total", "30 lines")
    assert said(screen)["q"] == "shop.* http.route=/shop/sell"
    search(screen, "shop.* | timechart span=1m count BY severity")
    screen.wait_for(".chart .legend", "ERROR INFO")
    drawn = {path.get_attribute("class") for path in screen.all(".chart path")}
    assert drawn == {"columns sev-error", "columns sev-info"}
    screen.click(".chart .views button", "lines")
    assert screen.wait_for(".chart path").get_attribute("class").startswith("lines")
    search(screen, "shop.*")
    screen.wait_for("#volume-total", "90 lines")
    screen.click("#view-patterns")
    screen.wait_for("#patterns tr", "81 90 % shop.order_taken order <*> of <*> took <*>")
    screen.click("#view-changes")
    screen.wait_for("#changes tr", "new 0 9")
    screen.click("#changes button", "shop.order_failed")
    screen.wait_for("#volume-total", "9 lines")


def test_saved_and_exported(server: Any, explore: Explore, tmp_path: Path) -> None:
    """A search is kept under a name, run again and forgotten; what it finds is saved as a file."""
    send(server, shop(40), 600)
    screen = explore(server.url, server.token, q="shop.order_failed", earliest="-24h")
    screen.wait_for("#volume-total", "4 lines")
    screen.click("#saved")
    screen.click("#save-search")
    screen.type_into("#ask-text", "failed orders")
    screen.click(".ask .primary")
    search(screen, "shop.*")
    screen.wait_for("#volume-total", "40 lines")
    screen.click("#saved")
    screen.click(".saved-row button", "failed orders")
    screen.wait_for("#volume-total", "4 lines")
    assert said(screen)["earliest"] == "-24h"
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    screen.driver.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    for form, lines in (("NDJSON", 4), ("CSV", 5), ("Parquet", None)):
        screen.click("#export")
        screen.click(".sheet button", form)
        content = downloaded(tmp_path, form.lower())
        assert content.startswith(b"PAR1") if lines is None else len(content.splitlines()) == lines
    screen.click("#saved")
    screen.click('[aria-label="Delete failed orders"]')
    screen.wait_for(".saved-list", "No saved search yet.")


def downloaded(folder: Path, form: str) -> bytes:
    """The file of this form, once the browser has all of it."""
    deadline = time.monotonic() + DOWNLOAD_SECONDS_MAX
    while time.monotonic() < deadline:
        for path in folder.glob(f"logs-*.{form}"):
            return path.read_bytes()
        time.sleep(0.05)
    pytest.fail(f"no {form} file came")


def test_masked_values_are_shown_to_those_who_may_and_say_why(
    server: Any, explore: Explore
) -> None:
    """A masked line says so; only the scope `unmask` has the button, and the ledger its reason."""
    send(server, [{"event_name": "cards.declined", "body": "card 4111 1111 1111 1111 declined"}])
    screen = explore(server.url, server.token, q="cards.declined")
    screen.wait_for(".lines .masked", "masked PAN")
    assert "4111 1111 1111 1111" not in screen.driver.page_source
    screen.wait_for(".lines .at").click()
    screen.wait_for(".line-actions", "This token may not unmask.")
    tokens = Tokens(server.folder / "tokens.json")
    token = tokens.issue("investigator", "demo", ("read", "operate", "unmask"))
    screen = explore(server.url, token, q="cards.declined")
    screen.wait_for(".lines .at").click()
    screen.click(".line-actions button", "Unmask")
    screen.type_into("#ask-text", "case 42")
    screen.click(".ask .primary")
    screen.wait_for(".original", "card 4111 1111 1111 1111 declined")
    screen.wait_for(".line-actions", "ledger entry")


def test_thousands_of_lines_are_a_few_rows(server: Any, explore: Explore) -> None:
    """Older lines come while scrolling; the document holds what is seen, and keys move in it."""
    for _ in range(2):
        send(server, shop(1000), 1200)
    screen = explore(server.url, server.token, q="shop.*")
    screen.wait_for("#volume-total", "2,000 lines")
    screen.wait_for("div.lines [aria-setsize]")
    down = (
        "const l = document.querySelector('div.lines'); l.scrollTop = l.scrollHeight;"
        "return Number(l.querySelector('[aria-setsize]').ariaSetSize)"
    )
    deadline = time.monotonic() + 30
    while screen.driver.execute_script(down) < 2000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(screen.all(".lines .row")) < 100
    screen.wait_for(".ending", "That is all of them.")
    screen.driver.execute_script("document.querySelector('.lines .row .at').focus()")
    screen.press(Keys.HOME)
    screen.wait_for('[aria-posinset="1"] .at:focus')
    screen.press(Keys.ARROW_DOWN, Keys.ENTER)
    screen.wait_for('[aria-posinset="2"] .line-fields')
    screen.click(".line-actions button", "Surrounding lines")
    screen.wait_for(".around .row.is-info.marked, .around .row.is-error.marked")
    assert len(screen.all(".around .row")) >= 11
    screen.press(Keys.ESCAPE)
    deadline = time.monotonic() + 30
    while "line" in said(screen):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_token_without_the_scope_is_told_so(server: Any, explore: Explore) -> None:
    """Who may not read logs is told which scope is missing, and sees no examples to try."""
    token = Tokens(server.folder / "tokens.json").issue("trader", "demo", ("trade", "read"))
    screen = explore(server.url, token)
    screen.wait_for(".results", "This token may not read logs: it lacks the scope operate.")
    assert not screen.all(".examples")


def test_archived_lines_that_were_left_out_can_be_restored(stage: Any, explore: Explore) -> None:
    """What was not searched is said; a restore is asked for with a reason and followed."""
    parts = [
        {
            "path": f"index=main/dt=2024-01-0{day}/part-1.parquet", "index": "main",
            "state": "cold", "earliest": f"2024-01-0{day}T00:00:00Z",
            "latest": f"2024-01-0{day}T23:59:59Z", "events": 600,
        }
        for day in (1, 2)
    ]  # fmt: skip
    answer = {"logs": [], "next_before": None, "skipped": parts}
    stage.overrides["/v1/logs?limit=200"] = answer
    screen = explore(stage.url, stage.token, earliest="all")
    screen.wait_for(".skipped", "1,200 archived lines of this range were not searched")
    screen.click("#restore")
    screen.type_into("#ask-text", "audit of January")
    screen.click(".ask .primary")
    screen.wait_for(".skipped", "Restore R-1: running, 0 of 2, expected by 2026-11-22 16:30 UTC.")
    assert stage.sent == [
        {
            "index": "main", "earliest": "2024-01-01T00:00:00Z",
            "latest": "2024-01-03T00:00:00.000Z", "reason": "audit of January",
        }
    ]  # fmt: skip
