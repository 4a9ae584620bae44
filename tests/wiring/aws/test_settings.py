"""What a function is told by its environment: read once, and refused with a sentence."""

import pytest

from tallystick.errors import Misconfigured
from tallystick.wiring.aws.runtime import manners_of, open_parts
from tallystick.wiring.aws.settings import AwsSettings, Table, read_aws_settings, table_of

PROXY = "postgresql://tallystick@proxy.example:5432/tallystick"


def test_numbers_and_switches_are_read_from_text() -> None:
    """As an environment has them; what is empty is not given."""
    settings = read_aws_settings(
        {
            "TALLYSTICK_LEDGER": PROXY, "TALLYSTICK_LEDGER_POOLED": "false",
            "TALLYSTICK_FOREST_CUTOFF": "2.5", "TALLYSTICK_BUS": "", "PATH": "/bin",
            "TALLYSTICK_TEST_FUNCTIONS": "6",
        }
    )  # fmt: skip
    assert (settings.ledger_pooled, settings.forest_cutoff, settings.bus) == (False, 2.5, None)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LEGDER", "x", "legder"),
        ("LEDGER_LOGIN", "kerberos", "ledger_login"),
        ("FOREST_CUTOFF", "much", "forest_cutoff"),
        ("LEDGER_TLS", "off", "not on this machine"),
    ],
)
def test_what_cannot_be_used_is_said(name: str, value: str, said: str) -> None:
    """A misspelt name is not passed over: it would silently mean the default."""
    with pytest.raises(Misconfigured, match=said):
        read_aws_settings({"TALLYSTICK_LEDGER": PROXY, f"TALLYSTICK_{name}": value})


def test_a_table_has_a_region_and_a_name() -> None:
    """The guard's is another than the state's."""
    assert table_of("GUARD", "dynamodb://eu-central-1/heads") == Table("eu-central-1", "heads")
    for wrong in (None, "", "dynamodb://eu-central-1", "s3://eu-central-1/heads"):
        with pytest.raises(Misconfigured, match="TALLYSTICK_GUARD"):
            table_of("GUARD", wrong)


def test_a_login_by_iam_signs_a_token_for_each_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made here, for this host, port and role; the certificate's name is checked."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    manners = manners_of(AwsSettings(ledger=PROXY))
    assert manners.password is not None
    token = manners.password()
    assert token.startswith("proxy.example:5432/?Action=connect&DBUser=tallystick&")
    assert manners.tls is not None
    assert manners.tls.check_hostname
    assert manners.pooled


def test_a_login_by_secret_needs_its_name() -> None:
    """And a ledger has to be named by whoever reads it."""
    with pytest.raises(Misconfigured, match="TALLYSTICK_LEDGER_SECRET"):
        manners_of(AwsSettings(ledger=PROXY, ledger_login="secret"))
    with pytest.raises(Misconfigured, match="TALLYSTICK_LEDGER"):
        open_parts({}, None)  # type: ignore[arg-type]  # it does not come so far
