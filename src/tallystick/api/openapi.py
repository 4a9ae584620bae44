"""OpenAPI 3.1, derived from the operations and their types; nothing is written by hand."""

import html
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from tallystick import __version__
from tallystick.api.operation import JSON, Operation
from tallystick.api.problems import PROBLEM_JSON, REFUSAL_STATUS, TITLES, Problem

_PARAMETER = re.compile(r"{([a-z]+)(?::path)?}")
_REF = "#/components/schemas/{name}"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
}
_REPLAYED_HEADER = {
    "Idempotency-Replayed": {
        "description": "Present when this is the stored answer to an earlier request.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
LOCATION_HEADER = {
    "Location": {
        "description": "Where it can be read.",
        "required": True,
        "schema": {"type": "string"},
    },
}
_SECURED: list[dict[str, list[str]]] = [{"bearer": []}]


def _any(kind: type) -> dict[str, Any]:
    """The schema of a value that may be anything: what somebody else's log line or event holds."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError


def openapi(operations: Sequence[Operation]) -> bytes:
    """The document as JSON."""
    types = [Problem, *_types(operations)]
    schemas, components = msgspec.json.schema_components(types, schema_hook=_any, ref_template=_REF)
    of_type = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = plain_path(operation.path)
        described = _describe(operation, of_type, components)
        paths.setdefault(path, {})[operation.method.lower()] = described
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Tallystick",
            "version": __version__,
            "description": "Foreign-exchange trading whose every trade can be proved.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "hec": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _types(operations: Iterable[Operation]) -> list[Any]:
    found: dict[str, Any] = {}
    for operation in operations:
        for kind in (operation.answer, operation.body, operation.query):
            if kind is not None and kind is not bytes:
                found.setdefault(_key(kind), kind)
    return list(found.values())


def _key(kind: Any) -> str:
    return repr(kind)


def _describe(
    operation: Operation, of_type: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation, of_type, components),
        "responses": _responses(operation, of_type),
    }
    if operation.body is not None:
        raw = operation.body is bytes
        schema = {"type": "string"} if raw else of_type[_key(operation.body)]
        media_type = "text/plain" if raw else JSON
        described["requestBody"] = {"required": True, "content": {media_type: {"schema": schema}}}
    if operation.scope is not None:
        described["security"] = [{"hec": []}] if operation.scope == "hec" else _SECURED
    return described


def _parameters(
    operation: Operation, of_type: dict[str, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        name = of_type[_key(operation.query)]["$ref"].rpartition("/")[2]
        struct = components[name]
        required = struct.get("required", ())
        parameters += [
            {"name": field, "in": "query", "required": field in required, "schema": schema}
            for field, schema in struct["properties"].items()
        ]
    if operation.keyed:
        parameters.append(_KEY)
    return parameters


def _responses(operation: Operation, of_type: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.answer is not None:
        raw = operation.answer is bytes
        schema = {"type": "string"} if raw else of_type[_key(operation.answer)]
        content = {operation.media_type: {"schema": schema}}
        content |= {media_type: {"schema": {"type": "string"}} for media_type in operation.also}
    answers: dict[str, dict[str, Any]] = {
        str(operation.status): {"description": "The answer.", "content": content}
    }
    headers = operation.headers | (_REPLAYED_HEADER if operation.keyed else {})
    if headers:
        answers[str(operation.status)]["headers"] = headers
    if operation.links:
        answers[str(operation.status)]["links"] = operation.links
    codes = _codes(operation)
    problem = {PROBLEM_JSON: {"schema": of_type[_key(Problem)]}}
    for status, names in sorted(codes.items()):
        if str(status) not in answers:
            sentences = sorted({f"{name}: {TITLES.get(name, name)}." for name in names})
            answers[str(status)] = {"description": " ".join(sentences), "content": problem}
    for status in operation.own_refusals:
        description = "Refused." if status >= HTTPStatus.BAD_REQUEST else "Taken, not done yet."
        told = answers.setdefault(str(status), {"description": description, "content": {}})
        told["content"] = told["content"] | content
    return answers


def _codes(operation: Operation) -> dict[int, list[str]]:
    """The codes that an operation may refuse with, by their status."""
    codes: dict[int, list[str]] = {}
    for code in operation.refusals:
        codes.setdefault(REFUSAL_STATUS.get(code, 422), []).append(code)
    if operation.scope not in {None, "hec"}:
        codes.setdefault(401, []).append("UNAUTHENTICATED")
        codes.setdefault(403, []).append("FORBIDDEN")
    if operation.query is not None or operation.body is not None:
        codes.setdefault(422, []).append("VALUE_NOT_ALLOWED")
    if operation.keyed:
        codes.setdefault(422, []).append("BAD_KEY")
        codes.setdefault(409, []).append("IDEMPOTENCY_CONFLICT")
    if operation.body is not None:
        codes.setdefault(400, []).append("BAD_JSON")
        codes.setdefault(413, []).append("BODY_TOO_LARGE")
    codes.setdefault(503, []).append("UNAVAILABLE")
    return codes


def reference_page(operations: Sequence[Operation]) -> str:
    """The operations as one plain HTML page, for `/docs`."""
    rows = "\n".join(
        f"<tr><td><code>{operation.method}</code></td>"
        f"<td><code>{html.escape(plain_path(operation.path))}</code></td>"
        f"<td>{html.escape(operation.summary)}</td>"
        f"<td>{operation.scope or 'none'}</td></tr>"
        for operation in operations
    )
    codes = "\n".join(
        f"<tr><td><code>{code}</code></td><td>{REFUSAL_STATUS.get(code, 422)}</td>"
        f"<td>{html.escape(title)}.</td></tr>"
        for code, title in TITLES.items()
    )
    return _PAGE.format(version=__version__, rows=rows, codes=codes)


def plain_path(path: str) -> str:
    """A path as OpenAPI writes it: without Starlette's converters."""
    return _PARAMETER.sub(r"{\1}", path)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tallystick API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs.css"></head><body>
<h1>Tallystick API {version}</h1>
<p>The machine-readable description is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).
Send <code>Authorization: Bearer &lt;token&gt;</code> where a scope is named.</p>
<table><thead><tr><th>Method</th><th>Path</th><th>What it does</th><th>Scope</th></tr></thead>
<tbody>
{rows}
</tbody></table>
<h2>Codes of refused requests</h2>
<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>
{codes}
</tbody></table>
</body></html>
"""

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;
color-scheme:light dark}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884}
code{font-family:ui-monospace,monospace;font-size:.92em}"""
