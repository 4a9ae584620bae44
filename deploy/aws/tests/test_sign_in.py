"""Sign-in: a second factor of everybody, short tokens, guessed passwords seen."""

from typing import Any

import pytest

from proof.assembly import Assembly
from proof.values import Values


@pytest.fixture(scope="module")
def pool(full: Assembly, values: Values) -> Any:
    """The one pool."""
    (found,) = full.resources("AWS::Cognito::UserPool")
    assert found.body["DeletionPolicy"] == "Retain"
    return values.of(found)


def test_a_second_factor_is_wanted_of_everybody(pool: Any) -> None:
    """MFA is ON, by an app; not by SMS."""
    assert pool["MfaConfiguration"] == "ON"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]


def test_passwords_are_long_and_watched(pool: Any) -> None:
    """Fourteen characters of four kinds, no old one again; stolen ones are refused."""
    policy = pool["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] == 14
    assert policy["PasswordHistorySize"] == 24
    assert all(
        policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols")
    )
    assert pool["UserPoolAddOns"]["AdvancedSecurityMode"] == "ENFORCED"
    assert pool["UserPoolTier"] == "PLUS"


def test_nobody_signs_up_by_himself(pool: Any) -> None:
    """Administrators make users; the pool cannot be deleted."""
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["DeletionProtection"] == "ACTIVE"


def test_clients_have_short_tokens_and_tell_nothing(full: Assembly, values: Values) -> None:
    """Fifteen minutes, revocable; an unknown user is told what a known one is told."""
    clients: list[Any] = [
        values.of(each) for each in full.resources("AWS::Cognito::UserPoolClient")
    ]
    assert len(clients) == 2
    for client in clients:
        assert client["AccessTokenValidity"] == 15
        assert client["EnableTokenRevocation"] is True
        assert client["PreventUserExistenceErrors"] == "ENABLED"
        assert "implicit" not in client["AllowedOAuthFlows"]
    (page,) = [client for client in clients if client["AllowedOAuthFlows"] == ["code"]]
    assert page["GenerateSecret"] is False
    assert all(each.startswith("https://") for each in page["CallbackURLs"])


def test_attempts_are_written_down(full: Assembly) -> None:
    """Each attempt with its risk goes into a log group; a web firewall stands before the pool."""
    assert full.resources("AWS::Cognito::LogDeliveryConfiguration")
    guarded = [
        str(each.properties["ResourceArn"])
        for each in full.resources("AWS::WAFv2::WebACLAssociation")
    ]
    assert any("SignIn" in arn for arn in guarded)
