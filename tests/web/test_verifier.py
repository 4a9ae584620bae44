"""The verifier in a real Chromium: true proofs hold, and every lie is refused."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import VerifierKey, signature_line
from tallystick.ledger.proof import Proof, encode_proof
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

Open = Callable[[], Any]
Flip = Callable[[str], str]


def test_true_receipt_is_accepted_step_by_step(page: Open, stage: Any) -> None:
    """Entry, content, inclusion, signature and history of a true receipt all hold."""
    browser = page()
    browser.wait_for(".phase", "live")
    for _ in range(7):
        stage.place()
    browser.click(".blotter .link", "O-3")
    browser.click("#detail-verify")
    browser.wait_for(".report", "Verified in this browser")
    assert browser.steps() == dict.fromkeys(
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
    for _ in range(4):
        stage.place()
    answer = msgspec.to_builtins(stage.answer(stage.placed[1]))
    answer["receipt"] |= _receipt_of_four(stage)
    _lie(answer, what, flip)
    stage.overrides["/v1/orders/O-1"] = answer
    browser = page()
    browser.click(".blotter .link", "O-1")
    browser.click("#detail-verify")
    browser.wait_for(".report", "This proof is FALSE")
    assert browser.steps()[step] == "FALSE"


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


def _give(browser: Any, text: str) -> None:
    """Put text into the field for proofs that come from elsewhere, and have it verified."""
    if not browser.all("#given[open]"):
        browser.click("#given summary")
    browser.wait_for("#given-text")
    browser.driver.execute_script(
        "const field = document.querySelector('#given-text'); field.value = arguments[0];"
        "field.dispatchEvent(new Event('input'));",
        text,
    )
    browser.click("#verify-given")


def _proof(stage: Any, position: int, size: int, note: str = "") -> str:
    """A tlog-proof as the API sends it."""
    path = tuple(stage.ledger.inclusion_proof(position, size))
    entry = stage.ledger.receipt(position).entry
    return encode_proof(Proof(position, path, note or stage.ledger.note, entry))


def test_proofs_from_elsewhere_are_verified(page: Open, stage: Any) -> None:
    """A tlog-proof, a receipt and an order's whole answer, as somebody might send them."""
    for _ in range(5):
        stage.place()
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    given = {
        _proof(stage, 2, 5): ("Entry", "Inclusion", "Signature", "Append-only"),
        json.dumps(stage.receipt(2)): ("Entry", "Inclusion", "Signature", "Append-only"),
        msgspec.json.encode(stage.answer(stage.placed[2])).decode(): (
            "Entry", "Content", "Inclusion", "Signature", "Append-only",
        ),
    }  # fmt: skip
    for text, steps in given.items():
        _give(browser, text)
        browser.wait_for(".report", "Verified in this browser")
        assert browser.steps() == dict.fromkeys(steps, "holds")
        browser.click("dialog header button")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("index 2", "index 3", "This proof is FALSE"),
        ("index 2", "index 02", "This proof is FALSE"),
        ("extra eyJ", "extra fyJ", "This proof is FALSE"),
        ("@v1", "@v2", "Not fully checked"),
        ("extra ", "extras ", "This proof is FALSE"),
        ("\n5\n", "\n6\n", "This proof is FALSE"),
        ("c2sp.org", "{", "Not fully checked"),
    ],
)
def test_proofs_that_lie_are_refused(page: Open, stage: Any, old: str, new: str, said: str) -> None:
    """What contradicts itself is false; what is in no known form is not called checked."""
    for _ in range(5):
        stage.place()
    text = _proof(stage, 2, 5)
    assert old in text
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    _give(browser, text.replace(old, new, 1))
    browser.wait_for(".report", said)


def test_an_answer_that_lies_beside_its_receipt_is_refused(page: Open, stage: Any) -> None:
    """Every member of a given answer is held against the entry, the rejection too."""
    stage.place()
    answer = msgspec.to_builtins(stage.answer(stage.placed[0]))
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    for lie in ({"rejection": {"code": "X", "reason": "Y"}}, {"note": 1}, {"order": None}):
        _give(browser, json.dumps(answer | lie))
        browser.wait_for(".report", "This proof is FALSE")
        assert browser.steps()["Content"] == "FALSE"
        browser.click("dialog header button")
    for text in ("", "[]", "nothing", '{"receipt":{}}', '{"position":1}'):
        if text:
            _give(browser, text)
            browser.wait_for(".report", "Not fully checked")
            browser.click("dialog header button")


def test_an_answer_with_more_than_its_entry_is_told_apart(page: Open, stage: Any) -> None:
    """Orders that came with it are left aside; an order's whole story is no single entry's."""
    stage.place()
    answer = msgspec.to_builtins(stage.answer(stage.placed[0]))
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    linked = [{"id": "O-1", "client_order_id": "c.1", "type": "stop_loss", "state": "new"}]
    _give(browser, json.dumps(answer | {"linked": linked}))
    browser.wait_for(".report", "what stands in linked has entries of its own, and is not checked")
    browser.wait_for(".report", "Verified in this browser")
    browser.click("dialog header button")
    steps = [{"position": 0, "kind": "order_decided", "at": "now", "state": "filled"}]
    _give(browser, json.dumps(answer | {"steps": steps}))
    browser.wait_for(".report", "Not fully checked")
    assert browser.steps()["Content"] == "not checked"


def test_a_dropped_file_is_read(page: Open, stage: Any) -> None:
    """The file of a proof, let fall on the field, is what is verified."""
    stage.place()
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    browser.click("#given summary")
    browser.driver.execute_script(
        "const data = new DataTransfer(); data.items.add(new File([arguments[0]], 'a.tlog-proof'));"
        "document.querySelector('#given-text')"
        ".dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));",
        _proof(stage, 0, 1),
    )
    browser.click("#verify-given")
    browser.wait_for(".report", "Verified in this browser")


def test_cosignatures_are_named_and_not_pretended(page: Open, stage: Any) -> None:
    """Who else signed is said, and that this browser did not check it; nothing else changes."""
    stage.place()
    line = f"\u2014 witness.example {base64.b64encode(b'witn' + bytes(72)).decode()}\n"
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    _give(browser, _proof(stage, 0, 1, stage.ledger.note + line))
    browser.wait_for(".report", "Verified in this browser")
    browser.wait_for(".report", "witness.example+7769746e: not checked")
    assert browser.steps()["Witnesses"] == "noted"


def test_a_ledger_may_change_its_key(page: Open, stage: Any) -> None:
    """Both pinned: either may sign. One pinned: the other is asked about, nothing forgotten."""
    stage.place()
    name = stage.ledger.vkey.name
    fresh = FileKeyring(name, b"n" * 32)
    key = VerifierKey.of(name, fresh.public_key)
    text = stage.ledger.note.partition("\n\n")[0] + "\n"
    signed = signature_line(name, key.key_id, fresh.sign(text.encode()))
    old, both = stage.ledger.note, f"{stage.ledger.note}{signed}\n"
    new = f"{text}\n{signed}\n"
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    stage.overrides["/v1/ledger/vkey"] = f"{key}\n{stage.ledger.vkey}\n"
    stage.overrides["/v1/ledger/checkpoint"] = both
    browser.driver.refresh()
    browser.wait_for(".alarm", "as a ledger does that changes its key")
    browser.wait_for(".ledger", "Signature holds")
    browser.click(".alarm summary")
    browser.click(".alarm label")
    browser.click(".alarm button", "Trust the new key")
    browser.wait_for(".ledger", "the same head of 1 entries")
    for note in (old, both, new):
        _give(browser, _proof(stage, 0, 1, note))
        browser.wait_for(".report", "Verified in this browser")
        browser.click("dialog header button")
    _give(browser, _proof(stage, 0, 1, f"{old}{signed[:-6]}AAAA==\n"))
    browser.wait_for(".report", "This proof is FALSE")


@pytest.mark.skipif(not TLOG.is_dir(), reason="../shared/data/tlog is not there")
def test_reference_log_verifies_in_the_browser(page: Open, stage: Any) -> None:
    """Inclusion 6 of 15 and consistency 3 to 15 of reference/ledger.md 7.5 A, signed by its key."""
    earlier = _reference_log(stage, 3)
    _reference_log(stage, 15)
    browser = page()
    browser.wait_for(".phase", "live")
    browser.remember(REFERENCE_VKEY, earlier)
    browser.driver.refresh()
    browser.wait_for(".ledger", "15 entries extend the 3 entries seen 2026-01-01")
    browser.type_into("#verify-position", "6")
    browser.click("#verify-entry")
    browser.wait_for(".report", "Verified in this browser")
    assert set(browser.steps().values()) == {"holds"}


@pytest.mark.skipif(not TLOG.is_dir(), reason="../shared/data/tlog is not there")
def test_verifier_gives_the_expected_verdict_on_every_probe(page: Open) -> None:
    """The 196 mostly adversarial probes of transparency-dev/merkle, each with its `wantErr`."""
    files = sorted((TLOG / "proofs").glob("inclusion/**/*.json"))
    files += sorted((TLOG / "proofs").glob("consistency/**/*.json"))
    assert len(files) == 196
    verifier = next((STATIC / "assets").glob("verify-*.js")).name
    verdicts = page().driver.execute_async_script(
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
    browser.wait_for(".ledger", "Signature holds")
    stranger = "stage.example/ledger"
    raw = b"\x01" + bytes(range(32))
    key_id = hashlib.sha256(f"{stranger}\n".encode() + raw).digest()[:4].hex()
    browser.remember(f"{stranger}+{key_id}+{base64.b64encode(raw).decode()}", stage.ledger.note)
    browser.driver.refresh()
    browser.wait_for(".alarm", "The ledger's key has changed.")
    browser.wait_for(".ledger", "FALSE")
    browser.click(".alarm summary")
    browser.click(".alarm label")
    browser.click(".alarm button", "Trust the new key")
    browser.wait_for(".ledger", "Signature holds")
    assert not browser.all(".alarm")


def test_rewritten_history_raises_an_alarm_with_evidence(
    page: Open, stage: Any, flip: Flip
) -> None:
    """A ledger that does not extend what this browser saw is not to be trusted, signed or not."""
    for _ in range(3):
        stage.place()
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    path = "/v1/ledger/proof/consistency?from=3&to=5"
    stage.place()
    stage.place()
    proof = [base64.b64encode(node).decode() for node in stage.ledger.consistency_proof(3, 5)]
    stage.overrides[path] = {"from": 3, "to": 5, "proof": [flip(proof[0]), *proof[1:]]}
    browser.click("#verify-head")
    browser.wait_for(".report", "This proof is FALSE")
    browser.wait_for(".alarm", "Do not trust this ledger.")
    assert (
        browser.driver.execute_script("return localStorage['tallystick.seen']").count("\\n3\\n")
        == 1
    )


def test_ledger_that_goes_back_raises_an_alarm(page: Open, stage: Any) -> None:
    """A head with fewer entries than this browser has seen is an alarm, however well signed."""
    stage.place()
    earlier = stage.ledger.note
    stage.place()
    browser = page()
    browser.wait_for(".ledger", "first checkpoint seen by this browser (2 entries)")
    stage.overrides["/v1/ledger/checkpoint"] = earlier
    browser.click("#verify-head")
    browser.wait_for(".report", "it has gone back from 2 entries to 1")
    browser.wait_for(".alarm", "Do not trust this ledger.")


def test_heads_are_compared_as_they_come(page: Open, stage: Any) -> None:
    """Without anybody's click each new head is proved to extend what was seen before it."""
    stage.place()
    browser = page()
    browser.wait_for(".ledger", "first checkpoint seen by this browser (1 entries)")
    stage.place()
    browser.wait_for(".ledger", "2 entries extend the 1 entries seen")


def test_missing_ed25519_is_said_and_never_pretended(page: Open, stage: Any) -> None:
    """A browser without Ed25519 checks the rest and says that the signature was not checked."""
    stage.place()
    browser = page()
    browser.wait_for(".ledger", "Signature holds")
    browser.driver.execute_script(
        "crypto.subtle.importKey = async () => {"
        " throw new DOMException('no such algorithm', 'NotSupportedError'); };"
    )
    browser.click("#verify-entry")
    browser.wait_for(".report", "Not fully checked")
    browser.wait_for(".report", "signature not checked: this browser lacks Ed25519")
    assert browser.steps()["Inclusion"] == "holds"
