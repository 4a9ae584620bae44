"""Log groups: encrypted with our key, kept for a stated time, never deleted with their stack."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct, id_: str, *, days: int, key: kms.IKey, name: str | None = None
) -> logs.LogGroup:
    """A log group that keeps its lines for `days`; CloudWatch knows only some figures."""
    retention: logs.RetentionDays | None = next(
        (each for each, number in RETENTION.items() if number == days), None
    )
    if retention is None:
        raise ValueError(f"CloudWatch Logs cannot keep {days} days; it can {RETENTION.values()}")
    return logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        retention=retention,
        encryption_key=key,
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )


RETENTION = {
    logs.RetentionDays.ONE_WEEK: 7,
    logs.RetentionDays.ONE_MONTH: 30,
    logs.RetentionDays.THREE_MONTHS: 90,
    logs.RetentionDays.ONE_YEAR: 365,
    logs.RetentionDays.THIRTEEN_MONTHS: 400,
    logs.RetentionDays.TWO_YEARS: 731,
    logs.RetentionDays.FIVE_YEARS: 1827,
    logs.RetentionDays.SEVEN_YEARS: 2557,
    logs.RetentionDays.TEN_YEARS: 3653,
}
