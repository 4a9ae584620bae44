"""What a function on AWS is told by its environment; read once, all errors at the cold start.

A name means here what it means for the server (`TALLYSTICK_LEDGER`, `TALLYSTICK_STREAM`), but for
what AWS keeps in another place: keys, guard and tokens are not folders.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tallystick.errors import Misconfigured
from tallystick.wiring.settings import PREFIX


class Table(NamedTuple):
    """A DynamoDB table, whose partition key is `id`, and the region that it is in."""

    region: str
    name: str


class AwsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field a variable, `TALLYSTICK_<FIELD>`; a function is given only what it needs."""

    ledger: str = ""
    """`postgresql://role@host:5432/database`, RDS Proxy's endpoint. The search path is the
    role's, as are its other settings: a proxy takes none with the connection."""
    ledger_login: Literal["iam", "secret", "address"] = "iam"
    """What the role's password is: a token made by IAM for each session, the member `password` of
    a secret, or what stands in the address (for tests)."""
    ledger_secret: str | None = None
    """The secret, for the login `secret`."""
    ledger_tls: Literal["verify-full", "off"] = "verify-full"
    """Whether the server's certificate and name are checked; `off` is for loopback alone."""
    ledger_authorities: str | None = None
    """Who may vouch for the server beside the system's authorities: `rds` for RDS' and Aurora's
    own, which sign what is reached past the proxy, or a file of certificates (PEM)."""
    ledger_pooled: bool = True
    """Whether a proxy stands in between, so that sessions hold no state."""
    keys: str | None = None
    """What signs the ledger: `secret:ARN` (the lines of `keys/ledger.key`, then those of
    `keys/ledger.retired`) or `kms:KEY` (an Ed25519 key that never leaves KMS). What only reads has
    `kms-public:KEY`, of which the public half is asked, or nothing."""
    origin: str | None = None
    """The log's name; needed with a key of KMS."""
    vkeys: str | None = None
    """Verifier key lines, with spaces between: of the log for who only reads and has no `keys`, of
    its retired keys beside a key of KMS."""
    guard: str | None = None
    """`dynamodb://region/table` of the signed-head guard: in another region than the ledger."""
    state: str | None = None
    """`dynamodb://region/table` of cursors, prices and what was done once."""
    tokens: str | None = None
    """The secret with the tokens, in the form of `tokens.json`."""
    stream: str | None = None
    """`kinesis://region/prefix`; entries go to the stream `prefix-entries`."""
    bus: str | None = None
    """Name of the EventBridge bus."""
    forest: str | None = None
    """Who scores orders: `own` for a forest that the consumer learns itself, `sagemaker:ENDPOINT`,
    or the URL of a container. None: nobody."""
    forest_cutoff: float = 3.0
    """A score above it is an anomaly; the training job names one for its model. `own` finds its
    own."""
    prices: Literal["table", "simulated"] = "table"
    """Where prices come from: what `tend` put into the state table, or the simulator in each
    process, which is for trying things out."""
    providers: str | None = None
    """File (TOML) of liquidity providers, for `tend`; without it prices are simulated there."""
    session: Literal["market", "always"] = "market"
    """When orders are taken: in the FX week or always."""
    retry_seconds: float = 8.0
    """How long an order that lost to other writers is decided again before it is refused."""
    loop_seconds: float = 65.0
    """How long one invocation of `relay` and `tend` goes on: a little longer than the minute after
    which the next one starts, so that there is no gap in which prices grow old."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""


def read_aws_settings(environment: Mapping[str, str]) -> AwsSettings:
    """The settings in the environment's `TALLYSTICK_...` variables.

    Raises:
        Misconfigured: a variable is not known, is missing, or its value cannot be used.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_") and value
    }
    try:
        settings = msgspec.convert(given, AwsSettings, strict=False)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"The settings of this function cannot be used: {error}.") from error
    host = urlsplit(settings.ledger).hostname
    if settings.ledger_tls == "off" and host not in {"127.0.0.1", "localhost", "::1", None}:
        raise Misconfigured("TALLYSTICK_LEDGER_TLS is off, and the ledger is not on this machine.")
    return settings


def table_of(what: str, address: str | None) -> Table:
    """The table at `dynamodb://region/table`.

    Raises:
        Misconfigured: it is not given, or no such address.
    """
    parts = urlsplit(address or "")
    name = parts.path.strip("/")
    if parts.scheme != "dynamodb" or not parts.netloc or not name:
        raise Misconfigured(f"{PREFIX}{what} must be dynamodb://region/table.")
    return Table(parts.netloc, name)
