"""The sections' parts against the real product: seeds that it takes for its own, and races."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import orders_seed
import stages
import targets
from orders_race import Journal, RaceError, Server, race
from targets import HERE

pytestmark = pytest.mark.server


def quiet(_what: str, _share: float) -> None:
    """Say nothing."""


def orders_of(target: targets.Target, account: str, state: str) -> list[dict[str, str]]:
    """What the product lists of an account."""
    answer = httpx.get(
        f"{target.url}/v1/orders",
        params={"account": account, "state": state, "limit": 1_000},
        headers={"Authorization": f"Bearer {target.token}"},
        timeout=30,
    )
    found: list[dict[str, str]] = answer.raise_for_status().json()["orders"]
    return found


@pytest.mark.parametrize("kind", orders_seed.KINDS)
def test_a_grown_ledger_is_a_ledger_of_the_product(kind: orders_seed.Kind, tmp_path: Path) -> None:
    """What was appended from forms is folded, listed, and passes the product's own check."""
    data = tmp_path / "data"
    orders_seed.orders(data, kind, 600, quiet)
    with targets.product("again", data) as target:
        account = "demo" if kind == "filled" else f"{orders_seed.ACCOUNT}-000001"
        state = "filled" if kind == "filled" else "new"
        listed = orders_of(target, account, state)
        seeded = [one for one in listed if one["client_order_id"].startswith("seed-")]
        assert len(seeded) == (600 if kind == "filled" else 300)
        assert len({one["id"] for one in listed}) == len(listed)
    done = subprocess.run(
        [sys.executable, "-m", "tallystick", "check"],
        env={"TALLYSTICK_DATA": str(data), "PATH": "/usr/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_many_accounts_can_trade(tmp_path: Path) -> None:
    """The load walks through accounts that were opened from the demo's entry."""
    data = tmp_path / "data"
    orders_seed.accounts(data, 50, quiet)
    with targets.product("accounts", data) as target:
        many = targets.Target(
            name="accounts", url=target.url, token=target.token, pid=target.pid,
            account=orders_seed.ACCOUNT, accounts=50, connections=4,
        )  # fmt: skip
        (found,) = race([Server(many)], 1, 0.5, quiet)
        assert found.orders_per_second > 0
        assert orders_of(target, f"{orders_seed.ACCOUNT}-000049", "filled")


def test_a_race_measures_everybody_in_every_round(tmp_path: Path) -> None:
    """Server, its ceiling with an answer as long, and a bare journal of the same bytes."""
    with targets.product("single", tmp_path / "data") as single:
        ours = Server(single)
        ceiling = targets.Target(
            name="parse", url=single.url, token=single.token, account="demo", pid=single.pid,
            path="/bench/parse",
        )  # fmt: skip
        journal = Journal("journal", tmp_path / "bare", None, [b"{}" * 400], 100)
        try:
            found = race([ours, Server(ceiling, sized_like=ours), journal], 2, 0.5, quiet)
        finally:
            journal.close()
    assert [(one.number, one.name) for one in found] == [
        (1, "parse"), (1, "journal"), (1, "single"),
        (2, "journal"), (2, "single"), (2, "parse"),
    ]  # fmt: skip
    parse = next(one for one in found if one.name == "parse")
    single_round = next(one for one in found if one.name == "single")
    assert parse.answer_bytes == pytest.approx(single_round.answer_bytes, rel=0.1)
    assert all(one.orders_per_second > 0 for one in found)
    assert single_round.server_cpu_us > parse.server_cpu_us > 0


def test_wrong_answers_are_no_figure(tmp_path: Path) -> None:
    """An account that is not there: the race ends with a sentence."""
    with targets.product("single", tmp_path / "data") as single:
        nobody = targets.Target(
            name="nobody", url=single.url, token=single.token, account="nobody", pid=single.pid
        )
        with pytest.raises(RaceError, match="UNKNOWN_ACCOUNT"):
            Server(nobody).go(1, 0.2, quiet)


def test_the_stages_are_measured(tmp_path: Path) -> None:
    """Every step of an order has a cost, in the order of its way."""
    found = stages.measured(tmp_path, lambda _share: None)
    assert found["stages"][0].name == "decode the body"
    assert all(stage.us >= 0 for stage in found["stages"])
    assert {stage.name for stage in found["rules"]} >= {"collar", "position_limit"}
    assert list(tmp_path.iterdir()) == []


def test_the_command_shows_its_options() -> None:
    """`make bench-orders ARGS=--help`."""
    done = subprocess.run(
        [sys.executable, str(HERE / "orders.py"), "--help"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("--only", "--dry", "--contender", "--resting"))
