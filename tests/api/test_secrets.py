"""Secrets stay where they belong: in demo.json, and in nothing else that is written."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.api.event_stream import EVENT_STREAM

HOOK_SECRET = "hook-secret-hook-secret-hook"
AUTHORIZATION = re.compile(rb"(Bearer|Splunk|Basic) (?!<token>)")
"""The value of a header; sentences that say how to write one have `<token>` in its place."""
STRANGE = "Bearer tally_somebody-elses-lost-token"


@pytest.mark.server
def test_no_secret_is_written_anywhere(launch_product: Callable[..., Any], tmp_path: Path) -> None:
    """After every kind of request, no token or Authorization value is in any file or line."""
    product = launch_product(
        tmp_path / "data",
        webhook_url="http://127.0.0.1:9/hook",
        webhook_secret=HOOK_SECRET,
        log_level="debug",
    )
    ask_everything(product)
    secrets = [*product.tokens.values(), product.hec_token, HOOK_SECRET, STRANGE.split()[1]]
    for secret in secrets:
        logs = product.demo.get("/v1/logs", params={"q": f'"{secret[6:30]}"', "limit": 5}).json()
        assert logs["logs"] == []
    product.close()

    owner = product.folder / "demo.json"
    assert owner.stat().st_mode & 0o777 == 0o600
    assert product.tokens["demo"] in owner.read_text()
    files = [path for path in product.folder.rglob("*") if path.is_file() and path != owner]
    assert len(files) > 8
    for path in (*files, product.server.stderr):
        data = path.read_bytes()
        assert [secret for secret in secrets if secret.encode() in data] == [], path
        assert AUTHORIZATION.search(data) is None, path
    assert product.folder.stat().st_mode & 0o077 == 0


def ask_everything(product: Any) -> None:
    """Every operation, with every token, with none and with a wrong one; many orders."""
    paths = product.stranger.get("/openapi.json").json()["paths"]
    headers = [
        {},
        {"Authorization": STRANGE},
        {"Authorization": f"Splunk {product.hec_token}"},
        {"Authorization": f"Basic {product.tokens['other']}"},
        *({"Authorization": f"Bearer {token}"} for token in product.tokens.values()),
    ]
    for path, operations in paths.items():
        for method, described in operations.items():
            if EVENT_STREAM in described["responses"].get("200", {}).get("content", {}):
                continue  # it has no end
            for sent in headers:
                product.stranger.request(method, path, headers=sent, content=b'{"event":"x"}')
    for number in range(60):
        product.place(quantity=str(1_000 + number))
    product.place(quantity="40000000")
    product.demo.get("/v1/positions?account=nobody")
