"""Who is told: a topic a severity, those who listen to it, and what keeps what did not arrive.

critical wakes somebody (PagerDuty, SMS, mail, chat); warning is read in working hours (PagerDuty,
mail, chat); notice is for the record (mail, chat). Each topic's copy lies in a queue that the
product's own incidents take in; what a listener did not accept lies in another, with an alarm.
"""

from collections.abc import Mapping
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.profile import Profile

Severity = Literal["critical", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "notice")
PAGERDUTY = "https://events.pagerduty.com/integration/{key}/enqueue"
PAGERDUTY_KEY = "{{resolve:secretsmanager:tallystick/pagerduty:SecretString:integration_key}}"
"""Read by CloudFormation during the deployment; it stands in no template."""
PUBLISHERS = (
    "cloudwatch.amazonaws.com",
    "events.amazonaws.com",
    "budgets.amazonaws.com",
    "costalerts.amazonaws.com",
    "backup.amazonaws.com",
    "codestar-notifications.amazonaws.com",
)
"""Services that speak to the topics; `keys` lets them use the key of messages."""
ATTEMPTS_MAX = 5
QUEUE_DAYS = 14
EVENT_RETRIES_MAX = 185
EVENT_SECONDS_MAX = 86_400


class Alerts(Construct):
    """The topics by severity, the queue of all alerts, and the queue of what did not arrive."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        contacts = profile.contacts
        self._contacts = contacts
        self.undelivered = self._queue("Undelivered", key, None)
        acknowledge(
            self.undelivered,
            "Serverless::Serverless-SQSRedrivePolicy",
            reason="This is where others redrive to; an alarm rings when something lies here.",
        )
        self.inbox = self._queue(
            "Inbox",
            key,
            sqs.DeadLetterQueue(max_receive_count=ATTEMPTS_MAX, queue=self.undelivered),
        )
        self.topics: dict[Severity, sns.Topic] = {
            severity: self._topic(severity, key) for severity in SEVERITIES
        }
        self.undelivered.add_to_resource_policy(_rules_may_send(self.undelivered))
        if contacts.chat_workspace:
            self._chat()

    @property
    def critical(self) -> sns.Topic:
        """What wakes somebody."""
        return self.topics["critical"]

    @property
    def warning(self) -> sns.Topic:
        """What is read in working hours."""
        return self.topics["warning"]

    @property
    def notice(self) -> sns.Topic:
        """What is for the record."""
        return self.topics["notice"]

    def tell(
        self,
        scope: Construct,
        id_: str,
        *,
        pattern: Mapping[str, object],
        severity: Severity,
        description: str,
        bus: str | None = None,
        transformer: events.CfnRule.InputTransformerProperty | None = None,
    ) -> events.CfnRule:
        """Send events that match to a topic; without a `bus`, those that AWS services say."""
        return events.CfnRule(
            scope,
            id_,
            description=description,
            event_bus_name=bus,
            event_pattern=pattern,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id=severity,
                    arn=self.topics[severity].topic_arn,
                    input_transformer=transformer,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=self.undelivered.queue_arn
                    ),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_retry_attempts=EVENT_RETRIES_MAX,
                        maximum_event_age_in_seconds=EVENT_SECONDS_MAX,
                    ),
                )
            ],
        )

    def _queue(
        self,
        id_: str,
        key: kms.IKey,
        dead: sqs.DeadLetterQueue | None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            id_,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(QUEUE_DAYS),
            dead_letter_queue=dead,
            redrive_allow_policy=None
            if dead
            else sqs.RedriveAllowPolicy(redrive_permission=sqs.RedrivePermission.ALLOW_ALL),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _topic(self, severity: Severity, key: kms.IKey) -> sns.Topic:
        topic = sns.Topic(
            self,
            severity.title(),
            display_name=f"Tallystick {severity}",
            master_key=key,
            enforce_ssl=True,
            tracing_config=sns.TracingConfig.ACTIVE,
        )
        topic.add_to_resource_policy(_may_publish(topic))
        self._listen(topic, "Inbox", "sqs", self.inbox.queue_arn)
        for queue in (self.inbox, self.undelivered):
            queue.add_to_resource_policy(_may_send(queue, topic))
        if self._contacts.mail:
            self._listen(topic, "Mail", "email-json", self._contacts.mail)
        if self._contacts.pagerduty and severity != "notice":
            self._listen(topic, "PagerDuty", "https", PAGERDUTY.format(key=PAGERDUTY_KEY))
        if severity == "critical":
            for place, number in enumerate(self._contacts.sms):
                self._listen(topic, f"Sms{place}", "sms", number)
        return topic

    def _listen(self, topic: sns.Topic, name: str, protocol: str, endpoint: str) -> None:
        sns.CfnSubscription(
            topic,
            name,
            topic_arn=topic.topic_arn,
            protocol=protocol,
            endpoint=endpoint,
            raw_message_delivery=True if protocol == "sqs" else None,
            redrive_policy={"deadLetterTargetArn": self.undelivered.queue_arn},
        )

    def _chat(self) -> None:
        """A Slack channel; whoever writes there can look, and change nothing."""
        role = iam.Role(
            self,
            "ChatRole",
            assumed_by=iam.ServicePrincipal("chatbot.amazonaws.com"),
            description="What the chat channel may look at",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"],
                resources=[
                    cdk.Stack.of(self).format_arn(
                        service="cloudwatch",
                        resource="alarm",
                        resource_name="*",
                        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                    )
                ],
            )
        )
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::arn:aws:cloudwatch:"
            f"{cdk.Stack.of(self).region}:{cdk.Stack.of(self).account}:alarm:*]",
            reason="Whoever reads alarms in the channel may look at any alarm of the account; "
            "nothing can be changed.",
        )
        guard = cdk.Stack.of(self).format_arn(
            service="iam",
            region="",
            account="aws",
            resource="policy",
            resource_name="CloudWatchReadOnlyAccess",
        )
        chatbot.CfnSlackChannelConfiguration(
            self,
            "Chat",
            configuration_name=f"tallystick-{cdk.Stack.of(self).stack_name.lower()}",
            iam_role_arn=role.role_arn,
            slack_workspace_id=self._contacts.chat_workspace,
            slack_channel_id=self._contacts.chat_channel,
            sns_topic_arns=[topic.topic_arn for topic in self.topics.values()],
            guardrail_policies=[guard],
            logging_level="ERROR",
            user_role_required=True,
        )


def _may_publish(topic: sns.Topic) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="ServicesOfThisAccount",
        principals=[iam.ServicePrincipal(service) for service in PUBLISHERS],
        actions=["sns:Publish"],
        resources=[topic.topic_arn],
        conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(topic).account}},
    )


def _may_send(queue: sqs.Queue, topic: sns.Topic) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("sns.amazonaws.com")],
        actions=["sqs:SendMessage"],
        resources=[queue.queue_arn],
        conditions={"ArnEquals": {"aws:SourceArn": topic.topic_arn}},
    )


def _rules_may_send(queue: sqs.Queue) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("events.amazonaws.com")],
        actions=["sqs:SendMessage"],
        resources=[queue.queue_arn],
        conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(queue).account}},
    )
