"""What a runbook is made of: calls to AWS, waits, checks, and words to whoever runs it.

A runbook is a list of steps, made from its arguments alone. `--dry-run` prints each call as it
would be sent, validated against botocore's model of the service, and makes none: it needs neither
account nor network. A real run asks for the runbook's name to be typed (or `--yes`), makes the
calls one after another and writes one JSON line for each, which is the evidence of the run.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator
from botocore.waiter import WaiterModel

Parameters = Mapping[str, object]
POLL_SECONDS = 15
"""Time between two looks at something that is awaited."""
WAIT_SECONDS_MAX = 3_600
"""Longest wait of one step, unless it says otherwise."""
READING = ("batch_get_", "describe_", "get_", "list_", "lookup_", "search_")
"""Operations with these beginnings change nothing."""


class StepError(Exception):
    """A step that cannot be sent, or whose answer is not what the runbook needs."""


@dataclass(frozen=True)
class Answer:
    """A part of an earlier call's answer: its name, a dot, and a JMESPath.

    `like` stands for it in a dry run; by default the path in angle brackets.
    """

    path: str
    like: object = None

    def sample(self) -> object:
        """What a dry run shows and validates in its place."""
        return f"<{self.path}>" if self.like is None else self.like

    def read(self, answers: Mapping[str, object]) -> object:
        """The value itself.

        Raises:
            StepError: the answers have no such part.
        """
        found = jmespath.search(self.path, dict(answers))
        if found is None:
            raise StepError(f"No earlier answer has {self.path}.")
        return found


@dataclass(frozen=True)
class Call:
    """One request: `service` and `operation` as boto3 names them, and why it is made.

    `name` keeps the answer for later steps. A call that meets the error code `unless` is skipped:
    what it wants is so already.
    """

    why: str
    service: str
    operation: str
    region: str
    parameters: Parameters = field(default_factory=dict)
    name: str = ""
    unless: str = ""

    @property
    def changes(self) -> bool:
        """Whether something is different afterwards."""
        return not self.operation.startswith(READING)


@dataclass(frozen=True)
class Until:
    """A call repeated until the JMESPath of its answer gives `wanted`."""

    call: Call
    path: str
    wanted: object
    seconds_max: int = WAIT_SECONDS_MAX


@dataclass(frozen=True)
class Steady:
    """A call repeated for `seconds`; the run stops when its answer's JMESPath is not `wanted`."""

    call: Call
    path: str
    wanted: object
    seconds: int


@dataclass(frozen=True)
class Wait:
    """One of botocore's own waiters."""

    why: str
    service: str
    waiter: str
    region: str
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A part of an earlier answer that has to be as it should, or the runbook stops."""

    why: str
    answer: Answer
    passes: Callable[[Any], bool]
    wanted: str


@dataclass(frozen=True)
class Say:
    """Something that a person does or decides; a real run waits for the return key."""

    what: str


@dataclass(frozen=True)
class Within:
    """Steps in whose course something is broken; `back` puts it right, whatever came of them.

    `back` is done as well when a step fails or somebody stops the run.
    """

    steps: Sequence["Step"]
    back: Sequence["Step"]


Step = Call | Until | Steady | Wait | Check | Say | Within


@cache
def model_of(service: str) -> ServiceModel:
    """Botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


@cache
def _operations(service: str) -> Mapping[str, str]:
    return {xform_name(name): name for name in model_of(service).operation_names}


def operation_of(service: str, operation: str) -> OperationModel:
    """The model of an operation in boto3's spelling.

    Raises:
        StepError: the service has none of that name.
    """
    names = _operations(service)
    if operation not in names:
        raise StepError(f"{service} has no operation {operation}.")
    return model_of(service).operation_model(names[operation])


def problems(service: str, operation: str, parameters: Parameters) -> list[str]:
    """All that is wrong with a request by the service's model: names, types, sizes, enums."""
    model = operation_of(service, operation)
    if model.input_shape is None:
        return [f"{operation} takes no parameters"] if parameters else []
    report = ParamValidator().validate(dict(parameters), model.input_shape)
    found = [report.generate_report()] if report.has_errors() else []
    return found or list(_beyond(model.input_shape, parameters, ""))


def _beyond(shape: Shape, value: object, at: str) -> list[str]:
    """Enums and longest lengths, which botocore leaves to the service."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = cast("Mapping[str, Shape]", getattr(shape, "members", {}))
        return [
            problem
            for name, inner in value.items()
            if name in members
            for problem in _beyond(members[name], inner, f"{at}.{name}")
        ]
    if shape.type_name == "list" and isinstance(value, list):
        member = cast("Shape", getattr(shape, "member"))  # noqa: B009  only lists have one
        return [p for i, inner in enumerate(value) for p in _beyond(member, inner, f"{at}[{i}]")]
    if shape.type_name == "string" and isinstance(value, str) and not _is_sample(value):
        return _beyond_text(shape, value, at)
    return []


def _beyond_text(shape: Shape, value: str, at: str) -> list[str]:
    allowed = cast("Sequence[str]", getattr(shape, "enum", ()) or ())
    if allowed and value not in allowed:
        return [f"{at}: {value!r} is none of {', '.join(allowed)}"]
    longest = shape.metadata.get("max")
    if isinstance(longest, int) and len(value) > longest:
        return [f"{at}: longer than {longest} characters"]
    pattern = shape.metadata.get("pattern")
    if isinstance(pattern, str) and not _matches(pattern, value):
        return [f"{at}: {value!r} does not match {pattern}"]
    return []


def _matches(pattern: str, value: str) -> bool:
    """Whether it fits; a pattern that Python cannot read (Java's) is not held against it."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True


def _is_sample(value: str) -> bool:
    return "<" in value and ">" in value


def filled(value: object, answers: Mapping[str, object] | None) -> object:
    """A parameter with its answers in place; with none, with the samples of a dry run."""
    if isinstance(value, Answer):
        return value.sample() if answers is None else value.read(answers)
    if isinstance(value, Mapping):
        return {key: filled(inner, answers) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(inner, answers) for inner in value]
    return value


def request(call: Call, answers: Mapping[str, object] | None) -> dict[str, object]:
    """The parameters of a call as they are sent.

    Raises:
        StepError: the service would not understand them.
    """
    parameters = cast("dict[str, object]", filled(call.parameters, answers))
    for token in operation_of(call.service, call.operation).idempotent_members:
        parameters.setdefault(token, str(uuid.uuid4()))
    wrong = problems(call.service, call.operation, parameters)
    if wrong:
        raise StepError(f"{call.service} {call.operation}: {'; '.join(wrong)}")
    return parameters


def waiter_request(wait: Wait) -> dict[str, object]:
    """The parameters of a waiter's calls.

    Raises:
        StepError: there is no such waiter, or its operation would not understand them.
    """
    loader = botocore.session.get_session().get_component("data_loader")
    known = WaiterModel(loader.load_service_model(wait.service, "waiters-2"))
    names = {xform_name(name): name for name in known.waiter_names}
    if wait.waiter not in names:
        raise StepError(f"{wait.service} has no waiter {wait.waiter}.")
    operation = xform_name(known.get_waiter(names[wait.waiter]).operation)
    return request(Call(wait.why, wait.service, operation, wait.region, wait.parameters), None)


def described(step: Step) -> dict[str, object]:
    """A step as a dry run prints it: everything that would be sent.

    Raises:
        StepError: it could not be sent.
    """
    match step:
        case Call():
            return {
                "call": f"{step.service}.{step.operation}",
                "region": step.region,
                "parameters": request(step, None),
                "changes": step.changes,
                "why": step.why,
            }
        case Until():
            return {**described(step.call), "until": step.path, "is": step.wanted}
        case Steady():
            held = {"steady": step.path, "is": step.wanted, "seconds": step.seconds}
            return {**described(step.call), **held}
        case Wait():
            return {
                "wait": f"{step.service}.{step.waiter}",
                "region": step.region,
                "parameters": waiter_request(step),
                "why": step.why,
            }
        case Check():
            return {"check": step.answer.path, "wanted": step.wanted, "why": step.why}
        case Say():
            return {"say": step.what}
        case Within():
            raise StepError("Steps within others are described one by one: see `one_by_one`.")


def one_by_one(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step in its order; what is put back follows what was broken."""
    for step in steps:
        if isinstance(step, Within):
            yield from one_by_one(step.steps)
            yield from one_by_one(step.back)
        else:
            yield step


def printed(document: Mapping[str, object]) -> str:
    """One JSON line."""
    return json.dumps(document, default=str)


def pause() -> None:
    """Between two looks."""
    time.sleep(POLL_SECONDS)
