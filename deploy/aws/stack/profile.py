"""What a deployment is: one frozen value, read whole from `profiles/NAME.toml`, checked at once.

Nothing in the stacks has a default: each figure stands in the profile, so that two profiles can
be compared line by line, and what a switch adds can be read and priced.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path

PROFILES = Path(__file__).resolve().parent.parent / "profiles"
RUNTIMES = ("lambda", "fargate")


class ProfileError(ValueError):
    """A profile cannot be used: the sentence says where and why."""


@dataclasses.dataclass(frozen=True)
class Regions:
    """Where things run. Data stays in `primary` and `recovery`."""

    primary: str
    recovery: str
    edge: str
    """CloudFront's firewall and certificate; AWS demands us-east-1. It holds no data."""

    def other(self, region: str) -> str:
        """Where the signed head of `region` is remembered: in the other of the two."""
        return self.primary if region == self.recovery else self.recovery


@dataclasses.dataclass(frozen=True)
class Accounts:
    """One account a stage, so that staging can never reach production; no two are the same."""

    delivery: str
    staging: str
    production: str


@dataclasses.dataclass(frozen=True)
class Tags:
    """The words that every resource wears."""

    owner: str
    data_class: str
    cost_centre: str


@dataclasses.dataclass(frozen=True)
class Switches:
    """What is deployed at all. The order function, its ledger and its stream always are."""

    recovery: bool
    """The second region, warm."""
    network_firewall: bool
    fraud_rules: bool
    """The web firewall's rules against bots, stolen accounts and false ones; they cost extra."""
    splunk: bool
    sagemaker: bool
    """An endpoint with our container; without it the consumer scores by itself."""
    redshift: bool
    elasticache: bool
    batch_fleet: bool
    page: bool
    """The page behind CloudFront, with the edge stack."""
    delivery: bool
    config: bool
    security_hub: bool
    guardduty: bool
    macie: bool
    audit_manager: bool
    """Closed to new customers since 2026-04-30: only for accounts that already have it."""
    backup: bool
    anomaly_monitor: bool
    savings_plans: bool
    compute_optimizer: bool
    well_architected: bool


@dataclasses.dataclass(frozen=True)
class Network:
    """The private network of each region."""

    cidr: str
    recovery_cidr: str
    zones: int
    nat_gateways: int
    endpoints: tuple[str, ...]
    """Interface endpoints by service name; each costs money in every zone."""
    egress_domains: tuple[str, ...]
    """Names that workloads may reach outside AWS; the network firewall holds them to it."""
    flow_log_days: int


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Aurora PostgreSQL."""

    version: str
    instance: str
    readers: int
    recovery_instance: str
    backup_days: int
    insights_days: int
    proxy: bool


@dataclasses.dataclass(frozen=True)
class Service:
    """The door: functions or containers behind one API."""

    runtimes: tuple[str, ...]
    """What is deployed; the first answers, another stands ready behind the same network."""
    order_memory_mb: int
    order_provisioned: int
    """Functions kept warm; 0 for none."""
    order_reserved: int
    """The most that may run at once; 0 for the account's own limit."""
    tasks: int
    tasks_max: int
    task_cpu: int
    task_memory_mb: int
    requests_per_second: int
    burst: int
    image: str
    """Repository of the container, in the account's own registry."""
    image_tag: str
    architecture: str


@dataclasses.dataclass(frozen=True)
class Stream:
    """Kinesis, and what reads it."""

    shards: int
    """0 for on demand."""
    retention_hours: int
    batch: int
    splunk_endpoint: str
    detector_image: str
    detector_image_tag: str
    detector_model: str
    """Key of the model's archive in the archive bucket."""
    detector_instance: str
    detector_instances: int
    detector_cutoff: float


@dataclasses.dataclass(frozen=True)
class Cache:
    """Valkey."""

    node: str
    replicas: int


@dataclasses.dataclass(frozen=True)
class Batch:
    """The fleet that backtests and reports, mostly on Spot."""

    instances: tuple[str, ...]
    on_demand_base: int
    on_demand_percent: int
    fleet_max: int


@dataclasses.dataclass(frozen=True)
class Analytics:
    """Redshift Serverless."""

    base_rpu: int
    max_rpu: int


@dataclasses.dataclass(frozen=True)
class Retention:
    """How long what is kept is kept."""

    log_days: int
    audit_days: int
    archive_years: int
    """Object Lock in compliance mode: nobody shortens it, not even the account's root."""
    archive_cold_days: int
    archive_deep_days: int
    backup_days: int
    backup_lock_days: int
    point_in_time_days: int


@dataclasses.dataclass(frozen=True)
class Contacts:
    """Who is told, and where. Addresses are examples until a deployment says its own."""

    mail: str
    sms: tuple[str, ...]
    chat_workspace: str
    chat_channel: str
    pagerduty: bool
    """The integration key lies in the secret `tallystick/pagerduty` as `integration_key`."""
    runbooks: str
    """Where the folder `runbooks` can be read: every alarm leads there."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """Thresholds that alarms and rules take."""

    large_trade: int
    """In units of the base currency."""
    latency_ms_p99: int
    errors_percent: float
    rto_minutes: int
    rpo_seconds: int
    requests_per_minute: int
    """The most that one address may ask of the web firewall."""
    refused_countries: tuple[str, ...]
    """Countries under embargo, by ISO 3166 code."""


@dataclasses.dataclass(frozen=True)
class Delivery:
    """Where the source comes from and how careful a release is."""

    connection_id: str
    """Last part of the code connection's ARN."""
    repository: str
    branch: str
    canary_percent: int
    canary_minutes: int


@dataclasses.dataclass(frozen=True)
class Profile:
    """Everything that one deployment decides."""

    name: str
    domain: str
    hosted_zone_id: str
    regions: Regions
    zones: Mapping[str, tuple[str, ...]]
    """Availability zones by region: nothing is looked up."""
    accounts: Accounts
    tags: Tags
    switches: Switches
    network: Network
    ledger: Ledger
    service: Service
    stream: Stream
    cache: Cache
    batch: Batch
    analytics: Analytics
    retention: Retention
    contacts: Contacts
    limits: Limits
    delivery: Delivery

    @property
    def api_domain(self) -> str:
        """Where orders are sent."""
        return f"api.{self.domain}"

    def account(self, stage: str) -> str:
        """The account of `stage`; ProfileError for a stage that there is not."""
        found: str | None = dataclasses.asdict(self.accounts).get(stage)
        if found is None:
            raise ProfileError(f"there is no stage {stage!r}")
        return found

    def zones_of(self, region: str) -> list[str]:
        """The zones of `region` that the network spans."""
        return list(self.zones[region][: self.network.zones])


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load(name: str) -> Profile:
    """Read `profiles/NAME.toml`; ProfileError if it is missing, incomplete or wrong."""
    path = PROFILES / f"{name}.toml"
    if not path.is_file():
        raise ProfileError(f"there is no profile {name!r}; there are: {', '.join(names())}")
    profile = typing.cast("Profile", _read(Profile, tomllib.loads(path.read_text()), name))
    _check(profile)
    return profile


def _read(kind: type, value: object, where: str) -> object:
    """Parse `value` as `kind`: sections, lists, texts, figures; nothing else, nothing missing."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ProfileError(f"{where}: a section is expected")
        hints = typing.get_type_hints(kind)
        for key in sorted(hints.keys() ^ value.keys()):
            raise ProfileError(f"{where}.{key}: {'missing' if key in hints else 'unknown'}")
        return kind(**{key: _read(hints[key], value[key], f"{where}.{key}") for key in hints})
    if origin is tuple:
        if not isinstance(value, list):
            raise ProfileError(f"{where}: a list is expected")
        item = typing.get_args(kind)[0]
        return tuple(_read(item, each, where) for each in value)
    if origin is not None:
        if not isinstance(value, dict):
            raise ProfileError(f"{where}: a section is expected")
        item = typing.get_args(kind)[1]
        read = {key: _read(item, each, f"{where}.{key}") for key, each in value.items()}
        return types.MappingProxyType(read)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ProfileError(f"{where}: expected {kind.__name__}, not {value!r}")
    return value


def _check(profile: Profile) -> None:
    """Refuse what would deploy and then not hold."""
    accounts = dataclasses.astuple(profile.accounts)
    if len(set(accounts)) != len(accounts):
        raise ProfileError("accounts: staging, production and delivery are separate accounts")
    if profile.regions.primary == profile.regions.recovery:
        raise ProfileError("regions: the recovery region is another region")
    for region in (profile.regions.primary, profile.regions.recovery):
        if not region.startswith("eu-"):
            raise ProfileError(f"regions: {region} is outside the European Union's regions")
        if len(profile.zones.get(region, ())) < profile.network.zones:
            raise ProfileError(f"zones: {region} names fewer than {profile.network.zones}")
    if profile.network.zones < 2:
        raise ProfileError("network.zones: one zone is not highly available")
    unknown = set(profile.service.runtimes) - set(RUNTIMES)
    if unknown or not profile.service.runtimes:
        raise ProfileError(f"service.runtimes: one or both of {', '.join(RUNTIMES)}")
