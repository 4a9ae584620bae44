"""What signs the ledger on AWS: keys from Secrets Manager, a key inside KMS, or nothing at all."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tallystick.errors import Misconfigured, PermanentError
from tallystick.keys import FileKeyring, Signer
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.wiring.aws.clients import FAILURES, client, explained
from tallystick.wiring.aws.settings import AwsSettings

PRIVATE = "PRIVATE+KEY+"
_ALGORITHM = "ED25519_SHA_512"
"""KMS' name for Ed25519 (RFC 8032) over a message of at most 4,096 bytes."""
_EMPTY = b"\n0\n"
"""In the signed text of a log without entries: its second line."""

Secret = Callable[[str], str]
"""The text of a secret, by its ARN or name."""


@dataclass(frozen=True)
class Signing:
    """The newest key, those that sign beside it, and those that signed before."""

    signer: Signer
    others: tuple[Signer, ...] = ()
    retired: tuple[VerifierKey, ...] = ()


def signing_of(settings: AwsSettings, secret: Secret) -> Signing:
    """What the settings name.

    Raises:
        Misconfigured: it cannot be used.
        TemporaryError: AWS does not answer.
    """
    named = (settings.vkeys or "").split()
    where, _, key = (settings.keys or "").partition(":")
    if where == "secret" and key:
        return _parsed(secret(key))
    if where in {"kms", "kms-public"} and key:
        if settings.origin is None:
            raise Misconfigured("TALLYSTICK_KEYS is a key of KMS and needs TALLYSTICK_ORIGIN.")
        retired = tuple(VerifierKey.parse(line) for line in named)
        if where == "kms":
            return Signing(KmsSigner(key, settings.origin), retired=retired)
        return Signing(Onlooker(VerifierKey.of(settings.origin, public_half(key))), retired=retired)
    if where or not named:
        raise Misconfigured(
            "TALLYSTICK_KEYS must be secret:ARN, kms:KEY or kms-public:KEY, or TALLYSTICK_VKEYS."
        )
    known = [VerifierKey.parse(line) for line in named]
    return Signing(Onlooker(known[0]), retired=tuple(known))


def _parsed(text: str) -> Signing:
    lines = text.split()
    signers = [FileKeyring.parse(line) for line in lines if line.startswith(PRIVATE)]
    if not signers or len({signer.name for signer in signers}) != 1:
        raise Misconfigured("The secret of the ledger's keys must hold keys of one log.")
    retired = [VerifierKey.parse(line) for line in lines if not line.startswith(PRIVATE)]
    return Signing(signers[0], tuple(signers[1:]), tuple(retired))


def public_half(key: str) -> bytes:
    """The 32 bytes of an Ed25519 key of KMS that everybody may know.

    Raises:
        Misconfigured: there is no such key, or it is of another kind.
        TemporaryError: KMS does not answer.
    """
    try:
        answer = client("kms").get_public_key(KeyId=key)
    except FAILURES as error:
        raise explained("KMS", error) from error
    if _ALGORITHM not in answer["SigningAlgorithms"]:
        raise Misconfigured(f"The key {key} of KMS is not of the kind ECC_NIST_EDWARDS25519.")
    public = load_der_public_key(answer["PublicKey"])
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


class KmsSigner:
    """An Ed25519 key that never leaves KMS; each signature is a request to it."""

    def __init__(self, key: str, name: str) -> None:
        """Ask for the public half.

        Raises:
            Misconfigured: there is no such key, or it is of another kind.
            TemporaryError: KMS does not answer.
        """
        self._key = key
        self._name = name
        self._client = client("kms")
        self._public = public_half(key)

    @property
    def name(self) -> str:
        """The key name it signs under."""
        return self._name

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`.

        Raises:
            TemporaryError: KMS does not sign right now.
            Misconfigured: it refuses.
        """
        try:
            answer = self._client.sign(
                KeyId=self._key, Message=message, MessageType="RAW", SigningAlgorithm=_ALGORITHM
            )
        except FAILURES as error:
            raise explained("KMS", error) from error
        return bytes(answer["Signature"])


class Onlooker:
    """Knows who signs, and has no key: for functions that only read the ledger.

    A ledger signs its empty head when it is opened; here that is no signature, and shown to nobody.
    """

    def __init__(self, known: VerifierKey) -> None:
        self._known = known

    @property
    def name(self) -> str:
        """The log's name."""
        return self._known.name

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._known.public_key

    def sign(self, message: bytes) -> bytes:
        """Nothing that verifies, for the empty head; nothing else at all.

        Raises:
            PermanentError: somebody wants to append.
        """
        if _EMPTY not in message:
            raise PermanentError("This function may read the ledger, and has no key to sign it.")
        return bytes(64)
