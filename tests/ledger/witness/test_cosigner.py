"""The cosigner against witnesses that are good, dead, silent, lying, verbose or astray."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from structlog.testing import capture_logs

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Corrupt, Refused
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import NoteError, signature_line, split_note
from tallystick.ledger.witness.asking import BACKOFF_SECONDS_MAX
from tallystick.ledger.witness.core import MemoryHeads, Witness, logs_of
from tallystick.ledger.witness.cosignature import cosign, witness_key
from tallystick.ledger.witness.cosigner import Cosigned, Cosigner
from tallystick.ledger.witness.policy import Policy
from tallystick.ledger.witness.protocol import ANSWER_BYTES_MAX, SIZE_TYPE, encode_size

PATIENCE_SECONDS = 20.0
"""More than any test needs: who waits for it hangs, and the test fails by its other answers."""
TEXT = "text/plain"
Reply = tuple[int, str, bytes]
Behaviour = Callable[[bytes], Reply]


class Stranger:
    """A witness on a real socket that answers as its behaviour says, or never."""

    def __init__(self, name: str, seed: int, behaviour: Behaviour | None) -> None:
        """No behaviour: it takes the connection and says nothing."""
        self.name = name
        self.signer = FileKeyring(f"{name}.example/w", bytes([seed]) * 32)
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.free = asyncio.Event()
        """Not set: it thinks before it answers."""
        self.free.set()
        self.url = ""

    @property
    def line(self) -> str:
        """Its line in a policy."""
        return f"witness {self.name} {witness_key(self.signer)} {self.url}"

    async def serve(self, stack: AsyncExitStack) -> "Stranger":
        """Listen on a free port of loopback until the stack ends."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        await stack.enter_async_context(server)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
            length = {name.lower(): value for name, value in fields.items()}["content-length"]
            self.requests.append(await reader.readexactly(int(length)))
            self.asked.set()
            if self.behaviour is None:
                await reader.read()
                return
            await self.free.wait()
            status, kind, body = self.behaviour(self.requests[-1])
            answer = f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\nconnection: close\r\n"
            extra = f"location: {self.url}/elsewhere\r\n" if status == 307 else ""
            writer.write(f"{answer}{extra}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def honest(log: Any, name: str, seed: int) -> Stranger:
    """A real witness behind the socket."""
    stranger = Stranger(name, seed, None)
    witness = Witness(stranger.signer, logs_of([log.vkey]), MemoryHeads(), SystemClock())

    def behave(request: bytes) -> Reply:
        answer = witness.add_checkpoint(request)
        return int(answer.status), answer.content_type, answer.body.encode()

    stranger.behaviour = behave
    return stranger


def saying(status: int, body: str, kind: str = TEXT) -> Behaviour:
    """Always the same answer."""
    return lambda _request: (status, kind, body.encode())


def lying(note: str, seed: int, name: str) -> Behaviour:
    """Signs what this note says, whatever it is asked."""
    text, _ = split_note(note)
    line = cosign(FileKeyring(f"{name}.example/w", bytes([seed]) * 32), text, 1_700_000_000)
    return saying(200, f"{line}\n")


def run(
    strangers: list[Stranger],
    quorum: str,
    work: Callable[[Cosigner], Awaitable[Any]],
    *,
    clock: Any = None,
    **options: float,
) -> Any:
    """Serve the strangers and let `work` use a cosigner of all of them."""

    async def main() -> Any:
        async with AsyncExitStack() as stack:
            lines = [(await stranger.serve(stack)).line for stranger in strangers]
            names = " ".join(stranger.name for stranger in strangers)
            text = "\n".join([*lines, f"group all-of-them {quorum} {names}", "quorum all-of-them"])
            policy = Policy.parse(text)
            limits = {"seconds_max": PATIENCE_SECONDS} | options
            cosigner = Cosigner(policy, clock or SystemClock(), **limits)
            stack.push_async_callback(cosigner.aclose)
            return await work(cosigner)

    return asyncio.run(main())


def once(log: Any, size: int = 5) -> Callable[[Cosigner], Awaitable[Cosigned]]:
    """Ask for one checkpoint."""
    return lambda cosigner: cosigner.cosign(log.note(size), log.proof)


def test_all_are_asked_and_their_lines_stand_in_the_policys_order(log: Any) -> None:
    """The note gets a line of each witness after its own, and the quorum is met."""
    strangers = [honest(log, f"w{n}", n) for n in (3, 1, 2)]
    cosigned = run(strangers, "all", once(log))
    assert cosigned.witnesses == ("w3", "w1", "w2")
    assert (cosigned.missing, cosigned.quorum) == ({}, True)
    names = [line.name for line in split_note(cosigned.note)[1]]
    assert names == ["log.example/one", "w3.example/w", "w1.example/w", "w2.example/w"]
    policy = Policy.parse("\n".join([*(s.line for s in strangers), "quorum w3"]))
    assert policy.satisfied(cosigned.note).witnesses == ("w3", "w1", "w2")
    assert cosigned.note.startswith(log.note(5))


def test_sizes_are_remembered(log: Any) -> None:
    """The second time the proof starts where the witness is: one request, no 409."""
    stranger = honest(log, "w", 1)

    async def work(cosigner: Cosigner) -> list[Cosigned]:
        return [await cosigner.cosign(log.note(size), log.proof) for size in (5, 9, 9)]

    answers = run([stranger], "all", work)
    assert all(answer.quorum for answer in answers)
    assert [request.split(b"\n")[0] for request in stranger.requests] == [
        b"old 0",
        b"old 5",
        b"old 9",
    ]


def test_a_conflict_tells_where_the_witness_is(log: Any) -> None:
    """A cosigner that knows nothing learns the size from the 409, and asks once more."""
    stranger = honest(log, "w", 1)
    assert stranger.behaviour is not None
    stranger.behaviour(log.request(0, 7))
    cosigned = run([stranger], "all", once(log, 9))
    assert cosigned.witnesses == ("w",)
    assert [request.split(b"\n")[0] for request in stranger.requests] == [b"old 0", b"old 7"]


OTHER = signature_line("stranger.example", b"\x01\x02\x03\x04", b"\x05" * 72)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (saying(200, ""), "Its answer cannot be read"),
        (saying(200, "thank you\n"), "Its answer cannot be read"),
        (saying(200, f"{OTHER}\n"), "no signature of its key"),
        (saying(409, encode_size(2), SIZE_TYPE), "It answered 409"),
        (saying(409, encode_size(6), SIZE_TYPE), "It has cosigned 6 entries of this ledger"),
        (saying(409, "many\n", SIZE_TYPE), "plain decimal"),
        (saying(409, "3\n"), "It answered 409: '3'"),
        (saying(409, "3\n", f"{SIZE_TYPE}; charset=utf-8"), "It answered 409"),
        (saying(404, "unknown log\x1b[31m\n"), r"It answered 404: 'unknown log\\x1b"),
        (saying(403, ""), "It answered 403"),
        (saying(422, "no\n"), "It answered 422"),
        (saying(500, "oh\n"), "It answered 500"),
        (saying(307, ""), "It answered 307"),
        (saying(200, "a" * (ANSWER_BYTES_MAX + 1)), "longer than 16384 bytes"),
        (lambda _request: (99, TEXT, b""), "could not be reached"),
    ],
    ids=range(15),
)
def test_a_witness_that_misbehaves_is_named_with_its_reason(
    log: Any, behaviour: Behaviour, reason: str
) -> None:
    """It gives no line and does no harm: the honest two of three are the quorum."""
    strangers = [honest(log, "a", 1), Stranger("odd", 9, behaviour), honest(log, "b", 2)]
    with capture_logs() as lines:
        cosigned = run(strangers, "2", once(log), grace_seconds=PATIENCE_SECONDS)
    assert cosigned.witnesses == ("a", "b")
    assert cosigned.quorum
    assert re.search(reason, cosigned.missing["odd"])
    assert len(strangers[1].requests) <= 2
    assert [(x["event"], x["log_level"]) for x in lines if x["witness.name"] == "odd"] == [
        ("ledger.witness_failed", "warning")
    ]


@pytest.mark.parametrize("lie", ["another checkpoint", "another key", "no time", "cut"])
def test_a_lying_witness_is_found_out(log: Any, lie: str) -> None:
    """A line that does not verify over this very checkpoint is not taken."""
    text, _ = split_note(log.note(5))
    key = witness_key(FileKeyring("liar.example/w", b"\x09" * 32))
    thief = FileKeyring("liar.example/w", b"\x08" * 32)
    good = split_note(f"{log.note(5)}{cosign(thief, text, 1)}\n")[1][-1].signature
    behaviour = {
        "another checkpoint": lying(log.note(6), 9, "liar"),
        "another key": saying(200, f"{signature_line(key.name, key.key_id, good)}\n"),
        "no time": saying(200, f"{signature_line(key.name, key.key_id, bytes(72))}\n"),
        "cut": saying(200, f"{signature_line(key.name, key.key_id, good[:9])}\n"),
    }[lie]
    cosigned = run([honest(log, "a", 1), Stranger("liar", 9, behaviour)], "all", once(log))
    assert cosigned.witnesses == ("a",)
    assert not cosigned.quorum
    assert cosigned.missing == {"liar": "Its signature does not verify."}


def test_a_good_line_among_strangers_is_taken_alone(log: Any) -> None:
    """Lines of other keys in the answer are ignored, and do not get into the note."""
    text, _ = split_note(log.note(5))
    stranger = Stranger("w", 1, None)
    mine = cosign(stranger.signer, text, 1_700_000_000)
    stranger.behaviour = saying(200, f"{OTHER}\n{mine}\n{OTHER}\n")
    cosigned = run([stranger], "all", once(log))
    assert cosigned.note == f"{log.note(5)}{mine}\n"


def test_a_silent_witness_is_not_waited_for_once_enough_have_answered(log: Any) -> None:
    """Two of three are enough: the third, which takes the connection and is silent, is late."""
    strangers = [honest(log, "a", 1), Stranger("slow", 9, None), honest(log, "b", 2)]
    cosigned = run(strangers, "2", once(log), grace_seconds=0.01)
    assert cosigned.quorum
    assert set(cosigned.witnesses) <= {"a", "b"}
    assert cosigned.missing == {"slow": "It had not answered when enough others had."}


def test_time_is_up_for_a_silent_witness(log: Any) -> None:
    """Where it is needed for the quorum it is waited for until the limit, and no longer."""
    strangers = [Stranger("slow", 9, None)]
    cosigned = run(strangers, "all", once(log), seconds_max=0.2)
    assert cosigned == Cosigned(
        log.note(5), (), {"slow": "It did not answer in time."}, quorum=False
    )


def test_a_late_answer_is_not_lost(log: Any) -> None:
    """What came after the limit stands in the same checkpoint's note the next time."""
    stranger = honest(log, "w", 1)
    stranger.free.clear()

    async def work(cosigner: Cosigner) -> None:
        assert not (await cosigner.cosign(log.note(5), log.proof)).quorum
        stranger.free.set()
        while not (await cosigner.cosign(log.note(5), log.proof)).quorum:  # noqa: ASYNC110
            await asyncio.sleep(0)

    run([stranger], "all", work, seconds_max=0.05)
    assert len(stranger.requests) == 1


def test_a_late_witness_is_asked_nothing_else(log: Any) -> None:
    """While its answer is awaited others are not held up by it; then it goes on where it is."""
    strangers = [honest(log, "slow", 1), honest(log, "quick", 2)]
    slow, quick = strangers
    slow.free.clear()

    async def work(cosigner: Cosigner) -> None:
        for size in (5, 6, 7):
            cosigned = await cosigner.cosign(log.note(size), log.proof)
            assert cosigned.witnesses == ("quick",)
            assert cosigned.missing["slow"].startswith("It ")
        assert len(slow.requests) == 1
        slow.free.set()
        size = 8
        while not (await cosigner.cosign(log.note(size), log.proof)).quorum:
            size += 1
        assert [request.split(b"\n")[0] for request in slow.requests] == [b"old 0", b"old 5"]

    with capture_logs() as lines:
        run(strangers, "all", work, seconds_max=0.1)
    assert len(quick.requests) >= 4
    assert [line["event"] for line in lines if line["witness.name"] == "slow"] == [
        "ledger.witness_failed",
        "ledger.witness_cosigned",
    ]


def test_a_dead_witness_is_left_alone_longer_each_time(log: Any) -> None:
    """After a failure it is not asked before its rest is over; the rest doubles, up to a minute.

    Each change of its state is one log line; when it is well again it counts at once.
    """
    stranger = Stranger("w", 1, saying(500, "down"))
    good = honest(log, "w", 1).behaviour

    class Hand(ManualClock):
        """Moved by the test alone; only time-outs are real."""

        async def sleep(self, _seconds: float) -> None:
            """Nobody waits for this clock."""
            await asyncio.Event().wait()

    clock = Hand()

    async def work(cosigner: Cosigner) -> list[int]:
        asked = []
        for _ in range(300):
            await cosigner.cosign(log.note(5), log.proof)
            asked.append(len(stranger.requests))
            clock.advance(1.0)
        stranger.behaviour = good
        clock.advance(BACKOFF_SECONDS_MAX)
        assert (await cosigner.cosign(log.note(5), log.proof)).quorum
        return asked

    with capture_logs() as lines:
        asked = run([stranger], "all", work, clock=clock)
    moments = [n for n, (was, now) in enumerate(zip([0, *asked], asked, strict=False)) if was < now]
    assert moments == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert [line["event"] for line in lines] == ["ledger.witness_failed", "ledger.witness_cosigned"]
    assert lines[0]["witness.name"] == "w"
    assert "500" in lines[0]["body"]


def test_nobody_listens_there(log: Any) -> None:
    """A refused connection is a reason like any other."""

    async def main() -> Cosigned:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        stranger = Stranger("w", 1, None)
        stranger.url = f"http://127.0.0.1:{port}"
        cosigner = Cosigner(Policy.parse(f"{stranger.line}\nquorum none"), SystemClock())
        try:
            return await cosigner.cosign(log.note(5), log.proof)
        finally:
            await cosigner.aclose()

    cosigned = asyncio.run(main())
    assert cosigned.quorum
    assert "could not be reached" in cosigned.missing["w"]


def test_our_own_proof_may_be_missing(log: Any) -> None:
    """A ledger that cannot prove its past gets no cosignature, and is not stopped by it."""
    stranger = honest(log, "w", 1)

    def no_proof(_old: int, _new: int) -> list[bytes]:
        raise Corrupt("Tile 3 of level 0 is missing from the store.")

    async def work(cosigner: Cosigner) -> list[Cosigned]:
        return [await cosigner.cosign(log.note(size), no_proof) for size in (5, 9)]

    first, second = run([stranger], "all", work)
    assert first.quorum
    assert second.missing == {
        "w": "We have no proof for it: Tile 3 of level 0 is missing from the store."
    }


def test_one_checkpoint_at_a_time(log: Any) -> None:
    """Two that are asked for at once are asked one after the other, so no proof is out of date."""
    stranger = honest(log, "w", 1)

    async def work(cosigner: Cosigner) -> list[Cosigned]:
        return list(
            await asyncio.gather(*(cosigner.cosign(log.note(n), log.proof) for n in (5, 6, 7)))
        )

    assert all(cosigned.quorum for cosigned in run([stranger], "all", work))
    assert [request.split(b"\n")[0] for request in stranger.requests] == [
        b"old 0",
        b"old 5",
        b"old 6",
    ]


def test_whoever_gives_up_leaves_nothing_behind(log: Any) -> None:
    """A cancelled question ends its connections, and the next one is answered."""
    stranger = Stranger("w", 1, None)

    async def work(cosigner: Cosigner) -> Cosigned:
        task = asyncio.create_task(cosigner.cosign(log.note(5), log.proof))
        await stranger.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stranger.behaviour = honest(log, "w", 1).behaviour
        return await cosigner.cosign(log.note(5), log.proof)

    assert run([stranger], "all", work).quorum


def test_policies_that_cannot_be_asked(log: Any) -> None:
    """Addresses must be of HTTP, and those who have one must be able to meet the quorum."""
    stranger = honest(log, "w", 1)

    async def make(policy: str) -> None:
        await Cosigner(Policy.parse(policy), SystemClock()).aclose()

    for url, reason in (
        ("ftp://w.example", "not http://"),
        ("w.example:80", "not http://"),
        ("http://", "not http://"),
        ("http://[::", "is none"),
    ):
        stranger.url = url
        with pytest.raises(Refused, match=reason) as refused:
            asyncio.run(make(f"{stranger.line}\nquorum w"))
        assert refused.value.code == "BAD_POLICY"
    stranger.url = ""
    with pytest.raises(Refused, match="Too few witnesses"):
        asyncio.run(make(f"{stranger.line}\nquorum w"))
    asyncio.run(make(f"{stranger.line}\nquorum none"))


def test_only_checkpoints_are_cosigned(log: Any) -> None:
    """A note that is no checkpoint is the caller's error, said before anybody is asked."""
    stranger = honest(log, "w", 1)
    with pytest.raises(NoteError):
        run(
            [stranger], "all", lambda cosigner: cosigner.cosign("text\n\n— w AAAAAAA=\n", log.proof)
        )
    assert stranger.requests == []
