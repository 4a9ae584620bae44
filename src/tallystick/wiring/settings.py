"""The settings: read once from the environment, all errors at start.

Every field is set by `TALLYSTICK_<FIELD>`; docs/reference/settings.md is made from this class.
"""

import ipaddress
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from tallystick.errors import Misconfigured

PREFIX = "TALLYSTICK_"
_POSTGRES = ("postgresql://", "postgres://")
WITNESS_SECONDS_MAX = 60
OF_OTHERS = ("TALLYSTICK_TOKEN", "TALLYSTICK_TEST_")
"""Variables that clients and tests read, not the server."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may choose; each field says its unit, its default and why."""

    host: str = "127.0.0.1"
    """Address to listen on. Loopback by default: put a TLS-terminating proxy in front of it."""
    port: int = 8080
    """TCP port; 0 takes a free one."""
    data: str = ".tallystick"
    """Folder of everything that is kept: ledger, keys, logs, alerts."""
    ledger: str = "sqlite"
    """Where the ledger is kept: `sqlite`, a file in the data folder, or the address of a
    PostgreSQL database (`postgresql://user:password@host/database`)."""
    guard: str | None = None
    """Folder of the signed-head guard, which keeps a restored or copied database from being
    signed; best on another disk than the data. By default the data folder's name with `.guard`
    behind it, beside the data folder."""
    ledger_read: Literal["auto", "public", "token"] = "auto"
    """Who may read ledger entries and their bundles: `public`, or holders of a `token` with the
    scope `audit` or `operate`; `auto` is public on a loopback address and token elsewhere."""
    ledger_tiles_read: Literal["public", "token"] = "public"
    """Who may read the published checkpoint and the hash tiles: `public`, or holders of any
    `token`. They show nothing but hashes and how much is traded."""
    ledger_add: bool = False
    """Whether `POST /ledger/add` appends raw bytes, for load tests; it wants the scope
    `operate`."""
    retention: str | None = None
    """File of the retention policy: duties to keep records, which forbid an erasure until they end;
    none by default. See docs/guides/erasure.md."""
    witness_policy: str | None = None
    """File of the witnesses that are asked to cosign each checkpoint (C2SP tlog-policy); none by
    default. See docs/guides/witnesses.md."""
    witness_seconds: float = 0.4
    """Longest wait for witnesses, in seconds; the checkpoint is then published with those
    cosignatures that came."""
    ticks: str | None = None
    """Folder of recorded ticks to replay as prices, in QuantConnect LEAN's layout; without it
    prices are synthetic, anchored to ECB reference rates."""
    ticks_speed: float = 1.0
    """Recorded seconds of ticks replayed in one second."""
    seed: int | None = None
    """Seed of the synthetic prices; by default every start is different."""
    market: Literal["calm", "venue"] = "calm"
    """What the synthetic prices are like: `calm` moves all pairs twice a second, `venue` is fitted
    to a real venue's ticks, with bursts, jumps and quiet hours."""
    providers: str | None = None
    """File (TOML) of liquidity providers whose prices are taken instead; the best of them where
    several quote a pair. See docs/guides/prices.md."""
    session: Literal["auto", "market", "always"] = "auto"
    """When orders are taken: in the FX week (`market`: Sunday to Friday, 17:00 New York) or
    `always`; `auto` keeps the market's hours for prices of liquidity providers only."""
    calendars: str | None = None
    """Folder of dated holiday overrides (`CUR.toml`), above those that are shipped; none by
    default. See docs/guides/value-dates.md."""
    approvers: str | None = None
    """File of the public keys of those who may sign a temporary override of a limit; without it
    there are no overrides. See docs/guides/risk.md."""
    financing: str | None = None
    """File (TOML) of the yearly interest rates by which positions are rolled overnight and forwards
    are priced; by default indicative ones. See docs/guides/accounts.md."""
    stream: str = "embedded"
    """Where entries are said to others: `embedded`, a file in the data folder;
    `kafka://host:9092/prefix` (extra `kafka`) or `kinesis://region/prefix` (extra `aws`). See
    docs/guides/stream.md."""
    rules: str | None = None
    """Folder of event rules (TOML or JSON) beside those that are shipped; none by default. See
    docs/guides/event-rules.md."""
    public_url: str | None = None
    """Address under which others reach this server, such as https://fx.example; told to workflows
    that answer later, and where the links in alerts lead."""
    logs: str | None = None
    """Where log lines are kept: a folder, by default in the data folder; or `s3://bucket/prefix`
    (extra `aws`, `?endpoint=...&region=...`) for what is sealed: new lines are local till then."""
    log_retention: str | None = None
    """Days after which log lines of an index are removed, such as `debug=7 web=90`; an index that
    is not named is kept. A lock or a legal hold outlasts it."""
    lookups: str | None = None
    """Folder of CSV files (header line, UTF-8) that `lookup NAME` joins to log lines; none by
    default. See docs/guides/log-queries.md."""
    hec_strict: bool = False
    """Whether a bad event drops all behind it in its request, as Splunk does it; by default the
    good ones are kept."""
    hec_ack: Literal["auto", "required", "off"] = "auto"
    """Acknowledgment ids of the collector: for requests that name a channel (`auto`), for all,
    which then have to name one (`required`), or never (`off`)."""
    hec_health_token: bool = False
    """Whether the collector's health is told only to those with a valid token, as Splunk's
    manual says it and Splunk does not."""
    ingest_repeats: Literal["drop", "keep"] = "drop"
    """Whether a request of log lines that is sent again is stored once. See
    docs/guides/log-ingest.md."""
    redaction: str | None = None
    """File (TOML) of what is taken out of log lines; by default cards, IBANs, e-mail addresses,
    tokens and keys. See docs/guides/redaction.md."""
    archive: str | None = None
    """Where old log lines and the published ledger go: a folder, or `s3://bucket/prefix` with
    Object Lock (extra `aws`); none by default. See docs/guides/archive.md."""
    archive_after_days: str = "30"
    """Days after which log lines are archived; others for some indexes, such as
    `30 audit=365 debug=7`."""
    archive_mode: Literal["governance", "compliance"] = "governance"
    """How the archive is locked: `governance` can be lifted by those who may, each time with an
    entry in the ledger; `compliance` by nobody."""
    archive_years: float = 7
    """For how many years it is locked."""
    webhook_url: str | None = None
    """Where alerts are posted as signed JSON, beside the terminal; none by default."""
    webhook_secret: str | None = None
    """Key of the webhook's HMAC-SHA256 signature; needed with `webhook_url`."""
    alerting: str | None = None
    """File (TOML) that says who is told of what: targets, people, on-call schedules, routes and
    escalation. Without it every alert goes to the terminal and the webhook. See
    docs/guides/alerting.md."""
    alarms: str | None = None
    """Folder of alarms (TOML) beside those that are shipped; none by default. See
    docs/guides/alarms.md."""
    pagerduty_webhook_secrets: str | None = None
    """Signing secrets of PagerDuty's webhooks (v3), with spaces between several: who acknowledges
    or resolves there does so here. None by default: such webhooks are refused."""
    certificates: str | None = None
    """PEM files of certificates to watch, with spaces between; an alarm says when one runs out."""
    backup_mark: str | None = None
    """File that every backup touches when it is done; an alarm says when the last is old."""
    alerts_terminal: bool = True
    """Whether alerts are also written to standard error."""
    traces: str | None = None
    """Address of an OTLP/HTTP receiver of traces, such as http://127.0.0.1:4318/v1/traces; needs
    the extra `otel`. None by default. See docs/guides/telemetry.md."""
    traces_ratio: float = 0.01
    """Share of requests that are traced without their caller asking for it, 0 to 1."""
    forward: str | None = None
    """File (TOML) of destinations that every log line is also sent to: Splunk, OTLP, CloudWatch,
    syslog; none by default. See docs/guides/telemetry.md."""
    detection: Literal["on", "off"] = "on"
    """Whether a process beside the server looks for anomalies; see docs/guides/anomalies.md."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data).expanduser().absolute()

    @property
    def guard_folder(self) -> Path:
        """The folder of the signed-head guard as an absolute path."""
        if self.guard is None:
            return self.folder.with_name(f"{self.folder.name}.guard")
        return Path(self.guard).expanduser().absolute()

    @property
    def ledger_on_postgres(self) -> bool:
        """Whether the ledger is in a PostgreSQL database."""
        return self.ledger.startswith(_POSTGRES)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the listener."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def ledger_public(self) -> bool:
        """Whether entries may be read without a token."""
        return self.ledger_read == "public" or (self.ledger_read == "auto" and self.is_loopback)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in the environment's `TALLYSTICK_...` variables.

    Raises:
        Misconfigured: a variable is not known or its value cannot be used; all are named.
    """
    known = {PREFIX + field.upper(): field for field in Settings.__struct_fields__}
    ours = {
        name: value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not name.startswith(OF_OTHERS)
    }
    unknown = sorted(ours.keys() - known.keys())
    if unknown:
        raise Misconfigured(
            f"Unknown settings {', '.join(unknown)}; known are {', '.join(sorted(known))}."
        )
    given = {known[name]: value for name, value in ours.items() if value != ""}
    wrong = [f"{PREFIX}{field.upper()}: {why}" for field, why in _complaints(given)]
    if wrong:
        raise Misconfigured(f"Settings that cannot be used: {'; '.join(wrong)}.")
    settings = msgspec.convert(given, Settings, strict=False)
    if settings.ledger != "sqlite" and not settings.ledger_on_postgres:
        raise Misconfigured("TALLYSTICK_LEDGER is neither sqlite nor a postgresql:// address.")
    if settings.webhook_url and not settings.webhook_secret:
        raise Misconfigured("TALLYSTICK_WEBHOOK_URL needs TALLYSTICK_WEBHOOK_SECRET to sign with.")
    if not 0 <= settings.port <= 65_535:
        raise Misconfigured(f"TALLYSTICK_PORT must be 0 to 65535, not {settings.port}.")
    if not 0 < settings.witness_seconds <= WITNESS_SECONDS_MAX:
        raise Misconfigured(
            f"TALLYSTICK_WITNESS_SECONDS must be above 0 and at most {WITNESS_SECONDS_MAX}."
        )
    if not 0 <= settings.traces_ratio <= 1:
        raise Misconfigured(f"TALLYSTICK_TRACES_RATIO is 0 to 1, not {settings.traces_ratio}.")
    if not 0 < settings.ticks_speed < math.inf:
        raise Misconfigured(
            f"TALLYSTICK_TICKS_SPEED must be above zero, not {settings.ticks_speed}."
        )
    return settings


def _complaints(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(field, what is wrong with its value) of each value that has not its field's type."""
    for field, value in given.items():
        try:
            msgspec.convert({field: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            yield field, str(error).rpartition(" - at ")[0].replace("`", "")
