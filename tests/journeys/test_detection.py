"""The way of an odd order: seen, explained, told, judged, kept; through kills and restarts."""

import os
import signal
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Serve = Callable[..., Any]
pytestmark = pytest.mark.server

SECONDS = 180.0
"""The first start on a machine compiles the detectors."""
USUAL = 60
LIMITS = {
    "order_quantity_max": "50000000", "position_usd_max": "1000000000.00", "collar_bps": 500,
    "duplicate_window_ms": 1, "duplicates_max": 1_000,
}  # fmt: skip


def eventually(ask: Callable[[], Any]) -> Any:
    """What is true in the end."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    pytest.fail(f"not true within {SECONDS:.0f} s")


def place(client: Any, account: str, number: int, quantity: int) -> dict[str, Any]:
    """One market order."""
    order = {
        "account": account, "pair": "EUR/USD", "side": "buy" if number % 2 else "sell",
        "quantity": str(quantity), "type": "market", "client_order_id": f"{account}-{number}",
    }  # fmt: skip
    answer: dict[str, Any] = client.post("/v1/orders", json=order).raise_for_status().json()
    assert answer["order"]["state"] == "filled", answer
    return answer


def live_as_usual(client: Any, account: str) -> None:
    """Open an account that places ordinary orders."""
    opened = client.post("/v1/accounts", json={"account": account, "limits": LIMITS})
    assert opened.status_code in {200, 201}, opened.text
    for number in range(USUAL):
        place(client, account, number, 100_000 + 1_000 * (number % 7))


def alerts_of(client: Any) -> list[dict[str, Any]]:
    """Alerts of detectors; event rules tell large orders too."""
    alerts = client.get("/v1/alerts").json()["alerts"]
    return [each for each in alerts if each["source"] == "detect"]


def test_an_odd_order_is_explained_alerted_and_judged(serve: Serve, tmp_path: Path) -> None:
    """With its proof; the verdict is an entry; all of it is there after a restart."""
    server = serve(tmp_path / "data", detection="on")
    with server.client() as client:
        live_as_usual(client, "acme")
        odd = place(client, "acme", USUAL, 40_000_000)
        position = odd["receipt"]["position"]
        path = f"/v1/anomalies/order_size-{position}"
        eventually(lambda: client.get(path).status_code == 200)
        told = client.get(path).json()
        assert (told["account"], told["family"], told["position"]) == ("acme", "fraud", position)
        assert "40,000,000" in told["sentence"]
        assert sum(each["share"] for each in told["contributions"]) == pytest.approx(1, abs=0.01)
        assert told["nearest"]["position"] < position
        proof = client.get(told["evidence"][0]["receipt"]).raise_for_status().json()
        assert proof["position"] == position
        alerts = eventually(lambda: alerts_of(client))
        assert [each["order_id"] for each in alerts] == [odd["order"]["id"]]

        said = {"verdict": "confirmed", "reason": "the client meant a million"}
        key = {"Idempotency-Key": "v-1"}
        first = client.post(f"{path}/verdict", json=said, headers=key).raise_for_status().json()
        again = client.post(f"{path}/verdict", json=said, headers=key).raise_for_status().json()
        assert first["position"] == again["position"] > position
        entry = client.get(f"/v1/ledger/entries/{first['position']}").raise_for_status()
        assert b'"kind":"anomaly_judged"' in b64decode(entry.json()["entry"])
    assert server.stop() == 0

    server = serve(tmp_path / "data", detection="on")
    with server.client() as client:
        kept = client.get(path).json()
        assert kept["verdict"] == "confirmed"
        assert kept["verdicts"][0]["reason"] == said["reason"]
        assert len(alerts_of(client)) == len(alerts)
    assert server.stop() == 0


def test_what_was_learnt_outlives_kills_of_both_processes(serve: Serve, tmp_path: Path) -> None:
    """After kill -9 of the detection process, and of the server: odd orders are seen, once."""
    server = serve(tmp_path / "data", detection="on")
    with server.client() as client:
        live_as_usual(client, "acme")
        child = eventually(lambda: detection_of(server.process.pid))
        os.kill(child, signal.SIGKILL)
        eventually(lambda: detection_of(server.process.pid) not in {None, child})
        first = place(client, "acme", USUAL, 40_000_000)["receipt"]["position"]
        eventually(lambda: client.get(f"/v1/anomalies/order_size-{first}").status_code == 200)
    last = detection_of(server.process.pid)
    assert last is not None
    server.kill()
    eventually(lambda: not Path(f"/proc/{last}").exists())  # it does not outlive its server

    server = serve(tmp_path / "data", detection="on")
    with server.client() as client:
        live_as_usual(client, "beta")
        second = place(client, "beta", USUAL, 40_000_000)["receipt"]["position"]
        eventually(lambda: client.get(f"/v1/anomalies/order_size-{second}").status_code == 200)
        found = client.get("/v1/anomalies", params={"detector": "order_size"}).json()["anomalies"]
        assert [each["position"] for each in found] == [second, first]
    assert server.stop() == 0


def detection_of(server: int) -> int | None:
    """The process id of a server's detection process."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            named = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == server and b"tallystick.wiring.detecting" in named:
            return int(entry.name)
    return None
