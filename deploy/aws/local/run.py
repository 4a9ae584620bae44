"""The core path on this machine, from an order over HTTP to an alert: no account, no container.

    python deploy/aws/local/run.py [--keep]

ministack stands in for AWS, PostgreSQL for Aurora; the functions are the zip that AWS gets, built
for this machine. It ends with exit code 0 when the order was proved and its alert came.
"""
# ruff: noqa: S310, S603, T201  a command line that asks servers on loopback

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(ROOT / "src")]

import parts  # noqa: E402  beside this file
from core import Core, Stack  # noqa: E402
from tallystick.clock import SystemClock  # noqa: E402
from tallystick.keys import FileKeyring  # noqa: E402
from tallystick.ledger.checkpoint import VerifierKey  # noqa: E402
from tallystick.ledger.verify import verify_receipt  # noqa: E402
from tallystick.wiring.aws.prepare import prepare  # noqa: E402

PACKAGE = HERE.parent / "build" / "functions-here.zip"
LIMITS = {
    "order_quantity_max": "50000000", "position_usd_max": "1000000000000.00", "collar_bps": 500,
    "duplicate_window_ms": 1_000, "duplicates_max": 1_000,
}  # fmt: skip
USUAL_ORDERS = 5
LARGE = "12000000"
ALERT_SECONDS_MAX = 90.0


def main() -> int:
    """Start all, trade, wait for the alert; what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tallystick-aws-") as folder:
        processes = parts.Processes(Path(folder))
        try:
            stack, core = start(processes)
            trade(stack, core)
            if chosen.keep:
                say(f"{core.url} takes orders; the token of desk is {core.tokens['desk']}")
                while True:
                    time.sleep(3_600)
        except parts.MissingError as missing:
            say(str(missing))
            return 2
        except KeyboardInterrupt:
            return 0
        except BaseException:
            for log in sorted(Path(folder).glob("*.log")):
                say(f"--- {log.name}\n{processes.log(log.stem)}")
            raise
        finally:
            processes.end()
    say("the core path holds")
    return 0


def start(processes: parts.Processes) -> tuple[Stack, Core]:
    """Every process, and everything that a deployment makes."""
    parts.require_ministack()
    if is_old():
        with step("building the functions' zip for this machine"):
            build()
    with step("PostgreSQL"):
        owner = parts.postgres(processes)
        ledger = prepared(owner)
    with step("the forest: training and our container"):
        forest = parts.forest(processes)
    with step("ministack"):
        stack = Stack(parts.ministack(processes))
    keyring = FileKeyring("ledger.example/local", b"\x05" * 32)
    vkey = str(VerifierKey.of(keyring.name, keyring.public_key))
    with step("secrets, tables, stream, bus, four functions, API"):
        return stack, stack.make(PACKAGE, ledger, f"{keyring.line}\n", vkey, forest)


def trade(stack: Stack, core: Core) -> None:
    """Orders in by HTTP, each proved; through the stream to the forest and the rules; alert out."""
    with step("tend begins: prices for all, resting orders, snapshots"):
        stack.begin("tend")
        parts.until(lambda: ask(core, "GET", "/readyz", "desk", None)[0] == 200)
    with step("an account"):
        made = ask(core, "POST", "/v1/accounts", "operator", {"account": "desk", "limits": LIMITS})
        require(made[0] in {200, 201}, made)
    with step(f"{USUAL_ORDERS} usual orders and a large one, each with a receipt that verifies"):
        for number in range(USUAL_ORDERS):
            place(core, f"usual-{number}", "1000")
        large = place(core, "large", LARGE)
    with step("the same order again: the stored answer"):
        again = place(core, "large", LARGE)
        require(again == large, again)
    position = large["receipt"]["position"]
    with step("the ledger onto Kinesis: one run of relay"):
        said = stack.invoke("relay")
        require(said["behind"] == 0 and said["said"] > position, said)
    with step("the alerts: large trade by rule, anomaly by the forest"):
        wait_for_alerts(stack, core, position)


def wait_for_alerts(stack: Stack, core: Core, position: int) -> None:
    """Both alerts about the large order arrive; they name its position."""
    missing = {"Order Decided", "Anomaly Found"}
    deadline = time.monotonic() + ALERT_SECONDS_MAX
    while missing:
        require(time.monotonic() < deadline, f"no alert: {sorted(missing)}")
        for alert in stack.alerts(core.queue):
            if alert["detail"]["position"] == position:
                missing.discard(alert["detail-type"])
                sentence = alert["detail"].get("sentence", "")
                say(f"    {alert['detail-type']} at position {position}. {sentence}")


def place(core: Core, name: str, quantity: str) -> Any:
    """Place an order at market; its answer, once its receipt was verified offline."""
    body = {
        "client_order_id": name, "account": "desk", "pair": "EUR/USD", "side": "buy",
        "quantity": quantity, "type": "market", "time_in_force": "FOK",
    }  # fmt: skip
    status, answer = ask(core, "POST", "/v1/orders", "desk", body)
    require(status == 201, answer)
    report = verify_receipt(answer, VerifierKey.parse(core.vkey))
    require(report.verdict == "clean", report)
    said = json.loads(answer)
    require(said["order"]["state"] == "filled", said)
    return said


def ask(core: Core, method: str, path: str, who: str, body: Any) -> tuple[int, bytes]:
    """Status and body of the API's answer."""
    headers = {
        "Authorization": f"Bearer {core.tokens[who]}", "Content-Type": "application/json",
    }  # fmt: skip
    url = core.url + path
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def build() -> None:
    """The zip for the interpreter that ministack runs functions with."""
    command = [str(parts.PYTHON), str(HERE.parent / "package.py"), "--here", "--into", str(PACKAGE)]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise parts.MissingError("The functions' zip could not be built; why stands above.")


def is_old() -> bool:
    """Whether the zip lacks what was changed since it was built."""
    if not PACKAGE.exists():
        return True
    sources = [HERE.parent / "package.py", *(HERE.parent / "requirements").glob("functions.*")]
    sources += [
        path for path in (ROOT / "src").rglob("*") if path.suffix in {".py", ".sql", ".pem"}
    ]
    return max(path.stat().st_mtime for path in sources) > PACKAGE.stat().st_mtime


def prepared(owner: str) -> str:
    """The database as the function `prepare` leaves it; the address of the functions' role."""
    word = "".join(c for c in owner.split(":")[2] if c.isalnum())[:12]
    settings = {"LEDGER": owner, "LEDGER_LOGIN": "address", "LEDGER_TLS": "off"}
    environment = {f"TALLYSTICK_{name}": value for name, value in settings.items()}
    environment["TALLYSTICK_LEDGER_POOLED"] = "false"
    prepare(environment, SystemClock(), password=word)
    return f"postgresql://tallystick:{word}@{owner.partition('@')[2]}"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    say(f"  {what} ...")
    started = time.monotonic()
    yield
    say(f"    {time.monotonic() - started:.1f} s")


def require(good: object, said: object) -> None:
    """It is so.

    Raises:
        RuntimeError: it is not.
    """
    if not good:
        raise RuntimeError(str(said)[:2_000])


def say(what: str) -> None:
    """Progress, for whoever waits."""
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
