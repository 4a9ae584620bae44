"""Builds what a function on AWS works with: the ledger, the book folded to it, the desk, the door.

One `Runtime` lives as long as its execution environment, and serves one request at a time; its
event loop stands still in between. Whatever it holds is a copy of what the ledger says: any number
of them may be there, come and go.
"""

import asyncio
import random
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from tallystick.clock import Clock
from tallystick.errors import Corrupt, Misconfigured, TemporaryError
from tallystick.execution import Book, Desk, EcbAnchored, QuoteBoard, Source
from tallystick.execution.book import restore
from tallystick.execution.quotes import LiveSource, PriceFeed
from tallystick.execution.quotes.ecb import reference_rates
from tallystick.fx import PAIRS, Session, session, spot_date, trade_date
from tallystick.keys import Signer
from tallystick.ledger import Ledger, PostgresStore
from tallystick.ledger.storage.postgres.session import Manners
from tallystick.wiring.aws.clients import client
from tallystick.wiring.aws.guard import DynamoGuard
from tallystick.wiring.aws.patience import Patience
from tallystick.wiring.aws.prices import TablePrices
from tallystick.wiring.aws.seal import unsealed
from tallystick.wiring.aws.settings import AwsSettings, read_aws_settings, table_of
from tallystick.wiring.aws.signing import signing_of
from tallystick.wiring.aws.snapshots import Snapshots
from tallystick.wiring.aws.tokens import secret_text

SCRATCH = "tallystick"
"""Folder of what a process may lose, where temporary files are."""
KEYS_AGE_SECONDS = 300
_RDS = resources.files(__package__) / "authorities" / "rds.pem"
_RDS_HOST = re.compile(r"\.([a-z]+(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com$")
_ALWAYS = Session(open=True, changes_ns=2**62)
_log = structlog.get_logger("wiring")


@dataclass(frozen=True)
class Parts:
    """What every function has that reads the ledger."""

    settings: AwsSettings
    clock: Clock
    store: PostgresStore
    ledger: Ledger
    manners: Manners
    signer: Signer

    def close(self) -> None:
        """End the sessions."""
        self.ledger.close()


def open_parts(environment: Mapping[str, str], clock: Clock) -> Parts:
    """The ledger that the environment names.

    Raises:
        Misconfigured, Corrupt, Forked: with a sentence for the operator.
        TemporaryError: something is away.
    """
    settings = read_aws_settings(environment)
    if not settings.ledger:
        raise Misconfigured("TALLYSTICK_LEDGER must be the address of a PostgreSQL database.")
    manners = manners_of(settings)
    signing = signing_of(settings, lambda name: secret_text(name, KEYS_AGE_SECONDS))
    guard = None
    if settings.guard is not None:
        guard = DynamoGuard(table_of("GUARD", settings.guard), signing.signer.name, clock)
    store = PostgresStore(settings.ledger, clock, manners)
    try:
        if guard is not None:
            _require_held(guard, store)
        ledger = Ledger(
            store, signing.signer, guard, others=signing.others, retired=signing.retired
        )
    except BaseException:
        store.close()
        raise
    return Parts(settings, clock, store, ledger, manners, signing.signer)


def _require_held(guard: DynamoGuard, store: PostgresStore) -> None:
    """An empty guard is for an empty ledger."""
    if guard.head() is None and store.checkpoint(-1) is not None:
        raise Misconfigured(
            "The signed-head guard is empty and the ledger is not: this may be a copy of a ledger"
            " that is signed elsewhere, or TALLYSTICK_GUARD names another table. Put the head that"
            " was signed last into it (deploy/aws/runbooks/promote_guard.py)."
        )


def manners_of(settings: AwsSettings) -> Manners:
    """How sessions with the ledger's database are opened."""
    tls = _tls(settings) if settings.ledger_tls == "verify-full" else None
    if settings.ledger_login == "iam":
        return Manners(lambda: _iam_token(settings.ledger), tls, settings.ledger_pooled)
    if settings.ledger_login == "secret":
        if settings.ledger_secret is None:
            raise Misconfigured("TALLYSTICK_LEDGER_LOGIN is secret: name TALLYSTICK_LEDGER_SECRET.")
        name = settings.ledger_secret
        return Manners(lambda: _password(secret_text(name)), tls, settings.ledger_pooled)
    return Manners(None, tls, settings.ledger_pooled)


def _tls(settings: AwsSettings) -> ssl.SSLContext:
    """By which the certificate and the name of the ledger's server are checked.

    Raises:
        Misconfigured: the authorities cannot be read, or are of other regions than the server.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ledger_authorities is None:
        return context
    # Python 3.13 and newer also ask for what RFC 5280 wants of a certificate's form, libpq and
    # older ones do not. Signature, dates, purpose and name are checked by all.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        if settings.ledger_authorities == "rds":
            authorities = rds_roots(urlsplit(settings.ledger).hostname or "")
        else:
            authorities = Path(settings.ledger_authorities).read_text()
        context.load_verify_locations(cadata=authorities)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"TALLYSTICK_LEDGER_AUTHORITIES cannot be used: {error}.") from error
    return context


def rds_roots(host: str) -> str:
    """The certificates (PEM) by which RDS vouches for this server.

    Raises:
        Misconfigured: it is in a region whose roots are not here.
    """
    text = _RDS.read_text()
    region = _RDS_HOST.search(host)
    if region is not None and f" {region[1]} Root CA " not in text:
        raise Misconfigured(
            f"TALLYSTICK_LEDGER_AUTHORITIES is rds, and RDS' roots of {region[1]} are not here:"
            " those of the eu- regions are. Put the region's bundle of certificates"
            " (Amazon RDS User Guide, Using SSL/TLS) beside the code, and name that file instead."
        )
    return text


class Trading:
    """Ledger, book and desk of a process that decides; `board` has the prices."""

    def __init__(self, parts: Parts, sources: list[Source | LiveSource] | None = None) -> None:
        """Fold the book; `sources` of prices, where they are not those of the settings.

        To be made inside the event loop that will run it.

        Raises:
            TemporaryError, Corrupt: the ledger cannot be read.
        """
        settings, clock, ledger = parts.settings, parts.clock, parts.ledger
        self.parts = parts
        self.ledger = ledger
        self.snapshots = Snapshots(settings.ledger, parts.manners)
        self.session = session if settings.session == "market" else _always
        self.board = QuoteBoard()
        self.feed = PriceFeed(sources or _sources(settings, clock), self.board, clock)
        self.desk = Desk(
            ledger, self._book(), self.board, clock, lambda at_ns: self.session(at_ns).open
        )
        chance = random.Random()  # noqa: S311  jitter
        self.patience = Patience(ledger, parts.store, clock, chance, settings.retry_seconds)
        self.desk.on_head_moved = self.patience.wait
        warm_up(clock)
        self.task = asyncio.get_running_loop().create_task(self.desk.run(), name="desk")

    def refresh(self) -> None:
        """Take in what others appended, and the newest prices.

        A session that broke while the process stood still is opened again, once.

        Raises:
            TemporaryError: the ledger or the prices are away.
        """
        try:
            self.ledger.catch_up()
        except TemporaryError:
            self.ledger.catch_up()
        self.desk.refresh()
        self.feed.ask()

    @property
    def failed(self) -> bool:
        """Whether the desk has ended: this process must not go on."""
        return self.task.done()

    async def close(self) -> None:
        """Finish what waits, and let go."""
        self.desk.close()
        await asyncio.gather(self.task, return_exceptions=True)
        self.snapshots.close()
        self.parts.close()

    def _book(self) -> Book:
        """The book of the last snapshot where it fits ledger and version, else an empty one."""
        try:
            kept = self.snapshots.kept()
            if kept is None:
                return Book()
            position, root, data = kept
            ledger = self.ledger
            if position <= ledger.size and ledger.root(position) == root:
                return restore(unsealed(ledger.vkeys, ledger.origin, position, root, data))
        except (TemporaryError, Corrupt, msgspec.DecodeError) as error:
            _log.warning("wiring.snapshot_void", body=str(error))
        return Book()


def warm_up(clock: Clock) -> None:
    """Work out today's spot dates: half a second that no order should hold the head for."""
    for pair in PAIRS.values():
        spot_date(pair, trade_date(clock.now_ns(), pair))


def scratch(name: str, folder: str) -> Path:
    """A folder of this process for what it may lose."""
    path = Path(folder) / SCRATCH / name
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _sources(settings: AwsSettings, clock: Clock) -> list[Source | LiveSource]:
    if settings.prices == "simulated":
        chance = random.Random()  # noqa: S311  prices, not secrets
        return [EcbAnchored([reference_rates(1)[0][1]], chance, "calm")]
    return [TablePrices(table_of("STATE", settings.state), clock)]


def _always(_at_ns: int) -> Session:
    return _ALWAYS


def _iam_token(address: str) -> str:
    """A password of fifteen minutes: a signed request that is never sent, made here."""
    parts = urlsplit(address)
    token: str = client("rds").generate_db_auth_token(
        DBHostname=parts.hostname, Port=parts.port or 5432, DBUsername=parts.username
    )
    return token


class _Login(msgspec.Struct):
    password: str


def _password(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=_Login).password
    except msgspec.DecodeError as error:
        raise Misconfigured(f"The secret of the ledger's login cannot be read: {error}.") from error


def absent() -> Any:
    """In the place of a room that this topology has elsewhere; no operation here asks for it."""
    return None
