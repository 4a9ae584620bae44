"""Where an S3 vault is, as a setting says it: s3://bucket/prefix?region=...&endpoint=..."""

from urllib.parse import parse_qsl, urlsplit

import msgspec

from tallystick.errors import Misconfigured

STORAGE_CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
"""What an object may be written as; lifecycle rules move it on later."""


class S3Place(msgspec.Struct, frozen=True):
    """A bucket, and a prefix in it that ends with a slash or is empty.

    Credentials are found as by every AWS tool: environment, profile, instance role.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    storage_class: str = "STANDARD"
    path_style: bool = False

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def parse_s3(address: str) -> S3Place:
    """Read `s3://bucket/prefix?region=eu-central-1&endpoint=http://...&storage_class=GLACIER_IR`.

    With an endpoint of one's own the bucket stands in the path, not in the host's name.

    Raises:
        Misconfigured: it is no such address, or has an unknown parameter.
    """
    split = urlsplit(address)
    given = dict(parse_qsl(split.query, keep_blank_values=True))
    known = {"region", "endpoint", "storage_class"}
    if split.scheme != "s3" or not split.netloc or "@" in split.netloc:
        raise Misconfigured(f"{address!r} is not an address such as s3://bucket/prefix.")
    if unknown := sorted(given.keys() - known):
        names = ", ".join(sorted(known))
        raise Misconfigured(f"{address!r} has the parameter {unknown[0]}; there are: {names}.")
    storage_class = given.get("storage_class", "STANDARD").upper()
    if storage_class not in STORAGE_CLASSES:
        raise Misconfigured(f"{storage_class} is no storage class of {', '.join(STORAGE_CLASSES)}.")
    prefix = split.path.strip("/")
    return S3Place(
        split.netloc,
        f"{prefix}/" if prefix else "",
        given.get("region"),
        given.get("endpoint"),
        storage_class,
        "endpoint" in given,
    )
