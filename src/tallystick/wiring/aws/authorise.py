"""API Gateway's authorizer: who has no token of ours does not reach the functions behind it.

It sheds, and decides nothing that the door does not decide again: whether a token may do what it
asks for, and whose account it is, depends on the request's body. So the answer allows every route
or none, and API Gateway may keep it for as long as a revoked token may still be taken.
"""

import os
import tempfile
from typing import Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerResponse,
    parse_api_gateway_arn,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, Refused
from tallystick.wiring.aws.runtime import scratch
from tallystick.wiring.aws.settings import read_aws_settings
from tallystick.wiring.aws.telemetry import COUNT, configure, logger, metrics, tracer
from tallystick.wiring.aws.tokens import SecretTokens

_tokens: SecretTokens | None = None
"""Of this execution environment."""


class UnauthorizedError(Exception):
    """Tells API Gateway to answer 401: its text has to be this one word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The policy for whoever shows a token of ours.

    Raises:
        UnauthorizedError: nobody of ours.
    """
    del context
    metrics.add_metric("Requests", COUNT, 1)
    tokens = _opened()
    tokens.refresh()
    try:
        principal = tokens.tokens.principal(_authorization(event))
    except Refused as refused:
        logger.info("wiring.unauthorised", code=refused.code)
        metrics.add_metric("Unauthorised", COUNT, 1)
        raise UnauthorizedError from refused
    metrics.add_metric("Authorised", COUNT, 1)
    arn = parse_api_gateway_arn(event["methodArn"])
    response = APIGatewayAuthorizerResponse(
        principal_id=principal.name,
        region=arn.region,
        aws_account_id=arn.aws_account_id,
        api_id=arn.api_id,
        stage=arn.stage,
        context={"account": principal.account, "key": principal.key or ""},
    )
    response.allow_all_routes()
    return response.asdict()


def _opened() -> SecretTokens:
    global _tokens  # noqa: PLW0603  one a process, as Lambda has it
    if _tokens is None:
        settings = read_aws_settings(os.environ)
        configure(settings.log_level)
        if settings.tokens is None:
            raise Misconfigured("TALLYSTICK_TOKENS must name the secret with the tokens.")
        folder = scratch(f"authorise-{os.getpid()}", tempfile.gettempdir())
        _tokens = SecretTokens(settings.tokens, folder / "tokens.json", SystemClock())
    return _tokens


def _authorization(event: dict[str, Any]) -> str | None:
    """The `Authorization` header, of an event of either kind."""
    token = event.get("authorizationToken")
    if token is not None:
        return str(token)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return headers.get("authorization")
