"""Which vault an address means: one line a backend."""

from pathlib import Path

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.s3_place import parse_s3
from tallystick.watch.collect.archive.vault import Vault

S3 = "s3://"
_FILE = "file://"
_IMMUTABLE = "?immutable=true"


def open_vault(address: str, clock: Clock) -> Vault:
    """The vault at `s3://bucket/prefix?...`, or in a local folder.

    A folder is named by its path, or as `file:///path?immutable=true`: then its files get the flag
    that keeps even root from changing them until it is taken off (`chattr +i`), which only a
    process of root can give.

    Raises:
        Misconfigured: the address cannot be used, or the extra `aws` is not installed.
    """
    if address.startswith(S3):
        from tallystick.watch.collect.archive.s3 import S3Vault  # noqa: PLC0415  the extra

        return S3Vault(parse_s3(address), clock)
    path = address.removeprefix(_FILE).removesuffix(_IMMUTABLE)
    if "://" in path or "?" in path or not path:
        raise Misconfigured(f"{address!r} is neither a folder nor an address such as s3://bucket.")
    return FolderVault(Path(path), clock, immutable=address.endswith(_IMMUTABLE))
