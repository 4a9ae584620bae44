"""The synthesised templates of a profile, read from its folder as plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MISSING: Json = {"proof": "missing"}
"""Answer of `Resource.get` where the path leads nowhere; compare with `is`."""


class AssemblyError(Exception):
    """There is no synthesised assembly in the folder, or not the resource that was asked for."""


@dataclass(frozen=True)
class Resource:
    """One resource of one template.

    `properties` keeps intrinsics as they stand in the template; `proof.values` resolves them.
    """

    stack: str
    region: str
    logical_id: str
    type: str
    properties: dict[str, Json]
    body: dict[str, Json]

    @property
    def path(self) -> str:
        """Return the construct's path, `Stack/Construct/Resource`.

        Or the logical id where none is known.
        """
        metadata = self.body.get("Metadata")
        path = metadata.get("aws:cdk:path") if isinstance(metadata, dict) else None
        return path if isinstance(path, str) else f"{self.stack}/{self.logical_id}"

    def get(self, path: str) -> Json:
        """Return what stands at `path`, as in `Rules.0.Status`; `MISSING` when nothing does.

        `*` means any element of a list: the first element whose rest of the path exists counts.
        """
        return _at(self.properties, path.split("."))


def _at(value: Json, path: list[str]) -> Json:
    """Follow one step of a path after the other."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return _at(value[step], rest) if step in value else MISSING
    if isinstance(value, list):
        if step == "*":
            found = (_at(each, rest) for each in value)
            return next((each for each in found if each is not MISSING), MISSING)
        if step.isdigit() and int(step) < len(value):
            return _at(value[int(step)], rest)
    return MISSING


def every(value: Json, path: str) -> list[Json]:
    """Return all that `path` reaches; `*` fans out over a list's elements or a mapping's values."""
    reached: list[Json] = [value]
    for step in path.split("."):
        following: list[Json] = []
        for each in reached:
            if step == "*" and isinstance(each, (list, dict)):
                following += each.values() if isinstance(each, dict) else each
            elif isinstance(each, dict) and step in each:
                following.append(each[step])
            elif isinstance(each, list) and step.isdigit() and int(step) < len(each):
                following.append(each[int(step)])
        reached = following
    return reached


@dataclass(frozen=True)
class Stack:
    """One synthesised stack: its id in the app, where it goes, its template.

    Two stacks may have one CloudFormation name, `title`, in two regions; ids are unique.
    """

    name: str
    title: str
    region: str
    account: str
    template: dict[str, Json]
    termination_protection: bool

    def resources(self) -> Iterator[Resource]:
        """Yield the template's resources in their order."""
        for logical_id, body in cast(
            "dict[str, dict[str, Json]]", self.template.get("Resources", {})
        ).items():
            properties = cast("dict[str, Json]", body.get("Properties", {}))
            yield Resource(self.name, self.region, logical_id, str(body["Type"]), properties, body)


@dataclass(frozen=True)
class Assembly:
    """All stacks of one profile."""

    folder: Path
    stacks: tuple[Stack, ...]

    def resources(self, type_: str | None = None, *, stack: str | None = None) -> list[Resource]:
        """Return the resources of a CloudFormation type; `stack` is the stack's id in the app."""
        return [
            each
            for where in self.stacks
            if stack is None or stack == where.name
            for each in where.resources()
            if type_ is None or each.type == type_
        ]

    def one(self, type_: str, *, stack: str | None = None, **wanted: Json) -> Resource:
        """Return the first resource of a type whose properties have the values `wanted`.

        :raises AssemblyError: there is none.
        """
        for each in self.resources(type_, stack=stack):
            if all(each.get(path.replace("__", ".")) == value for path, value in wanted.items()):
                return each
        raise AssemblyError(f"no {type_} with {wanted} in {stack or 'any stack'} of {self.folder}")

    def types(self) -> dict[str, int]:
        """Return how often each CloudFormation type occurs."""
        found: dict[str, int] = {}
        for each in self.resources():
            found[each.type] = found.get(each.type, 0) + 1
        return dict(sorted(found.items()))

    def stack(self, name: str) -> Stack:
        """Return the stack with that id."""
        return next(each for each in self.stacks if each.name == name)


def read(folder: Path) -> Assembly:
    """Read the assembly in `folder`, with those of its stages.

    :raises AssemblyError: no assembly was synthesised there.
    """
    if not (folder / "manifest.json").exists():
        raise AssemblyError(f"{folder} holds no synthesised assembly: `make aws-synth` writes it")
    stacks = tuple(sorted(_stacks(folder), key=lambda each: each.name))
    return Assembly(folder, stacks)


def _stacks(folder: Path) -> Iterator[Stack]:
    """Yield the stacks that the manifest names, and those of nested assemblies."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, artifact in cast(
        "Mapping[str, dict[str, Json]]", manifest.get("artifacts", {})
    ).items():
        properties = cast("dict[str, Json]", artifact.get("properties", {}))
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / str(properties["directoryName"]))
        elif artifact["type"] == "aws:cloudformation:stack":
            account, _, region = str(artifact["environment"]).removeprefix("aws://").partition("/")
            template = json.loads((folder / str(properties["templateFile"])).read_text())
            protected = properties.get("terminationProtection") is True
            yield Stack(
                name, str(properties.get("stackName", name)), region, account, template, protected
            )
