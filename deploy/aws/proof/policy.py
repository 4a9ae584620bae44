"""IAM statements of the templates, wherever they stand.

Roles, policies, keys, buckets, queues, topics.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proof.assembly import Assembly, Json, Resource
    from proof.values import Values

IDENTITY = {
    "AWS::IAM::Role": ("Policies.*.PolicyDocument",),
    "AWS::IAM::Policy": ("PolicyDocument",),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument",),
}
"""Where a type keeps what its bearer may do."""
RESOURCE = {
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::S3::BucketPolicy": ("PolicyDocument",),
    "AWS::SQS::QueuePolicy": ("PolicyDocument",),
    "AWS::SNS::TopicPolicy": ("PolicyDocument",),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
}
"""Where a type keeps who may use it."""


@dataclass(frozen=True)
class Statement:
    """One statement, with everything as lists."""

    resource: Resource
    effect: str
    actions: tuple[str, ...]
    targets: tuple[str, ...]
    principals: tuple[str, ...]
    condition: str


def statements(
    assembly: Assembly, values: Values, where: Mapping[str, tuple[str, ...]]
) -> Iterator[Statement]:
    """Yield every statement of the policies that `where` names."""
    for type_, paths in where.items():
        for resource in assembly.resources(type_):
            own = values.of(resource)
            for path in paths:
                for document in _documents(own, path.split(".")):
                    for each in _listed(document.get("Statement", [])):
                        yield _statement(resource, cast("dict[str, Json]", each))


def _documents(value: Json, path: list[str]) -> Iterator[dict[str, Json]]:
    """Yield the policy documents that `path` leads to."""
    if not path and isinstance(value, dict):
        yield value
    elif path and path[0] == "*" and isinstance(value, list):
        for each in value:
            yield from _documents(each, path[1:])
    elif path and isinstance(value, dict) and path[0] in value:
        yield from _documents(value[path[0]], path[1:])


def _statement(resource: Resource, own: dict[str, Json]) -> Statement:
    """Return a statement with its members as lists of texts."""
    principal = own.get("Principal", {})
    named = principal if isinstance(principal, dict) else {"AWS": principal}
    return Statement(
        resource=resource,
        effect=str(own.get("Effect", "Allow")),
        actions=tuple(str(each) for each in _listed(own.get("Action", []))),
        targets=tuple(str(each) for each in _listed(own.get("Resource", []))),
        principals=tuple(str(each) for value in named.values() for each in _listed(value)),
        condition=json.dumps(own.get("Condition", {})),
    )


def _listed(value: Json) -> list[Json]:
    """Return a list, of one where there is none."""
    return value if isinstance(value, list) else [value]
