"""`tallystick stream`: how far consumers are, what is on the stream, dead letters and replay."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tallystick.clock import SystemClock, rfc3339
from tallystick.ledger import Sealable
from tallystick.stream import Message, consume, open_stream
from tallystick.stream.relay import Relay
from tallystick.wiring.commands.stream import stream
from tallystick.wiring.ledger import open_ledger
from tallystick.wiring.settings import read_settings

CLOCK = SystemClock()
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "stream.md"


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(stream, arguments, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with twenty entries on its stream; two consumers have heard some of them."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TALLYSTICK_GUARD", str(tmp_path / "guard"))
    (tmp_path / "data").mkdir()
    asyncio.run(_fill(tmp_path / "data"))
    return tmp_path / "data"


async def _fill(folder: Path) -> None:
    settings = read_settings(
        {"TALLYSTICK_DATA": str(folder), "TALLYSTICK_GUARD": str(folder.parent / "guard")}
    )
    with open_ledger(settings, CLOCK, new=True) as opened:
        ledger = opened.ledger
        first = ledger.size
        at = [f"2026-11-22T04:08:{n:02}Z" for n in range(20)]
        entries = [
            Sealable(f'{{"account":"acc-{n % 2}","at":"{at[n]}","kind":"k"}}'.encode())
            for n in range(first, 20)
        ]
        await ledger.append(first, entries)
        streams = open_stream("embedded", folder, CLOCK, ledger.origin)
        await Relay(ledger, streams, CLOCK).publish()
        streams.cursors.put("detect", 20)

        async def handler(message: Message) -> None:
            if message.position == 7:
                raise ValueError("seven is too much")

        class Quick(SystemClock):
            async def sleep(self, seconds: float) -> None:
                await super().sleep(seconds / 100)

        task = asyncio.ensure_future(consume(streams, "export", handler, Quick(), attempts_max=2))
        while streams.cursors.peek("export") < 20:
            await CLOCK.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        streams.cursors.move("slow", 5)
        await streams.close()


def test_how_far_everybody_is(folder: Path) -> None:
    """A table for people, facts for programs."""
    assert folder.exists()
    shown = run("lag")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0].split() == [
        "group",
        "partition",
        "place",
        "messages",
        "age",
        "ms",
    ]
    facts = {one["group"]: one for one in json.loads(run("lag", "--json").stdout)}
    assert {name: (one["place"], one["messages"]) for name, one in facts.items()} == {
        "detect": (20, 0), "export": (20, 0), "slow": (5, 15),
    }  # fmt: skip
    (new,) = json.loads(run("lag", "nobody", "--json").stdout)
    assert (new["messages"], new["committed"]) == (20, None)


def test_what_is_on_the_stream(folder: Path) -> None:
    """One event a line, whole ones as JSON; a time begins where it was appended."""
    assert folder.exists()
    whole = [
        json.loads(line) for line in run("tail", "--from", "begin", "--json").stdout.splitlines()
    ]
    assert [one["id"] for one in whole] == [str(n) for n in range(20)]
    assert whole[3]["type"] == "tallystick.entry.k"
    assert whole[3]["data"]["account"] == "acc-1"
    assert len(run("tail").stdout.splitlines()) == 20
    assert run("tail", "--from", "end").stdout == ""
    assert run("tail", "--from", rfc3339(CLOCK.now_ns())).stdout == ""
    assert "acc-1" in run("tail", "--from", "begin").stdout.splitlines()[3]


@pytest.mark.parametrize(
    ("where", "place"),
    [("7", 7), ("begin", 0), ("end", 20), ("20", 20), ("2026-11-22T04:08:05Z", 5),
     ("2027-01-01T00:00:00Z", 20), ("2020-01-01T00:00:00Z", 0)],
)  # fmt: skip
def test_a_consumer_is_moved(folder: Path, where: str, place: int) -> None:
    """To a position, a time, the beginning or the end."""
    assert folder.exists()
    moved = run("seek", "detect", where)
    assert (moved.exit_code, moved.stdout) == (0, "detect: moved.\n")
    facts = {one["group"]: one["place"] for one in json.loads(run("lag", "--json").stdout)}
    assert facts["detect"] == place
    assert json.loads(run("seek", "detect", where, "--json").stdout)["group"] == "detect"


def test_dead_letters_are_listed_and_sent_again(folder: Path) -> None:
    """With their reason; once sent, their consumer hears them."""
    listed = run("dead").stdout
    assert "export  tallystick.entry.k 7  after 2 attempts: ValueError: seven is too much" in listed
    (letter,) = [json.loads(line) for line in run("dead", "export", "--json").stdout.splitlines()]
    assert letter["event"]["deadgroup"] == "export"
    assert run("dead", "detect").stdout == ""
    assert run("replay", letter["number"]).stdout == "1 sent again.\n"
    sent = json.loads(run("replay", "--all", "--group", "export", "--json").stdout)
    assert sent == {"sent": [letter["number"]]}
    heard: list[int] = []

    async def handler(message: Message) -> None:
        heard.append(message.position)

    async def work() -> None:
        streams = open_stream("embedded", folder, CLOCK, "o")
        task = asyncio.ensure_future(consume(streams, "export", handler, CLOCK))
        while len(heard) < 2:
            await CLOCK.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await streams.close()

    asyncio.run(work())
    assert heard == [7, 7]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["seek", "detect", "yesterday"], "'yesterday' is no place"),
        (["seek", "detect", "21"], "The ledger has 20 entries."),
        (["replay", "0-99"], "There is no dead letter 0-99."),
        (["replay"], "or --all"),
        (["replay", "0-1", "--all"], "or --all"),
        (["tail", "--logs"], "only where that is a remote one"),
        (["tail", "--from", "7"], "begin, end or an RFC 3339 time"),
    ],
)
def test_what_cannot_be_done(folder: Path, arguments: list[str], sentence: str) -> None:
    """A sentence, and exit code 2."""
    assert folder.exists()
    told = run(*arguments)
    assert told.exit_code == 2
    assert sentence in told.stderr


def test_without_a_ledger_there_is_no_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is made."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "nothing"))
    told = run("lag")
    assert (told.exit_code, "There is no ledger" in told.stderr) == (2, True)
    assert not (tmp_path / "nothing").exists()


def test_the_guide_names_every_command() -> None:
    """And no other."""
    text = GUIDE.read_text()
    for name in stream.commands:
        assert f"tallystick stream {name}" in text
