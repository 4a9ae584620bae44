"""The page in a real Chromium: it shows what is so, and refuses what cannot be proved."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selenium.common.exceptions import StaleElementReferenceException as Stale
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tallystick.web.pages import STATIC

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(), reason="the page has not been built: run make page"
    ),
]

TLOG = Path(__file__).resolve().parents[2] / "../shared/data/tlog"
REFERENCE_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
"""The public test key of transparency-dev/tessera's testdata/log (reference/ledger.md 7.5 A)."""
REFERENCE_ENTRY_6 = b"seven"
INCLUSION_6_OF_15 = [
    "ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=",
    "ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=",
    "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
    "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
]

Open = Callable[[], Chrome]
Flip = Callable[[str], str]


def wait_for(browser: Chrome, css: str, text: str = "") -> WebElement:
    """The first visible element of this selector that holds this text, white space folded.

    Fails after 20 s with what the page shows instead.
    """

    def found(driver: Chrome) -> WebElement | None:
        for element in driver.find_elements(By.CSS_SELECTOR, css):
            if text in " ".join(element.text.split()) and element.is_displayed():
                return element
        return None

    wait = WebDriverWait(browser, 20, poll_frequency=0.05, ignored_exceptions=[Stale])
    return wait.until(found, f"no {css} with {text!r} on the page:\n{_text(browser)}")


def _text(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text[:3000]


def click(browser: Chrome, css: str, text: str = "") -> None:
    """Click it once it is there."""
    wait_for(browser, css, text).click()


def type_into(browser: Chrome, css: str, text: str) -> None:
    """Replace what a field holds."""
    field = wait_for(browser, css)
    field.clear()
    field.send_keys(text)


def steps(browser: Chrome) -> dict[str, str]:
    """The verdict of every step of the first report that is shown."""
    names = browser.find_element(By.CSS_SELECTOR, ".report").find_elements(By.TAG_NAME, "dt")
    return {line.text.split()[0]: line.text.split(" ", 1)[1] for line in names}


def remember(browser: Chrome, vkey: str, note: str) -> None:
    """Make this browser one that has known a ledger since an earlier visit."""
    pin = json.dumps({"vkey": vkey, "since": "2026-01-01T00:00:00Z"})
    seen = json.dumps({"note": note, "at": "2026-01-01T00:00:00Z"})
    script = "localStorage.setItem(arguments[0], arguments[1])"
    browser.execute_script(script, "tallystick.key", pin)
    browser.execute_script(script, "tallystick.seen", seen)


def order(**changes: str) -> dict[str, str]:
    """A market order that fills."""
    return {
        "client_order_id": "c-1",
        "account": "demo",
        "pair": "EUR/USD",
        "side": "buy",
        "quantity": "1000000",
        "type": "market",
        "time_in_force": "FOK",
    } | changes


def test_token_leaves_the_address_and_the_page_goes_live(page: Open, stage: Any) -> None:
    """The token comes in the fragment, is kept in the tab, and does not stay to be copied."""
    browser = page()
    wait_for(browser, ".phase", "live")
    assert browser.current_url == f"{stage.url}/"
    assert browser.execute_script("return sessionStorage['tallystick.token']") == stage.token
    row = wait_for(browser, ".prices tr", "EUR/USD")
    assert "1.08249" in row.text.replace(" ", "")
    assert wait_for(browser, ".source.synthetic").text == "ecb-anchored (synthetic)"
    browser.refresh()
    wait_for(browser, ".phase", "live")
    other = stage.tokens.issue("other", "demo", ("read",))
    browser.execute_script("location.hash = arguments[0]", f"token={other}")
    wait_for(browser, ".answer", "This token may look but not trade")
    assert browser.current_url == f"{stage.url}/"


def test_sign_in_field_says_what_is_wrong(chromium: Chrome, stage: Any) -> None:
    """Without a token there is a field for it; a wrong one is answered with a sentence."""
    chromium.get(stage.url)
    chromium.execute_script("sessionStorage.clear()")
    chromium.refresh()
    type_into(chromium, "#token", "tally_wrong")
    click(chromium, "button", "Sign in")
    wait_for(chromium, ".error", "This token is not known")
    type_into(chromium, "#token", stage.token)
    click(chromium, "button", "Sign in")
    wait_for(chromium, ".phase", "live")
    chromium.get("about:blank")


def test_order_from_the_ticket_is_filled_and_its_proof_checked(page: Open, stage: Any) -> None:
    """A typed order becomes a fill, a proof checked on the spot, and a row of the blotter."""
    browser = page()
    wait_for(browser, "#ticket-send", "Buy EUR/USD at market")
    type_into(browser, "#ticket-quantity", "2.5m")
    click(browser, "#ticket-send")
    wait_for(browser, ".answer", "Bought 2,500,000 EUR at 1.08251")
    wait_for(browser, ".answer", "proof checked in this browser")
    wait_for(browser, ".blotter tr", "O-0")
    placed = stage.placed[0].entry
    assert placed.order.quantity == "2500000.00"
    assert len(placed.key) == 36


def test_rejection_is_shown_in_plain_words_with_its_code(page: Open) -> None:
    """A rejected order says why, for a person and for a machine, in ticket and blotter."""
    browser = page()
    wait_for(browser, "#ticket-send", "EUR/USD")
    type_into(browser, "#ticket-quantity", "99m")
    click(browser, "#ticket-send")
    wait_for(browser, ".answer", "An order may be at most 50,000,000 EUR. ORDER_TOO_LARGE")
    wait_for(browser, ".blotter tr", "ORDER_TOO_LARGE")


def test_lost_answer_is_asked_for_again_without_trading_twice(page: Open, stage: Any) -> None:
    """With the network gone the page says so; asking again uses the same order id."""
    browser = page()
    wait_for(browser, ".phase", "live")
    browser.set_network_conditions(offline=True, latency=0, throughput=0)
    click(browser, "#ticket-send")
    wait_for(browser, ".answer", "may or may not have been taken")
    browser.delete_network_conditions()
    click(browser, ".answer button", "Ask again")
    wait_for(browser, ".answer", "Bought 1,000,000 EUR")
    wait_for(browser, ".phase", "live")
    assert len(stage.placed) == 1


def test_true_receipt_is_accepted_step_by_step(page: Open, stage: Any) -> None:
    """Entry, content, inclusion, signature and history of a true receipt all hold."""
    browser = page()
    wait_for(browser, ".phase", "live")
    for number in range(7):
        stage.place(**order(client_order_id=f"c-{number}"))
    click(browser, ".blotter .link", "O-3")
    click(browser, "#detail-verify")
    wait_for(browser, ".report", "Verified in this browser")
    assert steps(browser) == dict.fromkeys(
        ("Entry", "Content", "Inclusion", "Signature", "Append-only"), "holds"
    )


def _lie(answer: dict[str, Any], what: str, flip: Flip) -> None:
    receipt = answer["receipt"]
    if what == "entry":
        receipt["entry"] = flip(receipt["entry"])
    elif what == "leaf_hash":
        receipt["leaf_hash"] = "0" * 64
    elif what == "inclusion":
        receipt["inclusion"][1] = flip(receipt["inclusion"][1])
    elif what == "short path":
        receipt["inclusion"].pop()
    elif what == "position":
        receipt["position"] += 1
    elif what == "signature":
        head, _, signature = receipt["checkpoint"].rpartition(" ")
        raw = bytearray(base64.b64decode(signature))
        raw[40] ^= 1
        receipt["checkpoint"] = f"{head} {base64.b64encode(raw).decode()}\n"
    elif what == "root":
        lines = receipt["checkpoint"].split("\n")
        lines[2] = flip(lines[2])
        receipt["checkpoint"] = "\n".join(lines)
    elif what == "shown quantity":
        answer["order"]["quantity"] = "9000000.00"
    elif what == "shown fill":
        answer["fills"][0]["price"] = "1.00000"


@pytest.mark.parametrize(
    ("what", "step"),
    [
        ("entry", "Entry"),
        ("leaf_hash", "Entry"),
        ("inclusion", "Inclusion"),
        ("short path", "Inclusion"),
        ("position", "Inclusion"),
        ("signature", "Signature"),
        ("root", "Signature"),
        ("shown quantity", "Content"),
        ("shown fill", "Content"),
    ],
)
def test_one_flipped_byte_is_refused(
    page: Open, stage: Any, flip: Flip, what: str, step: str
) -> None:
    """A lie anywhere in a receipt, or beside it, makes its own step false and the whole report."""
    for number in range(4):
        stage.place(**order(client_order_id=f"c-{number}"))
    answer = msgspec.to_builtins(stage.answer(stage.placed[1]))
    answer["receipt"] |= _receipt_of_four(stage)
    _lie(answer, what, flip)
    stage.overrides["/v1/orders/O-1"] = answer
    browser = page()
    click(browser, ".blotter .link", "O-1")
    click(browser, "#detail-verify")
    wait_for(browser, ".report", "This proof is FALSE")
    assert steps(browser)[step] == "FALSE"


def _receipt_of_four(stage: Any) -> dict[str, Any]:
    """Entry 1 against the tree of four entries: a path with two steps to lie about."""
    proof = stage.ledger.inclusion_proof(1, 4)
    path = [base64.b64encode(node).decode() for node in proof]
    return {"inclusion": path, "checkpoint": stage.ledger.note}


def _reference_log(stage: Any, size: int) -> str:
    """Let the stage serve tessera's published test log; the checkpoint of `size`."""
    note = (TLOG / f"tessera-log/checkpoint.{size}").read_text()
    tile = (TLOG / "tessera-log/tile/0/000.p/15").read_bytes()
    stage.overrides |= {
        "/v1/ledger/vkey": REFERENCE_VKEY,
        "/v1/ledger/checkpoint": note,
        "/v1/ledger/entries/6": {
            "position": 6,
            "entry": base64.b64encode(REFERENCE_ENTRY_6).decode(),
            "leaf_hash": tile[6 * 32 : 7 * 32].hex(),
            "inclusion": INCLUSION_6_OF_15,
            "checkpoint": note,
        },
        "/v1/ledger/proof/consistency?from=3&to=15": {
            "from": 3,
            "to": 15,
            "proof": [
                "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=",
                "9xWrP6pdBx5uKsS7mU1b9zWUPcw3mdoNCF55gM+5M2o=",
                "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
                "g0ZoeYWtIV8Q8i+4CmgqPnBvH2il107lyCgTQsyB7H4=",
                "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
            ],
        },
    }
    return note


@pytest.mark.skipif(not TLOG.is_dir(), reason="../shared/data/tlog is not there")
def test_reference_log_verifies_in_the_browser(page: Open, stage: Any) -> None:
    """Inclusion 6 of 15 and consistency 3 to 15 of reference/ledger.md 7.5 A, signed by its key."""
    earlier = _reference_log(stage, 3)
    _reference_log(stage, 15)
    browser = page()
    wait_for(browser, ".phase", "live")
    remember(browser, REFERENCE_VKEY, earlier)
    browser.refresh()
    wait_for(browser, ".ledger", "15 entries extend the 3 entries seen 2026-01-01")
    type_into(browser, "#verify-position", "6")
    click(browser, "#verify-entry")
    wait_for(browser, ".report", "Verified in this browser")
    assert set(steps(browser).values()) == {"holds"}


@pytest.mark.skipif(not TLOG.is_dir(), reason="../shared/data/tlog is not there")
def test_verifier_gives_the_expected_verdict_on_every_probe(page: Open) -> None:
    """The 196 mostly adversarial probes of transparency-dev/merkle, each with its `wantErr`."""
    files = sorted((TLOG / "proofs").glob("inclusion/**/*.json"))
    files += sorted((TLOG / "proofs").glob("consistency/**/*.json"))
    assert len(files) == 196
    verifier = next((STATIC / "assets").glob("verify-*.js")).name
    verdicts = page().execute_async_script(
        """
        const [url, probes, done] = arguments;
        (async () => {
          const v = await import(url);
          const verdicts = [];
          for (const p of probes) {
            try {
              const list = p.proof ?? [];
              if ("leafIdx" in p) {
                const leaf = v.decodeBase64(p.leafHash ?? "");
                const root = await v.inclusionRoot(p.leafIdx, p.treeSize, leaf, list);
                if (!v.equal(root, v.decodeBase64(p.root ?? ""))) throw new v.Refuted("root");
              } else {
                const [one, two] = [p.root1, p.root2].map((t) => v.decodeBase64(t ?? ""));
                await v.checkConsistency(p.size1, p.size2, one, two, list);
              }
              verdicts.push("accepted");
            } catch (error) {
              verdicts.push(error instanceof v.Refuted ? "refuted" : String(error));
            }
          }
          return verdicts;
        })().then(done, (error) => done(String(error)));
        """,
        f"/assets/{verifier}",
        [json.loads(file.read_text()) for file in files],
    )
    expected = ["refuted" if json.loads(f.read_text())["wantErr"] else "accepted" for f in files]
    wrong = [
        (str(file.relative_to(TLOG)), got)
        for file, got, want in zip(files, verdicts, expected, strict=True)
        if got != want
    ]
    assert wrong == []


def test_changed_key_is_a_loud_warning_until_it_is_trusted(page: Open, stage: Any) -> None:
    """Another key than the pinned one is shown at the top, and only a person can accept it."""
    browser = page()
    wait_for(browser, ".ledger", "Signature holds")
    stranger = "stage.example/ledger"
    raw = b"\x01" + bytes(range(32))
    key_id = hashlib.sha256(f"{stranger}\n".encode() + raw).digest()[:4].hex()
    remember(browser, f"{stranger}+{key_id}+{base64.b64encode(raw).decode()}", stage.ledger.note)
    browser.refresh()
    wait_for(browser, ".alarm", "The ledger's key has changed.")
    wait_for(browser, ".ledger", "FALSE")
    click(browser, ".alarm summary")
    click(browser, ".alarm label")
    click(browser, ".alarm button", "Trust the new key")
    wait_for(browser, ".ledger", "Signature holds")
    assert not browser.find_elements(By.CSS_SELECTOR, ".alarm")


def test_rewritten_history_raises_an_alarm_with_evidence(
    page: Open, stage: Any, flip: Flip
) -> None:
    """A ledger that does not extend what this browser saw is not to be trusted, signed or not."""
    for number in range(3):
        stage.place(**order(client_order_id=f"c-{number}"))
    browser = page()
    wait_for(browser, ".ledger", "Signature holds")
    path = "/v1/ledger/proof/consistency?from=3&to=5"
    stage.place(**order(client_order_id="c-3"))
    stage.place(**order(client_order_id="c-4"))
    proof = [base64.b64encode(node).decode() for node in stage.ledger.consistency_proof(3, 5)]
    stage.overrides[path] = {"from": 3, "to": 5, "proof": [flip(proof[0]), *proof[1:]]}
    click(browser, "#verify-head")
    wait_for(browser, ".report", "This proof is FALSE")
    wait_for(browser, ".alarm", "Do not trust this ledger.")
    assert browser.execute_script("return localStorage['tallystick.seen']").count("\\n3\\n") == 1


def test_ledger_that_goes_back_raises_an_alarm(page: Open, stage: Any) -> None:
    """A head with fewer entries than this browser has seen is an alarm, however well signed."""
    stage.place(**order())
    earlier = stage.ledger.note
    stage.place(**order(client_order_id="c-2"))
    browser = page()
    wait_for(browser, ".ledger", "first checkpoint seen by this browser (2 entries)")
    stage.overrides["/v1/ledger/checkpoint"] = earlier
    click(browser, "#verify-head")
    wait_for(browser, ".report", "it has gone back from 2 entries to 1")
    wait_for(browser, ".alarm", "Do not trust this ledger.")


def test_heads_are_compared_as_they_come(page: Open, stage: Any) -> None:
    """Without anybody's click each new head is proved to extend what was seen before it."""
    stage.place(**order())
    browser = page()
    wait_for(browser, ".ledger", "first checkpoint seen by this browser (1 entries)")
    stage.place(**order(client_order_id="c-2"))
    wait_for(browser, ".ledger", "2 entries extend the 1 entries seen")


def test_missing_ed25519_is_said_and_never_pretended(page: Open, stage: Any) -> None:
    """A browser without Ed25519 checks the rest and says that the signature was not checked."""
    stage.place(**order())
    browser = page()
    wait_for(browser, ".ledger", "Signature holds")
    browser.execute_script(
        "crypto.subtle.importKey = async () => {"
        " throw new DOMException('no such algorithm', 'NotSupportedError'); };"
    )
    click(browser, "#verify-entry")
    wait_for(browser, ".report", "Not fully checked")
    wait_for(browser, ".report", "signature not checked: this browser lacks Ed25519")
    assert steps(browser)["Inclusion"] == "holds"


def test_logs_are_searched_by_a_click_on_a_field(page: Open, stage: Any) -> None:
    """A click on a field asks the server for it; the tail keeps following the search."""
    stage.logs = [_log(1, "INFO", "api.order_answered"), _log(2, "ERROR", "notify.delivery_failed")]
    browser = page()
    click(browser, ".logs .level", "ERROR")
    wait_for(browser, ".logs", "notify.delivery_failed")
    assert stage.searches[-1] == "severity_text=ERROR"
    assert len(browser.find_elements(By.CSS_SELECTOR, ".logs li")) == 1
    stage.logs.append(_log(3, "ERROR", "collect.store_failed"))
    stage.publish("log", {"logs": stage.logs[-1:]}, scope="operate")
    wait_for(browser, ".logs", "collect.store_failed")


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
    wait_for(browser, ".phase", "live")
    anomaly = {
        "id": "A-1", "detector": "quantity", "account": "demo", "pair": "EUR/USD",
        "at": "2026-11-22T04:30:00.000000Z", "score": 9.25, "expected": "1,000,000",
        "came": "40,000,000", "sentence": "Forty times the usual size.", "position": 4,
        "order_id": "O-4",
    }  # fmt: skip
    alert = {
        "id": "L-1", "severity": "critical", "summary": "demo trades forty times its size",
        "at": "2026-11-22T04:30:00.100000Z", "state": "pending",
    }  # fmt: skip
    stage.publish("anomaly", anomaly, scope="operate")
    stage.publish("alert", alert, scope="operate")
    wait_for(browser, ".notices", "Forty times the usual size.")
    wait_for(browser, ".notices", "expected 1,000,000 came 40,000,000")
    wait_for(browser, ".state", "pending")
    stage.publish("alert", alert | {"state": "delivered"}, scope="operate")
    wait_for(browser, ".state", "delivered")


def test_blotter_is_bounded_and_a_gap_is_said(page: Open, stage: Any) -> None:
    """A burst leaves two hundred rows; missed events are admitted and the lists fetched again."""
    stage.place(**order())
    row = stage.row(stage.placed[0])
    browser = page()
    wait_for(browser, ".blotter tr", "O-0")
    burst = [row | {"id": f"O-{n}", "position": n} for n in range(1, 301)]
    stage.publish("order", {"orders": burst, "omitted": 7}, account="demo")
    wait_for(browser, ".blotter tr", "O-300")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".blotter tbody tr")) == 200
    wait_for(browser, "header", "7 more in bursts")
    stage.publish("gap", {"missed": 3})
    wait_for(browser, ".bar", "missed 3 events, lists fetched again")
