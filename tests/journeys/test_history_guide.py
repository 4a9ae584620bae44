"""docs/guides/history.md: what it tells people to type gives what it says."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "history.md"
ORDERS = 15

pytestmark = pytest.mark.server


def test_its_commands_search_look_back_and_export(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    """Each block of commands, on a server with some orders; exports verify offline."""
    server = serve(tmp_path / "data")
    with server.client() as client:
        for number in range(ORDERS):
            order = {
                "client_order_id": f"c-{number}", "account": "demo", "pair": "EUR/USD",
                "side": "buy", "quantity": "1000", "type": "market", "time_in_force": "FOK",
            }  # fmt: skip
            assert client.post("/v1/orders", json=order).status_code == 201
    (tmp_path / "ledger.vkey").write_text(server.vkey)
    mine = {
        "PATH": f"{ROOT}:{os.environ['PATH']}",
        "TALLYSTICK_DATA": str(server.folder),
        "URL": server.url,
        "TOKEN": server.token,
    }
    outputs = []
    for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        code = block.replace("2026-11-01T", "2000-01-01T").replace("2026-12-01T", "2100-01-01T")
        done = subprocess.run(
            ["bash", "-ec", code],
            cwd=tmp_path, env=mine, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        outputs.append(done.stdout)

    said = "".join(outputs)
    assert re.findall(r'"title":"[^"]*","status":[^}]*', said) == []  # no problem was answered
    assert said.count('"kind":"account","id":"demo"') == 2
    assert "are here, in order, as the pinned key signed them" in said
    assert (tmp_path / "demo-trades" / "entries.parquet").exists()
