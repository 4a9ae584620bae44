"""`tallystick export` against a real server, checked by the verifier that trusts nobody."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from tallystick.ledger import Sealable
from tallystick.ledger.verify.export import verify_export
from tallystick.wiring.commands.export import export

Reading = Callable[..., None]


async def run(room: Any, *arguments: str, name: str = "operator") -> Result:
    """The command in a thread of its own, as it would run beside the server."""
    command = [*arguments, "--url", room.url, "--token", room.bearer[name]]
    return await asyncio.to_thread(CliRunner().invoke, export, command)


async def trade(room: Any, count: int) -> None:
    """Trades of two accounts in turn, entries that are no text and awkward ones between them."""
    await room.open("demo", "other")
    for n in range(count):
        await room.place("demo" if n % 2 else "other")
    size = room.ledger.size
    odd = [
        b"\xff\x00\xfe",
        "\u2028 'quoted' \\ \"text\" \U0001f4b6".encode(),
        b'{"kind":"alien"}',
        b" ",
    ]
    await room.ledger.append(size, [Sealable(data) for data in odd])


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines export."""
    return [json.loads(line) for line in (folder / "entries.jsonl").read_bytes().splitlines()]


def test_a_whole_range_verifies(reading: Reading, tmp_path: Path) -> None:
    """Everything, and any part of it, in either form: complete, and clean without the server."""

    async def act(room: Any) -> None:
        await trade(room, 40)
        size = room.ledger.size
        for number, (form, arguments, count) in enumerate([
            ("jsonl", (), size),
            ("parquet", (), size),
            ("jsonl", ("--from", "3", "--to", "17"), 14),
            ("parquet", ("--from", str(size - 1)), 1),
            ("jsonl", ("--from", "5", "--to", "5"), 0),
        ]):  # fmt: skip
            folder = tmp_path / str(number)
            result = await run(room, str(folder), "--format", form, *arguments)
            assert result.exit_code == 0, result.output
            assert sorted(path.name for path in folder.iterdir()) == [
                f"entries.{form}", "manifest.json",
            ]  # fmt: skip
            manifest = json.loads((folder / "manifest.json").read_bytes())
            assert (manifest["count"], manifest["complete"]) == (count, True)
            report = verify_export(folder, room.ledger.vkey)
            assert (report.verdict, report.entries) == ("clean", count), report.reason

    reading(act)


def test_both_forms_say_the_same(reading: Reading, tmp_path: Path) -> None:
    """Row by row, column by column; and every entry is the ledger's, byte for byte."""

    async def act(room: Any) -> None:
        await trade(room, 10)
        for form in ("jsonl", "parquet"):
            result = await run(room, str(tmp_path / form), "--format", form, "--account", "demo")
            assert result.exit_code == 0, result.output
            result = await run(room, str(tmp_path / f"whole-{form}"), "--format", form)
            assert result.exit_code == 0, result.output
        for name in ("", "whole-"):
            lines = lines_of(tmp_path / f"{name}jsonl")
            path = tmp_path / f"{name}parquet" / "entries.parquet"
            with duckdb.connect() as database:
                found = database.execute("SELECT * FROM read_parquet(?)", [str(path)])
                columns = [column[0] for column in found.description]
                rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
            assert rows == lines
        whole = lines_of(tmp_path / "whole-jsonl")
        texts = [row.entry for row in room.ledger.rows(0, room.ledger.size)]
        assert [line["entry"] and line["entry"].encode() for line in whole if line["entry"]] == [
            data for data in texts if b"\x00" not in data
        ]

    reading(act)


def test_a_filtered_export_proves_each_entry(reading: Reading, tmp_path: Path) -> None:
    """Only what fits, each with its proof; it does not claim that nothing is missing."""

    async def act(room: Any) -> None:
        await trade(room, 12)
        folder = tmp_path / "filtered"
        asked = ("--account", "demo", "--kind", "order_decided", "--pair", "EUR/USD")
        result = await run(room, str(folder), *asked)
        assert result.exit_code == 0, result.output
        assert "6 entries" in result.output
        manifest = json.loads((folder / "manifest.json").read_bytes())
        assert manifest["filter"] == {
            "account": "demo", "kind": "order_decided", "pair": "EUR/USD",
        }  # fmt: skip
        assert (manifest["complete"], manifest["left"], manifest["right"]) == (False, [], [])
        assert all(line["inclusion"] for line in lines_of(folder))
        report = verify_export(folder, room.ledger.vkey)
        assert (report.verdict, report.entries) == ("clean", 6), report.reason

    reading(act)


def test_times_come_down_to_a_whole_range(reading: Reading, tmp_path: Path) -> None:
    """An export by time alone is complete: what lies between is all there."""

    async def act(room: Any) -> None:
        await room.open("demo")
        at = [(await room.place()).entry.at for _ in range(6)]
        folder = tmp_path / "times"
        result = await run(room, str(folder), "--since", at[1], "--until", at[4], "--json")
        manifest = json.loads(result.output)
        assert (manifest["from"], manifest["to"], manifest["complete"]) == (2, 5, True)
        assert verify_export(folder, room.ledger.vkey).verdict == "clean"

    reading(act)


def test_the_published_checkpoint_is_taken(reading: Reading, tmp_path: Path) -> None:
    """It is the one that witnesses have signed; a newer one only where the range needs it."""

    async def act(room: Any) -> None:
        await room.open("demo")
        await room.place()
        room.publisher.publish()
        await room.place()
        for name, arguments, size in (("published", (), 2), ("newest", ("--to", "3"), 3)):
            folder = tmp_path / name
            assert (await run(room, str(folder), *arguments)).exit_code == 0
            manifest = json.loads((folder / "manifest.json").read_bytes())
            assert (manifest["size"], manifest["to"]) == (size, size)
            assert verify_export(folder, room.ledger.vkey).verdict == "clean"

    reading(act, public=True)


def test_an_account_exports_its_own(reading: Reading, tmp_path: Path) -> None:
    """Named, it works; a range that should be whole but is not seen whole is refused."""

    async def act(room: Any) -> None:
        await trade(room, 6)
        result = await run(room, str(tmp_path / "mine"), "--account", "demo", name="demo")
        assert result.exit_code == 0, result.output
        assert verify_export(tmp_path / "mine", room.ledger.vkey).verdict == "clean"
        result = await run(room, str(tmp_path / "all"), name="demo")
        assert result.exit_code == 2
        assert "name the account" in result.output
        assert not (tmp_path / "all").exists()

    reading(act)


def test_an_export_that_was_cut_off_goes_on(reading: Reading, tmp_path: Path) -> None:
    """After the last whole line, with the checkpoint it began with, though the ledger grew."""

    async def act(room: Any) -> None:
        await trade(room, 30)
        folder = tmp_path / "whole"
        assert (await run(room, str(folder))).exit_code == 0
        wanted = {path.name: path.read_bytes() for path in folder.iterdir()}
        for cut in (0, 1, 999, len(wanted["entries.jsonl"]) - 1, len(wanted["entries.jsonl"])):
            again = tmp_path / f"again-{cut}"
            aside = tmp_path / f"again-{cut}.partial"
            aside.mkdir()
            manifest = json.loads(wanted["manifest.json"])
            plan = {"asked": {}} | {
                name: manifest[name]
                for name in ("origin", "vkeys", "checkpoint", "size", "from", "to", "filter")
            }
            (aside / "plan.json").write_text(json.dumps(plan))
            (aside / "entries.jsonl").write_bytes(wanted["entries.jsonl"][:cut])
            await room.ledger.append(room.ledger.size, [Sealable(b"later")])
            result = await run(room, str(again))
            assert result.exit_code == 0, result.output
            assert {path.name: path.read_bytes() for path in again.iterdir()} == wanted
            assert not aside.exists()

    reading(act)


def test_the_rest_of_another_export_is_not_used(reading: Reading, tmp_path: Path) -> None:
    """Asked otherwise, or with a plan that cannot be read, it begins anew."""

    async def act(room: Any) -> None:
        await trade(room, 10)
        for plan in ('{"asked": {"to": "2"}}', "not JSON"):
            folder = tmp_path / str(len(plan))
            aside = folder.with_name(f"{folder.name}.partial")
            aside.mkdir()
            (aside / "plan.json").write_text(plan)
            (aside / "entries.jsonl").write_bytes(b"rubbish\n")
            (aside / "entries.parquet").write_bytes(b"rubbish")
            result = await run(room, str(folder))
            assert result.exit_code == 0, result.output
            assert verify_export(folder, room.ledger.vkey).verdict == "clean"

    reading(act)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "99"), "fewer than 99"),
        (("--since", "yesterday"), "is not a time"),
        (("--account", "nobody"), "No entry names"),
        (("--from", "5", "--to", "2"), "behind"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_exported(
    reading: Reading, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """A sentence and exit code 2; no folder of that name."""

    async def act(room: Any) -> None:
        await trade(room, 3)
        result = await run(room, str(tmp_path / "out"), *arguments)
        assert result.exit_code == 2
        assert said in result.output
        assert not (tmp_path / "out").exists()

    reading(act)


def test_nothing_is_overwritten(reading: Reading, tmp_path: Path) -> None:
    """A folder that is there is left as it is."""

    async def act(room: Any) -> None:
        await trade(room, 3)
        (tmp_path / "out").mkdir()
        result = await run(room, str(tmp_path / "out"))
        assert result.exit_code == 2
        assert "is there already" in result.output

    reading(act)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """Said in a sentence; without a data folder, too."""
    runner = CliRunner()
    result = runner.invoke(export, [str(tmp_path / "out"), "--url", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "cannot be reached" in result.output
    result = runner.invoke(
        export, [str(tmp_path / "out")], env={"TALLYSTICK_DATA": str(tmp_path / "none")}
    )
    assert result.exit_code == 2
    assert "--url" in result.output
