"""The check after a run finds orders that were done twice, and acknowledged ones that are gone."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tallystick.errors import PermanentError
from tallystick.wiring.load import Check, check_orders
from tallystick.wiring.load.check import ledger_size

PAGE = 2


@contextmanager
def listing(names: list[str], first: int = 100) -> Iterator[str]:
    """A server that lists these orders, two a page, the newest (last) first; gives its URL."""
    orders = [
        {"client_order_id": name, "position": position}
        for position, name in enumerate(names, first)
    ]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/v1/ledger/checkpoint":
                body = b"tallystick.local/x\n42\nroot\n"
            else:
                before = int(parse_qs(parts.query).get("before", ["1000000"])[0])
                older = [order for order in orders if order["position"] < before]  # type: ignore[operator]
                page = older[::-1][:PAGE]
                more = page[-1]["position"] if len(page) == PAGE else None
                body = json.dumps({"orders": page, "next_before": more}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def checked(names: list[str], acknowledged: bytes, since: int = 0) -> Check:
    """What the check finds on a server with these orders."""
    with listing(names) as url:
        return check_orders(url, "t", ["demo"], "run", acknowledged, since)


@pytest.mark.parametrize(
    ("names", "acknowledged", "found"),
    [
        (["run-000000000", "run-000000001"], b"\1\1", Check(2, 0, 0)),
        (["run-000000000", "run-000000001", "run-000000000"], b"\1\1", Check(3, 1, 0)),
        (["run-000000001"], b"\1\1\0", Check(1, 0, 1)),
        (["run-000000005", "run-000000005", "run-000000005"], b"", Check(3, 1, 0)),
        (["other-000000000", "run-x", "run-000000000"], b"\1", Check(1, 0, 0)),
        ([], b"\0\0", Check(0, 0, 0)),
    ],
    ids=["all-well", "twice", "lost", "twice-unanswered", "of-others", "nothing"],
)
def test_what_is_there_is_compared_with_what_was_acknowledged(
    names: list[str], acknowledged: bytes, found: Check
) -> None:
    """Each order once, over as many pages as there are; orders of others do not matter."""
    assert checked(names, acknowledged) == found
    assert bool(found.failures) == bool(found.twice or found.lost)


def test_older_orders_are_not_looked_at() -> None:
    """A prefix that was used before the run does not count."""
    assert checked(["run-000000000"] * 5, b"\1", since=104) == Check(1, 0, 0)


def test_the_size_is_the_checkpoints() -> None:
    """Its second line."""
    with listing([]) as url:
        assert ledger_size(url, "t") == 42


def test_what_cannot_be_read_is_said() -> None:
    """No server, or too much to read."""
    with pytest.raises(PermanentError, match="cannot be read"):
        ledger_size("http://127.0.0.1:9", "t")
    with pytest.raises(PermanentError, match=r"more than 1,000 accounts"):
        check_orders("http://127.0.0.1:9", "t", ["a"] * 1_001, "run", b"", 0)
