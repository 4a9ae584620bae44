"""`POST /v1/orders/precheck`: what an order would cost and why it would be rejected; a dry run."""

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.execution import PlaceOrder, parse_request
from tallystick.execution.precheck import Precheck, precheck


async def check_order(services: Services, call: Call) -> Precheck:
    """The dry run: nothing is written, nothing is reserved."""
    body: PlaceOrder = call.body
    call.principal.require_account(body.account)
    request = parse_request(body)
    desk = services.desk
    at_ns = services.clock.now_ns()
    market = desk.market(request.pair.symbol, at_ns)
    return precheck(request, at_ns=at_ns, market=market, book=desk.book)


OPERATIONS = (
    Operation(
        "POST", "/v1/orders/precheck", "What an order would cost, and why it would be rejected.",
        check_order, Precheck, scope="trade", body=PlaceOrder, tag="orders",
        refusals=("UNKNOWN_ACCOUNT", "UNKNOWN_PAIR"),
    ),
)  # fmt: skip
