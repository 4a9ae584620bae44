"""The process: what it says at start, what it refuses to start on, how it ends."""

import re
import shutil
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tallystick.limits import SHUTDOWN_SECONDS_MAX

Launch = Callable[..., Any]
pytestmark = pytest.mark.server

ORDER = {
    "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "1000", "type": "market",
}  # fmt: skip


def refusal(server: Any) -> str:
    """What a server that does not start says; it ends with 2 and one sentence."""
    assert server.process.wait(20) == 2
    sentence: str = server.said()
    assert re.fullmatch(r"tallystick: [^\n]+\.\n", sentence), sentence
    return sentence


def test_the_screen_says_where_everything_is(launch: Launch, tmp_path: Path) -> None:
    """Page, reference, key, token and a line to place an order with; the same as the facts."""
    server = launch(tmp_path / "data")
    screen = ""
    for line in server.process.stdout:
        screen += line
        if "./tallystick verify" in line:
            break
    path = tmp_path / "data" / "demo.json"
    facts = msgspec.json.decode(path.read_bytes(), type=dict[str, str])

    assert facts.keys() == {"url", "account", "token", "hec_token", "vkey"}
    assert facts["url"].startswith("http://127.0.0.1:")
    for name in ("url", "account", "token", "vkey"):
        assert facts[name] in screen
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "curl -s " in screen
    assert facts["hec_token"] not in screen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(serve: Launch, tmp_path: Path, number: signal.Signals) -> None:
    """Exit 0, everything closed and published, with a follower and an idle connection there."""
    server = serve(tmp_path / "data")
    with server.client() as client, client.stream("GET", "/v1/live") as live:
        answer = client.post("/v1/orders", json=ORDER | {"client_order_id": "last"}).json()
        server.process.send_signal(number)
        for _ in live.iter_raw():
            pass  # the stream is ended, not cut
        assert server.process.wait(SHUTDOWN_SECONDS_MAX * 2) == 0
    assert server.said() == ""
    left = {path.name for path in (tmp_path / "data").iterdir()}
    assert not [name for name in left if name.endswith(("-wal", "-shm", ".new"))]
    published = (tmp_path / "data" / "ledger" / "checkpoint").read_text().split("\n")
    assert int(published[1]) == answer["receipt"]["position"] + 1


def test_nothing_is_left_of_a_signal_during_orders(serve: Launch, tmp_path: Path) -> None:
    """Whatever was answered before the end is there after the next start."""
    folder = tmp_path / "data"
    server = serve(folder)
    answered = {}
    with server.client() as client:
        for number in range(200):
            if number == 100:
                server.process.send_signal(signal.SIGTERM)
            try:
                body = ORDER | {"client_order_id": f"c-{number}"}
                response = client.post("/v1/orders", json=body)
            except httpx.TransportError:
                break
            if response.status_code == 201:
                answered[f"c-{number}"] = response.content
    assert server.process.wait(20) == 0
    assert len(answered) >= 100

    again = serve(folder)
    with again.client() as client:
        for key, content in answered.items():
            response = client.post("/v1/orders", json=ORDER | {"client_order_id": key})
            assert response.content == content
            assert response.headers["idempotency-replayed"] == "true"
    assert again.stop() == 0


def test_a_restart_keeps_the_facts(serve: Launch, tmp_path: Path) -> None:
    """Same token, collector token and key; positions are there; nothing had to be mended."""
    folder = tmp_path / "data"
    first = serve(folder)
    with first.client() as client:
        client.post("/v1/orders", json=ORDER | {"client_order_id": "c"})
        held = client.get("/v1/positions").json()
    assert first.stop() == 0
    second = serve(folder)
    with second.client() as client:
        assert client.get("/v1/positions").json() == held
        assert client.get("/v1/ledger/vkey").text.strip() == first.vkey

    assert (second.token, second.hec_token) == (first.token, first.hec_token)
    assert second.vkey == first.vkey
    assert second.said() == ""
    tokens = msgspec.json.decode((folder / "tokens.json").read_bytes())
    assert len(tokens) == 1
    assert second.stop() == 0


def test_a_second_process_is_kept_out(serve: Launch, launch: Launch, tmp_path: Path) -> None:
    """The folder belongs to one process; the second says so and touches nothing."""
    folder = tmp_path / "data"
    first = serve(folder)
    facts = (folder / "demo.json").read_bytes()

    assert f"{folder} is in use" in refusal(launch(folder))
    assert (folder / "demo.json").read_bytes() == facts
    with first.client() as client:
        assert client.get("/healthz").status_code == 200
    assert first.stop() == 0


def test_a_port_in_use_is_said(launch: Launch, tmp_path: Path) -> None:
    """One sentence that names the port and the setting; no data folder is made."""
    folder = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refusal(launch(folder, port=str(port)))

    assert f"127.0.0.1:{port}" in sentence
    assert "TALLYSTICK_PORT" in sentence
    assert not folder.exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prot": "1"}, "TALLYSTICK_PROT"),
        ({"port": "x"}, "TALLYSTICK_PORT"),
        ({"host": "192.0.2.1"}, "192.0.2.1"),
        ({"ticks": "/nowhere"}, "/nowhere"),
        ({"webhook_url": "http://127.0.0.1/x"}, "TALLYSTICK_WEBHOOK_SECRET"),
        ({"webhook_url": "ftp://h/x", "webhook_secret": "s" * 16}, "http"),
        ({"webhook_url": "http://h/x", "webhook_secret": "short"}, "16 bytes"),
        ({"data": "/proc/nowhere"}, "/proc/nowhere"),
    ],
)
def test_settings_that_cannot_work_are_said(
    launch: Launch, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    """One sentence that names what is wrong, exit code 2, no traceback."""
    folder = tmp_path / "data"

    assert words in refusal(launch(folder, **settings))


def test_a_demo_file_that_cannot_be_read_is_said(launch: Launch, tmp_path: Path) -> None:
    """It may hold the only copy of a token: it is not written over."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "demo.json").write_text("{")

    assert "demo.json" in refusal(launch(folder))
    assert (folder / "demo.json").read_text() == "{"


def test_a_part_that_fails_ends_the_process(serve: Launch, tmp_path: Path) -> None:
    """Exit 2 and a sentence, the trace in the log; what was answered is there after a start."""
    folder = tmp_path / "data"
    server = serve(folder)
    with server.client() as client:
        client.post("/v1/orders", json=ORDER | {"client_order_id": "before"})
        shutil.rmtree(folder / "ledger")
        (folder / "ledger").write_text("where the published files should be")
        answer = client.post("/v1/orders", json=ORDER | {"client_order_id": "after"})
        assert server.process.wait(20) == 2
    said = server.said()
    # Which of the two depends on what it was writing when its folder went.
    assert re.search(
        r"\ntallystick: A part of the process ended: (NotADirectory|FileNotFound)Error\(.*\)\n$",
        said,
    )
    assert "wiring.part_ended" in said

    (folder / "ledger").unlink()
    again = serve(folder)
    with again.client() as client:
        found = client.get(answer.headers["location"]).json()
        assert {name: found[name] for name in answer.json()} == answer.json()
    assert again.stop() == 0


def test_a_start_that_fails_leaves_the_facts_alone(
    serve: Launch, launch: Launch, tmp_path: Path
) -> None:
    """A start that fails issues no token and writes no facts; the next one keeps the token."""
    folder = tmp_path / "data"
    serve(folder).kill()
    before = (folder / "demo.json").read_bytes()
    refusal(launch(folder, ticks="/nowhere"))
    after = (folder / "demo.json").read_bytes()
    server = serve(folder)

    assert after == before
    assert server.token == msgspec.json.decode(before, type=dict[str, str])["token"]
    assert server.stop() == 0


def test_the_facts_are_whole_from_the_first_moment(launch: Launch, tmp_path: Path) -> None:
    """Whoever finds the file finds a URL that may be connected to, and a key to pin."""
    server = launch(tmp_path / "data")
    path = tmp_path / "data" / "demo.json"
    while not path.exists():
        assert server.process.poll() is None
    facts = msgspec.json.decode(path.read_bytes(), type=dict[str, str])

    assert httpx.get(f"{facts['url']}/healthz", timeout=30).status_code == 200
    assert facts["vkey"]
    assert server.stop() == 0
