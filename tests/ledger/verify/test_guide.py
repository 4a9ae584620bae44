"""The verifier on the page docs/guides/verify-it-yourself.md: it knows nothing of ours, and agrees.

It runs as a reader would run it, isolated from everything but the standard library; where each
byte is flipped it is called in this process, which changes nothing but the time it takes.
"""

import json
import random
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.ledger.checkpoint import VerifierKey

PAGE = Path(__file__).resolve().parents[3] / "docs/guides/verify-it-yourself.md"
LISTING = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
TESSERA_LOG = Path(__file__).resolve().parents[3] / "../shared/data/tlog/tessera-log"
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
INCLUSION_6_OF_15 = """\
ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=
ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=
zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=
5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=
"""
ORDER_OF_THE_CURVE = 2**252 + 27742317777372353535851937790883648493
Prove = Callable[..., "subprocess.CompletedProcess[str]"]


def listings() -> str:
    """The page's Python, one listing after the other."""
    return "".join(LISTING.findall(PAGE.read_text()))


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """The names of the page's program, which is not run."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(listings(), str(PAGE), "exec"), names)  # noqa: S102  our own page
    return names


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """Runs the page's program as its reader does; the exit status is 0 or 1, with one line."""
    program = tmp_path / "prove.py"
    program.write_text(listings())

    def run(key: VerifierKey | str, what: bytes | Path, *entry: bytes) -> Any:
        files = [tmp_path / "vkey", tmp_path / "what", tmp_path / "entry"]
        files[0].write_text(f"{key}\n")
        if isinstance(what, bytes):
            files[1].write_bytes(what)
        else:
            files[1] = what
        if entry:
            files[2].write_bytes(entry[0])
        named = [str(file) for file in (files if entry else files[:2])]
        ran = subprocess.run(
            [sys.executable, "-I", str(program), *named],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = ran.stdout + ran.stderr
        assert said.startswith(("FALSE", "TRUE")[ran.returncode == 0]), said
        assert said.count("\n") == 1
        return ran

    return run


def test_it_is_short_and_needs_the_standard_library_alone() -> None:
    """About a hundred lines beside the signature's; only four modules are imported."""
    signature, rest = LISTING.findall(PAGE.read_text())
    assert len([line for line in signature.splitlines() if line.strip()]) <= 40
    assert len([line for line in rest.splitlines() if line.strip()]) <= 125
    modules = set(re.findall(r"^(?:from|import) (\w+)", listings(), re.MULTILINE))
    assert modules == {"base64", "hashlib", "json", "pathlib", "sys"}


def test_receipts(prove: Prove, log: Any, impostor: Any, trades: list[bytes]) -> None:
    """A receipt, and an order's whole answer: true as they are, false when anything is changed."""
    for value in (log.receipt(trades, 2), log.answer(trades, 2)):
        data = json.dumps(value).encode()
        assert prove(log.key, data).returncode == 0
        assert prove(impostor.key, data).returncode == 1
        for old, new in (
            (b'"position": 2', b'"position": 3'),
            (b"AAAA", b"AAAB"),
            (b"\\n7", b"\\n8"),
        ):
            assert prove(log.key, data.replace(old, new, 1)).returncode == int(old in data)
    lie = log.answer(trades, 2)
    lie["fills"][0]["price"] = "1.08252"
    assert prove(log.key, json.dumps(lie).encode()).returncode == 1


def test_proofs(prove: Prove, log: Any, trades: list[bytes]) -> None:
    """A tlog-proof with its entry inside or beside it; not without it, not with another."""
    bare = log.proof(trades, 5, bare=True)
    assert prove(log.key, log.proof(trades, 5)).returncode == 0
    assert prove(log.key, bare, trades[5]).returncode == 0
    assert prove(log.key, bare).returncode == 1
    assert prove(log.key, bare, trades[4]).returncode == 1
    assert prove(log.key, bare.replace(b"index 5", b"index 6"), trades[5]).returncode == 1


def test_folders(prove: Prove, log: Any, impostor: Any, folder: Path) -> None:
    """A published folder; then without its partial tiles; then with one byte changed."""
    assert prove(log.key, folder).returncode == 0
    assert prove(impostor.key, folder).returncode == 1
    for path in ("tile/entries/001.p/44", "tile/0/000", "tile/1/000.p/1"):
        file = folder / path
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert prove(log.key, folder).returncode == 1, path
        file.write_bytes(data)
    (folder / "tile/entries/000").unlink()
    assert prove(log.key, folder).returncode == 1


def test_either_key_of_a_ledger(prove: Prove, log: Any, impostor: Any, trades: list[bytes]) -> None:
    """Two lines in the key file: whoever of them signed is believed, and a failure spoils."""
    keys = f"{log.key}\n{impostor.key}"
    receipt = log.receipt(trades, 2)
    assert prove(keys, json.dumps(receipt).encode()).returncode == 0
    assert prove(keys, json.dumps(impostor.receipt(trades, 2)).encode()).returncode == 0
    receipt["checkpoint"] += impostor.note(trades[:-1]).partition("\n\n")[2]
    assert prove(keys, json.dumps(receipt).encode()).returncode == 1
    assert prove(log.key, json.dumps(receipt).encode()).returncode == 0


@pytest.mark.skipif(not TESSERA_LOG.exists(), reason="../shared/data/tlog is not here")
def test_somebody_elses_log(prove: Prove) -> None:
    """Tessera's test log: its folder, and inclusion 6 of 15 (reference/ledger.md 7.5 A)."""
    assert prove(TESSERA_VKEY, TESSERA_LOG).returncode == 0
    note = (TESSERA_LOG / "checkpoint.15").read_text()
    proof = f"c2sp.org/tlog-proof@v1\nindex 6\n{INCLUSION_6_OF_15}\n{note}".encode()
    assert prove(TESSERA_VKEY, proof, b"seven").returncode == 0
    assert prove(TESSERA_VKEY, proof, b"eight").returncode == 1
    entry = b64encode(b"seven")
    whole = proof.replace(b"index", b"extra " + entry + b"\nindex")
    assert prove(TESSERA_VKEY, whole).returncode == 0


@pytest.mark.skipif(not TESSERA_LOG.exists(), reason="../shared/data/tlog is not here")
@pytest.mark.parametrize("size", range(16))
def test_all_checkpoints_of_somebody_elses_log(script: dict[str, Any], size: int) -> None:
    """Each of the sixteen is read and its signature holds; one of another key's does not."""
    note = (TESSERA_LOG / f"checkpoint.{size}").read_text()
    keys = dict([script["parse_key"](TESSERA_VKEY)])
    assert script["checkpoint"](note, keys)[0] == size
    with pytest.raises(SystemExit):
        script["checkpoint"](note, {})


@pytest.mark.parametrize("form", ["receipt", "proof"])
def test_one_flipped_byte_is_found(
    script: dict[str, Any], log: Any, trades: list[bytes], form: str
) -> None:
    """Every byte of what the product sends, one bit of each by the seed: none passes."""
    chance = random.Random(11)  # noqa: S311  a seed, no secret
    keys = dict([script["parse_key"](str(log.key))])
    data = log.proof(trades, 2)
    if form == "receipt":
        data = json.dumps(log.answer(trades, 2), separators=(",", ":"), ensure_ascii=False).encode()
    check = script["tlog_proof" if form == "proof" else "receipt"]
    check(data.decode(), keys)
    passed = [at for at in range(len(data)) if _passes(check, _flipped(data, at, chance), keys)]
    assert passed == []


def _flipped(data: bytes, at: int, chance: random.Random) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _passes(check: Callable[..., None], data: bytes, keys: Any) -> bool:
    """As the program's end treats it: what cannot be read is not true either."""
    try:
        check(data.decode(), keys)
    except (SystemExit, OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return True


@settings(deadline=None, max_examples=30)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=100), at=st.integers(0))
def test_its_signatures_are_everybodys(
    script: dict[str, Any], seed: bytes, message: bytes, at: int
) -> None:
    """Ed25519 as another implementation makes it; false with any bit flipped, or with S + L."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = private.sign(message)
    assert script["signed"](public, message, signature)
    at %= 512
    bent = bytearray(signature)
    bent[at // 8] ^= 1 << (at % 8)
    assert not script["signed"](public, message, bytes(bent))
    s = int.from_bytes(signature[32:], "little") + ORDER_OF_THE_CURVE
    assert not script["signed"](public, message, signature[:32] + s.to_bytes(32, "little"))
    assert not script["signed"](public, message + b"x", signature)
    assert not script["signed"](public, message, signature + b"x")


@pytest.mark.parametrize(
    "line",
    [
        "no key",
        TESSERA_VKEY.replace("33d7b496", "33d7b497"),
        TESSERA_VKEY.replace("+AeHT", "+AuHT"),
    ],
    ids=["words", "another id", "another type"],
)
def test_a_key_that_is_none(prove: Prove, line: str) -> None:
    """Nothing is true under it."""
    assert prove(line, b"{}").returncode == 1
