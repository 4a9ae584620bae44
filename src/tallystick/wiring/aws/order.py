"""API Gateway's requests: through the product's own door to the desk, onto the ledger, and back.

Many of these run at once and know nothing of each other. The ledger lets one of them append at a
time; the others take in what it wrote and decide again (`patience`). A retry finds its key in the
ledger, whichever process wrote it: no other memory of what was done is needed, and none would know
it as surely.
"""

import asyncio
import os
import tempfile
from contextlib import ExitStack

from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.api import Api
from tallystick.api.problems import problem_response
from tallystick.clock import NS_PER_SECOND, Clock, SystemClock
from tallystick.errors import Misconfigured, Refused, TallystickError, TemporaryError
from tallystick.wiring.aws.door import door_of
from tallystick.wiring.aws.gateway import Proxied, asked, body_of, proxied, scope_of
from tallystick.wiring.aws.runtime import Parts, Trading, open_parts, scratch
from tallystick.wiring.aws.telemetry import COUNT, configure, logger, metrics, tracer
from tallystick.wiring.aws.tokens import SecretTokens

STILL_SECONDS = 60
"""Who stood still for longer opens new sessions with the ledger before it trusts them."""


class Orders:
    """One execution environment: everything that outlives a request, and an event loop for it."""

    def __init__(self, clock: Clock) -> None:
        """The cold start.

        Raises:
            Misconfigured, Corrupt, Forked, TemporaryError: with a sentence for the operator.
        """
        with ExitStack() as undo:
            parts = open_parts(os.environ, clock)
            undo.callback(parts.close)
            configure(parts.settings.log_level)
            if parts.settings.tokens is None:
                raise Misconfigured("TALLYSTICK_TOKENS must name the secret with the tokens.")
            folder = scratch(f"order-{os.getpid()}", tempfile.gettempdir())
            self.tokens = SecretTokens(parts.settings.tokens, folder / "tokens.json", clock)
            self._asked_ns = clock.now_ns()
            self.loop = asyncio.new_event_loop()
            undo.callback(self.loop.close)
            self.trading = self.loop.run_until_complete(_trading(parts))
            self.app: Api = door_of(self.trading, self.tokens.tokens, folder)
            undo.pop_all()

    def answer(self, event: APIGatewayProxyEvent) -> Proxied:
        """The answer to one request."""
        return self.loop.run_until_complete(self._answer(event))

    async def _answer(self, event: APIGatewayProxyEvent) -> Proxied:
        try:
            scope, body = scope_of(event), body_of(event)
        except ValueError as error:
            return _problem(Refused("BAD_REQUEST", f"The request cannot be read: {error}."))
        patience = self.trading.patience
        try:
            self._wake()
            self.tokens.refresh()
            await patience.begin(writes=event.http_method != "GET")
            self.trading.refresh()
            return await asked(self.app, scope, body)
        except TemporaryError as error:
            logger.warning("wiring.not_ready", body=str(error))
            return _problem(error)
        except TallystickError as error:  # the ledger or the guard is not what it should be
            logger.exception("wiring.not_answered")
            return _problem(error)
        finally:
            await patience.end()

    def _wake(self) -> None:
        """Look how long it stood still, by the clock on the wall: the other may stand still too."""
        now_ns, asked_ns = self.trading.parts.clock.now_ns(), self._asked_ns
        self._asked_ns = now_ns
        if now_ns - asked_ns > STILL_SECONDS * NS_PER_SECOND:
            self.trading.parts.store.renew()

    def close(self) -> None:
        """End the process' part in it, in order."""
        self.loop.run_until_complete(self.trading.close())
        self.loop.close()


async def _trading(parts: Parts) -> Trading:
    return Trading(parts)


_orders: Orders | None = None
"""Of this execution environment; made by its first request."""


def environment() -> Orders:
    """This execution environment, a new one where the desk of the old one has ended."""
    global _orders  # noqa: PLW0603  one a process, as Lambda has it
    if _orders is not None and _orders.trading.failed:
        logger.error("wiring.desk_ended")
        ended, _orders = _orders, None
        ended.close()
    if _orders is None:
        _orders = Orders(SystemClock())
    return _orders


@logger.inject_lambda_context(
    correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True
)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
@event_source(data_class=APIGatewayProxyEvent)
def handler(event: APIGatewayProxyEvent, context: LambdaContext) -> Proxied:
    """Answer one request of API Gateway."""
    del context
    metrics.add_metric("Requests", COUNT, 1)
    try:
        orders = environment()
    except TallystickError as error:
        logger.exception("wiring.start_failed")
        metrics.add_metric("StartFailed", COUNT, 1)
        metrics.add_metric("ServerErrors", COUNT, 1)
        return _problem(error)
    answer = orders.answer(event)
    status = answer["statusCode"]
    is_order = event.http_method == "POST" and event.path == "/v1/orders"
    if is_order:
        metrics.add_metric("OrdersPlaced" if status == 201 else "OrdersRefused", COUNT, 1)
        metrics.add_metric("HeadMoved", COUNT, orders.trading.patience.lost)
    metrics.add_metric("LedgerSize", COUNT, orders.trading.ledger.size)
    metrics.add_metric("ServerErrors", COUNT, int(status >= 500))
    return answer


def _problem(error: TallystickError) -> Proxied:
    """What the door would say of it."""
    response = problem_response(error)
    return proxied(response.status_code, response.raw_headers, bytes(response.body))
