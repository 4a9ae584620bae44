"""Uploads to S3: one request, or many for a large file, each with the checksum S3 has to find."""

from base64 import b64encode
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

PART_BYTES = 64 * 1_048_576
"""Larger files go in several pieces of this size; S3 takes up to 10,000 of them."""


def upload(client: Any, target: dict[str, Any], file: Path, part_bytes: int) -> str:
    """Upload to a name that nobody has yet; the version that it got, empty where that is not said.

    `target` are the arguments that say where it goes and how it is kept.
    """
    if file.stat().st_size > part_bytes:
        return _in_pieces(client, target, file, part_bytes)
    with file.open("rb") as body:
        checksum = b64encode(file_digest(body, "sha256").digest()).decode()
        body.seek(0)
        answer = client.put_object(
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
            IfNoneMatch="*",
            **target,
        )
    return str(answer.get("VersionId", ""))


def checksums_of(file: Path, part_bytes: int) -> tuple[str, str]:
    """What S3 may say of the file's bytes: its SHA-256, or that of its pieces' SHA-256, in base64.

    Source: Amazon S3 User Guide, "Checking object integrity", full object and composite checksums.
    """
    whole, pieces = sha256(), b""
    with file.open("rb") as opened:
        while piece := opened.read(part_bytes):
            whole.update(piece)
            pieces += sha256(piece).digest()
    composite = sha256(pieces).digest()
    return b64encode(whole.digest()).decode(), b64encode(composite).decode()


def _in_pieces(client: Any, target: dict[str, Any], file: Path, part_bytes: int) -> str:
    """A multipart upload; what breaks off is taken back, so that nobody pays for its pieces."""
    upload_id = client.create_multipart_upload(ChecksumAlgorithm="SHA256", **target)["UploadId"]
    place = {"Bucket": target["Bucket"], "Key": target["Key"], "UploadId": upload_id}
    try:
        parts: list[dict[str, Any]] = []
        with file.open("rb") as opened:
            while piece := opened.read(part_bytes):
                checksum = b64encode(sha256(piece).digest()).decode()
                number = len(parts) + 1
                answer = client.upload_part(
                    PartNumber=number, Body=piece, ChecksumSHA256=checksum, **place
                )
                parts.append(
                    {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}
                )
        done = client.complete_multipart_upload(
            MultipartUpload={"Parts": parts}, IfNoneMatch="*", **place
        )
    except BaseException:
        client.abort_multipart_upload(**place)
        raise
    return str(done.get("VersionId", ""))
