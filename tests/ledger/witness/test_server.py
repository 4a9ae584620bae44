"""The witness's HTTP side: statuses, content types, bounds, and what is said in the log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tallystick.clock import SystemClock
from tallystick.errors import Corrupt, TallystickError, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger.witness.core import MemoryHeads, Slot, Witness, logs_of
from tallystick.ledger.witness.protocol import REQUEST_BYTES_MAX
from tallystick.ledger.witness.server import witness_app

SIGNER = FileKeyring("example.com/witness", b"\x21" * 32)


def ask(witness: Witness, *requests: httpx.Request) -> list[httpx.Response]:
    """The application's answers, one after the other."""

    async def main() -> list[httpx.Response]:
        with ThreadPoolExecutor(1) as thread:
            transport = httpx.ASGITransport(witness_app(witness, thread, SystemClock()))
            async with httpx.AsyncClient(transport=transport) as client:
                return [await client.send(request) for request in requests]

    return asyncio.run(main())


def post(body: bytes | AsyncIterator[bytes]) -> httpx.Request:
    """A request to cosign."""
    return httpx.Request("POST", "http://witness/add-checkpoint", content=body)


@pytest.fixture
def witness(log: Any) -> Witness:
    """A witness of the known log."""
    return Witness(SIGNER, logs_of([log.vkey]), MemoryHeads(), SystemClock())


def test_content_types_are_those_of_the_specification(witness: Witness, log: Any) -> None:
    """Lines and sentences are plain text; a size has its own type and no charset."""
    good, stale = ask(witness, post(log.request(0, 5)), post(log.request(0, 5)))
    assert (good.status_code, stale.status_code) == (200, 409)
    assert good.headers["content-type"] == "text/plain; charset=utf-8"
    assert stale.headers["content-type"] == "text/x.tlog.size"
    assert (stale.content, stale.headers["cache-control"]) == (b"5\n", "no-store")


def test_a_body_without_end_is_cut_off(witness: Witness) -> None:
    """More than a request can have is not read; the memory it takes is bounded."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * REQUEST_BYTES_MAX:
            sent += 65_536
            yield b"a" * 65_536

    (answer,) = ask(witness, post(endless()))
    assert answer.status_code == 413
    assert sent <= 2 * REQUEST_BYTES_MAX


def test_other_methods_and_places(witness: Witness) -> None:
    """Only POST adds a checkpoint, and there is nothing else but the page."""
    url = "http://witness"
    answers = ask(
        witness,
        httpx.Request("GET", f"{url}/add-checkpoint"),
        httpx.Request("PUT", f"{url}/add-checkpoint", content=b"old 0\n"),
        httpx.Request("POST", f"{url}/", content=b"old 0\n"),
        httpx.Request("GET", f"{url}/metrics"),
    )
    assert [answer.status_code for answer in answers] == [405, 405, 405, 404]


def test_the_page_says_who_and_what(
    witness: Witness, log: Any, make_log: Callable[..., Any]
) -> None:
    """Name, key, and each log that is watched with the size that was cosigned, 0 at first."""
    other = make_log("log.example/two")
    witness = Witness(SIGNER, logs_of([log.vkey, other.vkey]), MemoryHeads(), SystemClock())
    before, _, after = ask(
        witness,
        httpx.Request("GET", "http://witness/"),
        post(log.request(0, 200)),
        httpx.Request("GET", "http://witness/"),
    )
    assert before.headers["content-type"] == "text/plain; charset=utf-8"
    assert str(witness.key) in before.text
    assert before.text.startswith("example.com/witness is a witness")
    assert before.text.count("  0  log.example/") == 2
    assert "  200  log.example/one\n" in after.text


def test_one_line_for_each_request(
    witness: Witness, log: Any, make_log: Callable[..., Any]
) -> None:
    """Who asked for which size and what became of it; a fork is a warning with both notes."""
    fork = make_log(words="forged")
    requests = [log.request(0, 5), log.request(0, 5), fork.request(5, 9), b"junk"]
    with capture_logs() as lines:
        ask(witness, *map(post, requests))
    assert [
        (x["event"], x["http.status"], x.get("ledger.size"), x["log_level"]) for x in lines
    ] == [
        ("ledger.checkpoint_cosigned", 200, 5, "info"),
        ("ledger.cosigning_refused", 409, 5, "info"),
        ("ledger.cosigning_refused", 422, 9, "warning"),
        ("ledger.cosigning_refused", 400, None, "info"),
    ]
    assert all(line["duration_us"] >= 0 for line in lines)
    assert (lines[2]["note"], lines[2]["known_note"]) == (fork.note(9), log.note(5))


class _Failing(MemoryHeads):
    """A memory that cannot be used."""

    def __init__(self, error: TallystickError) -> None:
        super().__init__()
        self._error = error

    def locked(self, origin: str) -> AbstractContextManager[Slot]:
        """Fails when the block ends, as a full disk does."""

        @contextmanager
        def failing() -> Any:
            with super(_Failing, self).locked(origin) as slot:
                yield slot
            raise self._error

        return failing()

    def sizes(self) -> dict[str, int]:
        """Fails at once."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [(TemporaryError("The disk is full."), 503, "1"), (Corrupt("damaged"), 500, None)],
    ids=["full", "damaged"],
)
def test_a_memory_that_fails_signs_nothing(
    log: Any, error: TallystickError, status: int, retry: str | None
) -> None:
    """What is not known to be stored is not signed; the client may try again where that helps."""
    witness = Witness(SIGNER, logs_of([log.vkey]), _Failing(error), SystemClock())
    with capture_logs() as lines:
        answers = ask(witness, post(log.request(0, 5)), httpx.Request("GET", "http://witness/"))
    for answer in answers:
        assert answer.status_code == status
        assert answer.headers.get("retry-after") == retry
        assert "—" not in answer.text
    assert [line["event"] for line in lines] == ["ledger.witness_memory_failed"] * 2
