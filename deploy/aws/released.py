"""A released archive as it is read: whole by its hashes, then with the installer's own values."""

import hashlib
import json
import re
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

FORMAT = 1
MANIFEST = "MANIFEST.json"
ARCHIVE_BYTES_MAX = 512 * 1024 * 1024
"""What an archive may be, unpacked."""
EXAMPLE = re.compile(
    r"(\d)\1{11}|[A-Z]0{8,}|\+10+|0{8}-0{4}-0{4}-0{4}-\d{12}|.*\bexample\b.*", re.DOTALL
)
"""Accounts of one digit, ids and numbers of noughts, reserved names: nobody's own value."""
FORMS = {
    "accounts.": r"\d{12}",
    "domain": r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    "hosted_zone_id": r"Z[A-Z0-9]{8,31}",
    "contacts.mail": r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+\.[a-z]{2,63}",
    "contacts.sms.": r"\+[1-9]\d{6,14}",
}
"""What a value has to look like, by the beginning of its name."""
ANY_FORM = r"[A-Za-z0-9][A-Za-z0-9+@:/._-]*"
"""What all others may: nothing that means something to JSON."""


class ArchiveError(Exception):
    """The archive is damaged, or a value is missing or wrong: the sentence says which."""


@dataclass(frozen=True)
class Asset:
    """One file that a stack needs, and where it is put."""

    region: str
    bucket: str
    key: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Stack:
    """One stack as it is deployed: the installer's values are in it."""

    name: str
    region: str
    capabilities: tuple[str, ...]
    protected: bool
    tags: Mapping[str, str]
    template: Asset
    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class Release:
    """A whole archive, checked."""

    account: str
    bootstrap: str
    stacks: tuple[Stack, ...]

    @property
    def regions(self) -> list[str]:
        """Where it is deployed, in the order of need."""
        return list(dict.fromkeys(stack.region for stack in self.stacks))


def flat(document: object, name: str = "") -> dict[str, str]:
    """Every text of nested sections and lists, by its dotted name."""
    if isinstance(document, str):
        return {name: document}
    pairs: Iterable[tuple[object, object]] = ()
    if isinstance(document, Mapping):
        pairs = document.items()
    elif isinstance(document, list):
        pairs = enumerate(document)
    found: dict[str, str] = {}
    for key, value in pairs:
        found |= flat(value, f"{name}.{key}" if name else str(key))
    return found


def pattern(values: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the values where it stands for itself, the longest first."""
    ordered = sorted(values, key=lambda value: (-len(value), value))
    either = "|".join(re.escape(value) for value in ordered)
    return re.compile(rf"(?<![0-9A-Za-z])(?:{either})(?![0-9A-Za-z])")


def read(path: Path) -> dict[str, bytes]:
    """The files of an archive, or of the folder that it was unpacked into, by their hashes.

    Raises:
        ArchiveError: it is none, or a file is missing, changed, or more than the manifest names.
    """
    try:
        files = _unpacked(path) if path.is_dir() else _packed(path)
        manifest = json.loads(files[MANIFEST])
        hashes = dict(manifest["files"])
        known = manifest["format"]
    except (OSError, EOFError, tarfile.TarError, KeyError, ValueError, TypeError) as wrong:
        raise ArchiveError(f"{path} is no released archive: {wrong!r}") from wrong
    if known != FORMAT:
        raise ArchiveError(f"{path} has format {known}; this installer reads {FORMAT}")
    if files.keys() - {MANIFEST} != hashes.keys():
        differ = sorted((files.keys() - {MANIFEST}) ^ hashes.keys())
        raise ArchiveError(f"missing, or not in the manifest: {', '.join(differ)}")
    for name, expected in hashes.items():
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise ArchiveError(f"{name} is not what was released")
    return files


def _unpacked(folder: Path) -> dict[str, bytes]:
    named = json.loads((folder / MANIFEST).read_text())["files"]
    return {name: (folder / _inside(name)).read_bytes() for name in [MANIFEST, *named]}


def _packed(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    size = 0
    with tarfile.open(path, "r:gz") as archive:
        for entry in archive:
            taken = archive.extractfile(entry) if entry.isreg() else None
            size += entry.size
            if taken is None or size > ARCHIVE_BYTES_MAX:
                raise ArchiveError(f"{entry.name} is no plain file, or too large")
            name = _inside("/".join(PurePosixPath(entry.name).parts[1:]))
            if name in found:
                raise ArchiveError(f"{name} is there twice")
            found[name] = taken.read()
    return found


def _inside(name: str) -> str:
    """The path, when it leads nowhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveError(f"{name!r} leads out of the archive")
    return name


def release(
    files: Mapping[str, bytes], own: Mapping[str, str], bucket: str | None = None
) -> Release:
    """What is deployed: the archive's stacks with the installer's own values in them.

    `bucket` names another bucket than that of the bootstrap; `{region}` in it is filled in.

    Raises:
        ArchiveError: a value is missing, unknown or wrong, or an example would remain.
    """
    manifest = json.loads(files[MANIFEST])
    examples: dict[str, str] = manifest["values"]
    _check(examples, own)
    swapped = {example: own[name] for name, example in examples.items()}

    def mine(name: str) -> str:
        text = files[name].decode()
        if not swapped:
            return text
        finder = pattern(swapped)
        text = finder.sub(lambda found: swapped[found.group()], text)
        left = [example for example in swapped if example in text]
        if left:
            raise ArchiveError(f"{name} still has the example {left[0]}")
        return text

    account = swapped.get(manifest["account"], manifest["account"])
    stacks = []
    for about in manifest["stacks"]:
        template, listed = mine(about["template"]), json.loads(mine(about["assets"]))
        places = dict(_places(about, listed))
        there = bucket or f"cdk-hnb659fds-assets-{account}-{{region}}"
        there = there.replace("{region}", about["region"])
        if bucket is not None:
            template = _moved(template, {each["bucketName"] for _, each in places.values()}, there)
        body = template.encode()
        key = f"{hashlib.sha256(body).hexdigest()}.json"
        stacks.append(
            Stack(
                name=about["name"],
                region=about["region"],
                capabilities=tuple(about["capabilities"]),
                protected=about["protected"],
                tags=about["tags"],
                template=Asset(about["region"], there, key, body),
                assets=tuple(
                    Asset(place["region"], there, place["objectKey"], files[name])
                    for name, place in places.values()
                ),
            )
        )
    return Release(account, files["bootstrap.template.json"].decode(), tuple(stacks))


def _check(examples: Mapping[str, str], own: Mapping[str, str]) -> None:
    missing, unknown = examples.keys() - own.keys(), own.keys() - examples.keys()
    if missing:
        raise ArchiveError(f"values are missing: {', '.join(sorted(missing))}")
    if unknown:
        raise ArchiveError(f"nothing in the archive takes: {', '.join(sorted(unknown))}")
    for name, value in own.items():
        form = next((form for start, form in FORMS.items() if name.startswith(start)), ANY_FORM)
        if not re.fullmatch(form, value):
            raise ArchiveError(f"{name}: {value!r} has not the form of one")
        if EXAMPLE.fullmatch(value) or any(each in value for each in examples.values()):
            raise ArchiveError(f"{name}: {value!r} is only an example")
    accounts = [value for name, value in own.items() if name.startswith("accounts.")]
    if len(set(accounts)) != len(accounts):
        raise ArchiveError("accounts: each stage has an account of its own")


def _places(
    about: Mapping[str, Any], listed: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, Mapping[str, str]]]]:
    """Each asset beside the template: its file in the archive, and where it goes."""
    for key, asset in listed["files"].items():
        source = PurePosixPath(asset["source"]["path"])
        if source.name == PurePosixPath(about["template"]).name:
            continue
        suffix = ".zip" if asset["source"]["packaging"] == "zip" else source.suffix
        for place in asset["destinations"].values():
            yield f"{key}@{place['region']}", (f"assets/{key}{suffix}", place)


def _moved(template: str, buckets: Iterable[str], there: str) -> str:
    """A template that reads from another bucket and asks for no bootstrap."""
    for each in buckets:
        template = template.replace(f'"{each}"', json.dumps(there))
        if each in template:
            raise ArchiveError(f"the template names {each} where no other can stand")
    document = json.loads(template)
    document.get("Parameters", {}).pop("BootstrapVersion", None)
    document.get("Rules", {}).pop("CheckBootstrapVersion", None)
    for section in ("Parameters", "Rules"):
        if section in document and not document[section]:
            del document[section]
    return json.dumps(document, indent=1)


def values(path: Path | None) -> dict[str, str]:
    """The installer's own values, under the names that a profile has.

    Raises:
        ArchiveError: the file cannot be read.
    """
    if path is None:
        return {}
    try:
        return flat(tomllib.loads(path.read_text()))
    except (OSError, ValueError) as wrong:
        raise ArchiveError(f"{path}: {wrong}") from wrong
