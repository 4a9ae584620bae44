"""`tallystick witness` as a process: a real dialogue, races, kill -9, and what it refuses."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tallystick.clock import SystemClock
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import (
    Checkpoint,
    VerifierKey,
    parse_checkpoint,
    sign_note,
    verify_note,
    with_signatures,
)
from tallystick.ledger.merkle import consistency_proof, leaf_hash, tree_root
from tallystick.ledger.witness.cosigner import Cosigned, Cosigner
from tallystick.ledger.witness.policy import Policy
from tallystick.ledger.witness.protocol import AddCheckpoint, encode_request

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[3]
DIALOGUE = ROOT / "tests/ledger/witness/dialogue.json"
COMMAND = "from tallystick.wiring.commands.witness import witness; witness()"
END_SECONDS_MAX = 20.0
ANSWER_SECONDS_MAX = 30.0
RACERS = 32

SIGNER = FileKeyring("log.example/one", b"\x01" * 32)
VKEY = VerifierKey.of(SIGNER.name, SIGNER.public_key)
COMMON = 8
"""Entries that both histories begin with."""
HISTORIES = {
    word: [leaf_hash(f"{word if n >= COMMON else 'common'} {n}".encode()) for n in range(400)]
    for word in ("true", "forged")
}


def note(size: int, word: str = "true") -> str:
    """The log's checkpoint of this size in one of its two histories."""
    root = tree_root(HISTORIES[word][:size])
    return sign_note(Checkpoint(SIGNER.name, size, root), [SIGNER])


def proof(old: int, new: int, word: str = "true") -> list[bytes]:
    """That the first is the beginning of the second."""
    return consistency_proof(HISTORIES[word][:new], old) if old else []


def request(old: int, new: int, word: str = "true") -> bytes:
    """What a client posts."""
    return encode_request(AddCheckpoint(old, tuple(proof(old, new, word)), note(new, word)))


class Process:
    """The command on a free port of loopback; its lines are read as they come."""

    def __init__(self, *arguments: str, ready: bool = True) -> None:
        """Start it and, if it should be, wait until it listens."""
        environment = {n: v for n, v in os.environ.items() if not n.startswith("TALLYSTICK_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "--port", "0", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.facts: dict[str, Any] = {}
        self.lines: list[str] = []
        if ready:
            first = self.process.stdout.readline()
            assert first, self.process.stderr.read()
            self.facts = json.loads(first)
        self._reader = threading.Thread(target=self.lines.extend, args=(self.process.stdout,))
        self._reader.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.facts["url"])

    def post(self, body: bytes) -> httpx.Response:
        """Ask it to cosign."""
        return httpx.post(
            f"{self.url}/add-checkpoint", content=body, timeout=ANSWER_SECONDS_MAX, trust_env=False
        )

    def policy_line(self, name: str) -> str:
        """Its line in a policy."""
        return f"witness {name} {self.facts['vkey']} {self.url}"

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(END_SECONDS_MAX)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            assert self.process.stdout is not None
            assert self.process.stderr is not None
            self.said = self.process.stderr.read()
            self.process.stdout.close()
            self.process.stderr.close()


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts witnesses; they are gone after the test."""
    begun: list[Process] = []

    def begin(folder: Path, *arguments: str, name: str = "w.example/one") -> Process:
        known = ["--name", name, "--log", str(VKEY)] if "--log" not in arguments else []
        begun.append(Process("--data", str(folder), "--json", *known, *arguments))
        return begun[-1]

    yield begin
    for process in begun:
        if process.process.returncode is None:
            process.end(signal.SIGKILL)


def refused(*arguments: str) -> str:
    """What a witness that does not start says; it ends with 2 and one sentence."""
    process = Process(*arguments, ready=False)
    try:
        assert process.process.wait(END_SECONDS_MAX) == 2
    finally:
        process.end()
    assert process.said.startswith("tallystick: "), process.said
    assert process.said.count("\n") == 1
    return process.said


def test_a_real_dialogue(start: Start, tmp_path: Path) -> None:
    """Each request of litewitness' test gets its published status and body, over HTTP (F)."""
    dialogue = json.loads(DIALOGUE.read_text())
    vkey, steps = dialogue["vkey"], dialogue["steps"]
    witness = start(tmp_path, "--log", vkey, "--name", "example.com/witness")
    for step in steps:
        answer = witness.post(step["request"].encode())
        assert answer.status_code == step["status"], answer.text
        assert answer.text.startswith(step["answer"])
        kind = "text/x.tlog.size" if step["status"] == 409 else "text/plain; charset=utf-8"
        assert answer.headers["content-type"] == kind
    page = httpx.get(witness.url, trust_env=False).text
    assert f"  5  {vkey.split('+')[0]}\n" in page
    assert witness.facts["vkey"] in page
    assert witness.end() == 0
    statuses = [json.loads(line)["http.status"] for line in witness.lines]
    assert statuses == [step["status"] for step in steps]


def test_two_live_witnesses_and_a_dead_one(start: Start, tmp_path: Path) -> None:
    """Quorum 2 of 3 over real processes: a growing log keeps its cosignatures when one dies."""
    living = [start(tmp_path / n, name=f"{n}.example/w") for n in ("a", "b")]
    dead = start(tmp_path / "c", name="c.example/w")
    lines = [process.policy_line(n) for n, process in zip("abc", [*living, dead], strict=True)]
    policy = Policy.parse("\n".join([f"log {VKEY}", *lines, "group g 2 a b c", "quorum g"]))

    async def main() -> list[Cosigned]:
        cosigner = Cosigner(
            policy, SystemClock(), seconds_max=ANSWER_SECONDS_MAX, grace_seconds=ANSWER_SECONDS_MAX
        )
        try:
            first = [await cosigner.cosign(note(size), proof) for size in (0, 5)]
            dead.end(signal.SIGKILL)
            return [*first, *[await cosigner.cosign(note(size), proof) for size in (9, 9, 70)]]
        finally:
            await cosigner.aclose()

    answers = asyncio.run(main())
    assert [answer.witnesses for answer in answers[:2]] == [("a", "b", "c")] * 2
    for answer in answers[2:]:
        assert answer.quorum
        assert answer.witnesses == ("a", "b")
        assert "could not be reached" in answer.missing["c"]
        standing = policy.satisfied(answer.note)
        assert (standing.witnesses, standing.quorum) == (("a", "b"), True)
    assert policy.satisfied(answers[-1].note).checkpoint.size == 70
    assert [process.end() for process in living] == [0, 0]


def test_kill_9_between_requests(start: Start, tmp_path: Path) -> None:
    """Key, size and root are there after each kill, so no second history is ever signed."""
    first = start(tmp_path)
    assert first.post(request(0, 20)).status_code == 200
    for size in (30, 40):
        first.end(signal.SIGKILL)
        again = start(tmp_path)
        assert again.facts["vkey"] == first.facts["vkey"]
        assert again.facts["logs"] == {SIGNER.name: size - 10}
        assert again.post(request(0, 20, "forged")).text == f"{size - 10}\n"
        assert again.post(request(size - 10, size, "forged")).status_code == 422
        assert again.post(request(size - 10, size - 10, "forged")).status_code == 422
        assert again.post(request(size - 10, size)).status_code == 200
        first = again


def push(
    witness: Process, word: str, stop: threading.Event, said: list[tuple[str, int, str]]
) -> None:
    """Bring ever larger checkpoints of one history, until the witness is gone."""
    old, new = 0, 1
    # When the process is killed some requests end without an answer.
    with suppress(httpx.TransportError):
        while not stop.is_set() and new < len(HISTORIES[word]):
            answer = witness.post(request(old, new, word))
            if answer.status_code == 200:
                said.append((word, new, answer.text))
                old, new = new, new + 1
            elif answer.status_code == 409:
                old = int(answer.text)
                new = max(new, old + 1)
            else:
                assert answer.status_code == 422
                stop.wait(0.001)
                new += 1


def test_kill_9_during_a_burst(start: Start, tmp_path: Path) -> None:
    """Four clients push two histories while it is killed again and again: it signs one line.

    Every cosignature that ever left it verifies, all are of one history, and after each start it
    knows at least the largest size that it had answered for.
    """
    said: list[tuple[str, int, str]] = []
    largest = 0
    for round_number in range(5):
        witness = start(tmp_path)
        assert witness.facts["logs"][SIGNER.name] >= largest
        stop, target = threading.Event(), len(said) + 3 + round_number
        with ThreadPoolExecutor(4) as clients:
            words = ("true", "forged", "true", "forged")
            for word in words:
                clients.submit(push, witness, word, stop, said)
            deadline = SystemClock().monotonic_ns() + 30 * 10**9
            while len(said) < target and SystemClock().monotonic_ns() < deadline:
                stop.wait(0.001)
            witness.end(signal.SIGKILL)
            stop.set()
        largest = max(size for _, size, _ in said)
    key = VerifierKey.parse(witness.facts["vkey"])
    for word, size, line in said:
        assert verify_note(with_signatures(note(size, word), line.splitlines()), [key]).keys
    assert len({word for word, size, _ in said if size > COMMON}) == 1
    assert len(said) >= 5


def test_a_race_of_parallel_requests(start: Start, tmp_path: Path) -> None:
    """Of 32 that bring different heads from one size at once, one wins; the rest learn of it."""
    witness = start(tmp_path)
    bodies = [request(0, 9 + n, word) for n in range(RACERS // 2) for word in HISTORIES]

    async def main() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=RACERS)
        async with httpx.AsyncClient(
            limits=limits, timeout=ANSWER_SECONDS_MAX, trust_env=False
        ) as client:
            url = f"{witness.url}/add-checkpoint"
            return await asyncio.gather(*(client.post(url, content=body) for body in bodies))

    answers = asyncio.run(main())
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (RACERS - 1)
    (winner,) = (n for n, answer in enumerate(answers) if answer.status_code == 200)
    size = parse_checkpoint(bodies[winner].partition(b"\n\n")[2]).size
    assert {answer.text for answer in answers if answer.status_code == 409} == {f"{size}\n"}


def test_two_processes_on_one_memory(start: Start, tmp_path: Path) -> None:
    """A second process with the same key cannot be played against the first."""
    one, two = start(tmp_path), start(tmp_path)
    with ThreadPoolExecutor(8) as clients:
        racing = [
            clients.submit(process.post, request(0, 9 + n, word))
            for n in range(4)
            for process, word in ((one, "true"), (two, "forged"))
        ]
        statuses = sorted(answer.result().status_code for answer in racing)
    assert statuses == [200] + [409] * 7
    assert one.facts["vkey"] == two.facts["vkey"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    """Exit 0, nothing on standard error, the memory in one file; an idle connection is no hold."""
    witness = start(tmp_path)
    with httpx.Client(base_url=witness.url, trust_env=False) as client:
        assert client.post("/add-checkpoint", content=request(0, 5)).status_code == 200
        assert witness.end(number) == 0
    assert witness.said == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["witness.db", "witness.key"]
    assert stat.S_IMODE((tmp_path / "witness.key").stat().st_mode) == 0o600


def test_what_it_shows_at_start_is_a_line_of_a_policy(tmp_path: Path) -> None:
    """A log's operator can paste it; and a policy file's logs can be watched in turn."""
    vkey_file, policy_file = tmp_path / "log.vkey", tmp_path / "policy.txt"
    vkey_file.write_text(f"{VKEY}\n")
    process = Process(
        "--data", str(tmp_path / "w"), "--name", "bob.example/w", "--log", f"@{vkey_file}",
        ready=False,
    )  # fmt: skip
    deadline = SystemClock().monotonic_ns() + 30 * 10**9
    while not any(line.startswith("  witness ") for line in process.lines):
        assert SystemClock().monotonic_ns() < deadline
        assert process.process.poll() is None
    process.end()
    (line,) = (line for line in process.lines if line.startswith("  witness "))
    policy_file.write_text(f"log {VKEY}\n{line}quorum w\n")
    policy = Policy.parse(policy_file.read_bytes())
    assert policy.witnesses[0].key.name == "bob.example/w"

    again = Process("--data", str(tmp_path / "w"), "--policy", str(policy_file), "--json")
    assert again.facts["vkey"] == str(policy.witnesses[0].key)
    assert again.facts["logs"] == {SIGNER.name: 0}
    assert again.end() == 0


def test_what_it_does_not_start_on(start: Start, tmp_path: Path) -> None:
    """Each mistake is one sentence that says what to do, exit status 2, and leaves no key."""
    log, folder = ("--log", str(VKEY)), tmp_path / "w"
    data = ("--data", str(folder))
    assert "which logs to watch" in refused("--name", "w", *data)
    assert "needs a name" in refused(*log, *data)
    assert "needs a name" in refused(*log, *data, "--name", "a b")
    assert "not an Ed25519 verifier key" in refused("--log", "x", "--name", "w", *data)
    assert "--log @" in refused("--log", f"@{tmp_path}/none", "--name", "w", *data)
    (tmp_path / "policy").write_text("quorum w\n")
    assert "Line 1 of the policy" in refused("--policy", str(tmp_path / "policy"), *data)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "Cannot listen" in refused(*log, *data, "--name", "w", "--port", port)
    assert not folder.exists()

    witness = start(folder, name="w")
    assert "is called w, not v" in refused(*log, *data, "--name", "v")
    assert "key of a witness" in refused("--log", witness.facts["vkey"], *data)
    witness.end()
    key, memory = folder / "witness.key", folder / "witness.db"
    key.chmod(0o644)
    assert "chmod 600" in refused(*log, *data)
    key.chmod(0o600)
    memory.rename(tmp_path / "older.db")
    assert "forgot what it signed" in refused(*log, *data)
    assert not memory.exists()
    (tmp_path / "older.db").rename(memory)
    key.rename(tmp_path / "a.key")
    assert "is missing" in refused(*log, *data, "--name", "w")
    assert not key.exists()


def test_a_key_that_was_made_elsewhere(start: Start, tmp_path: Path) -> None:
    """`--key` and `--new-memory` take a key that has never signed; its memory is then its own."""
    key = tmp_path / "mine.key"
    FileKeyring.open(key, default_name="mine.example/w", seed=b"\x05" * 32)
    arguments = ("--log", str(VKEY), "--key", str(key))
    assert "--new-memory" in refused(*arguments, "--data", str(tmp_path / "w"))
    witness = start(tmp_path / "w", *arguments, "--new-memory")
    assert witness.facts["name"] == "mine.example/w"
    witness.end()
    again = start(tmp_path / "w", *arguments)
    again.end()
    other = tmp_path / "other.key"
    FileKeyring.open(other, default_name="mine.example/w", seed=b"\x06" * 32)
    said = refused("--log", str(VKEY), "--key", str(other), "--data", str(tmp_path / "w"))
    assert "Each witness key needs a folder of its own" in said


def test_cosigned_sizes_only_grow(start: Start, tmp_path: Path) -> None:
    """The reading of a live witness by its clients: times never go back, nor do sizes."""
    witness = start(tmp_path)
    key = VerifierKey.parse(witness.facts["vkey"])
    times = []
    for old, new in pairwise([0, 1, 2, 40, 40, 79]):
        lines = witness.post(request(old, new)).text.splitlines()
        cosigned = verify_note(with_signatures(note(new), lines), [key])
        times.append(cosigned.cosignatures[0].time)
    assert times == sorted(times)
    assert abs(times[-1] - SystemClock().now_ns() // 10**9) < 60
