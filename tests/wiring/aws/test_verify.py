"""The nightly check: a reader finds what somebody changed in the database, and names it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships none
import pytest
from aws_flood import Context, open_accounts, order, request
from aws_world import OTHER, VKEY, World, run_sql

from tallystick.clock import SystemClock
from tallystick.errors import TemporaryError
from tallystick.wiring.aws import order as function
from tallystick.wiring.aws import verify
from tallystick.wiring.aws.verify import Found

SOURCE = Path(__file__).resolve().parents[3] / "src"
SIZE = 16
"""Entries of the ledger here: six accounts, then ten orders."""


def reader(world: World) -> str:
    """The address of the role that can only read."""
    return world.dsn.replace(f"{world.role}:", f"{world.role}_reader:", 1)


@pytest.fixture
def traded(inside: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in which something was traded; this process now is the nightly check."""
    function._orders = None
    open_accounts(inside)
    for _ in range(10):
        body = order("desk", f"v-{secrets.token_hex(4)}")
        asked = request("POST", "/v1/orders", inside.tokens["desk"], body)
        assert function.handler(asked, Context())["statusCode"] == 201
    function.environment().close()
    function._orders = None
    changed = {
        "TALLYSTICK_LEDGER": reader(inside),
        "TALLYSTICK_LEDGER_POOLED": "false",
        "TALLYSTICK_KEYS": "",
        "TALLYSTICK_VKEYS": str(VKEY),
    }
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(verify, "BEHIND_SECONDS_MAX", 0.0)
    return inside


def checked() -> Found:
    """What the check finds."""
    return verify.verify(os.environ, SystemClock())


def guard_item(world: World) -> tuple[Any, str, dict[str, Any]]:
    """A client of the guard's table, its name, and the head that it holds."""
    table = world.environment["TALLYSTICK_GUARD"].rpartition("/")[2]
    client = world.client("dynamodb", OTHER)
    (item,) = client.scan(TableName=table)["Items"]
    return client, table, item


@pytest.mark.usefixtures("traded")
def test_a_sound_ledger_is_clean_for_who_only_reads_it() -> None:
    """Every entry, checkpoint and key is counted, and the guard's head is of this history."""
    found = checked()
    assert found.verdict == "clean", found.reason
    assert (found.size, found.entries, found.guard_size) == (SIZE, SIZE, SIZE)
    assert found.checkpoints >= 10
    assert found.keys
    assert found.origin == VKEY.name
    assert found.exit_code == 0


def test_the_readers_role_cannot_write_at_all(traded: World) -> None:
    """Neither entries nor the head, whatever its session says of itself."""
    for statement in ("INSERT INTO ledger_keys VALUES ('x', 1)", "UPDATE ledger_head SET size = 0"):
        with pytest.raises(asyncpg.PostgresError):
            run_sql(reader(traded), "SET default_transaction_read_only = off", statement)


TAMPERED = {
    "an entry's bytes": (
        "UPDATE ledger_entries SET entry = set_byte(entry, 30, 0) WHERE position = 7",
        "Entry 7 does not hash",
    ),
    "an entry with its hash": (
        (
            "UPDATE ledger_entries SET entry = '\\x00', leaf_hash = sha256('\\x0000')"
            " WHERE position = 7"
        ),
        "The first 8 entries do not hash",
    ),
    "an entry taken out": ("DELETE FROM ledger_entries WHERE position = 9", "Entry 9 is missing"),
    "two entries in each other's place": (
        (
            "UPDATE ledger_entries SET (entry, leaf_hash) = (SELECT entry, leaf_hash FROM"
            " ledger_entries WHERE position = 8) WHERE position = 7"
        ),
        "The first 8 entries do not hash",
    ),
    "a signature": (
        (
            "UPDATE ledger_checkpoints SET note = (SELECT note FROM ledger_checkpoints"
            " WHERE size = 9) WHERE size = 10"
        ),
        "The first 10 entries do not hash",
    ),
    "a key that leads elsewhere": (
        "UPDATE ledger_keys SET position = 3 WHERE position = 12",
        "of entry 12 leads to entry 3",
    ),
    "an entry that nobody signed": (
        "INSERT INTO ledger_entries SELECT size, '\\x00', '\\x00' FROM ledger_head",
        f"holds entry {SIZE}",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_changed_is_named(traded: World, change: str, sentence: str) -> None:
    """Whoever owns the database cannot change it unseen."""
    run_sql(traded.owner, change)
    found = checked()
    assert found.verdict == "tampered"
    assert sentence in found.reason
    assert found.exit_code == 1


def test_an_older_copy_is_found_by_the_guard(traded: World) -> None:
    """A ledger cut back to an earlier head is sound in itself, and the guard knows better."""
    run_sql(
        traded.owner,
        "DELETE FROM ledger_entries WHERE position >= 12",
        "DELETE FROM ledger_keys WHERE position >= 12",
        "DELETE FROM ledger_checkpoints WHERE size > 12",
        "UPDATE ledger_head SET size = 12",
    )
    found = checked()
    assert found.verdict == "tampered"
    assert f"head of {SIZE} entries and the ledger has 12: entry 12" in found.reason


def test_another_history_of_the_same_length_is_found(traded: World) -> None:
    """The guard's root decides, not its size alone."""
    client, table, item = guard_item(traded)
    root = bytearray(item["root"]["B"])
    root[0] ^= 1
    client.put_item(TableName=table, Item=item | {"root": {"B": bytes(root)}})
    found = checked()
    assert found.verdict == "tampered"
    assert f"head of {SIZE} entries was signed that is not of this history" in found.reason


def test_a_head_that_was_signed_a_moment_ago_is_waited_for(
    traded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is behind is no forgery: the last row arrives while it is looked for."""
    run_sql(
        traded.owner,
        "CREATE TABLE late AS SELECT * FROM ledger_checkpoints ORDER BY size DESC LIMIT 1",
        "DELETE FROM ledger_checkpoints WHERE size = (SELECT size FROM late)",
    )
    monkeypatch.setattr(verify, "BEHIND_SECONDS_MAX", 60.0)

    class Patient(SystemClock):
        """A clock whose pause is what the reader needs."""

        def pause(self, seconds: float) -> None:
            """Let the row arrive."""
            assert seconds == verify.LOOK_SECONDS
            run_sql(traded.owner, "INSERT INTO ledger_checkpoints SELECT * FROM late")

    found = verify.verify(os.environ, Patient())
    assert found.verdict == "clean", found.reason
    assert found.behind_seconds > 0


@pytest.mark.usefixtures("traded")
def test_who_does_not_know_the_key_finds_nothing_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that another key signed is not ours."""
    other = f"{VKEY.name}+00000000+{str(VKEY).rpartition('+')[2]}"
    monkeypatch.setenv("TALLYSTICK_VKEYS", other)
    assert checked().verdict != "clean"


def test_what_cannot_be_told_is_not_called_tampered(
    traded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No guard, no database, no time: another exit code, and no metric."""
    assert verify.verify(os.environ, SystemClock(), lambda: 1.0).reason.startswith(
        "The time was up"
    )
    client, table, item = guard_item(traded)
    client.delete_item(TableName=table, Key={"id": item["id"]})
    no_head = checked()
    assert no_head.verdict == "cannot_tell"
    assert "holds no head" in no_head.reason
    monkeypatch.setenv("TALLYSTICK_LEDGER", "postgresql://nobody@127.0.0.1:1/none")
    away = checked()
    assert (away.verdict, away.exit_code) == ("cannot_tell", 2)
    assert "LedgerVerified" not in verify.said(away)


def test_the_function_says_one_line_that_is_a_metric_too(
    traded: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudWatch takes LedgerVerified and LedgerVerifiedSize out of it."""
    verify.handler({}, Lasting())
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert report["verdict"] == "clean"
    assert report["LedgerVerified"] == [1.0]
    assert report["LedgerVerifiedSize"] == [float(SIZE)]
    (directive,) = report["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Tallystick"
    assert directive["Dimensions"] == [["service"]]
    assert {each["Name"] for each in directive["Metrics"]} == {
        "LedgerVerified",
        "LedgerVerifiedSize",
    }
    assert report["service"] == "verify"
    run_sql(traded.owner, "DELETE FROM ledger_entries WHERE position = 9")
    assert verify.handler({}, Lasting())["verdict"] == "tampered"
    assert json.loads(capsys.readouterr().out)["LedgerVerified"] == [0.0]


@pytest.mark.usefixtures("traded")
def test_a_function_that_cannot_tell_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda tries again what raises."""
    monkeypatch.setenv("TALLYSTICK_LEDGER", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(TemporaryError):
        verify.handler({}, Lasting())


def test_the_fleets_process_ends_with_its_verdict(traded: World) -> None:
    """As a machine of the fleet runs it: the module, its line, its exit code."""

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tallystick.wiring.aws.verify"],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    clean = run()
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert json.loads(clean.stdout)["size"] == SIZE
    run_sql(traded.owner, TAMPERED["an entry's bytes"][0])
    changed = run()
    assert changed.returncode == 1
    assert "Entry 7 " in json.loads(changed.stdout)["reason"]


class Lasting(Context):
    """A function that has just begun."""

    def get_remaining_time_in_millis(self) -> int:
        """Fifteen minutes."""
        return 900_000
