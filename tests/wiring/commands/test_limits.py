"""`tallystick limits`: an approver's key, a signed override, and an auditor's look at it."""

import json
import re
import shlex
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.errors import Misconfigured
from tallystick.execution import encode
from tallystick.execution.approval import read_note
from tallystick.execution.entries import LimitOverridden
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.wiring.commands.limits import NOTE_BYTES_MAX, limits, read_approvers_file

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "risk.md"


def run(*arguments: str, given: str | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(limits, arguments, input=given, catch_exceptions=False)


def in_two_hours() -> str:
    """An end that an override may have."""
    return rfc3339(SystemClock().now_ns() + 7_200 * NS_PER_SECOND)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An approver's desk: alice's key and her verifier key."""
    monkeypatch.chdir(tmp_path)
    Path("alice.vkey").write_text(run("key", "alice.key", "--name", "alice").stdout)
    return tmp_path


def sign(**options: str | None) -> Result:
    """Sign an override; None leaves an option out."""
    plain = {
        "scope": "account", "id": "demo", "limit": "order_quantity_max", "value": "20000000",
        "until": in_two_hours(), "reason": "a hedge", "key": "alice.key",
    }  # fmt: skip
    said = {**plain, **options}
    arguments = [part for name, value in said.items() if value for part in (f"--{name}", value)]
    return run("override", *arguments)


def vkey() -> str:
    """Alice's verifier key."""
    return Path("alice.vkey").read_text().strip()


def entry_of(note: str) -> LimitOverridden:
    """The entry that a server makes of a note."""
    approval = read_note(note, [VerifierKey.parse(vkey())]).approval
    return LimitOverridden(
        approval.at, approval.scope, approval.id, approval.limit, approval.value, approval.until,
        approval.reason, "alice", "ann", note,
    )  # fmt: skip


def test_a_key_is_private_and_never_written_over(folder: Path) -> None:
    """Readable by its owner only; a second one of the same file is refused."""
    path = folder / "alice.key"
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_text()
    again = run("key", "alice.key", "--name", "alice")
    assert (again.exit_code, path.read_text()) == (2, before)
    assert "a key is never written over" in again.stderr
    assert run("key", "b.key", "--name", "two words").exit_code == 2
    said = json.loads(run("key", "b.key", "--name", "bob", "--json").stdout)
    assert (said["name"], VerifierKey.parse(said["vkey"]).name) == ("bob", "bob")
    assert str(VerifierKey.parse(vkey())) == vkey()


@pytest.mark.usefixtures("folder")
def test_sign_and_verify() -> None:
    """The note is what was said; a number is written as the ledger writes it."""
    signed = sign(limit="order_usd_max", value="5000000")
    assert signed.exit_code == 0
    approved = read_note(signed.stdout, [VerifierKey.parse(vkey())])
    assert (approved.approval.value, approved.approver) == ("5000000.00", "alice")
    Path("o.note").write_text(signed.stdout)

    told = run("verify", "o.note", "--vkey", vkey())
    assert told.exit_code == 0
    assert "alice approved: order_usd_max of account demo is 5000000.00 from" in told.stdout
    assert told.stdout.endswith("Reason: a hedge\n")
    facts = json.loads(run("verify", "-", "--vkey", vkey(), "--json", given=signed.stdout).stdout)
    assert (facts["verdict"], facts["approver"], facts["id"]) == ("clean", "alice", "demo")
    everybody = sign(scope="all", id=None).stdout
    assert "scope all\nlimit" in everybody
    assert run("verify", "-", "--vkey", vkey(), given=everybody).exit_code == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"until": "tomorrow"}, "--until: 'tomorrow' is not an RFC 3339 stamp"),
        ({"until": "2026-01-01T00:00:00Z"}, "The override ended at 2026-01-01T00:00:00.000000Z."),
        ({"until": "2999-01-01T00:00:00Z"}, "overridden for 24 hours at most"),
        ({"limit": "leverage"}, "'leverage' is no limit; limits are order_quantity_max"),
        ({"value": "1e6"}, "is not a plain decimal number"),
        ({"value": "-5"}, "Its value is to be written as 5."),
        ({"id": None}, "every other scope has one"),
        ({"reason": "a\nb"}, "A reason is one line"),
    ],
)
def test_what_cannot_be_signed(options: dict[str, str | None], words: str) -> None:
    """Exit code 2 and one sentence; nothing on standard output."""
    said = sign(**options)

    assert (said.exit_code, said.stdout) == (2, "")
    assert words in said.stderr


@pytest.mark.usefixtures("folder")
def test_an_entry_of_the_ledger_is_enough() -> None:
    """An auditor with the entry and the key; what was changed in it is found."""
    entry = entry_of(sign().stdout)
    Path("entry.json").write_bytes(encode(entry))
    Path("approvers.txt").write_text(f"# who may\n{vkey()}\n")
    assert run("verify", "entry.json", "--approvers", "approvers.txt").exit_code == 0

    inside = {"position": 7, "entry": b64encode(encode(entry)).decode()}
    for answer in (inside, {"limit": "x", "receipt": inside}):  # read from the ledger, submitted
        Path("answer.json").write_text(json.dumps(answer))
        assert run("verify", "answer.json", "--approvers", "approvers.txt").exit_code == 0
    Path("note.json").write_text(json.dumps({"note": entry.note}))
    assert run("verify", "note.json", "--approvers", "approvers.txt").exit_code == 0
    for nothing in ("{}", '{"entry": "%"}', '{"entry": "e30="}', "{"):
        told = run("verify", "-", "--vkey", vkey(), given=nothing)
        assert (told.exit_code, "is no entry" in told.stdout) == (1, True)

    forged = msgspec.structs.replace(entry, value="90000000")
    Path("entry.json").write_bytes(encode(forged))
    told = run("verify", "entry.json", "--approvers", "approvers.txt")
    assert told.exit_code == 1
    assert "The entry's value is not what was signed." in told.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello", "BAD_OVERRIDE"),
        ("{}", "BAD_OVERRIDE"),
        ('{"kind":"order_expired"}', "BAD_OVERRIDE"),
    ],
)
def test_what_is_no_override(text: str, code: str) -> None:
    """Exit code 1, with the code where a program reads it."""
    said = run("verify", "-", "--vkey", vkey(), "--json", given=text)

    assert said.exit_code == 1
    assert json.loads(said.stdout)["code"] == code


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_told() -> None:
    """Exit code 2: no keys, a key that is none, a file that is too large or no text."""
    note = sign().stdout
    assert run("verify", "-", given=note).exit_code == 2
    assert run("verify", "-", "--vkey", "hello", given=note).exit_code == 2
    assert run("verify", "-", "--vkey", vkey(), given="x" * (NOTE_BYTES_MAX + 1)).exit_code == 2
    Path("bytes").write_bytes(b"\xff")
    assert run("verify", "bytes", "--vkey", vkey()).exit_code == 2


def test_the_file_of_approvers(folder: Path) -> None:
    """Its keys, or one sentence that names the file."""
    path = folder / "approvers.txt"
    path.write_text(vkey())
    assert [key.name for key in read_approvers_file(path)] == ["alice"]
    for data, words in ((b"hello", "approvers.txt, line 1"), (b"\xff", "cannot be read")):
        path.write_bytes(data)
        with pytest.raises(Misconfigured, match=words):
            read_approvers_file(path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_approvers_file(folder / "gone.txt")


def test_the_guides_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `tallystick limits` line of docs/guides/risk.md, as it stands but for the time."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```sh\n(tallystick limits .*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        command, _, target = block.replace("\\\n", " ").strip().partition(" > ")
        if "$(cat" in command:
            note = json.loads(Path("override.json").read_text())["note"]
            Path("entry.json").write_bytes(encode(entry_of(note)))
        command = command.replace('"$(cat alice.vkey)"', vkey() if "$(cat" in command else "")
        command = re.sub(r"--until \S+", f"--until {in_two_hours()}", command)
        said = run(*shlex.split(command)[2:])
        assert said.exit_code == 0, said.output
        if target:
            Path(target).write_text(said.stdout)
