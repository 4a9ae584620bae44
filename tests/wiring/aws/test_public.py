"""What anybody may ask without a token: the product, the API's routes and the smoke test agree."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aws_flood import Context, open_accounts, order, request
from aws_world import VKEY, World

from tallystick.ledger.verify import verify_receipt
from tallystick.wiring.aws import order as function
from tallystick.wiring.aws.door import OPERATIONS

AWS = Path(__file__).resolve().parents[3] / "deploy/aws"
HEALTH = {"/healthz", "/readyz"}


def published() -> set[str]:
    """The paths that the API's routes leave open, as the stack names them."""
    tree = ast.parse((AWS / "stack/capabilities/orders_api.py").read_text())
    (found,) = (
        each.value
        for each in tree.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "PUBLIC"
    )
    return {f"/v1/ledger/{each}" for each in ast.literal_eval(found)}


@pytest.fixture(autouse=True)
def cold() -> Iterator[None]:
    """The execution environment is new, and gone with the test."""
    function._orders = None
    yield
    if function._orders is not None:
        function._orders.close()
        function._orders = None


def nobody(
    method: str, path: str, query: dict[str, list[str]] | None = None, body: str | None = None
) -> dict[str, Any]:
    """The event of a request without a token."""
    more = {"headers": {}, "multiValueHeaders": {}, "body": body}
    return request(method, path, "", multiValueQueryStringParameters=query or None, **more)


@contextmanager
def gateway() -> Iterator[str]:
    """A door before the function that turns away what has no token, but on the open paths."""
    still_open = {("GET", path) for path in published() | HEALTH}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode() or None
            status, said = 401, '{"message":"Unauthorized"}'
            if self.headers.get("Authorization") or (self.command, asked.path) in still_open:
                query = parse_qs(asked.query) or None
                event = nobody(self.command, asked.path, query, body)
                answer = function.handler(event, Context())
                status, said = answer["statusCode"], answer["body"]
            self.send_response(status)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        do_GET = do_POST = _answer  # noqa: N815  http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_open_routes_are_what_the_product_asks_no_token_for() -> None:
    """No more, no less: a new public operation is opened at the API too, a closed one is not."""
    free = {(each.method, each.path) for each in OPERATIONS if each.scope is None}
    assert free == {("GET", path) for path in published() | HEALTH}


def test_the_ledger_can_be_checked_by_anybody(inside: World) -> None:
    """Key, head and proofs come without a token; what is in an entry does not."""
    open_accounts(inside)
    token = inside.tokens["desk"]
    placed = function.handler(request("POST", "/v1/orders", token, order("desk", "a-1")), Context())
    assert verify_receipt(placed["body"].encode(), VKEY).verdict == "clean"

    def status(path: str, **query: str) -> tuple[int, str]:
        event = nobody("GET", path, {name: [value] for name, value in query.items()})
        answer = function.handler(event, Context())
        return answer["statusCode"], answer["body"]

    code, keys = status("/v1/ledger/vkey")
    assert (code, keys.strip()) == (200, str(VKEY))
    code, head = status("/v1/ledger/checkpoint")
    size = head.split("\n")[1]
    assert (code, int(size) > 0) == (200, True)
    code, proof = status("/v1/ledger/proof/consistency", **{"from": "1", "to": size})
    assert (code, json.loads(proof)["to"]) == (200, int(size))
    assert status("/v1/ledger/proof/inclusion", position="1", size=size)[0] == 200
    assert status("/v1/ledger/entries/1")[0] == 401
    assert status("/v1/ledger/entries/1/receipt")[0] == 401


def test_the_smoke_test_passes_the_real_product(inside: World) -> None:
    """Run as the pipeline runs it: each of its questions is answered as it should be."""
    open_accounts(inside)
    with gateway() as url:
        done = subprocess.run(
            [sys.executable, AWS / "delivery/smoke.py", "--url", url],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(json.loads(line)["well"] for line in done.stdout.splitlines())


def test_the_page_learns_who_asks_and_when_to_ask_again(inside: World) -> None:
    """Where there is no stream its first word comes alone, with the token's account and scopes."""
    open_accounts(inside)
    answer = function.handler(request("GET", "/v1/live", inside.tokens["desk"]), Context())
    assert answer["statusCode"] == 200
    assert answer["multiValueHeaders"]["content-type"] == ["text/event-stream; charset=utf-8"]
    name, data, *rest = answer["body"].split("\n")
    assert (name, rest) == ("event: hello", ["", ""])
    said = json.loads(data.removeprefix("data: "))
    assert (said["account"], said["every_seconds"]) == ("desk", 10)
    assert set(said["scopes"]) == {"read", "trade"}
    assert function.handler(nobody("GET", "/v1/live"), Context())["statusCode"] == 401
