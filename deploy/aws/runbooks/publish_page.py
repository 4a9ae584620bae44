#!/usr/bin/env python3
"""Puts the page that `make page` built where CloudFront reads it.

Assets first, under names that change with their content and are kept for a year; then the index,
which is asked for each time. Who has the old index still finds the old assets until CloudFront has
forgotten it; only then are they taken away, and the bucket keeps them as old versions.
"""

import argparse
import io
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, Until

NAME = "publish_page"
BUILT = Path(__file__).resolve().parents[3] / "src/tallystick/web/static"
INDEX = "index.html"
EDGE = "us-east-1"
"""Where CloudFront is asked."""
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""By name: a browser refuses a wrong one."""
KEPT = "public, max-age=31536000, immutable"
ASKED = "no-cache"
FORGOTTEN_SECONDS_MAX = 900


class File(io.BytesIO):
    """A file's bytes; in the record of the run it is its name and size."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self._said = f"{name}, {len(content)} bytes"

    def __str__(self) -> str:
        """What the record says."""
        return self._said


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--domain", default="tallystick.example.com", help="the page's name")
    made.add_argument("--folder", type=Path, default=BUILT, help="the built page")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Find both places, write, let CloudFront forget, take away what is no longer asked for.

    Raises:
        ValueError: the page is not built, or holds a file of a kind that it never has.
    """
    files = _files(arguments.folder, dry=arguments.dry_run)
    region = arguments.primary
    bucket = {
        "Bucket": Answer(
            f"join('', ['tallystick-page-', who.Account, '-{region}'])",
            like=f"tallystick-page-333333333333-{region}",
        )
    }
    own = f"contains(Aliases.Items || `[]`, '{arguments.domain}')"
    distribution = Answer(
        f"distributions.DistributionList.Items[?{own}] | [0].Id", like="EXAMPLE0000000"
    )
    listed: list[Step] = [
        Call("whose account", "sts", "get_caller_identity", region, name="who"),
        Call("the pages there are", "cloudfront", "list_distributions", EDGE, name="distributions"),
        Check(f"one is {arguments.domain}", distribution, bool, "a distribution"),
        Call("what the bucket holds", "s3", "list_objects_v2", region, bucket, name="old"),
        *[_put(name, content, bucket, region) for name, content in files.items()],
        *_forget(distribution),
        _take_away(files, bucket, region),
    ]
    if not arguments.folder.is_dir():
        listed.insert(0, Say("The page is not built: `make page` first. One file stands for it."))
    return listed


def _files(folder: Path, *, dry: bool) -> dict[str, bytes]:
    """What the page is made of, its index last."""
    if not folder.is_dir() and dry:
        return {INDEX: b""}
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    if INDEX not in found:
        raise ValueError(f"{folder} holds no {INDEX}: build the page with `make page`.")
    strange = [name for name in found if Path(name).suffix not in MEDIA_TYPES]
    if strange:
        raise ValueError(f"The page never holds such a file: {', '.join(strange)}.")
    index = found.pop(INDEX)
    return {**found, INDEX: index}


def _put(name: str, content: bytes, bucket: Mapping[str, object], region: str) -> Call:
    return Call(
        f"{name} is there",
        "s3",
        "put_object",
        region,
        {
            **bucket,
            "Key": name,
            "Body": File(name, content),
            "ContentType": MEDIA_TYPES[Path(name).suffix],
            "CacheControl": KEPT if name.startswith("assets/") else ASKED,
        },
    )


def _forget(distribution: Answer) -> list[Step]:
    """CloudFront asks the bucket again for the index."""
    paths = ["/", f"/{INDEX}"]
    return [
        Call(
            "CloudFront forgets the old index",
            "cloudfront",
            "create_invalidation",
            EDGE,
            {
                "DistributionId": distribution,
                "InvalidationBatch": {
                    "Paths": {"Quantity": len(paths), "Items": paths},
                    "CallerReference": str(uuid.uuid4()),
                },
            },
            name="forgets",
        ),
        Until(
            Call(
                "it has forgotten",
                "cloudfront",
                "get_invalidation",
                EDGE,
                {
                    "DistributionId": distribution,
                    "Id": Answer("forgets.Invalidation.Id", like="I0000000000000"),
                },
            ),
            "Invalidation.Status",
            wanted="Completed",
            seconds_max=FORGOTTEN_SECONDS_MAX,
        ),
    ]


def _take_away(files: Mapping[str, bytes], bucket: Mapping[str, object], region: str) -> Call:
    """Files that this page no longer has; S3 answers MalformedXML where there is none."""
    new = json.dumps(list(files))
    gone = Answer(
        f"(old.Contents || `[]`)[?!contains(`{new}`, Key)].{{Key: Key}}",
        like=[{"Key": "assets/page-00000000.js"}],
    )
    return Call(
        "what it no longer has is taken away",
        "s3",
        "delete_objects",
        region,
        {**bucket, "Delete": {"Objects": gone, "Quiet": True}},
        unless="MalformedXML",
    )


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
