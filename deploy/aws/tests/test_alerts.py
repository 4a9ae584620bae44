"""Alerts: who is told of what severity, sealed, and nothing is lost."""

from typing import Any

from proof.assembly import Assembly, Resource
from proof.values import Values

STACKS = {"watch", "recovery"}


def _of(full: Assembly, kind: str) -> list[Resource]:
    return [each for each in full.resources(kind) if each.stack in STACKS and "Alerts" in each.path]


def test_three_topics_in_each_region_under_our_key(full: Assembly, values: Values) -> None:
    """If the primary region is away, people are still told by the other."""
    topics = _of(full, "AWS::SNS::Topic")
    assert len(topics) == 6
    assert {each.region for each in topics} == {"eu-west-1", "eu-central-1"}
    assert all(values.of(each)["KmsMasterKeyId"] for each in topics)


def test_who_listens_to_what(full: Assembly, values: Values) -> None:
    """Critical wakes by pager and SMS; warnings page; notices are mailed; all go into the inbox."""
    listens: dict[str, set[str]] = {}
    for each in _of(full, "AWS::SNS::Subscription"):
        if each.stack == "watch":
            said: Any = values.of(each)
            severity = next(s for s in ("Critical", "Warning", "Notice") if s in said["TopicArn"])
            listens.setdefault(severity, set()).add(said["Protocol"])
            assert "deadLetterTargetArn" in said["RedrivePolicy"]
    assert listens == {
        "Critical": {"sqs", "email-json", "https", "sms"},
        "Warning": {"sqs", "email-json", "https"},
        "Notice": {"sqs", "email-json"},
    }


def test_pagerdutys_key_is_in_no_template(full: Assembly, values: Values) -> None:
    """It is read from Secrets Manager during the deployment."""
    pages: list[Any] = [
        values.of(each)
        for each in _of(full, "AWS::SNS::Subscription")
        if values.of(each)["Protocol"] == "https"
    ]
    assert pages
    for each in pages:
        assert each["Endpoint"] == (
            "https://events.pagerduty.com/integration/"
            "{{resolve:secretsmanager:tallystick/pagerduty:SecretString:integration_key}}/enqueue"
        )


def test_topics_take_nothing_in_clear_or_from_strangers(full: Assembly, values: Values) -> None:
    """TLS only; services only for this account."""
    for each in _of(full, "AWS::SNS::TopicPolicy"):
        document: Any = values.of(each)["PolicyDocument"]
        allowed = [one for one in document["Statement"] if one["Effect"] == "Allow"]
        denied = [one for one in document["Statement"] if one["Effect"] == "Deny"]
        assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert all(
            one["Condition"]["StringEquals"]["aws:SourceAccount"] == "333333333333"
            for one in allowed
        )


def test_queues_are_sealed_and_redrive(full: Assembly, values: Values) -> None:
    """The inbox gives up after five attempts into the queue of the undelivered."""
    queues = {
        each.logical_id: values.of(each)
        for each in _of(full, "AWS::SQS::Queue")
        if each.stack == "watch"
    }
    assert len(queues) == 2
    assert all(each["KmsMasterKeyId"] for each in queues.values())
    (inbox,) = [each for each in queues.values() if "RedrivePolicy" in each]
    assert inbox["RedrivePolicy"]["maxReceiveCount"] == 5  # type: ignore[index,call-overload]


def test_chat_can_look_and_change_nothing(full: Assembly, values: Values) -> None:
    """The channel's role reads alarms; its guard rail is read-only."""
    chats = _of(full, "AWS::Chatbot::SlackChannelConfiguration")
    assert len(chats) == 2
    for each in chats:
        chat: Any = values.of(each)
        assert chat["GuardrailPolicies"] == ["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"]
        assert chat["UserRoleRequired"] is True
        assert len(chat["SnsTopicArns"]) == 3
