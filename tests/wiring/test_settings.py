"""Settings: read once, every mistake said at start, safe where nothing is said."""

import re
from typing import Any

import pytest

from tallystick.errors import Misconfigured
from tallystick.wiring.settings import PREFIX, Settings, read_settings


def test_nothing_set_is_loopback_and_the_defaults() -> None:
    """An empty environment gives the defaults; variables of others are not ours."""
    assert read_settings({"PATH": "/bin", "TALLYSTICK_TOKEN": "x"}) == Settings()
    assert Settings().is_loopback


def test_every_field_can_be_set() -> None:
    """Each from its variable, with its type."""
    given = {
        "HOST": "::1", "PORT": "9000", "DATA": "/srv/t", "TICKS": "/ticks",
        "LEDGER": "postgresql://h/d", "GUARD": "/srv/g", "LEDGER_READ": "token",
        "LEDGER_TILES_READ": "token", "LEDGER_ADD": "true", "WITNESS_POLICY": "/p",
        "WITNESS_SECONDS": "2", "RETENTION": "/r",
        "TICKS_SPEED": "2.5", "SEED": "7", "WEBHOOK_URL": "http://h/x", "WEBHOOK_SECRET": "s" * 16,
        "ALERTS_TERMINAL": "false", "LOG_LEVEL": "debug",
        "MARKET": "venue", "PROVIDERS": "/lp", "SESSION": "market", "CALENDARS": "/c",
        "APPROVERS": "/a", "FINANCING": "/f", "STREAM": "kafka://h:9092/p", "RULES": "/r2",
        "PUBLIC_URL": "https://fx.example",
        "LOGS": "s3://b/p", "LOG_RETENTION": "debug=7", "LOOKUPS": "/l",
        "HEC_STRICT": "true", "HEC_ACK": "off",
        "HEC_HEALTH_TOKEN": "true", "INGEST_REPEATS": "keep", "REDACTION": "/r3",
        "ARCHIVE": "/ar", "ARCHIVE_AFTER_DAYS": "60", "ARCHIVE_MODE": "compliance",
        "ARCHIVE_YEARS": "5", "TRACES": "http://h/v1/traces", "TRACES_RATIO": "0.5",
        "FORWARD": "/fw", "DETECTION": "off", "ALERTING": "/al.toml", "ALARMS": "/alarms",
        "PAGERDUTY_WEBHOOK_SECRETS": "s", "CERTIFICATES": "/c.pem /d.pem", "BACKUP_MARK": "/b",
    }  # fmt: skip
    settings = read_settings({f"{PREFIX}{name}": value for name, value in given.items()})

    assert {name.lower() for name in given} == set(Settings.__struct_fields__)
    assert settings == Settings(
        host="::1", port=9000, data="/srv/t", ticks="/ticks",
        ledger="postgresql://h/d", guard="/srv/g", ledger_read="token",
        ledger_tiles_read="token", ledger_add=True, witness_policy="/p", witness_seconds=2.0,
        retention="/r",
        ticks_speed=2.5, seed=7, webhook_url="http://h/x", webhook_secret="s" * 16,
        alerts_terminal=False, log_level="debug",
        market="venue", providers="/lp", session="market", calendars="/c",
        approvers="/a", financing="/f", stream="kafka://h:9092/p", rules="/r2",
        public_url="https://fx.example",
        logs="s3://b/p", log_retention="debug=7", lookups="/l", hec_strict=True, hec_ack="off",
        hec_health_token=True, ingest_repeats="keep", redaction="/r3",
        archive="/ar", archive_after_days="60", archive_mode="compliance", archive_years=5.0,
        traces="http://h/v1/traces", traces_ratio=0.5, forward="/fw", detection="off",
        alerting="/al.toml", alarms="/alarms", pagerduty_webhook_secrets="s",
        certificates="/c.pem /d.pem", backup_mark="/b",
    )  # fmt: skip


def test_an_empty_variable_is_not_set() -> None:
    """`TALLYSTICK_SEED=` is how a shell takes a setting back."""
    assert read_settings({"TALLYSTICK_SEED": "", "TALLYSTICK_PORT": ""}) == Settings()


def test_an_unknown_variable_is_a_mistake() -> None:
    """A misspelt setting would silently do nothing: it is named, and so are the known ones."""
    with pytest.raises(Misconfigured, match=r"TALLYSTICK_PROT;.*TALLYSTICK_PORT"):
        read_settings({"TALLYSTICK_PROT": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("LEDGER", "oracle"),
        ("WITNESS_SECONDS", "0"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("LEDGER_READ", "nobody"),
        ("LOG_LEVEL", "loud"),
        ("ALERTS_TERMINAL", "maybe"),
        ("TICKS_SPEED", "fast"),
        ("TICKS_SPEED", "0"),
        ("TICKS_SPEED", "-1"),
        ("TICKS_SPEED", "nan"),
        ("TICKS_SPEED", "inf"),
        ("SEED", "x"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    """The sentence names the variable, not an inner word."""
    with pytest.raises(Misconfigured, match=rf"TALLYSTICK_{name}\b") as caught:
        read_settings({f"TALLYSTICK_{name}": value})

    assert re.fullmatch(r"[A-Z].*\.", str(caught.value))
    assert "$" not in str(caught.value)


def test_all_bad_values_are_named_at_once() -> None:
    """Nobody likes to find mistakes one start at a time."""
    bad = {"TALLYSTICK_PORT": "x", "TALLYSTICK_LOG_LEVEL": "y", "TALLYSTICK_SEED": "z"}
    with pytest.raises(Misconfigured) as caught:
        read_settings(bad)

    assert [name for name in bad if name not in str(caught.value)] == []


def test_a_webhook_needs_its_secret() -> None:
    """Unsigned alerts could be anybody's; and the sentence does not show the URL."""
    with pytest.raises(Misconfigured, match="TALLYSTICK_WEBHOOK_SECRET") as caught:
        read_settings({"TALLYSTICK_WEBHOOK_URL": "https://hooks.example/private-path"})

    assert "private-path" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "asked", "public"),
    [
        ("127.0.0.1", "auto", True),
        ("127.9.9.9", "auto", True),
        ("::1", "auto", True),
        ("localhost", "auto", True),
        ("0.0.0.0", "auto", False),  # noqa: S104  what is tested
        ("::", "auto", False),
        ("10.0.0.5", "auto", False),
        ("trading.example", "auto", False),
        ("0.0.0.0", "public", True),  # noqa: S104  what is tested
        ("127.0.0.1", "token", False),
    ],
)
def test_who_may_read_the_ledger(host: str, asked: Any, public: bool) -> None:
    """`auto` is public only where nobody but this machine can reach it."""
    assert Settings(host=host, ledger_read=asked).ledger_public is public


def test_the_data_folder_is_absolute() -> None:
    """A later change of folder does not move it; `~` is somebody's home."""
    assert Settings(data="x").folder.is_absolute()
    assert "~" not in str(Settings(data="~/x").folder)
