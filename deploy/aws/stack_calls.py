"""The calls of an installation, each as it is sent; `install.py` prints or makes them."""

import base64
from collections.abc import Iterator

from steps import Call

from released import Asset, Release, Stack

TOOLKIT = "CDKToolkit"
"""The stack's name that `cdk bootstrap` looks for."""
VERSION = "/cdk-bootstrap/hnb659fds/version"


def plan(whole: Release, *, bootstrap: bool) -> Iterator[Call]:
    """Every call of a first installation; a wait's call is there once."""
    yield who_am_i(whole)
    for region in whole.regions if bootstrap else ():
        yield bootstrapped(region)
        yield from _deployed(toolkit(whole, region))
    seen: set[tuple[str, str]] = set()
    for stack in whole.stacks:
        for asset in (*stack.assets, stack.template):
            if (asset.region, asset.key) not in seen:
                seen.add((asset.region, asset.key))
                yield present(asset, whole.account)
                yield upload(asset, whole.account)
        yield from _deployed(stack)


def _deployed(stack: Stack) -> Iterator[Call]:
    """A new stack's calls."""
    yield described_stack(stack)
    name = "<change set>"
    yield change_set(stack, name, new=True)
    yield described_change_set(stack, name)
    yield events(stack)
    yield execution(stack, name)
    yield protection(stack)


def toolkit(whole: Release, region: str) -> Stack:
    """The bootstrap's stack; it is small enough to be sent in the request."""
    body = whole.bootstrap.encode()
    return Stack(TOOLKIT, region, (), protected=True, tags={}, assets=(),
                 template=Asset(region, "", "", body))  # fmt: skip


def who_am_i(whole: Release) -> Call:
    """Whose credentials these are."""
    region = whole.stacks[0].region
    return Call("the account is the one that the values name", "sts", "get_caller_identity", region)


def bootstrapped(region: str) -> Call:
    """Whether the region has a bootstrap."""
    return Call("is there a bucket for files?", "ssm", "get_parameter", region, {"Name": VERSION})


def present(asset: Asset, account: str) -> Call:
    """Whether a file is there already; its name is its hash."""
    return Call("is it there already?", "s3", "list_objects_v2", asset.region,
                {"Bucket": asset.bucket, "Prefix": asset.key, "MaxKeys": 1,
                 "ExpectedBucketOwner": account})  # fmt: skip


def upload(asset: Asset, account: str) -> Call:
    """Put a file into the bucket, if it is this account's."""
    checksum = base64.b64encode(bytes.fromhex(asset.digest)).decode()
    return Call("CloudFormation reads it there", "s3", "put_object", asset.region,
                {"Bucket": asset.bucket, "Key": asset.key, "Body": asset.body,
                 "ChecksumSHA256": checksum, "ExpectedBucketOwner": account})  # fmt: skip


def described_stack(stack: Stack) -> Call:
    """How a stack is."""
    return _about("how is it?", "describe_stacks", stack)


def change_set(stack: Stack, name: str, *, new: bool) -> Call:
    """What would change."""
    template = stack.template
    where: dict[str, object] = {"TemplateBody": template.body.decode()}
    if template.bucket:
        host = f"s3.{stack.region}.amazonaws.com"
        where = {"TemplateURL": f"https://{host}/{template.bucket}/{template.key}"}
    more: dict[str, object] = {
        **where,
        "ChangeSetName": name,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        "Capabilities": list(stack.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(stack.tags.items())],
    }
    return _about("what would change?", "create_change_set", stack, more)


def described_change_set(stack: Stack, name: str, more: dict[str, object] | None = None) -> Call:
    """Whether the change set is ready, and what is in it."""
    return _about("shown before it is done", "describe_change_set", stack,
                  {"ChangeSetName": name, **(more or {})})  # fmt: skip


def execution(stack: Stack, name: str) -> Call:
    """Do it."""
    return _about("do it", "execute_change_set", stack, {"ChangeSetName": name})


def discarded(stack: Stack, name: str) -> Call:
    """Do not do it."""
    return _about("it is not done", "delete_change_set", stack, {"ChangeSetName": name})


def events(stack: Stack, more: dict[str, object] | None = None) -> Call:
    """What happened, newest first."""
    return _about("progress, and the reason of a failure", "describe_stack_events", stack, more)


def protection(stack: Stack) -> Call:
    """Nobody deletes it by mistake."""
    return _about("nobody deletes it by mistake", "update_termination_protection", stack,
                  {"EnableTerminationProtection": True})  # fmt: skip


def _about(why: str, operation: str, stack: Stack, more: dict[str, object] | None = None) -> Call:
    return Call(why, "cloudformation", operation, stack.region,
                {"StackName": stack.name, **(more or {})})  # fmt: skip
