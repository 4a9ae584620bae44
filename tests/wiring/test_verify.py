"""`tallystick verify` on a real ledger: exit code 0 clean, 1 tampered, 2 cannot tell."""

import base64
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tallystick.ledger.checkpoint import SignatureType, VerifierKey
from tallystick.ledger.verify import Report
from tallystick.wiring.verify import Question, run_verify

Run = Callable[..., "CompletedProcess[str]"]
pytestmark = pytest.mark.server
ORDERS = 5


class Evidence:
    """A ledger that was served once: its folder, its key, a receipt, an early checkpoint."""

    def __init__(self, folder: Path, vkey: str, receipt: Path, early: Path) -> None:
        """`folder`: the published files; `early`: a checkpoint from before the orders."""
        self.folder, self.vkey, self.receipt, self.early = folder, vkey, receipt, early
        self.proof = receipt.with_name("entry.tlog-proof")
        """The tlog-proof of the receipt's entry."""


@pytest.fixture(scope="module")
def evidence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """What a stranger keeps of a ledger; the server is gone."""
    plugin = request.config.pluginmanager.get_plugin(
        str(Path(__file__).resolve().parents[1] / "conftest.py")
    )
    folder = tmp_path_factory.mktemp("verify")
    server = plugin.Server(folder / "data").wait()  # type: ignore[union-attr]
    early, receipt = folder / "early.txt", folder / "receipt.json"
    order = {
        "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "1000", "type": "market",
    }  # fmt: skip
    with server.client() as client:
        early.write_text(client.get("/v1/ledger/checkpoint").text)
        for number in range(ORDERS):
            body = order | {"client_order_id": f"c-{number}"}
            receipt.write_bytes(client.post("/v1/orders", json=body).content)
        made = Evidence(folder / "data" / "ledger", server.vkey, receipt, early)
        made.proof.write_bytes(
            client.get(f"/v1/ledger/entries/{ORDERS}/receipt?format=tlog-proof").content
        )
    assert server.stop() == 0
    return made


def facts(run: "CompletedProcess[str]") -> dict[str, Any]:
    """The JSON that was printed, its exit code being the process's."""
    said: dict[str, Any] = json.loads(run.stdout)
    assert said["exit_code"] == run.returncode
    assert run.stderr == ""
    return said


def test_clean(tallystick: Run, evidence: Evidence) -> None:
    """A receipt, the whole folder, and the folder since an earlier checkpoint: 0."""
    key = ("--vkey", evidence.vkey, "--json")
    receipt = facts(tallystick("verify", str(evidence.receipt), *key))
    folder = facts(tallystick("verify", str(evidence.folder), *key))
    since = ("--since", str(evidence.early))
    grown = facts(tallystick("verify", str(evidence.folder), *key, *since))

    proof = facts(tallystick("verify", str(evidence.proof), *key))

    for found in (receipt, proof, folder, grown):
        assert (found["exit_code"], found["verdict"]) == (0, "clean"), found
    assert folder["entries"] == folder["size"] == ORDERS + 1
    assert receipt["position"] == proof["position"] == ORDERS


def test_a_key_in_a_file(tallystick: Run, evidence: Evidence, tmp_path: Path) -> None:
    """`--vkey @FILE`, and a screen for a person."""
    (tmp_path / "key").write_text(f"{evidence.vkey}\n")
    run = tallystick("verify", str(evidence.receipt), "--vkey", f"@{tmp_path / 'key'}")

    assert run.returncode == 0
    assert run.stdout.startswith("clean  Entry 5 is in the ledger")


def test_several_keys(tallystick: Run, evidence: Evidence, tmp_path: Path) -> None:
    """`--vkey` again and again, also files of several lines: any of them may have signed."""
    (tmp_path / "keys").write_text(f"{STRANGER}\n\n{evidence.vkey}\n")
    one = ("--vkey", STRANGER, "--vkey", evidence.vkey)
    for keys in (one, ("--vkey", f"@{tmp_path / 'keys'}", "--vkey", STRANGER)):
        assert tallystick("verify", str(evidence.receipt), *keys).returncode == 0
    assert tallystick("verify", str(evidence.receipt), "--vkey", STRANGER).returncode == 1


def test_an_entry_beside_its_proof(tallystick: Run, evidence: Evidence, tmp_path: Path) -> None:
    """A proof without its entry wants --entry; with another entry it is false."""
    lines = evidence.proof.read_bytes().split(b"\n")
    bare, entry = tmp_path / "bare.tlog-proof", tmp_path / "entry"
    bare.write_bytes(b"\n".join(lines[:1] + lines[2:]))
    entry.write_bytes(base64.b64decode(lines[1].removeprefix(b"extra ")))
    asked = ("verify", str(bare), "--vkey", evidence.vkey)
    assert tallystick(*asked).returncode == 2
    assert tallystick(*asked, "--entry", str(entry)).returncode == 0
    entry.write_bytes(entry.read_bytes() + b" ")
    assert tallystick(*asked, "--entry", str(entry)).returncode == 1


def test_a_policy_of_witnesses(tallystick: Run, evidence: Evidence, tmp_path: Path) -> None:
    """A policy's log is pinned; a quorum that nobody met is told, and no quorum wants nothing."""
    witness = VerifierKey.of("w.example", b"\x07" * 32, SignatureType.COSIGNATURE)
    policy = tmp_path / "policy"
    lines = f"log {evidence.vkey}\nwitness w {witness}\nquorum "
    asked = ("verify", str(evidence.folder), "--policy", str(policy))
    for quorum, exit_code in (("w", 2), ("none", 0)):
        policy.write_text(f"{lines}{quorum}\n")
        assert tallystick(*asked).returncode == exit_code
    policy.write_text("quorum nobody\n")
    found = facts(tallystick(*asked, "--json"))
    assert (found["exit_code"], "Line 1" in found["reason"]) == (2, True)


def test_tampered(tallystick: Run, evidence: Evidence, tmp_path: Path) -> None:
    """An amount changed in the answer, a byte flipped in a bundle: 1, and the entry is named."""
    answer = json.loads(evidence.receipt.read_text())
    answer["order"]["quantity"] = "9000.00"
    changed = tmp_path / "receipt.json"
    changed.write_text(json.dumps(answer))
    copy = tmp_path / "ledger"
    shutil.copytree(evidence.folder, copy)
    bundle = max((copy / "tile" / "entries").rglob("*"), key=lambda p: (p.is_file(), p.name))
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)

    for what in (changed, copy):
        found = facts(tallystick("verify", str(what), "--vkey", evidence.vkey, "--json"))
        assert (found["exit_code"], found["verdict"], found["position"]) == (1, "tampered", ORDERS)


STRANGER = "elsewhere.example/log+cbcdb6ec+AQICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
OTHER = "elsewhere+00000000+AQ=="


@pytest.mark.parametrize(
    "arguments",
    [
        ("{receipt}",),
        ("{receipt}", "--vkey", "no key"),
        ("{receipt}", "--vkey", OTHER),
        ("{receipt}", "--vkey", "@/nowhere/key"),
        ("{receipt}", "--vkey", "@{binary}"),
        ("/nowhere/receipt.json", "--vkey", "{vkey}"),
        ("{binary}", "--vkey", "{vkey}"),
        ("{empty}", "--vkey", "{vkey}"),
        ("http://127.0.0.1:9", "--vkey", "{vkey}"),
        ("http://", "--vkey", "{vkey}"),
        ("{folder}", "--vkey", "{vkey}", "--since", "{binary}"),
        ("{folder}", "--vkey", "{vkey}", "--entry", "{binary}"),
        ("{receipt}", "--vkey", "{vkey}", "--entry", "{binary}"),
        ("{receipt}", "--vkey", "{vkey}", "--since", "{early}"),
        ("{proof}", "--vkey", "{vkey}", "--since", "{early}"),
        ("{receipt}", "--vkey", "{vkey}", "--policy", "{binary}"),
    ],
)
def test_cannot_tell(
    tallystick: Run, evidence: Evidence, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """No key, a bad key, nothing to read: 2 with a sentence, never 1 and never a traceback."""
    binary, empty = tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(b"\xff\x00\xfe")
    empty.mkdir()
    places = {
        "receipt": evidence.receipt, "vkey": evidence.vkey, "folder": evidence.folder,
        "binary": binary, "empty": empty, "early": evidence.early, "proof": evidence.proof,
    }  # fmt: skip
    run = tallystick("verify", *(part.format(**places) for part in arguments), "--json")
    found = facts(run)

    assert (run.returncode, found["verdict"]) == (2, "cannot_tell"), found
    assert found["reason"]


def test_a_url(serve: Callable[..., Any], tallystick: Run, tmp_path: Path) -> None:
    """A running ledger, also one that wants a token: without it nothing can be told."""
    server = serve(tmp_path / "data", ledger_read="token")
    asked = ("verify", server.url, "--vkey", server.vkey, "--json")

    pause = threading.Event()
    while not (tmp_path / "data" / "ledger" / "checkpoint").exists():
        assert server.process.poll() is None
        pause.wait(0.02)  # a second at most; the test's own time limit ends it otherwise
    assert facts(tallystick(*asked))["exit_code"] == 2
    assert facts(tallystick(*asked, "--token", server.token))["exit_code"] == 0
    assert server.stop() == 0


def test_without_a_terminal_it_is_the_same(evidence: Evidence) -> None:
    """The function behind the command gives the report, and prints nothing when asked so."""
    report = run_verify(Question(what=str(evidence.folder), vkeys=[evidence.vkey]), quiet=True)

    assert isinstance(report, Report)
    assert report.exit_code == 0
