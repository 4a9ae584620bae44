"""From Kinesis to the forest and the bus: what is odd, what is large, whose margin is called.

Records come at least once and, of one account, in order. A record that cannot be dealt with is
named in `batchItemFailures`: Lambda gives it again, and in the end to the queue of dead letters.
What comes again is known by its position: an anomaly, and an entry that is no order's, is told
once (Powertools' idempotency, in the state table). Orders are too many for that: this process
remembers those it told, so that a record that comes again, or comes from both of two relays, does
not page twice. After a cold start EventBridge may hear of some twice, as it may of everything by
its own promise; their events carry the position.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.errors import Misconfigured
from tallystick.stream.kinesis_records import messages_of
from tallystick.stream.message import NO_POSITION, Message
from tallystick.wiring.aws.clients import client
from tallystick.wiring.aws.events import Put, anomaly_put, entry_put, tell
from tallystick.wiring.aws.forest import Forest, forest_at
from tallystick.wiring.aws.settings import AwsSettings, read_aws_settings, table_of
from tallystick.wiring.aws.telemetry import COUNT, configure, logger, metrics, tracer

TOLD_SECONDS = 8 * 24 * 3_600
"""How long it is known what was told: longer than a stream can keep a record by default."""
ORDERS = "Order "
"""Beginning of the detail-types of which there are too many to remember each in a table."""
ORDERS_KEPT_MAX = 50_000
"""Positions of orders told that a process remembers: a few megabytes."""


class UndeliverableError(ValueError):
    """A record that no attempt can deal with: it holds no CloudEvent of ours."""


class Consuming:
    """One execution environment of the consumer."""

    def __init__(self, settings: AwsSettings) -> None:
        """The cold start.

        Raises:
            Misconfigured: something is not named.
        """
        if settings.bus is None:
            raise Misconfigured("TALLYSTICK_BUS must name the EventBridge bus.")
        self._bus = settings.bus
        region = os.environ.get("AWS_REGION")
        self._forest: Forest | None = None
        if settings.forest is not None:
            self._forest = forest_at(
                settings.forest, region, settings.forest_cutoff, settings.state
            )
        table = table_of("STATE", settings.state)
        self.config = IdempotencyConfig(
            event_key_jmespath="id", expires_after_seconds=TOLD_SECONDS, use_local_cache=True
        )
        self._tell_once: Callable[..., None] = idempotent_function(
            _tell,
            data_keyword_argument="told",
            persistence_store=DynamoDBPersistenceLayer(
                table_name=table.name, boto3_client=client("dynamodb", table.region)
            ),
            config=self.config,
        )
        self._told: OrderedDict[int, None] = OrderedDict()

    def take(self, record: KinesisStreamRecord) -> None:
        """Deal with one record.

        Raises:
            UndeliverableError, ValueError: nobody can.
            TemporaryError: the forest or the bus is away.
        """
        said = record.kinesis
        messages, _ = messages_of("", int(said.sequence_number), said.data_as_bytes())
        wrong = [each for each in messages if each.position == NO_POSITION]
        if wrong:
            raise UndeliverableError(f"{said.sequence_number} holds no event of this ledger.")
        self._tell_entries(messages)
        if self._forest is not None:
            self._tell_odd(self._forest, messages)

    def _tell_entries(self, messages: list[Message]) -> None:
        """Orders together, anything else once and by itself."""
        orders: dict[int, Put] = {}
        for message in messages:
            if message.position in self._told:
                continue
            put = entry_put(message, self._bus)
            if put is None:
                continue
            if put["DetailType"].startswith(ORDERS):
                orders[message.position] = put
            else:
                self._once(f"entry {message.position}", put)
        metrics.add_metric("EventsPut", COUNT, tell(list(orders.values())))
        self._told.update(dict.fromkeys(orders))
        while len(self._told) > ORDERS_KEPT_MAX:
            self._told.popitem(last=False)

    def _tell_odd(self, forest: Forest, messages: list[Message]) -> None:
        try:
            found = forest.odd(messages)
        except Misconfigured as error:  # trying again would only stop everything behind it
            logger.error("wiring.forest_refuses", body=str(error))
            metrics.add_metric("ForestRefused", COUNT, 1)
            return
        for detail in found:
            self._once(f"anomaly forest {detail['position']}", anomaly_put(detail, self._bus))
        metrics.add_metric("AnomaliesFound", COUNT, len(found))

    def _once(self, name: str, put: Put) -> None:
        self._tell_once(told={"id": name, "put": put})


def _tell(told: Mapping[str, Any]) -> None:
    """Put one event onto the bus."""
    tell([told["put"]])


_consuming: Consuming | None = None
"""Of this execution environment."""
_processor = BatchProcessor(EventType.KinesisDataStreams, raise_on_entire_batch_failure=False)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Deal with a batch of records; which of them are to come again."""
    global _consuming  # noqa: PLW0603  one a process, as Lambda has it
    metrics.add_metric("Records", COUNT, len(event["Records"]))
    if _consuming is None:
        settings = read_aws_settings(os.environ)
        configure(settings.log_level)
        _consuming = Consuming(settings)
    _consuming.config.register_lambda_context(context)
    answer = process_partial_response(
        event=event, record_handler=_record_handler, processor=_processor, context=context
    )
    metrics.add_metric("RecordsFailed", COUNT, len(answer["batchItemFailures"]))
    return answer


def _record_handler(record: KinesisStreamRecord) -> None:
    assert _consuming is not None  # noqa: S101  the handler made it
    try:
        _consuming.take(record)
    except Exception:
        logger.exception("wiring.record_failed", sequence_number=record.kinesis.sequence_number)
        raise
