"""`tallystick detect backtest`: what it reads, what it says, and what it writes."""

import asyncio
import json
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.errors import Misconfigured
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable
from tallystick.watch.collect.archive.copying import hash_of
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.ledger_archive import name_of
from tallystick.watch.collect.archive.parts import Lock
from tallystick.watch.collect.archive.volumes import FIRST, plan_volume, write_volume
from tallystick.watch.collect.store import LogStore
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.models import Model, Registry, shipped
from tallystick.watch.detect.models.report import Backtest
from tallystick.watch.detect.models.version import ENDPOINT
from tallystick.wiring.commands.detect.backtest import NOTE, backtest, period_of

START = 1_772_000_000
OTHER = Model(DetectConfig(disabled=("order_size",)))


def order(position: int, quantity: int) -> bytes:
    """An entry of an order, 20 seconds after the one before."""
    entry = {
        "at": rfc3339((START + 20 * position) * NS_PER_SECOND), "kind": "order_decided", "v": 1,
        "fills": [], "quote": None,
        "order": {"id": f"O-{position}", "account": f"client-{position % 3}", "pair": "EUR/USD",
                  "side": "buy", "quantity": str(quantity), "state": "filled", "type": "market",
                  "price": None},
    }  # fmt: skip
    return msgspec.json.encode(entry, order="sorted")


BODIES = [
    order(n, 90_000_000 if n in {900, 1_100} else 100_000 + n % 7 * 1_000) for n in range(1_200)
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: a published ledger, two versions, and a stopped server's log store."""
    folder = tmp_path_factory.mktemp("backtest") / "data"

    async def write() -> None:
        signer = FileKeyring.open(folder / "keys/k", default_name="tallystick.test/backtest")
        ledger = Ledger(MemoryStore(), signer)
        await ledger.append(0, [Sealable(body) for body in BODIES])
        (folder / "ledger").mkdir(parents=True)
        publisher = Publisher(ledger._store, folder / "ledger")
        publisher.publish()
        publisher.close()
        ledger.close()

    asyncio.run(write())
    Registry(folder / "detect/models").save(OTHER)
    store = LogStore(folder / "logs", SystemClock())
    line = {"timestamp": rfc3339((START + 9) * NS_PER_SECOND), "body": "hello"}
    store.append([msgspec.json.encode(line)])
    store.close()
    return folder


def run(*arguments: str, code: int = 0) -> str:
    """Run the command; what it printed."""
    done = CliRunner().invoke(backtest, arguments)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def test_two_versions_of_a_period(data: Path, tmp_path: Path) -> None:
    """As JSON, as text, and as a file whose hash is the digest; each anomaly in another file."""
    out, findings = tmp_path / "report.json", tmp_path / "found.jsonl"
    arguments = [
        "--data", str(data), "--version", "shipped", "--version", OTHER.version, "--from", "600",
        "--out", str(out), "--findings", str(findings),
    ]  # fmt: skip
    said = run(*arguments, "--json")
    report = msgspec.json.decode(said, type=Backtest)
    first, second = report.versions

    assert (report.from_, report.to, report.warm_up) == (600, 1_200, 600)
    assert report.leaf == sha256(b"\x00" + BODIES[-1]).hexdigest()
    assert (first.version, second.version) == (shipped().version, OTHER.version)
    assert first.detectors["order_size"] == 2
    assert "order_size" not in second.detectors
    assert report.comparison is not None
    assert report.comparison.missed >= 2
    assert out.read_bytes() == said.strip().encode()
    ids = [json.loads(line)["id"] for line in findings.read_bytes().splitlines()]
    assert {"order_size-900", "order_size-1100"} <= set(ids)

    text = run(*arguments)
    assert f"digest {sha256(out.read_bytes()).hexdigest()}" in text
    assert "only champion:" in text
    assert "entries 600 to 1,200 (not included)" in text


def test_one_version_is_compared_with_the_champion(data: Path) -> None:
    """Which is what is shipped, on a ledger without promotions; the champion alone is alone."""
    report = json.loads(run("--data", str(data), "--version", OTHER.version, "--to", "100",
                            "--json"))  # fmt: skip
    assert [each["version"] for each in report["versions"]] == [shipped().version, OTHER.version]
    report = json.loads(run("--data", str(data), "--to", "100", "--json"))
    assert [each["version"] for each in report["versions"]] == [shipped().version]
    assert report["comparison"] is None
    assert report["lines"] == 1
    assert report["observed"] == 101


def test_less_may_be_learnt_before(data: Path) -> None:
    """The replay begins at the bundle that holds the first entry to learn."""
    arguments = ["--data", str(data), "--from", "1000", "--to", "1100", "--warm-up", "100"]
    report = json.loads(run(*arguments, "--json"))
    assert (report["from"], report["warm_up"]) == (1_000, 1_000 - 768)


def test_lines_come_from_a_file_where_a_server_has_the_store(data: Path, tmp_path: Path) -> None:
    """Without it only entries are replayed, and that is said."""
    call = {
        "timestamp": rfc3339((START + 100) * NS_PER_SECOND), "event_name": "api.request_answered",
        "http.request.method": "GET", "http.route": "/v1/prices", "duration_us": 900,
        "http.response.status_code": 200,
    }  # fmt: skip
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(msgspec.json.encode(call) + b"\n")
    store = LogStore(data / "logs", SystemClock())
    try:
        done = CliRunner().invoke(backtest, ["--data", str(data), "--to", "10"])
        assert NOTE in done.stderr
        assert run("--data", str(data), "--to", "10", "--lines", str(lines))
    finally:
        store.close()


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--from", "yesterday"], "--from:", 2),
        (["--version", "0" * 12], "There is no model", 1),
        (["--version", "shipped", "--version", "shipped", "--version", "champion"], "", 0),
        (["--from", "5000"], "No entry lies in this period", 2),
        (["--export", "."], "Only one of", 2),
        (["--out", "/nowhere/x"], "cannot be written", 2),
        (["--findings", "/nowhere/x"], "cannot be written", 2),
    ],
)
def test_what_cannot_be_replayed_is_told(
    data: Path, arguments: list[str], said: str, code: int
) -> None:
    """A sentence, and an exit code."""
    assert said in run("--data", str(data), "--to", "10000", *arguments, code=code)


def test_periods_are_positions_or_times() -> None:
    """Either, for each end."""
    period = period_of("5", "2026-03-02T14:00:00Z")
    assert (period.first, period.last, period.since) == (5, None, None)
    assert period.until == 1_772_460_000.0
    with pytest.raises(Misconfigured, match="--to"):
        period_of(None, "5.5")


def test_three_versions_are_too_many(data: Path, tmp_path: Path) -> None:
    """Two are compared."""
    registry = Registry(tmp_path)
    versions = [registry.save(Model(DetectConfig(alarm_p=p))) for p in (1e-3, 1e-4)]
    named: list[Any] = [part for version in versions for part in ("--version", version)]
    said = run("--data", str(data), "--models", str(tmp_path), *named, "--version", "shipped",
               code=2)  # fmt: skip
    assert "At most two versions" in said


def test_the_archive_is_the_past_too(data: Path, tmp_path: Path) -> None:
    """Unpacked from its volumes, it gives the same report as the ledger's own files."""
    clock = SystemClock()
    planned = plan_volume(data / "ledger", 1, FIRST, 0)
    assert planned is not None
    volume = tmp_path / "volume"
    write_volume(volume, data / "ledger", *planned)
    lock = Lock("governance", clock.now_ns() + 3_600 * NS_PER_SECOND)
    with closing(FolderVault(tmp_path / "vault", clock)) as vault:
        vault.put(name_of(1), volume, hash_of(volume), lock)
    arguments = ["--models", str(data / "detect/models"), "--to", "500", "--json"]
    archived = run("--archive", str(tmp_path / "vault"), "--data", str(data), *arguments, code=2)
    assert "Only one of" in archived
    archived = json.loads(run("--archive", str(tmp_path / "vault"), *arguments))
    own = json.loads(run("--data", str(data), *arguments))
    for name in ("leaf", "entries", "versions", "from", "to"):
        assert archived[name] == own[name]


def test_an_archive_without_a_ledger_is_told_by_its_name(tmp_path: Path) -> None:
    """Not by that of the folder into which it would have been unpacked."""
    with closing(FolderVault(tmp_path / "vault", SystemClock())):
        pass
    said = run("--archive", str(tmp_path / "vault"), code=2)
    assert f"The archive {tmp_path / 'vault'} holds no published ledger." in said


def test_a_hosted_forest_that_is_away_is_told(data: Path) -> None:
    """Its report would look as if nothing were odd."""
    away = Model(SHIPPED, {ENDPOINT: b'{"url":"http://127.0.0.1:9"}'})
    Registry(data / "detect/models").save(away)
    arguments = ["--data", str(data), "--version", "shipped", "--version", away.version]
    done = CliRunner().invoke(backtest, [*arguments, "--to", "300"])
    assert done.exit_code == 0
    assert f"{away.version}: The hosted forest gives no scores" in done.stderr
    assert done.stderr.count("gives no answer") == 1
