"""`make conformance`: the tools of the Go ecosystem against a live Tallystick.

Tessera's hammer writes and reads, its fsck and a mirror check every byte, and a Tessera log gets
its checkpoints cosigned by our witness. Exit code: 0 passed, or there is no Go; 1 something does
not conform; 2 Go is here, but its modules cannot be fetched.
"""

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import product
import toolchain
from product import Facts
from toolchain import NoModulesError, Output, Program, StepError

Programs = dict[str, Program]
ORDERS = 40
"""Trades among the raw entries."""
WRITERS, WRITES_A_SECOND = 64, 400
HAMMER_SECONDS_MAX = 180
FSCK_SECONDS_MAX = 120
MIRROR_SECONDS_MAX = 180
WITNESS_SECONDS_MAX = 180
EXIT_NO_MODULES = 2
_WARNING = re.compile(r"^[WEF]\d{4} .*$", re.MULTILINE)
"""A warning, error or fatal line of Go's klog."""
FSCK_SAYS_NO = "fsck failed"
"""fsck ends with 0 whatever it found."""
_ENDING = "context canceled"
"""Said of what was under way when hammer had reached its goal."""


class Run:
    """The steps, and what each was seen to do."""

    def __init__(self, programs: Programs, folder: Path, console: Console) -> None:
        self._programs = programs
        self._folder = folder
        self._console = console
        self.table = Table("step", "what was seen", "seconds", title="conformance")

    def step(self, name: str, work: Callable[[], str]) -> None:
        """Do one step and write down what it says.

        Raises:
            StepError: with the step's name.
        """
        start = time.monotonic()
        with self._console.status(f"{name} ..."):
            try:
                seen = work()
            except StepError as error:
                raise StepError(f"{name}: {error}") from error
        self.table.add_row(name, seen, f"{time.monotonic() - start:.1f}")

    def ledger(self, leaves: int, samples: int, database: str | None) -> None:
        """Everything about a live server; `database` names its store, where it is not a file."""
        with product.server(self._folder, product.PUBLIC, database) as facts:
            last = product.place_orders(facts, ORDERS)
            product.await_published(facts, last + 1)
            self.step("mirror, before", lambda: self._mirror(facts, samples))
            self.step("hammer", lambda: self._hammer(facts, leaves))
            last = product.place_orders(facts, ORDERS)
            product.await_published(facts, last + 1)
            self.step("fsck", lambda: self._fsck(facts, facts.log))
            self.step("mirror, after", lambda: self._mirror(facts, samples))
            self.step("tallystick verify", lambda: _verify(facts))
        with product.server(self._folder, product.PRIVATE, database) as facts:
            self.step("fsck as an auditor", lambda: self._audit(facts))
        self.step("fsck of the mirror", lambda: self._fsck(facts, self._copy.as_uri()))
        self.step("fsck of a forgery", lambda: self._forgery(facts))

    def witness(self, rounds: int) -> None:
        """A Tessera log that publishes only what our witness has cosigned."""
        self.step("witness", lambda: self._witness(rounds))

    @property
    def _copy(self) -> Path:
        return self._folder / "mirror"

    def _hammer(self, facts: Facts, leaves: int) -> str:
        before = product.published_size(facts)
        done = self._programs["hammer"].run(
            f"--log_url={facts.log}",
            f"--log_public_key={facts.vkey}",
            f"--bearer_token_write={facts.token}",
            f"--leaf_write_goal={leaves}",
            f"--max_runtime={HAMMER_SECONDS_MAX}s",
            f"--num_writers={WRITERS}",
            f"--max_write_ops={WRITES_A_SECOND}",
            "--num_readers_random=4",
            "--num_readers_full=4",
            "--max_read_ops=200",
            "--leaf_min_size=100",
            "--show_ui=false",
            "--logtostderr",
            seconds_max=HAMMER_SECONDS_MAX + 30,
        )
        _require_silence(done.require_success())
        grown = product.published_size(facts) - before
        if grown < leaves:
            raise StepError(f"The log grew by {grown} entries only, not by {leaves}.")
        return f"{grown} entries written and read back, no error"

    def _fsck(self, facts: Facts, url: str) -> str:
        done = self._run_fsck(facts, url)
        if FSCK_SAYS_NO in done.stderr:
            raise StepError(done.stderr[-2_000:])
        _require_silence(done)
        return "every entry, bundle and tile hashes to the checkpoint"

    def _audit(self, facts: Facts) -> str:
        """After a restart, with everything behind tokens: an auditor's is enough, none is not."""
        token = product.auditors_token(self._folder)
        done = self._run_fsck(facts, facts.log, token)
        if FSCK_SAYS_NO in done.stderr:
            raise StepError(done.stderr[-2_000:])
        if FSCK_SAYS_NO not in self._run_fsck(facts, facts.log).stderr:
            raise StepError("fsck could read everything without a token.")
        return "with an auditor's token everything, without one nothing"

    def _forgery(self, facts: Facts) -> str:
        """The judge is judged: one changed byte in a copy must be found."""
        forged = self._folder / "forged"
        shutil.copytree(self._copy, forged)
        bundle = next(path for path in (forged / "tile/entries").rglob("*") if path.is_file())
        data = bytearray(bundle.read_bytes())
        data[len(data) // 2] ^= 1
        bundle.write_bytes(data)
        if FSCK_SAYS_NO not in self._run_fsck(facts, forged.as_uri()).stderr:
            raise StepError("fsck passed a copy in which a byte was changed.")
        return "found, so fsck does look"

    def _run_fsck(self, facts: Facts, url: str, token: str = "") -> Output:
        key = self._folder / "ledger.vkey"
        key.write_text(facts.vkey)
        done = self._programs["fsck"].run(
            f"--storage_url={url}", f"--public_key={key}", f"--bearer_token={token}",
            "--ui=false", "--N=4", "--logtostderr", seconds_max=FSCK_SECONDS_MAX,
        )  # fmt: skip
        return done.require_success()

    def _mirror(self, facts: Facts, samples: int) -> str:
        done = self._programs["mirror"].run(
            f"-url={facts.log}",
            f"-vkey={facts.vkey}",
            f"-dir={self._copy}",
            f"-samples={samples}",
            seconds_max=MIRROR_SECONDS_MAX,
        )
        seen = json.loads(done.require_success().stdout)
        if seen["entries"] != seen["size"]:
            raise StepError(f"Only {seen['entries']} of {seen['size']} entries were checked.")
        return (
            f"{seen['entries']} entries, {seen['tiles']} tiles, {seen['inclusion_proofs']}"
            f" inclusion and {seen['consistency_proofs']} consistency proofs,"
            f" {seen['partials_of_old_sizes']} partials of old sizes"
            + (f", grown from {seen['before']}" if seen["before"] else "")
        )

    def _witness(self, rounds: int) -> str:
        skey, vkey = _new_log_key()
        secret, policy = self._folder / "log.skey", self._folder / "policy.txt"
        secret.write_text(skey)
        with product.witness(self._folder, vkey) as facts:
            policy.write_text(f"log {vkey}\nwitness w {facts.vkey} {facts.url}\nquorum w\n")
            done = self._programs["witnessed"].run(
                f"-dir={self._folder / 'posix'}",
                f"-skey={secret}",
                f"-vkey={vkey}",
                f"-policy={policy}",
                f"-witness={facts.vkey}",
                f"-rounds={rounds}",
                seconds_max=WITNESS_SECONDS_MAX,
            )
        seen = json.loads(done.require_success().stdout)
        return f"{seen['cosigned']} checkpoints up to size {seen['size']} cosigned and published"


def _verify(facts: Facts) -> str:
    report = product.verify(facts)
    return f"{report['verdict']}, {report['entries']} entries"


def _require_silence(done: Output) -> None:
    """A warning of hammer or fsck is an error of ours; what ends with the run is not."""
    said = [line for line in _WARNING.findall(done.stderr) if _ENDING not in line]
    if said:
        raise StepError(f"{done.program} said:\n" + "\n".join(said[:20]))


def _new_log_key() -> tuple[str, str]:
    """(private, verifier) key lines of a new Ed25519 log key, as Go's sumdb/note writes them."""
    from tallystick.keys import FileKeyring  # noqa: PLC0415  after Go is known to be here
    from tallystick.ledger.checkpoint import VerifierKey  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.key"
        signer = FileKeyring.open(path, default_name="tessera.local/conformance")
        return path.read_text().strip(), str(VerifierKey.of(signer.name, signer.public_key))


@click.command()
@click.option("--leaves", default=4_000, show_default=True, help="Entries that hammer writes.")
@click.option("--samples", default=300, show_default=True, help="Proofs that the mirror picks.")
@click.option("--rounds", default=10, show_default=True, help="Checkpoints to be cosigned.")
@click.option("--ledger", help="Address of an empty PostgreSQL database to keep the ledger in.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to keep everything in.")
def main(leaves: int, samples: int, rounds: int, ledger: str | None, keep: Path | None) -> None:
    """Run the tools of the Go ecosystem against a live Tallystick.

    \b
    Examples:
      make conformance
      make conformance ARGS="--leaves 100000 --keep /tmp/conformance"
      make conformance ARGS="--ledger postgresql://tallystick@127.0.0.1/empty"
    """  # noqa: D301  the mark keeps click from wrapping
    console = Console()
    command = toolchain.go()
    if command is None:
        console.print("conformance: skipped, there is no Go toolchain on the PATH.")
        return
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with console.status("building Tessera's tools ..."):
                programs = toolchain.build(command, folder / "bin")
            run = Run(programs, folder, console)
            run.ledger(leaves, samples, ledger)
            run.witness(rounds)
        except NoModulesError as error:
            console.print(f"conformance: the Go modules cannot be fetched.\n{error}")
            sys.exit(EXIT_NO_MODULES)
        except StepError as error:
            console.print(f"conformance: FAILED in {error}", style="red", markup=False)
            sys.exit(1)
        console.print(run.table)


if __name__ == "__main__":
    main()
