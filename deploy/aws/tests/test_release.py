"""A release: the same bytes, whole, no example left; and its installer, without an account."""

import io
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import install
import release
import released
from proof import synthesise
from proof.assembly import Assembly

OWN = {
    "domain": "trade.acme.test",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    "accounts.production": "123456789012",
    "contacts.mail": "desk@acme.test",
    "contacts.runbooks": "https://wiki.acme.test/runbooks",
}
MINE = """
domain = "trade.acme.test"
hosted_zone_id = "Z0123456789ABCDEFGHIJ"
[accounts]
production = "123456789012"
[contacts]
mail = "desk@acme.test"
runbooks = "https://wiki.acme.test/runbooks"
"""
WHO = {"Account": "123456789012", "UserId": "u", "Arn": "arn:aws:iam::123456789012:user/u"}


@pytest.fixture(scope="module")
def assembly(small: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Profile `small` as if its functions had been built."""
    assert small
    folder = tmp_path_factory.mktemp("assembly") / "small"
    shutil.copytree(synthesise.folder("small"), folder)
    for note in folder.glob("asset.*/README.md"):
        note.with_name("handler.py").write_text("def handle(event, context): ...\n")
    for code in folder.glob("asset.*.zip"):
        code.write_bytes(b"40 MB less")
    return folder


@pytest.fixture(scope="module")
def archive(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of it."""
    folder = tmp_path_factory.mktemp("dist")
    assert write(assembly, folder) == 0
    return next(folder.glob("*.tar.gz"))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """An installer's own values."""
    (tmp_path / "mine.toml").write_text(MINE)
    return tmp_path / "mine.toml"


def write(assembly: Path, into: Path) -> int:
    """Run the command."""
    return release.main(["small", "--assembly", str(assembly), "--into", str(into)])


def again(files: dict[str, bytes], into: Path) -> Path:
    """An archive of other files."""
    into.write_bytes(release.pack("any", files))
    return into


def test_two_releases_are_the_same_bytes(assembly: Path, archive: Path, tmp_path: Path) -> None:
    """Whoever builds it again gets the published SHA-256; times of files do not count."""
    copied = tmp_path / "elsewhere"
    shutil.copytree(assembly, copied, copy_function=shutil.copyfile)
    assert write(copied, tmp_path / "dist") == 0
    assert (tmp_path / "dist" / archive.name).read_bytes() == archive.read_bytes()


def test_every_stack_and_every_file_it_names_is_inside(archive: Path, small: Assembly) -> None:
    """Nothing has to be fetched from anywhere else, and each file has its hash."""
    files = released.read(archive)
    whole = released.release(files, OWN)
    manifest = json.loads(files[released.MANIFEST])
    assert {each["id"] for each in manifest["stacks"]} == {each.name for each in small.stacks}
    named = {asset.key for stack in whole.stacks for asset in stack.assets}
    for stack in whole.stacks:
        for resource in json.loads(stack.template.body)["Resources"].values():
            code = resource.get("Properties", {}).get("Code", {})
            if isinstance(code, dict) and "S3Key" in code:
                assert code["S3Key"] in named
                assert code["S3Bucket"] == f"cdk-hnb659fds-assets-123456789012-{stack.region}"
    assert files["README.md"].count(b"\n") <= 10


def test_stacks_come_after_what_they_need(archive: Path) -> None:
    """In the order of the manifest nothing misses an export, a role or a bucket."""
    stacks = json.loads(released.read(archive)[released.MANIFEST])["stacks"]
    seen: set[str] = set()
    for each in stacks:
        assert set(each["after"]) <= seen
        assert each["protected"]
        seen.add(each["id"])
    assert {each["region"] for each in stacks} == {"eu-west-1", "eu-central-1", "us-east-1"}


def test_no_example_is_left(archive: Path) -> None:
    """The installer's values stand wherever the profile's examples stood."""
    whole = released.release(released.read(archive), OWN)
    text = "".join(stack.template.body.decode() for stack in whole.stacks)
    assert not any(each in text for each in ("333333333333", "example.com", "Z0000000"))
    assert "api.trade.acme.test" in text
    assert "desk@acme.test" in text
    assert whole.account == "123456789012"


def test_the_form_names_every_value(archive: Path) -> None:
    """values.toml in the archive is what has to be filled in, and as it is it is refused."""
    files = released.read(archive)
    form = released.flat(tomllib.loads(files["values.toml"].decode()))
    assert form == json.loads(files[released.MANIFEST])["values"]
    assert form.keys() == OWN.keys()
    with pytest.raises(released.ArchiveError, match="only an example"):
        released.release(files, form)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("accounts.production", None, "missing: accounts.production"),
        ("accounts.production", "12345", "has not the form"),
        ("accounts.production", "222222222222", "only an example"),
        ("domain", 'acme.test", "x', "has not the form"),
        ("hosted_zone_id", "Z00000000000000000000", "only an example"),
        ("contacts.mail", "desk@example.com", "only an example"),
        ("contacts.runbooks", "https://tallystick.example.com/runbooks", "only an example"),
        ("contacts.sms.0", "+4912345678", "nothing in the archive takes: contacts.sms.0"),
    ],
)
def test_wrong_values_are_refused(archive: Path, name: str, value: str | None, words: str) -> None:
    """What would deploy into nobody's account, or mail a stranger, is not begun."""
    own = {key: each for key, each in {**OWN, name: value}.items() if each is not None}
    with pytest.raises(released.ArchiveError, match=words):
        released.release(released.read(archive), own)


def test_an_example_inside_something_else_is_refused(archive: Path) -> None:
    """A value that cannot be replaced because it is part of a longer word is no silent leftover."""
    files = released.read(archive)
    name = json.loads(files[released.MANIFEST])["stacks"][0]["template"]
    files[name] = files[name].replace(
        b'"Resources"', b'"Metadata":{"x":"a333333333333"},"Resources"'
    )
    with pytest.raises(released.ArchiveError, match="still has the example 333333333333"):
        released.release(files, OWN)


def test_unbuilt_functions_are_not_released(
    assembly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An assembly made before `make aws-package` would deploy functions that answer nothing."""
    shutil.copytree(assembly, tmp_path / "unbuilt")
    for folder in (tmp_path / "unbuilt").glob("asset.*/"):
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "README.md").write_text("Stands in for the functions' code.")
    assert write(tmp_path / "unbuilt", tmp_path / "dist") == 1
    assert "is not built" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(("machine", "code"), [("aarch64", 0), ("x86_64", 1)])
def test_code_for_another_machine_is_not_released(
    assembly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], machine: str, code: int
) -> None:
    """The functions run on ARM: compiled for another machine they fail at their first import."""
    folder = tmp_path / "built"
    shutil.copytree(assembly, folder)
    listed = json.loads((folder / "service.assets.json").read_text())
    key = next(
        each for each, one in listed["files"].items() if "Function/Code" in one["displayName"]
    )
    listed["files"][key]["source"] = {"path": "built.zip", "packaging": "file"}
    (folder / "service.assets.json").write_text(json.dumps(listed))
    with zipfile.ZipFile(folder / "built.zip", "w") as built:
        built.writestr(f"_cffi_backend.cpython-313-{machine}-linux-gnu.so", b"")
    assert write(folder, tmp_path / "dist") == code
    assert ("runs on arm64, its code is for x86_64" in capsys.readouterr().err) == bool(code)


def test_an_old_assembly_is_not_released(
    assembly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Templates that are older than their sources are not what the version says."""
    shutil.copytree(assembly, tmp_path / "old")
    (tmp_path / "old" / ".sources").write_text("other")
    assert write(tmp_path / "old", tmp_path / "dist") == 1
    assert "older than its sources" in capsys.readouterr().err


def _changed(files: dict[str, bytes]) -> None:
    files["stacks/foundation.template.json"] += b" "


def _missing(files: dict[str, bytes]) -> None:
    del files["stacks/foundation.template.json"]


def _more(files: dict[str, bytes]) -> None:
    files["stacks/other.json"] = b"{}"


def _outside(files: dict[str, bytes]) -> None:
    files["../../etc/passwd"] = b""


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_changed, "is not what was released"),
        (_missing, "missing, or not in the manifest"),
        (_more, "missing, or not in the manifest"),
        (_outside, "leads out of the archive"),
    ],
)
def test_a_bad_archive_is_refused(
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[dict[str, bytes]], None],
    words: str,
) -> None:
    """One byte more, less or elsewhere, and nothing is begun."""
    files = released.read(archive)
    damage(files)
    bad = again(files, tmp_path / "bad.tar.gz")
    assert install.main([str(bad), "--dry-run"]) == 2
    assert words in capsys.readouterr().err


def test_no_archive_at_all_is_refused(tmp_path: Path, archive: Path) -> None:
    """Another file, half an archive, another SHA-256: exit code 2."""
    (tmp_path / "note").write_text("hello")
    (tmp_path / "half.tar.gz").write_bytes(archive.read_bytes()[:5000])
    assert install.main([str(tmp_path / "note"), "--dry-run"]) == 2
    assert install.main([str(tmp_path / "half.tar.gz"), "--dry-run"]) == 2
    assert install.main([str(archive), "--sha256", "00", "--dry-run"]) == 2


def test_dry_run_asks_nobody(
    archive: Path, mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call is printed, fits AWS's model of the service, and none is made."""
    monkeypatch.setattr(boto3, "client", None)
    assert install.main([str(archive), "--values", str(mine), "--dry-run"]) == 0
    calls = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    made = [each["parameters"] for each in calls if each["call"].endswith("create_change_set")]
    stacks = json.loads(released.read(archive)[released.MANIFEST])["stacks"]
    assert [each["StackName"] for each in made if each["StackName"] != "CDKToolkit"] == [
        each["name"] for each in stacks
    ]
    assert [each["StackName"] for each in made].count("CDKToolkit") == 3
    protected = [each for each in calls if each["call"].endswith("update_termination_protection")]
    assert len(protected) == len(made)
    assert all(each["parameters"]["EnableTerminationProtection"] for each in protected)
    uploads = [each["parameters"] for each in calls if each["call"] == "s3.put_object"]
    assert all(each["ExpectedBucketOwner"] == "123456789012" for each in uploads)


def test_an_unpacked_archive_installs_itself(archive: Path, mine: Path, tmp_path: Path) -> None:
    """With boto3 and what is in the archive, from any folder: nothing of the repository."""
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)  # noqa: S603, S607  as its reader does
    folder = next(tmp_path.glob("tallystick-aws-small-*"))
    done = subprocess.run(  # noqa: S603  our own
        [sys.executable, "-P", "install.py", ".", "--values", str(mine), "--dry-run"],
        check=True,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert "create_change_set" in done.stdout


def test_a_bucket_of_ones_own_needs_no_bootstrap(
    archive: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Templates then read code from it and ask for no version of the bootstrap."""
    line = [str(archive), "--values", str(mine), "--bucket", "acme-{region}", "--dry-run"]
    assert install.main(line) == 0
    printed = capsys.readouterr().out
    assert "CDKToolkit" not in printed
    assert "https://s3.eu-west-1.amazonaws.com/acme-eu-west-1/" in printed
    for stack in released.release(released.read(archive), OWN, "acme-{region}").stacks:
        assert b"cdk-hnb659fds-assets" not in stack.template.body
        assert b"BootstrapVersion" not in stack.template.body


class Account:
    """Clients that answer from a list, in order, and refuse anything else."""

    def __init__(self) -> None:
        self.stubs: dict[tuple[str, str], Stubber] = {}

    def client(self, service: str, region: str) -> Any:
        """A client of boto3 whose answers are written down."""
        return self.of(service, region).client

    def of(self, service: str, region: str) -> Stubber:
        """Its answers."""
        if (service, region) not in self.stubs:
            client = boto3.client(
                service,
                region_name=region,
                aws_access_key_id="a",
                aws_secret_access_key="b",  # noqa: S106  nobody's
            )
            self.stubs[service, region] = Stubber(client)
            self.stubs[service, region].activate()
        return self.stubs[service, region]


def one(status: str = "", *, protected: bool = False) -> tuple[Account, Stubber, released.Release]:
    """An account with a bootstrap, and perhaps a stack, and a release of that one stack."""
    region = "eu-west-1"
    asset = released.Asset(region, "bucket", "key.json", b"{}")
    stack = released.Stack("tallystick-one", region, (), True, {}, asset, ())
    account = Account()
    account.of("sts", region).add_response("get_caller_identity", WHO)
    account.of("ssm", region).add_response("get_parameter", {"Parameter": {"Value": "6"}})
    account.of("s3", region).add_response("list_objects_v2", {"KeyCount": 1})
    stubs = account.of("cloudformation", region)
    if status:
        stubs.add_response("describe_stacks", described(status, protected=protected))
    else:
        stubs.add_client_error("describe_stacks", "ValidationError", "Stack x does not exist")
    return account, stubs, released.Release("123456789012", "{}", (stack,))


def described(status: str, *, protected: bool = False) -> dict[str, Any]:
    """An answer of describe_stacks."""
    stack = {"StackName": "tallystick-one", "CreationTime": "2026-01-01", "StackStatus": status}
    return {"Stacks": [{**stack, "EnableTerminationProtection": protected}]}


def event(number: int, status: str, reason: str = "", name: str = "Queue") -> dict[str, Any]:
    """One of a stack's events."""
    return {
        "StackId": "s",
        "StackName": "tallystick-one",
        "Timestamp": "2026-01-01",
        "EventId": f"e{number}",
        "LogicalResourceId": name,
        "ResourceType": "AWS::SQS::Queue",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def change() -> dict[str, Any]:
    """An answer of describe_change_set."""
    resource = {"Action": "Add", "LogicalResourceId": "Queue", "ResourceType": "AWS::SQS::Queue"}
    return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": resource}]}


def go(account: Account, whole: released.Release, *, ask: bool = False) -> None:
    """Install it without waiting."""
    install.Installation(account.client, ask=ask, poll=0).run(whole, bootstrap=True)


@pytest.mark.parametrize("reason", install.UNCHANGED)
def test_no_changes_is_success(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The second run changes nothing, leaves no change set behind, and protects what is open."""
    account, stubs, whole = one("UPDATE_COMPLETE")
    stubs.add_response("create_change_set", {})
    stubs.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": f"x {reason} y"})
    stubs.add_response("delete_change_set", {})
    stubs.add_response("update_termination_protection", {})
    go(account, whole)
    stubs.assert_no_pending_responses()
    assert "no changes" in capsys.readouterr().err


def test_the_first_failure_ends_it_with_its_reason() -> None:
    """Not the cancelled neighbours' words, and not those of last week's failure."""
    account, stubs, whole = one("UPDATE_COMPLETE", protected=True)
    old = [event(1, "UPDATE_COMPLETE", name="tallystick-one"), event(0, "UPDATE_FAILED", "old")]
    now = [
        event(5, "UPDATE_ROLLBACK_IN_PROGRESS", name="tallystick-one"),
        event(4, "UPDATE_FAILED", "Resource update cancelled", "Other"),
        event(3, "UPDATE_FAILED", "no such key"),
        event(2, "UPDATE_COMPLETE", name="Third"),
    ]
    end = [event(6, "UPDATE_ROLLBACK_COMPLETE", name="tallystick-one")]
    stubs.add_response("create_change_set", {})
    stubs.add_response("describe_change_set", change())
    stubs.add_response("describe_stack_events", {"StackEvents": old})
    stubs.add_response("execute_change_set", {})
    stubs.add_response("describe_stack_events", {"StackEvents": old})
    stubs.add_response("describe_stack_events", {"StackEvents": now[:3], "NextToken": "more"})
    stubs.add_response("describe_stack_events", {"StackEvents": [*now[3:], *old]})
    stubs.add_response("describe_stack_events", {"StackEvents": [*end, *now, *old]})
    with pytest.raises(install.StepError, match=r"ROLLBACK_COMPLETE: Queue .*: no such key"):
        go(account, whole)
    stubs.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ROLLBACK_COMPLETE", "delete it, then"),
        ("UPDATE_IN_PROGRESS", "somebody is changing it"),
        ("UPDATE_ROLLBACK_FAILED", "look at its events"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_not_touched(status: str, words: str) -> None:
    """It says what to do; no change set is made."""
    account, _, whole = one(status)
    with pytest.raises(install.StepError, match=words):
        go(account, whole)


def test_a_refused_change_set_says_why() -> None:
    """CloudFormation's own reason, before anything was changed."""
    account, stubs, whole = one()
    stubs.add_response("create_change_set", {})
    answer = {"Status": "FAILED", "StatusReason": "CDK bootstrap stack version 6 required"}
    stubs.add_response("describe_change_set", answer)
    with pytest.raises(install.StepError, match="version 6 required"):
        go(account, whole)


def test_nothing_is_done_without_the_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever does not type it has seen the change and left no change set behind."""
    account, stubs, whole = one()
    stubs.add_response("create_change_set", {})
    stubs.add_response("describe_change_set", change())
    stubs.add_response("delete_change_set", {})
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(install.StepError, match="was not agreed to"):
        go(account, whole, ask=True)
    stubs.assert_no_pending_responses()
    assert "Add     Queue  AWS::SQS::Queue" in capsys.readouterr().err


def test_another_account_is_refused() -> None:
    """Credentials of staging never install production."""
    account, _, whole = one()
    with pytest.raises(install.StepError, match="not 999999999999"):
        go(account, released.Release("999999999999", "{}", whole.stacks))


def test_the_bootstrap_is_the_least_of_the_cdks(here: Path, small: Assembly) -> None:
    """Its bucket and its parameter have the names that every template asks for."""
    template = json.loads((here / "bootstrap.template.json").read_text())["Resources"]
    folder = synthesise.folder("small")
    asked = json.loads((folder / "foundation.template.json").read_text())["Parameters"]
    assert small
    made = template["CdkBootstrapVersion"]["Properties"]
    assert made["Name"] == asked["BootstrapVersion"]["Default"]
    assert int(made["Value"]) >= 6
    bucket = template["StagingBucket"]["Properties"]["BucketName"]["Fn::Sub"]
    assert bucket == "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
