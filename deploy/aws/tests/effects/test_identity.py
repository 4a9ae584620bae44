"""Keys, roles and sign-in, with the templates' own properties."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from proof import calls

if TYPE_CHECKING:
    from proof.assembly import Assembly
    from proof.emulators import Clients
    from proof.values import Values

PASSWORD = "Correct-Horse-7-Battery"  # noqa: S105  of a user who lives for one test


def test_keys_rotate_and_open_only_with_their_context(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """A key of the template rotates.

    What it sealed opens with the same context and with no other.
    """
    kms = ministack("kms")
    resource = full.one("AWS::KMS::Key", EnableKeyRotation=True)
    own = values.of(resource)
    made = calls.call(kms, "create_key", own, {"Policy": "KeyPolicy"}, Tags=[])["KeyMetadata"][
        "KeyId"
    ]
    kms.enable_key_rotation(KeyId=made)
    assert kms.get_key_rotation_status(KeyId=made)["KeyRotationEnabled"] is True
    context = {"purpose": "personal"}
    sealed = kms.encrypt(KeyId=made, Plaintext=b"name", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"name"
    with pytest.raises(ClientError):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"purpose": "other"})
    policy = json.loads(kms.get_key_policy(KeyId=made, PolicyName="default")["Policy"])
    assert policy["Statement"] == own["KeyPolicy"]["Statement"]


def test_every_role_is_accepted_with_its_boundary(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """IAM takes each of our roles with its trust, boundary and policies.

    It gives them back unchanged.
    """
    iam = moto("iam")
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
        }
    )
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=document)["Policy"]["Arn"]
    roles = full.resources("AWS::IAM::Role")
    for number, resource in enumerate(roles):
        name = f"role-{number}"
        own = values.of(resource)
        bounded = {"PermissionsBoundary": boundary} if "PermissionsBoundary" in own else {}
        trust = json.dumps(own["AssumeRolePolicyDocument"])
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **bounded)
        values.know(resource, name)
        kept = iam.get_role(RoleName=name)["Role"]
        assert kept["AssumeRolePolicyDocument"] == own["AssumeRolePolicyDocument"], resource.path
        assert ("PermissionsBoundary" in kept) == bool(bounded), resource.path
    policies = full.resources("AWS::IAM::ManagedPolicy") + full.resources("AWS::IAM::Policy")
    for number, resource in enumerate(policies):
        wanted = values.of(resource)["PolicyDocument"]
        made = iam.create_policy(PolicyName=f"p-{number}", PolicyDocument=json.dumps(wanted))
        arn = made["Policy"]["Arn"]
        kept = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        assert kept == wanted, resource.path
    assert policies
    assert roles


def totp(secret: str, at: float) -> str:
    """Return the six digits of RFC 6238 for a Base32 secret."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(at) // 30), hashlib.sha1)
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def enrolled(cognito: Any, pool: str, client: str) -> tuple[str, str]:
    """Make a user with an authenticator of their own; return name and secret."""
    name = "dealer@example.com"
    cognito.admin_create_user(
        UserPoolId=pool, Username=name, MessageAction="SUPPRESS", TemporaryPassword=PASSWORD
    )
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
    )
    first = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    access = first["AuthenticationResult"]["AccessToken"]
    secret = cognito.associate_software_token(AccessToken=access)["SecretCode"]
    cognito.verify_software_token(AccessToken=access, UserCode=totp(secret, time.time()))
    cognito.admin_set_user_mfa_preference(
        UserPoolId=pool,
        Username=name,
        SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
    )
    return name, secret


def test_sign_in_demands_the_second_factor(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """Whoever has enrolled is asked for a code.

    A wrong one is refused, the right one gives tokens.
    """
    cognito = ministack("cognito-idp")
    resource = full.one("AWS::Cognito::UserPool")
    own = values.of(resource)
    assert own["MfaConfiguration"] == "ON"
    names = {"PoolName": "UserPoolName"}
    pool = calls.call(cognito, "create_user_pool", own, names, PoolName="desk", UserPoolTags={})[
        "UserPool"
    ]
    cognito.set_user_pool_mfa_config(
        UserPoolId=pool["Id"],
        MfaConfiguration=own["MfaConfiguration"],
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    assert cognito.get_user_pool_mfa_config(UserPoolId=pool["Id"])["MfaConfiguration"] == "ON"
    kept = cognito.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["Policies"][
        "PasswordPolicy"
    ]
    assert kept["MinimumLength"] == int(own["Policies"]["PasswordPolicy"]["MinimumLength"]) >= 12
    client = cognito.create_user_pool_client(
        UserPoolId=pool["Id"],
        ClientName="test",
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    name, secret = enrolled(cognito, pool["Id"], client)

    def challenge() -> dict[str, Any]:
        return cognito.admin_initiate_auth(
            UserPoolId=pool["Id"],
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )

    def answer(session: str, code: str) -> dict[str, Any]:
        return cognito.admin_respond_to_auth_challenge(
            UserPoolId=pool["Id"],
            ClientId=client,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=session,
            ChallengeResponses={"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": code},
        )

    asked = challenge()
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert "AuthenticationResult" not in asked
    right = totp(secret, time.time())
    wrong = f"{(int(right) + 500_000) % 1_000_000:06d}"
    with pytest.raises(ClientError) as refusal:
        answer(asked["Session"], wrong)
    assert refusal.value.response["Error"]["Code"] == "CodeMismatchException"
    tokens = answer(challenge()["Session"], totp(secret, time.time()))["AuthenticationResult"]
    assert tokens["IdToken"].count(".") == 2


def test_weak_password_is_refused_by_the_pool(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The pool's own policy refuses a password shorter than it demands."""
    cognito = ministack("cognito-idp")
    own = values.of(full.one("AWS::Cognito::UserPool"))
    pool = calls.call(
        cognito,
        "create_user_pool",
        own,
        {"PoolName": "UserPoolName"},
        PoolName="desk",
        UserPoolTags={},
    )
    identity = pool["UserPool"]["Id"]
    cognito.admin_create_user(
        UserPoolId=identity,
        Username="weak@example.com",
        MessageAction="SUPPRESS",
        TemporaryPassword=PASSWORD,
    )
    with pytest.raises(ClientError) as refusal:
        cognito.admin_set_user_password(
            UserPoolId=identity, Username="weak@example.com", Password=PASSWORD[:4], Permanent=True
        )
    assert refusal.value.response["Error"]["Code"] == "InvalidPasswordException"
