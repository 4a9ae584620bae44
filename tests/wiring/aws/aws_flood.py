"""A process that is one execution environment: it sends orders through the handler, one by one.

Started by `test_many_at_once` from a server that has imported the product already; each line of its
file is an answer that its client has seen, written before the next request is made.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from aws_world import ACCOUNTS, LIMITS, World

from tallystick.clock import SystemClock
from tallystick.wiring.aws.runtime import warm_up

warm_up(SystemClock())  # once, in the server that all processes are forks of
EVENT = json.loads((Path(__file__).parent / "events" / "api_gateway_order.json").read_text())


class Context:
    """What Lambda tells a function of itself."""

    function_name = "order"
    function_version = "1"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111111111111:function:order"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """As at the beginning."""
        return 29_000


def request(method: str, path: str, token: str, body: Any = None, **more: Any) -> dict[str, Any]:
    """API Gateway's event for this request; `more` are members of the event."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    event: dict[str, Any] = EVENT | {
        "httpMethod": method,
        "path": path,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "body": None if body is None else json.dumps(body),
    }
    return event | more


def order(account: str, name: str, quantity: int = 1_000, side: str = "buy") -> dict[str, Any]:
    """A small order at market."""
    return {
        "client_order_id": name, "account": account, "pair": "EUR/USD", "side": side,
        "quantity": str(quantity), "type": "market", "time_in_force": "FOK",
    }  # fmt: skip


def open_accounts(world: World) -> None:
    """Let the world's accounts exist; its environment has to be this process'."""
    from tallystick.wiring.aws import order as function  # noqa: PLC0415  reads the environment

    for account in ACCOUNTS:
        body = {"account": account, "limits": LIMITS}
        asked = request("POST", "/v1/accounts", world.tokens["operator"], body)
        answer = function.handler(asked, Context())
        assert answer["statusCode"] in {200, 201}, answer


def flood(environment: dict[str, str], file: str, orders: list[tuple[str, dict[str, Any]]]) -> None:
    """Place the orders, each until it is answered 201; note the answers."""
    os.environ.update(environment)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  the process' own end closes it
    from tallystick.wiring.aws import order as function  # noqa: PLC0415  imported by the server

    noted = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lost = 0
    for token, body in orders:
        while True:
            answer = function.handler(request("POST", "/v1/orders", token, body), Context())
            lost += function.environment().trading.patience.lost
            if answer["statusCode"] != 503:
                break
        line = {"body": answer["body"], "status": answer["statusCode"], "lost": lost, "sent": body}
        os.write(noted, json.dumps(line).encode() + b"\n")
    function.environment().close()
