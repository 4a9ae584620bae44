"""From a template's properties to an API call: the service's own model says which members it takes.

CloudFormation's properties follow the API's names but for their case and a few nestings. What the
API
does not know is left out; what it demands and the template does not say, the caller adds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.client import BaseClient

    from proof.assembly import Json


def parameters(
    client: BaseClient,
    operation: str,
    properties: Mapping[str, Json],
    names: Mapping[str, str] | None = None,
    **more: object,
) -> dict[str, Any]:
    """Return the parameters of `operation` (`create_stream`) that `properties` can fill.

    :param names: members of the API whose property has another name, `{"StreamName": "Name"}`.
    :param more: what the template cannot know; it wins over the template.
    """
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    renamed = {api: properties[own] for api, own in (names or {}).items() if own in properties}
    left = {name: each for name, each in properties.items() if name not in (names or {}).values()}
    shaped = _shaped({**left, **renamed}, cast("StructureShape", model.input_shape))
    return {**cast("dict[str, Any]", shaped), **more}


def call(
    client: BaseClient,
    operation: str,
    properties: Mapping[str, Json],
    names: Mapping[str, str] | None = None,
    **more: object,
) -> dict[str, Any]:
    """Make the call with `parameters`; botocore holds them against the model before they leave."""
    answer = getattr(client, operation)(**parameters(client, operation, properties, names, **more))
    return cast("dict[str, Any]", answer)


def _shaped(value: Json, shape: Shape) -> object:  # noqa: PLR0911  a case a shape
    """Return `value` in the form that `shape` demands."""
    if isinstance(shape, StructureShape):
        return _structure(value, shape)
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [_shaped(each, shape.member) for each in items]
    if isinstance(shape, MapShape):
        return _map(value, shape)
    if shape.type_name == "boolean":
        return value in {True, "true", "True"} if isinstance(value, (bool, str)) else bool(value)
    if shape.type_name in {"integer", "long"}:
        return int(float(str(value)))
    if shape.type_name in {"double", "float"}:
        return float(str(value))
    if shape.type_name == "blob":
        return (
            json.dumps(value).encode() if isinstance(value, (dict, list)) else str(value).encode()
        )
    if shape.type_name == "string":
        return _text(value)
    return value


def _text(value: Json) -> str:
    """Return text: documents (policies, patterns) as JSON, truth in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def _map(value: Json, shape: MapShape) -> object:
    """Return a mapping; a list of tags becomes one."""
    if isinstance(value, list):
        value = {
            str(each["Key"]): each["Value"]
            for each in value
            if isinstance(each, dict) and "Key" in each
        }
    return (
        {name: _shaped(each, shape.value) for name, each in value.items()}
        if isinstance(value, dict)
        else {}
    )


def _structure(value: Json, shape: StructureShape) -> object:
    """Fill a structure by names without regard to case; a list fills `Quantity` and `Items`."""
    if isinstance(value, list) and {"Quantity", "Items"} <= set(shape.members):
        items = cast("ListShape", shape.members["Items"])
        filled: dict[str, object] = {"Quantity": len(value)}
        return (
            {**filled, "Items": [_shaped(each, items.member) for each in value]}
            if value
            else filled
        )
    if not isinstance(value, dict):
        return {}
    own = {name.casefold(): each for name, each in value.items()}
    return {
        name: _shaped(own[name.casefold()], member)
        for name, member in shape.members.items()
        if name.casefold() in own
    }
