"""Who signs the ledger on AWS: secrets, KMS, and functions that only look."""

from collections.abc import Iterator

import pytest
from aws_world import KEYRING, VKEY
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.checkpoint import VerifierKey, verify_note
from tallystick.wiring.aws.clients import client
from tallystick.wiring.aws.settings import AwsSettings
from tallystick.wiring.aws.signing import KmsSigner, public_half, signing_of

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
KEY = "arn:aws:kms:eu-west-1:111111111111:key/mrk-1"
ED25519 = "ED25519_SHA_512"
OLD = FileKeyring(KEYRING.name, b"\x01" * 32)


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """KMS' client, which checks every request against the service's model and sends none."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    client.cache_clear()
    with Stubber(client("kms")) as stubber:
        yield stubber
    client.cache_clear()


def public(stubber: Stubber, *algorithms: str) -> None:
    """KMS is asked for the public key, and says these algorithms."""
    der = PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    answer = {"KeyId": KEY, "PublicKey": der, "SigningAlgorithms": list(algorithms)}
    stubber.add_response("get_public_key", answer, {"KeyId": KEY})


def test_a_key_of_kms_signs_what_its_verifier_key_accepts(kms: Stubber) -> None:
    """The signature that KMS gives stands in the note; the private half is nowhere here."""
    public(kms, ED25519)
    signing = signing_of(AwsSettings(keys=f"kms:{KEY}", origin="log.example"), lambda name: name)
    message = b"log.example\n3\nroot\n"
    asked = {"KeyId": KEY, "Message": message, "MessageType": "RAW", "SigningAlgorithm": ED25519}
    said = {"KeyId": KEY, "Signature": PRIVATE.sign(message), "SigningAlgorithm": ED25519}
    kms.add_response("sign", said, asked)
    signature = signing.signer.sign(message)
    vkey = VerifierKey.of(signing.signer.name, signing.signer.public_key)
    assert vkey.verify(message, signature)
    assert vkey.name == "log.example"


def test_a_key_of_another_kind_is_refused(kms: Stubber) -> None:
    """An RSA key cannot sign notes."""
    public(kms, "RSASSA_PSS_SHA_256")
    with pytest.raises(Misconfigured, match="EDWARDS25519"):
        KmsSigner(KEY, "log.example")


def test_kms_that_is_away_is_temporary(kms: Stubber) -> None:
    """Nothing was signed; trying again may help. A refusal will not go away."""
    public(kms, ED25519)
    signer = KmsSigner(KEY, "log.example")
    for _ in range(1):
        kms.add_client_error("sign", "KMSInternalException")
        with pytest.raises(TemporaryError):
            signer.sign(b"text")
    kms.add_client_error("sign", "AccessDeniedException")
    with pytest.raises(Misconfigured):
        signer.sign(b"text")


def test_a_secret_holds_the_lines_of_the_key_files() -> None:
    """The newest key first, the others sign beside it, retired ones are known."""
    text = f"{KEYRING.line}\n{OLD.line}\n{FileKeyring('other', bytes(32)).vkey}\n"
    signing = signing_of(AwsSettings(keys="secret:arn"), lambda _name: text)
    assert signing.signer.public_key == KEYRING.public_key
    assert [each.public_key for each in signing.others] == [OLD.public_key]
    assert [each.name for each in signing.retired] == ["other"]


@pytest.mark.parametrize("text", ["", "nonsense", KEYRING.vkey])
def test_a_secret_without_a_key_is_said(text: str) -> None:
    """Nothing in it signs."""
    with pytest.raises((Misconfigured, PermanentError, Exception)) as caught:
        signing_of(AwsSettings(keys="secret:arn"), lambda _name: text)
    assert str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [AwsSettings(), AwsSettings(keys="file:x"), AwsSettings(keys="kms:x"), AwsSettings(keys="kms")],
)
def test_who_names_no_key_is_told(settings: AwsSettings) -> None:
    """Neither a key nor the verifier keys of one who only reads."""
    with pytest.raises(Misconfigured, match="TALLYSTICK_"):
        signing_of(settings, lambda name: name)


def test_an_onlooker_reads_and_never_signs() -> None:
    """It opens the ledger that another one wrote, and cannot append to it."""
    import asyncio  # noqa: PLC0415

    store = MemoryStore()
    asyncio.run(Ledger(store, KEYRING).append(0, [Sealable(b"first")]))
    signing = signing_of(AwsSettings(vkeys=f"{VKEY}"), lambda name: name)
    ledger = Ledger(store, signing.signer, retired=signing.retired)
    assert ledger.size == 1
    verify_note(ledger.note, [VKEY])
    with pytest.raises(PermanentError, match="no key"):
        asyncio.run(ledger.append(1, [Sealable(b"second")]))
    assert Ledger(store, KEYRING).size == 1


def test_an_onlooker_knows_the_public_half_of_a_key_of_kms(kms: Stubber) -> None:
    """GetPublicKey is all that it asks: it opens an empty ledger, and later what was signed by it.

    The relay's role may do no more, and it begins before the first order.
    """
    import asyncio  # noqa: PLC0415

    public(kms, ED25519)
    settings = AwsSettings(keys=f"kms-public:{KEY}", origin="log.example", vkeys=OLD.vkey)
    signing = signing_of(settings, lambda name: name)
    kms.assert_no_pending_responses()
    store = MemoryStore()
    ledger = Ledger(store, signing.signer, retired=signing.retired)
    assert (ledger.size, ledger.origin) == (0, "log.example")
    writer = FileKeyring("log.example", b"\x03" * 32)
    asyncio.run(Ledger(store, writer).append(0, [Sealable(b"first")]))
    assert ledger.catch_up()
    assert ledger.size == 1
    assert [each.name for each in signing.retired] == [OLD.name]
    with pytest.raises(PermanentError, match="no key"):
        asyncio.run(ledger.append(1, [Sealable(b"second")]))


@pytest.mark.parametrize(
    "settings",
    [AwsSettings(keys=f"kms-public:{KEY}"), AwsSettings(keys="kms-public:", origin="log.example")],
)
def test_an_onlooker_needs_a_key_and_the_name_of_the_log(settings: AwsSettings) -> None:
    """A key of KMS has no name of its own that notes could carry."""
    with pytest.raises(Misconfigured, match="TALLYSTICK_"):
        signing_of(settings, lambda name: name)


def test_a_key_that_cannot_be_asked_is_said(kms: Stubber) -> None:
    """Refused for good, or away for now."""
    for code, kind in (("AccessDeniedException", Misconfigured), ("Throttling", TemporaryError)):
        kms.add_client_error("get_public_key", code)
        with pytest.raises(kind, match="KMS"):
            public_half(KEY)
