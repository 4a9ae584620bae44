"""A version of detection: everything that a score depends on, named by its own content."""

import re
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from tallystick.errors import Misconfigured
from tallystick.watch.detect.config import SHIPPED, DetectConfig

REVISION = "2"
"""Of the detectors' code: raised by one whenever any score changes (a test holds scores)."""
VERSION_CHARACTERS = 12
"""Hexadecimal digits of a SHA-256: enough that no two versions of one house share them."""
ARTEFACT_BYTES_MAX = 64 * 1024 * 1024
ARTEFACTS_MAX = 16
ENDPOINT = "endpoint.json"
"""The artefact that names a hosted forest to be asked; such a version may only be a challenger."""
_VERSION = re.compile(rf"[0-9a-f]{{{VERSION_CHARACTERS}}}")
_ARTEFACT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_encode = msgspec.json.Encoder(order="sorted").encode


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a version is the hash of; `artefacts` maps names to SHA-256 in hex."""

    revision: str
    config: DetectConfig
    artefacts: dict[str, str] = {}

    @property
    def canonical(self) -> bytes:
        """Canonical JSON: the same facts are the same bytes.

        What is as by default is left out, so that a member which a later release adds does not
        rename the versions that were there before.
        """
        said = msgspec.convert(msgspec.to_builtins(self.config), DetectConfig)  # 1 is 1.0 now
        said = msgspec.structs.replace(said, disabled=tuple(sorted(set(said.disabled))))
        members = msgspec.structs.asdict(said)
        plain = msgspec.structs.asdict(DetectConfig())
        config = {name: value for name, value in members.items() if value != plain[name]}
        whole = {"revision": self.revision, "config": config, "artefacts": self.artefacts}
        return _encode(whole)


class Model(msgspec.Struct, frozen=True):
    """One version: configuration, trained artefacts, and the revision of the detectors' code."""

    config: DetectConfig
    artefacts: dict[str, bytes] = {}
    revision: str = REVISION

    def __post_init__(self) -> None:
        """A name that is no file's would leave the version's folder.

        Raises:
            Misconfigured: one is, or they are too large or too many.
        """
        large = any(len(data) > ARTEFACT_BYTES_MAX for data in self.artefacts.values())
        named = all(_ARTEFACT.fullmatch(name) for name in self.artefacts)
        if large or not named or len(self.artefacts) > ARTEFACTS_MAX:
            sentence = (
                f"A model has at most {ARTEFACTS_MAX} artefacts of {ARTEFACT_BYTES_MAX:,} bytes,"
                " named with small letters, digits, dots and hyphens."
            )
            raise Misconfigured(sentence)

    @property
    def manifest(self) -> Manifest:
        """What is hashed."""
        return Manifest(self.revision, self.config, hashes_of(self.artefacts))

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits."""
        return version_of(self.manifest.canonical)

    @property
    def promotable(self) -> bool:
        """Whether it may alert: what asks somebody else for its scores may only be compared."""
        return ENDPOINT not in self.artefacts

    def here(self) -> "Model":
        """The same with this release's detectors; itself where it was made for them."""
        return msgspec.structs.replace(self, revision=REVISION)


def shipped() -> Model:
    """What runs where nobody promoted anything."""
    return Model(SHIPPED)


def version_of(canonical: bytes) -> str:
    """The version that these canonical bytes are."""
    return sha256(canonical).hexdigest()[:VERSION_CHARACTERS]


def is_version(text: str) -> bool:
    """Whether the text could be a version."""
    return _VERSION.fullmatch(text) is not None


def hashes_of(artefacts: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each, in hex."""
    return {name: sha256(data).hexdigest() for name, data in artefacts.items()}
