"""The authorizer of API Gateway: who has no token of ours does not come through."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_flood import Context
from aws_world import World

from tallystick.wiring.aws import authorise

EVENTS = Path(__file__).parent / "events"


def event(name: str, token: str) -> dict[str, Any]:
    """The fixture with this token."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    if "authorizationToken" in found:
        return found | {"authorizationToken": f"Bearer {token}"}
    return found | {"headers": found["headers"] | {"Authorization": f"Bearer {token}"}}


@pytest.fixture(autouse=True)
def cold(aws: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The execution environment is new."""
    monkeypatch.setattr(authorise, "_tokens", None)
    monkeypatch.setenv("TALLYSTICK_LEDGER", "")
    del aws


@pytest.mark.parametrize("name", ["authorizer_token", "authorizer_request"])
def test_a_token_of_ours_may_pass(aws: World, name: str) -> None:
    """Every route of the stage, under its account's name; the door decides the rest."""
    policy = authorise.handler(event(name, aws.tokens["desk"]), Context())
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    (routes,) = statement["Resource"]
    assert routes == "arn:aws:execute-api:eu-west-1:111111111111:a1b2c3d4e5/prod/*/*"
    assert policy["context"]["account"] == "desk"
    assert policy["principalId"] == "desk"


@pytest.mark.parametrize("name", ["authorizer_token", "authorizer_request"])
def test_anybody_else_is_told_401(name: str) -> None:
    """API Gateway answers 401 to this word and to no other."""
    with pytest.raises(authorise.UnauthorizedError, match=r"^Unauthorized$"):
        authorise.handler(event(name, "tally_nobodys"), Context())


def test_no_header_is_nobody() -> None:
    """An event without any header is refused too."""
    found = json.loads((EVENTS / "authorizer_request.json").read_text()) | {"headers": None}
    with pytest.raises(authorise.UnauthorizedError):
        authorise.handler(found, Context())
