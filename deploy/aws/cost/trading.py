"""What the order's way costs: the door, what runs behind it, and where its data lies."""

from __future__ import annotations

import re
from typing import cast

from cost.bill import Bill, Lines, Properties, items, members, number
from cost.lines import HOURS, CostError, Line
from proof.assembly import Resource


def api(bill: Bill) -> Lines:
    """Requests at the door, and what leaves with their answers."""
    yield bill.load("apigateway.request", bill.usage.requests)
    yield bill.load(
        "transfer.internet",
        bill.usage.requests / 1e6 * bill.usage["egress_gb_per_million_requests"],
    )


def web_acl(bill: Bill) -> Lines:
    """A web ACL, its rules, and each request it looks at; rules against fraud cost extra."""
    rules = items(bill.own.get("Rules"))
    yield bill.fixed("waf.acl")
    yield bill.fixed("waf.rule", len(rules))
    paid = [each for each in rules if re.search(r"ATPRuleSet|ACFPRuleSet|BotControl", str(each))]
    if paid:
        yield bill.fixed("waf.fraud", len(paid))
    requests = (
        bill.usage["page_views"] if bill.own.get("Scope") == "CLOUDFRONT" else bill.usage.requests
    )
    yield bill.load("waf.request", requests)


def distribution(bill: Bill) -> Lines:
    """Requests for the page and what they fetch."""
    yield bill.load("cloudfront.request", bill.usage["page_views"] * 8)
    yield bill.load("cloudfront.transfer", bill.usage["page_gb"])


def user_pool(bill: Bill) -> Lines:
    """People who sign in."""
    tier = "plus" if bill.own.get("UserPoolTier") == "PLUS" else "essentials"
    yield bill.fixed(f"cognito.{tier}", 0 if bill.standing_by else bill.usage["users"])


def zone(bill: Bill) -> Lines:
    """A hosted zone."""
    yield bill.fixed("route53.zone")


def health_check(bill: Bill) -> Lines:
    """A health check over HTTPS, at the fast interval."""
    yield bill.fixed("route53.health-check")


def record(bill: Bill) -> Lines:
    """Questions for a name that is no alias."""
    if "AliasTarget" not in bill.own:
        yield bill.load("route53.query", bill.usage.requests / 50)


def function(bill: Bill) -> Lines:
    """Requests and gigabyte-seconds, by what the usage says of the handler; traces."""
    name = f"{bill.own.get('Handler', '')} {bill.resource.path}"
    found = next((each for each in bill.usage.functions if re.search(each.match, name)), None)
    if found is None:
        raise CostError(f"usage/common.yaml has no function that fits {name}")
    gb = number(bill.own.get("MemorySize"), 128) / 1024
    key = "lambda.arm" if "arm64" in items(bill.own.get("Architectures")) else "lambda.x86"
    by_load = found.per_trade * bill.usage.trades + found.per_request * bill.usage.requests
    if by_load:
        yield bill.load("lambda.request", by_load)
        yield bill.load(key, by_load * found.milliseconds / 1000 * gb)
        yield bill.load("xray.trace", by_load * bill.usage["trace_share"])
    if found.per_month and not bill.standing_by:
        yield bill.fixed("lambda.request", found.per_month)
        yield bill.fixed(key, found.per_month * found.milliseconds / 1000 * gb)
    if not bill.standing_by:
        yield bill.fixed("secret.request", bill.usage["secrets_per_function_hour"] * HOURS)


def alias(bill: Bill) -> Lines:
    """Functions kept warm.

    Their memory stands with the function, so the model takes an order function's.
    """
    warm = members(bill.own.get("ProvisionedConcurrencyConfig")).get(
        "ProvisionedConcurrentExecutions"
    )
    yield bill.fixed("lambda.provisioned", number(warm, 0) * 1769 / 1024 * HOURS * 3600)


def service(bill: Bill) -> Lines:
    """Tasks of a Fargate service.

    Their size stands with the task, so it is read from there by the model.
    """
    count = number(bill.own.get("DesiredCount"), 1)
    cpu, gb = (
        number(bill.own.get("TaskCpu"), 1024) / 1024,
        number(bill.own.get("TaskMemory"), 2048) / 1024,
    )
    chip = "arm" if bill.own.get("TaskChip") == "ARM64" else "x86"
    high = max(count, bill.usage["task_high"])
    yield bill.fixed(f"fargate.{chip}.vcpu", count * cpu * HOURS, high=high * cpu * HOURS)
    yield bill.fixed(f"fargate.{chip}.gb", count * gb * HOURS, high=high * gb * HOURS)


def balancer(bill: Bill) -> Lines:
    """A load balancer's hours and capacity units."""
    kind = "network" if bill.own.get("Type") == "network" else "application"
    yield bill.fixed(f"balancer.{kind}", HOURS)
    yield bill.load("balancer.capacity-unit", bill.usage["balancer_units"] * HOURS)


def fleet(bill: Bill) -> Lines:
    """Machine hours of the batch fleet, most of them on Spot.

    Priced by the first type of the mix.
    """
    policy = members(bill.own.get("MixedInstancesPolicy"))
    overrides = items(members(policy.get("LaunchTemplate")).get("Overrides"))
    kind = str(members(overrides[0]).get("InstanceType")) if overrides else "m7g.xlarge"
    share = bill.usage["batch_spot_share"]
    hours = bill.usage["batch_hours"] * ((1 - share) + share * bill.usage["batch_spot_price"])
    yield bill.load(f"ec2.{kind}", 0 if bill.standing_by else hours)
    yield bill.load(
        "ec2.volume", bill.usage["machine_volume_gb"] * bill.usage["batch_hours"] / HOURS
    )


def endpoint_config(bill: Bill) -> Lines:
    """Instances of the detector's endpoint."""
    for each in items(bill.own.get("ProductionVariants")):
        variant = members(each)
        count = number(variant.get("InitialInstanceCount"), 1)
        high = max(count, bill.usage["endpoint_high"]) * HOURS
        yield bill.fixed(f"sagemaker.{variant['InstanceType']}", count * HOURS, high=high)


def database(bill: Bill) -> Lines:
    """Hours of an Aurora instance, and its insights."""
    yield bill.fixed(f"aurora.{bill.own['DBInstanceClass']}", HOURS)


def cluster(bill: Bill) -> Lines:
    """Storage, requests to storage, and backups beyond the free day."""
    stored = bill.usage.entry_gb * bill.usage["months_kept"] * 1.6
    yield bill.fixed("aurora.storage", 1 + stored, low=1 + stored * 0.5, high=1 + stored * 2)
    yield bill.fixed("aurora.backup", stored, low=stored * 0.5, high=stored * 2)
    key = "aurora.replicated-io" if bill.standing_by else "aurora.io"
    quantity = bill.usage.trades * bill.usage["ledger_io_per_trade"]
    where = bill.resource
    yield Line(key, quantity, where.path, where.type, where.region, follows_load=True)
    if bill.own.get("DatabaseInsightsMode") == "advanced":
        yield bill.fixed("aurora.insights", bill.usage["database_vcpu"] * HOURS)


def proxy(bill: Bill) -> Lines:
    """The pool before the database, by the processors of every instance behind it."""
    behind = bill.beside.get("AWS::RDS::DBInstance", 1)
    yield bill.fixed("rds-proxy", behind * bill.usage["database_vcpu"] * HOURS)


def table(bill: Bill) -> Lines:
    """Requests and storage of a table and of each of its replicas."""
    guard = "guard" in str(bill.own.get("TableName", bill.resource.path)).casefold()
    writes = (
        bill.usage["guard_writes_per_trade" if guard else "state_writes_per_trade"]
        * bill.usage.trades
    )
    replicas = max(1, len(items(bill.own.get("Replicas"))))
    where = bill.resource
    yield Line(
        "dynamodb.write", writes * replicas, where.path, where.type, where.region, follows_load=True
    )
    reads = bill.usage["state_reads_per_trade"] * bill.usage.trades
    yield Line("dynamodb.read", reads, where.path, where.type, where.region, follows_load=True)
    yield bill.fixed("dynamodb.storage", bill.usage["state_gb"] * replicas)
    yield bill.fixed("dynamodb.backup", bill.usage["state_gb"] * replicas)


def cache(bill: Bill) -> Lines:
    """Hours of the cache's nodes."""
    groups = number(bill.own.get("NumNodeGroups"), 1)
    nodes = groups * (1 + number(bill.own.get("ReplicasPerNodeGroup"), 0))
    nodes = number(bill.own.get("NumCacheClusters"), nodes)
    yield bill.fixed(str(bill.own["CacheNodeType"]), nodes * HOURS)


def workgroup(bill: Bill) -> Lines:
    """Hours in which somebody asks the warehouse, and what it holds."""
    capacity = number(bill.own.get("BaseCapacity"), 8)
    yield bill.load("redshift.rpu", capacity * bill.usage["warehouse_hours"])
    yield bill.fixed("redshift.storage", bill.usage["warehouse_gb"])


def bucket(bill: Bill) -> Lines:
    """What a bucket holds after a year, by class of storage, and what is put into it."""
    path = f"{bill.resource.path} {bill.own.get('BucketName', '')}".casefold()
    rows = bill.usage.buckets
    row = rows[next((each for each in rows if each != "default" and each in path), "default")]
    gb = (
        row.get("gb", 0.0)
        + (
            row.get("entries_share", 0) * bill.usage.entry_gb
            + row.get("logs_share", 0) * bill.usage.log_gb
        )
        * bill.usage["months_kept"]
    )
    rules = [
        members(each)
        for each in items(members(bill.own.get("LifecycleConfiguration")).get("Rules"))
    ]
    classes = {
        str(members(step).get("StorageClass"))
        for rule in rules
        for step in items(rule.get("Transitions"))
    }
    cold = 0.75 if {"GLACIER", "GLACIER_IR", "DEEP_ARCHIVE"} & classes else 0.0
    yield bill.fixed(
        "s3.standard", gb * (1 - cold), low=gb * (1 - cold) * 0.5, high=gb * (1 - cold) * 2
    )
    if cold:
        yield bill.fixed("s3.glacier", gb * cold, low=gb * cold * 0.5, high=gb * cold * 2)
    objects = row["objects_per_million_trades"] * bill.usage.trades / 1e6
    yield bill.load("s3.put", objects)
    yield bill.load("s3.get", objects * 3)
    if "INTELLIGENT_TIERING" in classes:
        yield bill.load("s3.tiering-object", objects * bill.usage["months_kept"])
    if "ReplicationConfiguration" in bill.own:
        yield bill.load("transfer.region", gb / bill.usage["months_kept"])


def shape_of_tasks(tasks: list[tuple[Resource, Properties]], own: Properties) -> Properties:
    """Return a service's properties with the size of its task, which stands in another resource."""
    wanted = str(own.get("TaskDefinition"))
    for resource, task in tasks:
        if resource.logical_id in wanted:
            chip = members(task.get("RuntimePlatform")).get("CpuArchitecture", "X86_64")
            size = cast(
                "Properties",
                {"TaskCpu": task.get("Cpu"), "TaskMemory": task.get("Memory"), "TaskChip": chip},
            )
            return {**own, **size}
    return own
