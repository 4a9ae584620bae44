"""Kinesis, Firehose, SNS, SQS and EventBridge with the templates' own properties."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proof import calls

if TYPE_CHECKING:
    from proof.assembly import Assembly, Resource
    from proof.emulators import Clients
    from proof.values import Values


def queue(sqs: Any, values: Values, resource: Resource) -> str:
    """Create the template's queue and make its address and ARN known to whoever refers to it."""
    own = dict(values.of(resource))
    name = str(own.pop("QueueName", resource.logical_id))
    own.pop("Tags", None)
    attributes = {each: calls._text(value) for each, value in own.items()}  # noqa: SLF001  the API's form
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    values.know(resource, url, Arn=arn, QueueName=name)
    return str(url)


def test_stream_is_encrypted_kept_and_ordered(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The stream keeps a week and is encrypted with our key.

    It gives a key's records back in order.
    """
    kinesis = ministack("kinesis")
    own = values.of(full.one("AWS::Kinesis::Stream"))
    calls.call(
        kinesis, "create_stream", own, {"StreamName": "Name"}, StreamName=own.get("Name", "entries")
    )
    name = str(own.get("Name", "entries"))
    encryption = own["StreamEncryption"]
    kinesis.start_stream_encryption(
        StreamName=name, EncryptionType=encryption["EncryptionType"], KeyId=encryption["KeyId"]
    )
    hours = int(own["RetentionPeriodHours"])
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)
    for position in range(5):
        kinesis.put_record(StreamName=name, PartitionKey="ledger", Data=str(position).encode())
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == hours >= 24 * 7
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", encryption["KeyId"])
    read: list[str] = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        place = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]
        read += [each["Data"].decode() for each in records]
    assert read == ["0", "1", "2", "3", "4"]


def test_log_delivery_to_splunk_with_backup(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """Firehose takes the Splunk destination with its backup bucket.

    A log group's subscription feeds it.
    """
    firehose, logs = ministack("firehose"), ministack("logs")
    hose = next(
        each
        for each in full.resources("AWS::KinesisFirehose::DeliveryStream")
        if "SplunkDestinationConfiguration" in each.properties
    )
    own = values.of(hose)
    name = str(own.get("DeliveryStreamName", "splunk"))
    own["SplunkDestinationConfiguration"].setdefault("HECToken", "resolved-from-the-secret")
    arn = calls.call(firehose, "create_delivery_stream", own, DeliveryStreamName=name)[
        "DeliveryStreamARN"
    ]
    values.know(hose, name, Arn=arn)
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)[
        "DeliveryStreamDescription"
    ]
    splunk = described["Destinations"][0]["SplunkDestinationDescription"]
    assert splunk["HECEndpoint"].startswith("https://")
    assert splunk["S3BackupMode"] == own["SplunkDestinationConfiguration"]["S3BackupMode"]
    subscription = values.of(full.one("AWS::Logs::SubscriptionFilter"))
    group = str(subscription["LogGroupName"])
    logs.create_log_group(logGroupName=group)
    calls.call(
        logs, "put_subscription_filter", subscription, filterName="to-delivery", destinationArn=arn
    )
    found = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert [each["destinationArn"] for each in found] == [arn]


def test_alert_reaches_pager_and_queue(ministack: Clients, full: Assembly, values: Values) -> None:
    """An alert published on the topic lies in the queue; the pager's subscription is HTTPS."""
    sns, sqs = ministack("sns"), ministack("sqs")
    pager = next(
        each for each in full.resources("AWS::SNS::Subscription") if each.get("Protocol") == "https"
    )
    topic = next(
        each
        for each in full.resources("AWS::SNS::Topic", stack=pager.stack)
        if pager.get("TopicArn") == {"Ref": each.logical_id}
    )
    own = values.of(topic)
    arn = sns.create_topic(
        Name=own.get("TopicName", "alerts"),
        Attributes={"KmsMasterKeyId": str(own["KmsMasterKeyId"])},
    )["TopicArn"]
    values.know(topic, arn, TopicArn=arn, Arn=arn)
    calls.call(
        sns,
        "subscribe",
        values.of(pager),
        {"Endpoint": "Endpoint"},
        Endpoint="https://127.0.0.1:9/integration",
        ReturnSubscriptionArn=True,
    )
    url = sqs.create_queue(QueueName="reads-the-topic")["QueueUrl"]
    reader = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=reader)
    sns.publish(TopicArn=arn, Subject="ALARM", Message="ledger differs")
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"][0]
    assert json.loads(message["Body"])["Message"] == "ledger differs"
    protocols = {
        each["Protocol"] for each in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    }
    assert "https" in protocols
    assert (
        sns.get_topic_attributes(TopicArn=arn)["Attributes"]["KmsMasterKeyId"]
        == own["KmsMasterKeyId"]
    )


def test_queue_gives_up_into_its_dead_letters(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """A message received as often as the queue allows lies in the dead-letter queue."""
    sqs = ministack("sqs")
    working = next(
        each for each in full.resources("AWS::SQS::Queue") if "RedrivePolicy" in each.properties
    )
    target = working.properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    dead = next(
        each
        for each in full.resources("AWS::SQS::Queue", stack=working.stack)
        if each.logical_id == target
    )
    letters = queue(sqs, values, dead)
    url = queue(sqs, values, working)
    times = int(values.of(working)["RedrivePolicy"]["maxReceiveCount"])
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "0", "DelaySeconds": "0"}
    )
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(times + 1):
        sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert (
        sqs.receive_message(QueueUrl=letters, WaitTimeSeconds=2)["Messages"][0]["Body"] == "poison"
    )
    kept = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["All"])["Attributes"]
    assert int(kept["MessageRetentionPeriod"]) == int(dead.properties["MessageRetentionPeriod"])
    assert kept.get("KmsMasterKeyId") or kept.get("SqsManagedSseEnabled") == "true"


def test_event_rule_lets_through_what_matches(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The bus delivers an event that our rule's pattern matches, and no other."""
    events, sqs = ministack("events"), ministack("sqs")
    bus = full.one("AWS::Events::EventBus", stack="stream")
    name = str(values.of(bus)["Name"])
    values.know(bus, name, Arn=events.create_event_bus(Name=name)["EventBusArn"], Name=name)
    url = sqs.create_queue(QueueName="sees-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    rules = [values.of(each) for each in full.resources("AWS::Events::Rule")]
    patterned = [
        each
        for each in rules
        if name in str(each.get("EventBusName", "")) and "EventPattern" in each
    ]
    assert patterned, "no rule listens to our bus"
    matching: list[dict[str, Any]] = []
    for number, own in enumerate(patterned):
        rule = f"rule-{number}"
        calls.call(events, "put_rule", own, Name=rule, EventBusName=name, Tags=[])
        events.put_targets(Rule=rule, EventBusName=name, Targets=[{"Id": "seen", "Arn": arn}])
        matching.append(example(own["EventPattern"]))
    other = {
        "Source": "somebody.else",
        "DetailType": "Nothing",
        "Detail": "{}",
        "EventBusName": name,
    }
    events.put_events(Entries=[other])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    for event in matching:
        events.put_events(Entries=[{**event, "EventBusName": name}])
        seen = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3)["Messages"]
        assert json.loads(seen[0]["Body"])["detail-type"] == event["DetailType"]
        for each in seen:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        drain(sqs, url)


def test_events_are_archived(moto: Clients, full: Assembly, values: Values) -> None:
    """The bus's archive keeps events as long as the template says."""
    events = moto("events")
    bus = full.one("AWS::Events::EventBus")
    name = str(values.of(bus)["Name"])
    values.know(bus, name, Arn=events.create_event_bus(Name=name)["EventBusArn"], Name=name)
    own = values.of(full.one("AWS::Events::Archive"))
    calls.call(events, "create_archive", own, {"EventSourceArn": "SourceArn"}, ArchiveName="kept")
    assert events.describe_archive(ArchiveName="kept")["RetentionDays"] == own["RetentionDays"]


def drain(sqs: Any, url: str) -> None:
    """Take out what other rules delivered of the same event."""
    while "Messages" in (answer := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)):
        for each in answer["Messages"]:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])


def example(pattern: dict[str, Any]) -> dict[str, Any]:
    """Return an event that the pattern matches: the first alternative of each member."""

    def first(wanted: Any) -> Any:
        if isinstance(wanted, dict):
            return {name: first(each) for name, each in wanted.items() if name != "$or"}
        choice = wanted[0]
        if not isinstance(choice, dict):
            return choice
        kind, operand = next(iter(choice.items()))
        if kind == "numeric":
            return operand[1] + {">": 1, ">=": 0, "=": 0, "<": -1, "<=": 0}[operand[0]]
        if kind == "exists":
            return "there" if operand else None
        return (
            f"{operand}x"
            if kind == "prefix"
            else f"x{operand}"
            if kind == "suffix"
            else "something-else"
        )

    if "$or" in pattern:
        pattern = {**pattern, **pattern["$or"][0]}
    detail = first(pattern.get("detail", {}))
    return {
        "Source": first(pattern.get("source", ["tallystick"])),
        "DetailType": first(pattern.get("detail-type", ["Anything"])),
        "Detail": json.dumps(detail),
    }
