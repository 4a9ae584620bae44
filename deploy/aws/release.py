"""Writes a profile's templates as an archive that needs neither Node nor the CDK to be deployed.

    python deploy/aws/release.py PROFILE [--assembly FOLDER] [--into FOLDER] [--version VERSION]

Reads a synthesised assembly and needs nothing but Python. The same assembly gives the same bytes.
Inside are the templates, what they name (each file once, ready to be uploaded), `install.py`, and
MANIFEST.json: the order of the stacks, the SHA-256 of every file, and each value of the profile
that is only an example. `install.py` puts the installer's own values in their place.

Left out is what lies in another account: the pipeline deploys from source, by Node.
"""
# ruff: noqa: T201  a command line

import argparse
import graphlib
import gzip
import hashlib
import io
import json
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proof.synthesise import digest
from released import EXAMPLE, FORMAT, MANIFEST, flat, pattern

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOLS = (
    "bootstrap.template.json",
    "install.py",
    "released.py",
    "runbooks/steps.py",
    "stack_calls.py",
)
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}
"""How compiled files say what they run on, and how Lambda says it."""
ZIP_MOMENT = (2020, 1, 1, 0, 0, 0)
"""When every file was made, it says."""
README = """\
# Tallystick on AWS, profile {profile}, version {version}

Needs Python 3.11, `pip install boto3`, and an administrator's credentials in the environment.

1. Copy `values.toml` to `mine.toml` and put your own in the place of each example.
2. See every call, make none: `python install.py . --values mine.toml --dry-run`
3. Deploy, asked before each change: `python install.py . --values mine.toml`

Run again it changes nothing. Stacks: {stacks}.
"""


class ReleaseError(Exception):
    """No archive can be made of this assembly: the sentence says why."""


def main(argv: list[str] | None = None) -> int:
    """Write the archive; say where it is and its SHA-256."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("profile", help="small, standard, full, or your own")
    parser.add_argument("--assembly", type=Path, help="default: cdk.out/PROFILE")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="folder")
    parser.add_argument("--version", help="default: the product's")
    chosen = parser.parse_args(argv)
    folder = chosen.assembly or HERE / "cdk.out" / chosen.profile
    try:
        version = chosen.version or _version()
        profile = tomllib.loads((HERE / "profiles" / f"{chosen.profile}.toml").read_text())
        files = contents(folder, profile, version)
    except (ReleaseError, OSError, ValueError, KeyError) as wrong:
        print(f"release: {type(wrong).__name__}: {wrong}", file=sys.stderr)
        return 1
    name = f"tallystick-aws-{chosen.profile}-{version}"
    packed = pack(name, files)
    chosen.into.mkdir(parents=True, exist_ok=True)
    target = chosen.into / f"{name}.tar.gz"
    aside = target.with_suffix(".new")
    aside.write_bytes(packed)
    aside.replace(target)
    print(f"  {target}: {len(files)} files, {len(packed) / 1e6:.1f} MB", file=sys.stderr)
    print(hashlib.sha256(packed).hexdigest())
    return 0


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def contents(folder: Path, profile: Mapping[str, Any], version: str) -> dict[str, bytes]:
    """Every file of the archive by its path.

    Raises:
        ReleaseError: the assembly is missing, or would deploy what does not work.
    """
    stacks = _stacks(folder, profile)
    files = {name: (HERE / name).read_bytes() for name in TOOLS}
    for stack in stacks:
        files |= _files(folder, stack)
    values = _examples(profile, files)
    manifest = {
        "format": FORMAT,
        "profile": profile["name"],
        "version": version,
        "account": stacks[0]["account"],
        "values": values,
        "stacks": stacks,
    }
    files["README.md"] = README.format(
        profile=profile["name"],
        version=version,
        stacks=", ".join(f"{each['name']} ({each['region']})" for each in stacks),
    ).encode()
    files["values.toml"] = _form(values).encode()
    manifest["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    files[MANIFEST] = json.dumps(manifest, indent=1).encode() + b"\n"
    return files


def _stacks(folder: Path, profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stacks of the stage's account, each after those that it needs."""
    if not (folder / "manifest.json").is_file():
        raise ReleaseError(f"there is no assembly in {folder}: `make aws-synth` makes it")
    mark = folder / ".sources"
    if mark.is_file() and mark.read_text() != digest():
        raise ReleaseError(f"{folder} is older than its sources: `make aws-synth` makes it anew")
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    found = {name: one for name, one in artifacts.items() if "stack" in one["type"].split(":")}
    if not found:
        raise ReleaseError(f"{folder} has no stack")
    needs = {
        name: [each for each in one.get("dependencies", ()) if each in found]
        for name, one in found.items()
    }
    elsewhere = str(profile["accounts"]["delivery"])
    order = [
        _stack(folder, name, found[name], needs[name])
        for name in graphlib.TopologicalSorter(needs).static_order()
        if elsewhere not in found[name]["environment"]
    ]
    accounts = {each["account"] for each in order}
    if len(accounts) != 1 or not accounts <= set(profile["accounts"].values()):
        raise ReleaseError(f"{folder} is not of one account of the profile")
    return order


def _stack(folder: Path, name: str, one: Mapping[str, Any], needs: list[str]) -> dict[str, Any]:
    about = one["properties"]
    account, region = one["environment"].removeprefix("aws://").split("/")
    template = json.loads((folder / about["templateFile"]).read_text())
    capabilities = []
    if any(each["Type"].startswith("AWS::IAM::") for each in template["Resources"].values()):
        capabilities.append("CAPABILITY_NAMED_IAM")
    if "Transform" in template:
        capabilities.append("CAPABILITY_AUTO_EXPAND")
    return {
        "id": name,
        "name": about["stackName"],
        "account": account,
        "region": region,
        "after": sorted(needs),
        "template": f"stacks/{about['templateFile']}",
        "assets": f"stacks/{name}.assets.json",
        "capabilities": capabilities,
        "protected": bool(about.get("terminationProtection")),
        "tags": about.get("tags", {}),
    }


def _files(folder: Path, stack: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """A stack's template, its list of assets, and these: folders as zips."""
    for name in (stack["template"], stack["assets"]):
        yield name, (folder / Path(name).name).read_bytes()
    listed = json.loads((folder / Path(stack["assets"]).name).read_text())
    if listed.get("dockerImages"):
        raise ReleaseError(f"{stack['id']} builds an image, which an archive cannot carry")
    for key, asset in listed["files"].items():
        source = folder / asset["source"]["path"]
        if source.name == Path(stack["template"]).name:
            continue
        if asset["source"]["packaging"] == "zip":
            if _is_stand_in(source):
                raise ReleaseError(
                    f"{asset['displayName']} is not built: `make aws-package`, then synthesise anew"
                )
            yield f"assets/{key}.zip", _zipped(source)
        else:
            _check_machine(folder, stack, key, source)
            yield f"assets/{key}{source.suffix}", source.read_bytes()


def _check_machine(folder: Path, stack: Mapping[str, Any], key: str, source: Path) -> None:
    """Refuse code that was compiled for another machine than its functions run on.

    Raises:
        ReleaseError: it was; such a function fails at its first import.
    """
    if not zipfile.is_zipfile(source):
        return
    with zipfile.ZipFile(source) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".so")]
    built = {MACHINES[each] for each in MACHINES for name in compiled if f"-{each}-" in name}
    template = json.loads((folder / Path(stack["template"]).name).read_text())
    for name, resource in template["Resources"].items():
        about = resource.get("Properties", {})
        if resource["Type"] != "AWS::Lambda::Function" or key not in str(about.get("Code")):
            continue
        wanted = set(about.get("Architectures", ["x86_64"]))
        if built - wanted:
            raise ReleaseError(
                f"{stack['id']}/{name} runs on {'/'.join(wanted)}, its code is for "
                f"{'/'.join(sorted(built))}: `make aws-package ARGS='--machine {wanted.pop()}'`"
            )


def _is_stand_in(source: Path) -> bool:
    """Whether it is what lies in the functions' place until they are built: a note, no code."""
    return [path.name for path in source.iterdir()] == ["README.md"]


def _zipped(source: Path) -> bytes:
    """A folder as a zip, the same bytes every time."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(source.rglob("*"), key=lambda path: path.relative_to(source).parts):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), ZIP_MOMENT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                entry.create_system = 3
                archive.writestr(entry, path.read_bytes())
    return written.getvalue()


def _examples(profile: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, str]:
    """The profile's values that are only examples and stand in what is deployed, by their name.

    Raises:
        ReleaseError: two have the same example, so that nobody could tell them apart.
    """
    text = "\n".join(body.decode() for name, body in files.items() if name.startswith("stacks/"))
    found = {
        name: value
        for name, value in flat(profile).items()
        if EXAMPLE.fullmatch(value) and pattern([value]).search(text)
    }
    if len(set(found.values())) != len(found):
        raise ReleaseError(f"two of {', '.join(found)} have the same example")
    return found


def _form(values: Mapping[str, str]) -> str:
    """What the installer fills in: sections, names and lists as in a profile."""
    sections: dict[str, dict[str, list[str]]] = {}
    for name, value in values.items():
        *where, last = name.split(".")
        listed = ""
        if last.isdigit():
            *where, last = where
            listed = " []"
        section = sections.setdefault(".".join(where), {})
        section.setdefault(last + listed, []).append(json.dumps(value))
    text = "# Your own values: nothing is installed while an example is left.\n"
    for title in sorted(sections):
        text += f"\n[{title}]\n" if title else ""
        for key, found in sections[title].items():
            shown = f"[{', '.join(found)}]" if key.endswith(" []") else found[0]
            text += f"{key.removesuffix(' []')} = {shown}\n"
    return text


def pack(name: str, files: Mapping[str, bytes]) -> bytes:
    """The archive: sorted, without times and owners."""
    written = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", 6, written, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(files[path]), 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    return written.getvalue()


if __name__ == "__main__":
    sys.exit(main())
