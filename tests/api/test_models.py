"""Versions of detection through the door: who may change them, what is refused, what is said once.

Their whole life, with a detection process, is in tests/wiring/commands/detect/test_models.py.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tallystick.api.models import OPERATIONS, _changed
from tallystick.errors import TemporaryError
from tallystick.ledger.notices import BacktestSummary, ModelPromoted
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.models import Model, Registry, shipped
from tallystick.watch.detect.models.report import Backtest, Outcome
from tallystick.watch.detect.models.version import ENDPOINT

MODELS = [Model(DetectConfig(disabled=(name,))) for name in ("layering", "cancel_ratio")]
MODELS += [Model(SHIPPED, revision="0"), Model(SHIPPED, {ENDPOINT: b"{}"})]
ONE, TWO, OLD, HOSTED = (model.version for model in MODELS)
SUMMARY = BacktestSummary("ab" * 32, 0, 1, 1, 0, 0, 0, 0, None, 0, 0)
Refused = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def house(
    launch_product: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A product of this file's own, with two versions in its folder."""
    running = launch_product(tmp_path_factory.mktemp("models") / "data", seed="7")
    for model in MODELS:
        Registry(running.folder / "detect/models").save(model, "# A card")
    yield running
    running.close()


def promotion(house: Any, version: str, **changes: Any) -> dict[str, Any]:
    """What a promotion asks, with a backtest that ended at the ledger's first entry."""
    leaf = house.demo.get("/v1/ledger/entries/0/receipt").json()["leaf_hash"]
    outcome = Outcome(version, "1", 1, 0, 0, 0, 1, 0, None, None, 1.0, 0.0, 1.0, None, {})
    report = Backtest(0, 1, None, None, leaf, 0, 1, 0, 1, 0, (outcome,), None)
    report = msgspec.structs.replace(report, **changes)
    return {
        "version": version,
        "backtest": report.canonical.decode(),
        "digest": report.digest,
        "reason": "sees more",
    }


def test_promoted_once_under_one_key_and_rolled_back(house: Any) -> None:
    """A retry gets the stored answer, also when it is no longer so."""
    asked, key = promotion(house, ONE), {"Idempotency-Key": "promote-1"}
    first = house.demo.post("/v1/detection/champion", json=asked, headers=key)
    assert first.status_code == 200, first.text
    answer = first.json()
    assert (answer["version"], answer["previous"]) == (ONE, shipped().version)
    assert (answer["rollback"], answer["by"]) == (False, "demo trader")
    assert answer["backtest"]["digest"] == asked["digest"]
    assert answer["backtest"]["from"] == 0
    listed = house.demo.get("/v1/detection/models").json()
    assert listed["champion"] == ONE
    item = {each["version"]: each for each in listed["models"]}[ONE]
    assert (item["champion"], item["usable"], item["promoted"]["reason"]) == (
        True, True, "sees more",
    )  # fmt: skip

    back = {"Idempotency-Key": "back-1"}
    for _ in range(2):
        again = house.demo.post("/v1/detection/rollback", json={"reason": "no"}, headers=back)
        assert again.json()["version"] == shipped().version
    assert again.headers["Idempotency-Replayed"] == "true"
    replayed = house.demo.post("/v1/detection/champion", json=asked, headers=key)
    assert replayed.json() == answer
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert house.demo.get("/v1/detection/models").json()["champion"] == shipped().version


def test_another_request_under_a_key_is_a_conflict(house: Any, refused: Refused) -> None:
    """Nothing is promoted twice by mistake."""
    key = {"Idempotency-Key": "promote-2"}
    path = "/v1/detection/champion"
    assert house.demo.post(path, json=promotion(house, TWO), headers=key).status_code == 200
    refused(
        house.demo.post(path, json=promotion(house, ONE), headers=key), 409, "IDEMPOTENCY_CONFLICT"
    )
    refused(house.demo.post(path, json=promotion(house, TWO)), 409, "ALREADY_CHAMPION", "version")
    house.demo.post("/v1/detection/rollback", json={"reason": "clean up"})
    refused(
        house.demo.post("/v1/detection/rollback", json={"reason": "again"}),
        409, "NOTHING_TO_ROLL_BACK",
    )  # fmt: skip


def test_a_backtest_speaks_for_its_version_on_this_ledger(house: Any, refused: Refused) -> None:
    """Another version's, another ledger's, another digest, one to come, none at all."""
    path = "/v1/detection/champion"
    asked = promotion(house, ONE)
    for changed in (
        promotion(house, TWO) | {"version": ONE},
        promotion(house, ONE, leaf="00" * 32),
        promotion(house, ONE, to=10**9),
        asked | {"digest": "0" * 64},
        asked | {"backtest": "{}"},
    ):
        refused(house.demo.post(path, json=changed), 422, "BAD_BACKTEST", "backtest")
    for version, code in ((OLD, "MODEL_OUTDATED"), (HOSTED, "MODEL_NOT_PROMOTABLE")):
        refused(house.demo.post(path, json=promotion(house, version)), 409, code, "version")
    unknown = promotion(house, "0" * 12)
    refused(house.demo.post(path, json=unknown), 404, "UNKNOWN_MODEL")
    personal = asked | {"reason": "ask 4111 1111 1111 1111"}
    refused(house.demo.post(path, json=personal), 422, "PERSONAL_DATA", "reason")


def test_one_version_is_shown_whole(house: Any, refused: Refused) -> None:
    """Configuration and card; what is shipped needs none."""
    found = house.demo.get(f"/v1/detection/models/{ONE}").json()
    assert found["config"]["disabled"] == ["layering"]
    assert found["card"] == "# A card"
    found = house.demo.get(f"/v1/detection/models/{shipped().version}").json()
    assert found["shipped"]
    assert found["config"]["disabled"] == []
    refused(house.demo.get("/v1/detection/models/000000000000"), 404, "UNKNOWN_MODEL")
    refused(house.demo.get("/v1/detection/backtests/" + "0" * 64), 404, "UNKNOWN_BACKTEST")


def test_a_challenger_is_set_and_let_go(house: Any, refused: Refused) -> None:
    """It is told with who wanted it; the champion cannot challenge itself."""
    path = "/v1/detection/challenger"
    answer = house.demo.put(path, json={"version": ONE}).json()
    assert answer["challenger"]["version"] == ONE
    listed = house.demo.get("/v1/detection/models").json()
    assert listed["challenger"] == answer["challenger"]
    assert listed["comparison"] is None  # nothing is detected in this product
    assert (answer["running"], listed["running"]) == ("", "")
    refused(
        house.demo.put(path, json={"version": shipped().version}),
        409, "ALREADY_CHAMPION", "version",
    )  # fmt: skip
    refused(house.demo.put(path, json={"version": "0" * 12}), 404, "UNKNOWN_MODEL")
    assert house.demo.put(path, json={"version": None}).json()["challenger"] is None


def test_a_changed_version_is_told(house: Any, refused: Refused) -> None:
    """It is listed as none to use; what it was is not guessed."""
    folder = house.folder / "detect/models"
    version = Registry(folder).save(Model(DetectConfig(disabled=("order_size",))))
    path = folder / version / "config.json"
    path.write_bytes(path.read_bytes() + b" ")

    [listed] = [
        each
        for each in house.demo.get("/v1/detection/models").json()["models"]
        if each["version"] == version
    ]
    assert (listed["usable"], listed["revision"]) == (False, "")
    one, asked = house.demo.get(f"/v1/detection/models/{version}"), {"version": version}
    refused(one, 409, "MODEL_CHANGED", "version")
    refused(house.demo.put("/v1/detection/challenger", json=asked), 409, "MODEL_CHANGED", "version")


def test_only_operators_may(house: Any, refused: Refused) -> None:
    """Every operation wants the scope; whoever is looked into must not learn of it."""
    for operation in OPERATIONS:
        assert operation.scope == "operate"
        path = operation.path.replace("{version}", ONE).replace("{digest}", "0" * 64)
        response = house.clients["reader"].request(operation.method, path, json={})
        refused(response, 403, "FORBIDDEN")


def test_of_two_changes_at_once_the_first_holds(inside: Callable[..., Any], tmp_path: Path) -> None:
    """Whoever was second is told, and asks again; the ledger has both."""

    async def run() -> None:
        async with inside(tmp_path / "data") as single:
            services: Any = SimpleNamespace(models=single.detecting.models, history=single.history)

            async def promoted(version: str) -> Any:
                return await single.desk.record(
                    lambda at: ModelPromoted(
                        at, version, shipped().version, "detect", False, SUMMARY, "new", "ann"
                    )
                )

            first, second = await promoted(ONE), await promoted(TWO)
            for _ in range(2):
                with pytest.raises(TemporaryError, match="came first"):
                    _changed(services, second.entry, second.receipt, replayed=False)
                answer = _changed(services, first.entry, first.receipt, replayed=False)
                assert answer.status_code == 200
            assert services.models.version == ONE

    asyncio.run(run())
