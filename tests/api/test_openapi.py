"""The API's own description: whole, consistent, and changed only on purpose."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis

from tallystick.api import OPERATIONS
from tallystick.api.openapi import openapi, plain_path
from tallystick.api.problems import PROBLEM_JSON

SNAPSHOT = Path(__file__).with_name("openapi.snapshot.json")
REFRESH = "TALLYSTICK_TEST_REFRESH=1 .venv/bin/python -m pytest tests/api/test_openapi.py"
"""Writes the snapshot anew, after a change that was meant."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The description as a value."""
    made: dict[str, Any] = msgspec.json.decode(openapi(OPERATIONS))
    return made


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from parts(member)
    elif isinstance(value, list):
        for item in value:
            yield from parts(item)


def described(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, operation) of each operation in the document."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation


def test_the_description_is_the_known_one() -> None:
    """What clients see has not changed; `REFRESH` takes a wanted change over."""
    now = openapi(OPERATIONS) + b"\n"
    if os.environ.get("TALLYSTICK_TEST_REFRESH"):
        SNAPSHOT.write_bytes(now)

    assert now == SNAPSHOT.read_bytes(), f"If the change is meant: {REFRESH}"


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    """A reader of OpenAPI takes it, and its schemas are JSON Schema 2020-12."""
    loaded = schemathesis.openapi.from_dict(document)

    assert document["openapi"].startswith("3.1.")
    assert len(list(loaded.get_all_operations())) == len(OPERATIONS)
    for name, schema in document["components"]["schemas"].items():
        whole = schema | {"components": document["components"]}
        jsonschema_rs.Draft202012Validator(whole)
        assert jsonschema_rs.meta.is_valid(schema), name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Each `$ref` is a component, and each component is used."""
    wanted = {part["$ref"] for part in parts(document) if "$ref" in part}
    there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert wanted <= there
    queries = {operation.query.__name__ for operation in OPERATIONS if operation.query}
    unused = {ref.rpartition("/")[2] for ref in there - wanted}
    assert unused <= queries  # their members are listed as parameters


def test_every_operation_is_described_once(document: dict[str, Any]) -> None:
    """Unique operationIds; a summary that is a sentence; tags; the path's parameters."""
    found = list(described(document))
    ids = Counter(operation["operationId"] for _path, operation in found)

    assert len(found) == len(OPERATIONS)
    assert set(ids.values()) == {1}
    for path, operation in found:
        assert operation["summary"].endswith("."), operation["operationId"]
        assert operation["tags"]
        named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        keys = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(keys) == len(set(keys))


def test_every_answer_is_described(document: dict[str, Any]) -> None:
    """One good status (202 beside it where more is needed); refusals are problems with codes."""
    for _path, operation in described(document):
        answers = operation["responses"]
        good = [status for status in answers if status.startswith("2") or status == "101"]
        assert len({*good} - {"202"}) == 1 or good == ["202"], operation["operationId"]
        assert "503" in answers
        for status, answer in answers.items():
            assert answer["description"].endswith(".")
            if status not in good:
                assert {PROBLEM_JSON, "application/json"} & answer["content"].keys()


def test_whoever_needs_a_token_is_told(document: dict[str, Any]) -> None:
    """`security` and 401 stand where the operation has a scope, and nowhere else."""
    schemes = document["components"]["securitySchemes"]
    for operation in OPERATIONS:
        shown = document["paths"][plain_path(operation.path)][operation.method.lower()]
        assert ("security" in shown) == (operation.scope is not None)
        refuses = operation.scope is not None or 401 in operation.own_refusals
        assert ("401" in shown["responses"]) == refuses
        assert {name for each in shown.get("security", []) for name in each} <= schemes.keys()


@pytest.mark.server
def test_the_server_serves_this_document(product: Any) -> None:
    """/openapi.json needs no token and is what the operations say."""
    response = product.stranger.get("/openapi.json")

    assert response.headers["content-type"] == "application/json"
    assert response.content == openapi(OPERATIONS)
