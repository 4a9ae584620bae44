"""`tallystick load`: put orders on a server, and say honestly how long its answers took."""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from tallystick.wiring.load import Plan, Result

EXIT_FAILED = 1
ACCOUNT = "demo"
PAIRS = "EUR/USD,GBP/USD,AUD/USD,USD/JPY"


@click.command(context_settings=CONTEXT)
@click.option("--url", help="The server; by default the one that runs on the data folder.")
@click.option("--token", envvar="TALLYSTICK_TOKEN", help="Token that may trade for the accounts.")
@click.option("--rate", type=float, help="Requests a second, whatever the answers do: open loop.")
@click.option(
    "--arrivals",
    type=click.Choice(["poisson", "constant"]),
    default="poisson",
    show_default=True,
    help="How requests of an open loop follow each other.",
)
@click.option("--connections", default=64, show_default=True, help="Keep-alive connections.")
@click.option("--seconds", default=10.0, show_default=True, help="Length of the run.")
@click.option("--warm-up", default=1.0, show_default=True, help="Seconds before it that count not.")
@click.option("--requests", type=int, help="End after so many requests.")
@click.option(
    "--mix",
    default="market",
    show_default=True,
    help="Kinds of orders and their shares, such as market=70,limit=20,cancel=10.",
)
@click.option("--pairs", default=PAIRS, show_default=True, help="Currency pairs, in turn.")
@click.option("--account", help="Who trades; by default the account of the data folder.")
@click.option("--accounts", default=1, help="So many accounts: ACCOUNT-000000, ACCOUNT-000001, ...")
@click.option("--batch", default=1, show_default=True, help="Orders in one request, up to 1,000.")
@click.option("--seed", default=7, show_default=True, help="The same seed, the same orders.")
@click.option("--prefix", help="Start of every client_order_id; by default a new one each run.")
@click.option(
    "--drop", default=0.0, help="Share of requests whose connection is cut; they are sent again."
)
@click.option(
    "--retry-seconds",
    default=0.0,
    help="How long an unanswered request is sent again under its Idempotency-Key.",
)
@click.option("--timeout", default=15.0, show_default=True, help="Seconds an answer may take.")
@click.option(
    "--check/--no-check",
    default=None,
    help="Read the orders afterwards: each once, none lost. By default with --drop and retries.",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every answer into this file as a line of JSON.",
)
@JSON
def load(**options: object) -> None:
    """Put orders on a server and show how long its answers took.

    Without --rate each connection sends its next order when the last one is answered (closed
    loop). With --rate orders begin when the schedule says (open loop), and latency is counted from
    that moment: an order that waits for a slow server counts its waiting too.

    Kinds of a mix: market, market_ioc, limit (rests beside the market), limit_gfd, limit_ioc,
    stop, stop_limit, market_if_touched, bracket (with take-profit and stop-loss), cancel. Accounts
    must exist, and the token must be theirs or have the scope operate. It trades: point it only at
    a server that is there to be tested.

    Exit code: 0 every answer came and is right, 1 answers are wrong or missing, 2 it could not run.

    \b
    Examples:
      tallystick load
      tallystick load --rate 2000 --seconds 60 --mix market=70,limit=20,cancel=10
      tallystick load --batch 1000 --connections 4 --json
      tallystick load --drop 0.02 --retry-seconds 30
      tallystick load --url https://fx.example --token tally_... --account acme --rate 100
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.load import screen  # noqa: PLC0415  help is shown faster

    as_json, keep, wants_check = options.pop("as_json"), options.pop("keep"), options.pop("check")
    try:
        plan = _plan(options)
        if wants_check is None:
            wants_check = plan.retry_seconds > 0
        result = _run(plan, keep, wants_check=bool(wants_check))
    except (TallystickError, OSError, msgspec.ValidationError) as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(result, str_keys=True), indent=2))
    else:
        from rich.console import Console  # noqa: PLC0415  likewise

        for part in screen.draw(plan, result):
            Console().print(part)
    for failure in result.failures:
        click.echo(f"tallystick: {failure}", err=True)
    sys.exit(EXIT_FAILED if result.failures else 0)


def _plan(options: dict[str, object]) -> "Plan":
    """What the options ask for; server and token from the data folder where none is named."""
    from tallystick.clock import SystemClock  # noqa: PLC0415  help is shown faster
    from tallystick.wiring.load import Plan, parse_mix  # noqa: PLC0415

    if options["url"] is None:
        from tallystick.wiring.facts import facts_of  # noqa: PLC0415

        facts = facts_of(Path(os.environ.get("TALLYSTICK_DATA", ".tallystick")))
        if facts is None:
            fail("No server has run on the data folder; name one with --url.")
        given = {name: value for name, value in options.items() if value is not None}
        options = (
            options | {"url": facts.url, "token": facts.token, "account": facts.account} | given
        )
    if options["token"] is None:
        fail("Which token? Give --token, or set TALLYSTICK_TOKEN.")
    asked = options | {
        "account": options["account"] or ACCOUNT,
        "url": str(options["url"]).rstrip("/"),
        "mix": parse_mix(str(options["mix"])),
        "pairs": tuple(str(options["pairs"]).split(",")),
        "prefix": options["prefix"] or f"load-{SystemClock().now_ns():x}",
        "warm_up_seconds": options["warm_up"],
        "answer_seconds": options["timeout"],
    }
    del asked["warm_up"], asked["timeout"]
    return msgspec.convert(asked, Plan)


def _run(plan: "Plan", keep: object, *, wants_check: bool) -> "Result":
    """The run, and the check afterwards, with a bar on standard error."""
    import gc  # noqa: PLC0415  help is shown faster

    import uvloop  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.wiring.load import check, orders_of, prices_of, put_load, screen  # noqa: PLC0415
    from tallystick.wiring.load.orders import needs_prices  # noqa: PLC0415

    console = Console(stderr=True)
    prices = prices_of(plan.url, plan.token) if needs_prices(plan) else {}
    orders = orders_of(plan, prices)
    since = check.ledger_size(plan.url, plan.token) if wants_check else 0
    with ExitStack() as stack:
        gc.disable()  # a bounded run that makes no cycles
        stack.callback(gc.enable)
        kept = stack.enter_context(keep.open("wb")) if isinstance(keep, Path) else None
        watch = stack.enter_context(screen.watching(console, plan))
        result, acknowledged = uvloop.run(put_load(plan, orders, SystemClock(), watch, kept))
    if not wants_check:
        return result
    with console.status("reading the orders that the ledger holds"):
        found = check.check_orders(
            plan.url, plan.token, plan.account_names, plan.prefix, acknowledged, since
        )
    return msgspec.structs.replace(result, check=found)
