"""The frame around every runbook: its arguments, the dry run, the question, the run.

Exit codes: 0 done, 1 a step failed or a check did not hold, 2 the arguments are wrong.
"""

import argparse
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jmespath
from steps import (
    POLL_SECONDS,
    Call,
    Check,
    Say,
    Steady,
    Step,
    StepError,
    Until,
    Wait,
    Within,
    described,
    one_by_one,
    pause,
    printed,
    request,
)

PRIMARY = "eu-west-1"
RECOVERY = "eu-central-1"
PROFILES = Path(__file__).resolve().parents[1] / "profiles"
Client = Callable[[str, str], Any]
"""A boto3 client by service and region."""
EXAMPLES = ("tallystick.example.com", "333333333333", "sg-00000000000000000")
"""A domain, an account and a security group that nobody has."""


def parser_of(description: str) -> argparse.ArgumentParser:
    """The arguments that every runbook has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", default="production", help="the stage it is about")
    parser.add_argument("--primary", default=PRIMARY, help="the region that serves normally")
    parser.add_argument("--recovery", default=RECOVERY, help="the region that takes over")
    parser.add_argument("--dry-run", action="store_true", help="print the calls, make none")
    parser.add_argument("--yes", action="store_true", help="do not ask before changing anything")
    return parser


def switches_of(profile: str) -> dict[str, bool]:
    """What `profiles/PROFILE.toml` switches on, by name.

    Raises:
        OSError: there is no such profile.
    """
    said = tomllib.loads((PROFILES / f"{profile}.toml").read_text())
    return dict(said["switches"])


def run(
    name: str, arguments: argparse.Namespace, steps: Iterable[Step], client: Client | None = None
) -> int:
    """Print the steps, or do them; see the module for the exit code."""
    listed = list(steps)
    try:
        if arguments.dry_run:
            _print(map(described, one_by_one(listed)))
            return 0
        if not arguments.yes and _changes(listed) and not _agreed(name, listed):
            return 1
        _do(listed, client or _boto3, {})
    except StepError as wrong:
        sys.stderr.write(f"{name}: {wrong}\n")
        return 1
    return 0


def main(
    name: str,
    parser: argparse.ArgumentParser,
    steps: Callable[[argparse.Namespace], Sequence[Step]],
    argv: Sequence[str] | None = None,
) -> int:
    """A runbook's command line."""
    arguments = parser.parse_args(argv)
    try:
        _refuse_examples(arguments)
        listed = steps(arguments)
    except (StepError, ValueError, OSError) as wrong:
        sys.stderr.write(f"{name}: {wrong}\n")
        return 2
    return run(name, arguments, listed)


def _refuse_examples(arguments: argparse.Namespace) -> None:
    """What stands in a default so that a dry run has something to show is nobody's own."""
    if arguments.dry_run:
        return
    for name, value in vars(arguments).items():
        if isinstance(value, str) and any(each in value for each in EXAMPLES):
            option = "--" + name.replace("_", "-")
            raise StepError(f"{option} {value} is only an example: say your own.")


def _changes(steps: Sequence[Step]) -> bool:
    return any(isinstance(step, Call) and step.changes for step in one_by_one(steps))


def _print(lines: Iterable[dict[str, object]]) -> None:
    for line in lines:
        sys.stdout.write(printed(line) + "\n")
    sys.stdout.flush()


def _agreed(name: str, steps: Sequence[Step]) -> bool:
    """Show the plan and let its name be typed."""
    _print(map(described, one_by_one(steps)))
    sys.stderr.write(f"Type {name} to do this: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == name


def _boto3(service: str, region: str) -> Any:
    import boto3  # noqa: PLC0415  a dry run does without it

    return boto3.client(service, region_name=region)


def _do(steps: Sequence[Step], client: Client, answers: dict[str, object]) -> None:
    for step in steps:
        match step:
            case Call():
                answer = _call(step, answers, client)
                if step.name:
                    answers[step.name] = answer
            case Until():
                _until(step, answers, client)
            case Steady():
                _steady(step, answers, client)
            case Within():
                _within(step, answers, client)
            case Wait():
                _wait(step, client)
            case Check():
                _check(step, answers)
            case Say():
                sys.stderr.write(f"{step.what}\nThen press return. ")
                sys.stderr.flush()
                sys.stdin.readline()


def _within(step: Within, answers: dict[str, object], client: Client) -> None:
    try:
        _do(step.steps, client, answers)
    finally:
        _do(step.back, client, answers)


def _check(step: Check, answers: dict[str, object]) -> None:
    value = step.answer.read(answers)
    if not step.passes(value):
        raise StepError(f"{step.why}: {value!r}, wanted {step.wanted}.")
    _print([{"check": step.answer.path, "is": value}])


def _call(step: Call, answers: dict[str, object], client: Client) -> object:
    from botocore.exceptions import ClientError  # noqa: PLC0415  not needed in a dry run

    line: dict[str, object] = {"call": f"{step.service}.{step.operation}", "region": step.region}
    parameters = request(step, answers)
    try:
        answer = _send(client(step.service, step.region), step, parameters)
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        if code != step.unless:
            raise StepError(f"{line['call']}: {refused}") from refused
        _print([{**line, "skipped": code}])
        return {}
    about = answer.get("ResponseMetadata", {})
    _print([{**line, "parameters": parameters, "request_id": about.get("RequestId")}])
    return answer


def _send(client: Any, step: Call, parameters: dict[str, object]) -> Any:
    """One request; a list is read to its end."""
    if not step.changes and client.can_paginate(step.operation):
        return client.get_paginator(step.operation).paginate(**parameters).build_full_result()
    return getattr(client, step.operation)(**parameters)


def _until(step: Until, answers: dict[str, object], client: Client) -> None:
    deadline = time.monotonic() + step.seconds_max
    while True:
        answer = _call(step.call, answers, client)
        if jmespath.search(step.path, answer) == step.wanted:
            if step.call.name:
                answers[step.call.name] = answer
            return
        if time.monotonic() + POLL_SECONDS > deadline:
            raise StepError(f"{step.call.why}: not within {step.seconds_max} seconds.")
        pause()


def _steady(step: Steady, answers: dict[str, object], client: Client) -> None:
    deadline = time.monotonic() + step.seconds
    while True:
        found = jmespath.search(step.path, _call(step.call, answers, client))
        if found != step.wanted:
            raise StepError(f"{step.call.why}: {found!r}, wanted {step.wanted!r}. Given up.")
        if time.monotonic() + POLL_SECONDS > deadline:
            return
        pause()


def _wait(step: Wait, client: Client) -> None:
    from botocore.exceptions import WaiterError  # noqa: PLC0415  not needed in a dry run

    try:
        client(step.service, step.region).get_waiter(step.waiter).wait(**step.parameters)
    except WaiterError as wrong:
        raise StepError(f"{step.why}: {wrong}") from wrong
    _print([{"wait": f"{step.service}.{step.waiter}", "done": True}])
