"""Deploys a released archive by boto3 alone: no Node, no CDK.

    python install.py ARCHIVE --values mine.toml [--dry-run] [--yes] [--bucket NAME]

ARCHIVE is what `release.py` wrote, or the folder that it was unpacked into. `mine.toml` has, under
the names that a profile has, a value for each example in the archive. Stack by stack, in the order
of need: files are uploaded, a change set is made, shown and, when its stack's name is typed (or
with --yes), executed. No changes is success, so it may be run again; the first failure ends it,
with its reason. Where a region has no bucket for files, one is made, as `cdk bootstrap` would.

--dry-run prints every call of a first installation, checked against AWS's model of the service,
and makes none: it needs neither account nor network. Exit codes: 0 done, 1 a step failed,
2 archive or values are wrong.
"""

import argparse
import hashlib
import itertools
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "runbooks")]

from steps import Call, StepError, described, printed, request  # noqa: E402

import stack_calls as calls  # noqa: E402
from released import ArchiveError, Asset, Release, Stack, read, release, values  # noqa: E402

Client = Callable[[str, str], Any]
"""A boto3 client by service and region."""
POLL_SECONDS = 5.0
CHANGE_SET_SECONDS_MAX = 600
STACK_SECONDS_MAX = 3 * 3600
"""A database that is copied into another region takes the better part of an hour."""
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
UPDATABLE = (*SETTLED, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that there is nothing to do."""
ABSENT = "ABSENT"


def main(argv: list[str] | None = None, client: Client | None = None) -> int:
    """Check, then print or do."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--sha256", help="what the archive has to be")
    parser.add_argument("--values", type=Path, help="your values, TOML")
    parser.add_argument("--bucket", help="a bucket of your own for files; {region} is filled in")
    parser.add_argument("--dry-run", action="store_true", help="print the calls, make none")
    parser.add_argument("--yes", action="store_true", help="do not ask before changing anything")
    chosen = parser.parse_args(argv)
    try:
        if chosen.sha256:
            _check_digest(chosen.archive, chosen.sha256)
        whole = release(read(chosen.archive), values(chosen.values), chosen.bucket)
    except ArchiveError as wrong:
        _say(f"install: {wrong}")
        return 2
    ours = chosen.bucket is None
    try:
        if chosen.dry_run:
            for call in calls.plan(whole, bootstrap=ours):
                _print(_shown(described(call)))
        else:
            Installation(client or _boto3, ask=not chosen.yes).run(whole, bootstrap=ours)
    except StepError as wrong:
        _say(f"install: {wrong}")
        return 1
    return 0


def _check_digest(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ArchiveError(f"{path} is no file, so it has no SHA-256")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected.lower():
        raise ArchiveError(f"{path} has the SHA-256 {found}")


class Installation:
    """One run against an account: each call leaves a line on standard output."""

    def __init__(self, client: Client, *, ask: bool, poll: float | None = None) -> None:
        self._client = client
        self._clients: dict[tuple[str, str], Any] = {}
        self._ask = ask
        self._poll = POLL_SECONDS if poll is None else poll

    def run(self, whole: Release, *, bootstrap: bool) -> None:
        """Deploy every stack.

        Raises:
            StepError: of the first that did not succeed.
        """
        account = self._send(calls.who_am_i(whole))["Account"]
        if account != whole.account:
            raise StepError(f"the credentials are of account {account}, not {whole.account}")
        for region in whole.regions if bootstrap else ():
            if not self._is_bootstrapped(region):
                self._deploy(calls.toolkit(whole, region))
        for number, stack in enumerate(whole.stacks, 1):
            _say(f"{number} of {len(whole.stacks)}: {stack.name} in {stack.region}")
            for asset in (*stack.assets, stack.template):
                self._publish(asset, whole.account)
            self._deploy(stack)

    def _is_bootstrapped(self, region: str) -> bool:
        return bool(self._send(calls.bootstrapped(region), unless=("ParameterNotFound", "")))

    def _publish(self, asset: Asset, account: str) -> None:
        if self._send(calls.present(asset, account)).get("KeyCount"):
            return
        _say(f"  uploading {asset.key[:12]}, {len(asset.body) / 1e6:.1f} MB")
        self._send(calls.upload(asset, account))

    def _deploy(self, stack: Stack) -> None:
        status, protected = self._state(stack)
        new = status in {ABSENT, "REVIEW_IN_PROGRESS"}
        if not new and status not in UPDATABLE:
            raise StepError(f"{stack.name} is {status}: {_advice(status)}")
        name = f"install-{uuid.uuid4().hex}"
        self._send(calls.change_set(stack, name, new=new))
        changes = self._changes(stack, name)
        if changes is None:
            self._send(calls.discarded(stack, name))
            _say(f"  {stack.name}: no changes")
        else:
            self._agree(stack, name, changes)
            self._execute(stack, name, len(changes))
        if stack.protected and not protected:
            self._send(calls.protection(stack))

    def _state(self, stack: Stack) -> tuple[str, bool]:
        answer = self._send(
            calls.described_stack(stack), unless=("ValidationError", "does not exist")
        )
        if not answer:
            return ABSENT, False
        found = answer["Stacks"][0]
        return found["StackStatus"], bool(found.get("EnableTerminationProtection"))

    def _changes(self, stack: Stack, name: str) -> list[dict[str, Any]] | None:
        """What the change set says; None when that is nothing."""
        deadline = time.monotonic() + CHANGE_SET_SECONDS_MAX
        while time.monotonic() < deadline:
            answer = self._send(calls.described_change_set(stack, name))
            status, reason = answer["Status"], str(answer.get("StatusReason", ""))
            if status == "FAILED" and any(each in reason for each in UNCHANGED):
                return None
            if status == "FAILED":
                raise StepError(f"{stack.name} cannot be changed so: {reason}")
            if status == "CREATE_COMPLETE":
                return list(self._all_changes(stack, name, answer))
            time.sleep(self._poll)
        raise StepError(f"{stack.name}: no change set within {CHANGE_SET_SECONDS_MAX} seconds")

    def _all_changes(
        self, stack: Stack, name: str, answer: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        while True:
            for change in answer.get("Changes", ()):
                yield change["ResourceChange"]
            if not answer.get("NextToken"):
                return
            call = calls.described_change_set(stack, name, {"NextToken": answer["NextToken"]})
            answer = self._send(call)

    def _agree(self, stack: Stack, name: str, changes: list[dict[str, Any]]) -> None:
        for each in changes:
            replaced = " (REPLACED)" if each.get("Replacement") == "True" else ""
            what = f"{each['LogicalResourceId']}  {each['ResourceType']}"
            _say(f"  {each['Action']:<7} {what}{replaced}")
        if not self._ask:
            return
        sys.stderr.write(f"Type {stack.name} to do this: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() != stack.name:
            self._send(calls.discarded(stack, name))
            raise StepError(f"{stack.name} was not agreed to")

    def _execute(self, stack: Stack, name: str, steps: int) -> None:
        """Do it and follow it to its end, which is an event of the stack itself."""
        last = next((each["EventId"] for each in self._events(stack)), "")
        self._send(calls.execution(stack, name))
        deadline = time.monotonic() + STACK_SECONDS_MAX
        done: set[str] = set()
        status = reason = ""
        while time.monotonic() < deadline:
            fresh = list(itertools.takewhile(_other_than(last), self._events(stack)))
            for event in reversed(fresh):
                last = event["EventId"]
                reason = reason or _failure(event)
                if event["LogicalResourceId"] == stack.name:
                    status = event["ResourceStatus"]
                elif event["ResourceStatus"] in SETTLED:
                    done.add(event["LogicalResourceId"])
            if fresh:
                _say(f"  {stack.name}: {status}, {len(done)} of {steps} {reason}")
            if status in SETTLED:
                return
            if status and not status.endswith("_IN_PROGRESS"):
                raise StepError(f"{stack.name} is {status}: {reason or 'no event says why'}")
            time.sleep(self._poll)
        raise StepError(f"{stack.name}: not done within {STACK_SECONDS_MAX} seconds")

    def _events(self, stack: Stack) -> Iterator[dict[str, Any]]:
        """The stack's events, newest first, page by page as far as they are wanted."""
        more: dict[str, object] = {}
        while True:
            answer = self._send(calls.events(stack, more), quiet=True)
            yield from answer["StackEvents"]
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}

    def _send(
        self, call: Call, unless: tuple[str, str] | None = None, *, quiet: bool = False
    ) -> dict[str, Any]:
        """One request; empty when it is refused by the code and words of `unless`."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  not in a dry run

        parameters = request(call, None)
        line = {"call": f"{call.service}.{call.operation}", "region": call.region}
        try:
            answer = self._one(call, parameters)
        except ClientError as refused:
            error = refused.response["Error"]
            if unless and error["Code"] == unless[0] and unless[1] in error.get("Message", ""):
                _print(_shown({**line, "parameters": parameters, "skipped": error["Code"]}))
                return {}
            raise StepError(f"{line['call']}: {refused}") from refused
        except BotoCoreError as wrong:
            raise StepError(f"{line['call']}: {wrong}") from wrong
        if not quiet:
            about = answer.get("ResponseMetadata", {})
            shown = _shown({**line, "parameters": parameters})
            _print({**shown, "request_id": about.get("RequestId")})
        return answer

    def _one(self, call: Call, parameters: dict[str, object]) -> dict[str, Any]:
        key = (call.service, call.region)
        if key not in self._clients:
            self._clients[key] = self._client(*key)
        client = self._clients[key]
        answer: dict[str, Any] = getattr(client, call.operation)(**parameters)
        return answer


def _other_than(last: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["EventId"] != last


def _failure(event: dict[str, Any]) -> str:
    """Why a resource failed; nothing if it did not, or only because another did."""
    why = str(event.get("ResourceStatusReason", ""))
    if not event["ResourceStatus"].endswith("_FAILED") or "cancelled" in why:
        return ""
    return f"{event['LogicalResourceId']} ({event['ResourceType']}): {why}"


def _advice(status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        return "somebody is changing it, wait"
    if status == "ROLLBACK_COMPLETE":
        return "it was never made; delete it, then run this again"
    return "look at its events, and let it roll back"


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    """A line without the bytes of files: their SHA-256 stands for them."""
    parameters = dict(line["parameters"])
    for name in ("Body", "TemplateBody"):
        if name in parameters:
            body = parameters[name]
            data = body if isinstance(body, bytes) else str(body).encode()
            parameters[name] = f"<{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}>"
    return {**line, "parameters": parameters}


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(printed(line) + "\n")
    sys.stdout.flush()


def _say(what: str) -> None:
    sys.stderr.write(what.rstrip() + "\n")
    sys.stderr.flush()


def _boto3(service: str, region: str) -> Any:
    import boto3  # noqa: PLC0415  a dry run does without it
    from botocore.config import Config  # noqa: PLC0415  the same

    settings = Config(retries={"mode": "standard", "max_attempts": 10})
    return boto3.client(service, region_name=region, config=settings)


if __name__ == "__main__":
    sys.exit(main())
