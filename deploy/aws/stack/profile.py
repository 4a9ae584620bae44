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
LOCKS = ("compliance", "governance")
GLOBAL_INSTANCE = "r7g.large"
"""The smallest usual instance of a ledger that is copied into another region."""
SHIPPED = ("small", "standard", "full")
"""The profiles that come with the product; a deployment has a copy with names of its own."""


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
    lock: str
    """How archive, audit trail, evidence and backups are locked. `compliance`: nobody shortens it,
    not even the account's root, and nobody can take them down before. `governance`: the roles of
    Tallystick cannot, an administrator can: for trying out, and as long as no rule asks for more.
    """
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

    budget_usd: int
    """What a month may cost; 0 for what the cost model says of `based_on`."""
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
    based_on: str
    """The shipped profile that it was copied from: its load is expected, and its budget taken
    until the copy has a figure of its own."""
    domain: str
    hosted_zone_id: str
    staging_hosted_zone_id: str
    """The zone of `staging.DOMAIN`, in staging's own account."""
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

    def of_stage(self, stage: str) -> "Profile":
        """What the stage deploys: production as it is said, staging under a name of its own."""
        if stage != "staging":
            return self
        return dataclasses.replace(
            self, domain=f"staging.{self.domain}", hosted_zone_id=self.staging_hosted_zone_id
        )

    def with_images(self, order: str, detector: str) -> "Profile":
        """The same, running these images: a tag, or `sha256:` and a digest; "" changes nothing."""
        service = dataclasses.replace(self.service, image_tag=order or self.service.image_tag)
        stream = dataclasses.replace(
            self.stream, detector_image_tag=detector or self.stream.detector_image_tag
        )
        return dataclasses.replace(self, service=service, stream=stream)

    def with_switch(self, name: str, *, on: bool) -> "Profile":
        """The same with one switch the other way, and with what that one asks for."""
        switches = dataclasses.replace(self.switches, **{name: on})
        ledger = self.ledger
        if switches.recovery:
            instance, there = (
                GLOBAL_INSTANCE if _burstable(each) else each
                for each in (ledger.instance, ledger.recovery_instance)
            )
            ledger = dataclasses.replace(ledger, instance=instance, recovery_instance=there)
        return dataclasses.replace(self, switches=switches, ledger=ledger)

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
    profile = typing.cast("Profile", _read(Profile, _parsed(path), name))
    if profile.name != name:
        raise ProfileError(f"{name}.name: {profile.name!r} is not the file's name")
    _check(profile)
    return profile


def _parsed(path: Path) -> dict[str, object]:
    """The file's tables; ProfileError where it is no TOML, with the line."""
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path.name}: {error}") from error


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


def _burstable(instance: str) -> bool:
    """Whether the instance is of class t, which saves up processor time."""
    return instance.removeprefix("db.").startswith("t")


def _check(profile: Profile) -> None:
    """Refuse what would deploy and then not hold."""
    if profile.based_on not in SHIPPED:
        raise ProfileError(f"based_on: one of {', '.join(SHIPPED)}, not {profile.based_on!r}")
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
    _check_ledger(profile)
    if profile.network.zones < 2:
        raise ProfileError("network.zones: one zone is not highly available")
    unknown = set(profile.service.runtimes) - set(RUNTIMES)
    if unknown or not profile.service.runtimes:
        raise ProfileError(f"service.runtimes: one or both of {', '.join(RUNTIMES)}")


def _check_ledger(profile: Profile) -> None:
    """Refuse instances that cannot have a copy elsewhere, and a lock that there is not."""
    ledger = profile.ledger
    instances = (ledger.instance, ledger.recovery_instance)
    if profile.switches.recovery and any(map(_burstable, instances)):
        raise ProfileError(
            "ledger: with switches.recovery Aurora copies the ledger into another region, which it "
            f"does not on instances of class t: say {GLOBAL_INSTANCE} or larger for instance and "
            "recovery_instance"
        )
    if profile.retention.lock not in LOCKS:
        raise ProfileError(
            f"retention.lock: one of {', '.join(LOCKS)}, not {profile.retention.lock!r}"
        )
