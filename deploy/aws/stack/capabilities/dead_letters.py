"""Where a message goes that nobody could take: kept two weeks, encrypted, with TLS only."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys

KEPT_DAYS = 14


def dead_letters(scope: Construct, id_: str, *, keys: Keys) -> sqs.Queue:
    """A dead-letter queue; `watch` has an alarm on the first message in any of them."""
    queue = sqs.Queue(
        scope,
        id_,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=keys.messages,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(KEPT_DAYS),
        redrive_allow_policy=sqs.RedriveAllowPolicy(
            redrive_permission=sqs.RedrivePermission.ALLOW_ALL
        ),
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
    acknowledge(
        queue,
        "AwsSolutions::AwsSolutions-SQS3",
        "Serverless::Serverless-SQSRedrivePolicy",
        reason="It is itself the end of the line: functions and streams send here what failed.",
    )
    return queue
