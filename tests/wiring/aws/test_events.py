"""The shapes of events: each fixture is what Powertools' data class for it can read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities import data_classes
from aws_lambda_powertools.utilities.data_classes import api_gateway_authorizer_event as authorizer
from aws_lambda_powertools.utilities.data_classes.common import DictWrapper

EVENTS = Path(__file__).parent / "events"
Reading = Callable[[Any], object]
SHAPES: dict[str, tuple[type[DictWrapper], Reading]] = {
    "api_gateway_console_test": (data_classes.APIGatewayProxyEvent, lambda e: e.path),
    "api_gateway_list": (data_classes.APIGatewayProxyEvent, lambda e: e.query_string_parameters),
    "api_gateway_list_repeated": (
        data_classes.APIGatewayProxyEvent,
        lambda e: e.multi_value_query_string_parameters,
    ),
    "api_gateway_order": (data_classes.APIGatewayProxyEvent, lambda e: e.json_body["pair"]),
    "api_gateway_order_base64": (data_classes.APIGatewayProxyEvent, lambda e: e.json_body["pair"]),
    "api_gateway_path_encoded": (data_classes.APIGatewayProxyEvent, lambda e: e.path),
    "authorizer_request": (
        authorizer.APIGatewayAuthorizerRequestEvent, lambda e: e.parsed_arn.stage,
    ),
    "authorizer_token": (
        authorizer.APIGatewayAuthorizerTokenEvent, lambda e: e.parsed_arn.stage,
    ),
    "eventbridge_anomaly": (data_classes.EventBridgeEvent, lambda e: e.detail["score"]),
    "eventbridge_large_trade": (data_classes.EventBridgeEvent, lambda e: e.detail["numbers"]),
    "eventbridge_margin_call": (data_classes.EventBridgeEvent, lambda e: e.detail["event"]),
    "kinesis_one": (
        data_classes.KinesisStreamEvent, lambda e: next(e.records).kinesis.data_as_json()["id"],
    ),
    "kinesis_packed": (
        data_classes.KinesisStreamEvent, lambda e: next(e.records).kinesis.sequence_number,
    ),
    "kinesis_poison": (
        data_classes.KinesisStreamEvent, lambda e: next(e.records).kinesis.data_as_bytes(),
    ),
    "schedule": (data_classes.EventBridgeEvent, lambda e: e.resources[0]),
    "sqs_alert": (
        data_classes.SQSEvent, lambda e: next(e.records).decoded_nested_sns_event.message,
    ),
}  # fmt: skip


def event(name: str) -> Any:
    """The fixture of this name."""
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_is_read_by_its_data_class(name: str) -> None:
    """What Powertools reads of it is there."""
    shape, read = SHAPES[name]
    assert read(shape(event(name)))


def test_every_fixture_has_a_shape() -> None:
    """No fixture is left unread."""
    assert {path.stem for path in EVENTS.glob("*.json")} == SHAPES.keys()
