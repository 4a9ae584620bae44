"""The core path on ministack: what the stacks make of it on AWS, made here by the same API.

Names of handlers, settings and event patterns are those of the runtime (docs/guides/aws.md).
"""

import io
import json
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3

HOME, OTHER = "eu-west-1", "eu-central-1"
ACCOUNT = "000000000000"
"""ministack's own."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/tallystick-local"
PREFIX = "tallystick"
BUS = "tallystick"
PATTERNS: dict[str, dict[str, Any]] = {
    "large-trade": {
        "source": ["tallystick.ledger"],
        "detail-type": ["Order Decided", "Order Filled"],
        "detail": {
            "order": {"state": ["filled", "partially_filled"]},
            "numbers": {"quantity": [{"numeric": [">=", 10_000_000]}]},
        },
    },
    "anomaly": {"source": ["tallystick.detect"], "detail-type": ["Anomaly Found"]},
}


@dataclass(frozen=True)
class Core:
    """What was made, for whoever asks it."""

    url: str
    """Of the API's stage."""
    queue: str
    """Where alerts arrive."""
    tokens: dict[str, str]
    vkey: str


class Stack:
    """Makes the core path at this endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str, region: str = HOME) -> Any:
        """A client of the service."""
        return boto3.client(
            service, region_name=region, endpoint_url=self.endpoint,
            aws_access_key_id="test", aws_secret_access_key="test",  # noqa: S106  ministack takes any
        )  # fmt: skip

    def make(
        self, package: Path, ledger: str, key: str, vkey: str, forest: tuple[str, float]
    ) -> Core:
        """Secrets, tables, stream, bus, functions and the API in front of them."""
        tokens = self._secrets(key)
        for region, name in ((OTHER, "tallystick-head-guard"), (HOME, "tallystick-state")):
            self._table(region, name)
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=f"{PREFIX}-entries", ShardCount=1)
        queue = self._alerts()
        settings = {
            "LEDGER": ledger,
            "LEDGER_LOGIN": "address",
            "LEDGER_TLS": "off",
            "GUARD": f"dynamodb://{OTHER}/tallystick-head-guard",
            "STATE": f"dynamodb://{HOME}/tallystick-state",
            "SESSION": "always",
        }
        signing = {"KEYS": "secret:tallystick-keys", "TOKENS": "tallystick-tokens"}
        reading = {"VKEYS": vkey, "STREAM": f"kinesis://{HOME}/{PREFIX}", "LOOP_SECONDS": "2"}
        telling = {"BUS": BUS, "FOREST": forest[0], "FOREST_CUTOFF": f"{forest[1]:.4f}"}
        code = package.read_bytes()
        order = self._function("order", code, settings | signing)
        self._function("relay", code, settings | reading)
        self._function("tend", code, settings | signing | {"LOOP_SECONDS": "50"})
        state = {"STATE": settings["STATE"]}
        consume = self._function("consume", code, telling | state)
        arn = kinesis.describe_stream(StreamName=f"{PREFIX}-entries")["StreamDescription"]
        self.client("lambda").create_event_source_mapping(
            EventSourceArn=arn["StreamARN"], FunctionName=consume, BatchSize=100,
            StartingPosition="TRIM_HORIZON", FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True, MaximumRetryAttempts=3,
        )  # fmt: skip
        return Core(self._api(order), queue, tokens, vkey)

    def invoke(self, name: str) -> Any:
        """What the schedule does: one run of a function; its answer."""
        answer = self.client("lambda").invoke(FunctionName=f"tallystick-{name}", Payload=b"{}")
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(f"{name}: {json.dumps(said)[:2_000]}")
        return said

    def begin(self, name: str) -> None:
        """What the schedule does, without waiting for its end."""
        self.client("lambda").invoke(
            FunctionName=f"tallystick-{name}", InvocationType="Event", Payload=b"{}"
        )

    def alerts(self, queue: str) -> list[Any]:
        """What arrived in the queue, taken out of it: the events behind SNS' envelope."""
        sqs = self.client("sqs")
        found = []
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", ()):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(json.loads(message["Body"])["Message"]))
        return found

    def _secrets(self, key: str) -> dict[str, str]:
        tokens, records = {}, []
        for name, scopes in (("operator", ["operate", "read"]), ("desk", ["trade", "read"])):
            token = tokens[name] = f"tally_{secrets.token_urlsafe(24)}"
            digest = sha256(token.encode()).hexdigest()
            records.append({"sha256": digest, "name": name, "account": "desk", "scopes": scopes})
        keeper = self.client("secretsmanager")
        keeper.create_secret(Name="tallystick-keys", SecretString=key)
        keeper.create_secret(Name="tallystick-tokens", SecretString=json.dumps(records))
        return tokens

    def _table(self, region: str, name: str) -> None:
        self.client("dynamodb", region).create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip

    def _alerts(self) -> str:
        """A bus whose rules tell a topic, which fills a queue; the queue."""
        sns, sqs, bridge = self.client("sns"), self.client("sqs"), self.client("events")
        topic = sns.create_topic(Name="tallystick-alerts")["TopicArn"]
        queue: str = sqs.create_queue(QueueName="tallystick-alerts")["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        arn = asked["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        bridge.create_event_bus(Name=BUS)
        for name, pattern in PATTERNS.items():
            said = json.dumps(pattern)
            bridge.put_rule(Name=name, EventBusName=BUS, EventPattern=said, State="ENABLED")
            bridge.put_targets(
                Rule=name, EventBusName=BUS, Targets=[{"Id": "alerts", "Arn": topic}]
            )
        return queue

    def _function(self, name: str, code: bytes, settings: dict[str, str]) -> str:
        variables = {f"TALLYSTICK_{key}": value for key, value in settings.items()}
        variables["POWERTOOLS_SERVICE_NAME"] = name
        made = self.client("lambda").create_function(
            FunctionName=f"tallystick-{name}", Runtime="python3.11", Role=ROLE,
            Handler=f"tallystick.wiring.aws.{name}.handler", Timeout=60, MemorySize=1769,
            Code={"ZipFile": io.BytesIO(code).read()}, Environment={"Variables": variables},
        )  # fmt: skip
        arn: str = made["FunctionArn"]
        return arn

    def _api(self, function: str) -> str:
        """A REST API that hands everything to the function; the address of its stage."""
        gateway = self.client("apigateway")
        api = gateway.create_rest_api(name="tallystick")["id"]
        (root,) = gateway.get_resources(restApiId=api)["items"]
        proxy = gateway.create_resource(
            restApiId=api, parentId=root["id"], pathPart="{proxy+}"
        )["id"]  # fmt: skip
        uri = f"arn:aws:apigateway:{HOME}:lambda:path/2015-03-31/functions/{function}/invocations"
        gateway.put_method(
            restApiId=api, resourceId=proxy, httpMethod="ANY", authorizationType="NONE"
        )
        gateway.put_integration(
            restApiId=api, resourceId=proxy, httpMethod="ANY", type="AWS_PROXY",
            integrationHttpMethod="POST", uri=uri,
        )  # fmt: skip
        gateway.create_deployment(restApiId=api, stageName="prod")
        return f"{self.endpoint}/restapis/{api}/prod/_user_request_"
