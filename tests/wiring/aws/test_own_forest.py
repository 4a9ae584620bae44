"""The consumer's own forest: learns what passes, finds what is odd, goes on where it was."""

import base64
import copy
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aws_flood import Context
from aws_world import World
from numpy.typing import NDArray

from tallystick.wiring.aws import clients, consume
from tallystick.wiring.aws.events import Put
from tallystick.wiring.aws.own_forest import KEEP_ROWS, SAMPLES, USUAL_MIN, OwnForest
from tallystick.wiring.aws.settings import Table, table_of

EVENTS = Path(__file__).parent / "events"
ODD = np.array([[7.4, 2.0, -1.0, 0.0, -1.0]])
WITHOUT_COMPILER = """
import sys
class Nobody:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "numba":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nobody())
import importlib.util
importlib.util.find_spec = lambda name, found=importlib.util.find_spec: (
    None if name == "numba" else found(name)
)
import numpy as np
from tallystick.watch.detect.forest import RandomCutForest
forest = RandomCutForest(5, 10, 32, seed=3)
rows = np.random.default_rng(5).normal(size=(80, 5))
with np.errstate(over="ignore"):
    print(*map(float.hex, forest.score_and_learn(rows).tolist()))
assert "numba" not in sys.modules
"""


def usual(count: int, seed: int = 1) -> NDArray[np.float64]:
    """Rows of ordinary orders."""
    chance = np.random.default_rng(seed)
    hours = chance.uniform(8, 18, count) * math.pi / 12
    return np.column_stack(
        [
            chance.normal(5.0, 0.4, count), np.abs(chance.normal(0.5, 0.3, count)),
            chance.normal(2.5, 0.6, count), np.sin(hours), np.cos(hours),
        ]
    )  # fmt: skip


@pytest.fixture
def state(aws: World) -> Table:
    """The state table."""
    return table_of("STATE", aws.environment["TALLYSTICK_STATE"])


def test_kernels_say_the_same_without_a_compiler() -> None:
    """Plain Python, but for rounding: a function of Lambda has no room for Numba."""
    from tallystick.watch.detect.forest import RandomCutForest  # noqa: PLC0415  compiled here

    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER], capture_output=True, text=True, check=True
    )
    forest = RandomCutForest(5, 10, 32, seed=3)
    rows = np.random.default_rng(5).normal(size=(80, 5))
    said = [float.fromhex(each) for each in run.stdout.split()]
    assert said == pytest.approx(forest.score_and_learn(rows).tolist(), rel=1e-6)


def test_nothing_is_odd_before_enough_was_seen(state: Table) -> None:
    """Then an odd row is, and usual ones are not."""
    forest = OwnForest(state)
    forest.score(usual(USUAL_MIN))
    assert forest.cutoff == math.inf
    forest.score(usual(SAMPLES, seed=2))
    before = forest.cutoff
    assert 1.0 < before < 4.0
    assert forest.score(ODD)[0] > before
    assert (forest.score(usual(100, seed=3)) > forest.cutoff).sum() <= 1


def test_the_next_environment_goes_on_from_the_rows_that_were_kept(state: Table) -> None:
    """So many are kept as a tree has in mind; it knows an odd one at once."""
    first = OwnForest(state)
    first.score(usual(SAMPLES + KEEP_ROWS))
    second = OwnForest(state)
    assert second.cutoff < math.inf
    assert second.score(ODD)[0] > second.cutoff


def test_rows_of_other_features_are_not_taken(state: Table) -> None:
    """A release that looks at something else begins anew."""
    clients.client("dynamodb", state.region).put_item(
        TableName=state.name, Item={"id": {"S": "forest own"}, "rows": {"B": b"12 bytes ..."}}
    )
    assert OwnForest(state).cutoff == math.inf


def test_a_table_that_takes_nothing_stops_nothing(
    state: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was learnt is kept later; the scores are there."""
    forest = OwnForest(state)
    gone = Table(state.region, "nowhere")
    monkeypatch.setattr(forest, "_table", gone.name)
    assert len(forest.score(usual(KEEP_ROWS))) == KEEP_ROWS
    monkeypatch.setattr(forest, "_table", state.name)
    forest.score(usual(1))
    assert OwnForest(state)._forest.seen == KEEP_ROWS + 1


def records_of(quantities: list[int]) -> list[dict[str, Any]]:
    """One record an order, a minute after the other, by three accounts."""
    (like,) = json.loads((EVENTS / "kinesis_one.json").read_text())["Records"]
    found = []
    for number, quantity in enumerate(quantities):
        said = json.loads(base64.b64decode(like["kinesis"]["data"]))
        at = f"2026-11-22T{8 + number // 60:02}:{number % 60:02}:16.123456Z"
        account = f"desk-{number % 3}"
        said |= {"id": str(number), "subject": account, "partitionkey": account, "time": at}
        said["data"] |= {"account": account, "at": at}
        said["data"]["order"] |= {
            "account": account, "id": f"O-{number}", "quantity": str(quantity),
        }  # fmt: skip
        record = copy.deepcopy(like)
        record["kinesis"] |= {
            "data": base64.b64encode(json.dumps(said).encode()).decode(),
            "sequenceNumber": str(10**50 + number),
        }
        found.append(record)
    return found


@pytest.fixture
def told(aws: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Put]]:
    """What a consumer with a forest of its own puts onto the bus."""
    del aws
    puts: list[Put] = []

    def noted(several: list[Put]) -> int:
        puts.extend(several)
        return len(several)

    monkeypatch.setattr(consume, "tell", noted)
    monkeypatch.setattr(consume, "_consuming", None)
    monkeypatch.setenv("TALLYSTICK_LEDGER", "")
    monkeypatch.setenv("TALLYSTICK_FOREST", "own")
    yield puts
    monkeypatch.setattr(consume, "_consuming", None)


def test_an_odd_order_is_told_without_any_endpoint(told: list[Put]) -> None:
    """Forty million where a hundred thousand is usual, once, also when the record comes again."""
    chance = np.random.default_rng(4)
    ordinary = (100_000 * 10 ** chance.normal(0, 0.2, 200)).astype(int).tolist()
    records = records_of([*ordinary, 40_000_000])
    event = {"Records": records}
    assert consume.handler(event, Context()) == {"batchItemFailures": []}
    again = {"Records": records[-1:]}
    assert consume.handler(again, Context()) == {"batchItemFailures": []}
    odd = [json.loads(str(put["Detail"])) for put in told if put["DetailType"] == "Anomaly Found"]
    assert [each["order"] for each in odd] == ["O-200"]
    assert "unlike the others" in odd[0]["sentence"]
