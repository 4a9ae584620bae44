"""`tallystick detect train`: a classifier from what people confirmed and dismissed."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import (
    CONTEXT,
    JSON,
    connected,
    refusals_told,
    server_options,
)

if TYPE_CHECKING:
    from tallystick.watch.detect.supervised.judged import Case
    from tallystick.wiring.server_client import ServerClient

ANOMALIES = "anomalies.db"
MODELS = Path("detect") / "models"
CARD = "card.md"
PAGE_ITEMS = 100
TEST_WEEKS = 4
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
Told = Callable[[float], None]


class Trained(msgspec.Struct, frozen=True):
    """What was made: the classifier's version, where it is, and what it is worth.

    `model` is the version of detection that has it, None where only a file was written; figures
    are None where they cannot be told.
    """

    classifier: str
    model: str | None
    folder: str
    cases: int
    bad: int
    auc: float | None
    ap: float | None


class _Verdict(msgspec.Struct):
    at: str


class _Item(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    anomalies: list[_Item]
    next: str | None


class _Judged(msgspec.Struct):
    verdicts: list[_Verdict]
    verdict: str


@click.command(context_settings=CONTEXT)
@click.option("--data", type=_FOLDER, help="The data folder; by default that of the settings.")
@click.option("--file", type=_FILE, help="Labelled card payments (.npz) instead of anomalies.")
@click.option("--out", type=_FOLDER, help="Write classifier.json and card.md into this folder.")
@click.option("--base", help="Keep the configuration and other artefacts of this model version.")
@click.option("--seed", default=1, show_default=True, help="Of the trees and of the bootstrap.")
@server_options()
@JSON
def train(
    *,
    data: Path | None,
    file: Path | None,
    out: Path | None,
    base: str | None,
    seed: int,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Train a classifier from the anomalies that people confirmed and dismissed.

    It says how probable it is that a new anomaly would be confirmed. Judged anomalies are read from
    the data folder, with --url from a server. The classifier and its model card become a new
    version of detection beside the others; it alerts nobody before it is promoted. With --out they
    are written into a folder instead; with --file the classifier is one of card payments, for --out
    alone. Exit code: 0 trained, 1 refused (too few cases), 2 it cannot be done.

    \b
    Examples:
      tallystick detect train
      tallystick detect train --out classifier
      tallystick detect train --file transactions.npz --out payments
    """  # noqa: D301  the mark keeps click from wrapping
    with refusals_told():
        if file is not None:
            if out is None:
                raise Misconfigured("Say with --out where the classifier of payments goes.")
            made = _train_payments(file, out, seed)
        else:
            cases = _asked(url, token) if url else _stored(data)
            made = _train_judged(cases, data, out, base, seed)
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
        return
    click.echo(f"Classifier {made.classifier} from {made.cases:,} cases, {made.bad:,} of them bad.")
    if made.ap is not None and made.auc is not None:
        click.echo(
            f"On cases it had not seen: AUC {made.auc:.3f}, average precision {made.ap:.3f}."
        )
    kept = f"version {made.model}: tallystick detect backtest --version {made.model}"
    click.echo(f"In {made.folder}" if made.model is None else f"Kept as {kept}")


def _train_judged(
    judged: "list[Case]", data: Path | None, out: Path | None, base: str | None, seed: int
) -> Trained:
    import numpy as np  # noqa: PLC0415  help and completion start faster

    from tallystick.clock import NS_PER_SECOND, rfc3339  # noqa: PLC0415
    from tallystick.watch.detect.supervised.card import Facts, judged_card  # noqa: PLC0415
    from tallystick.watch.detect.supervised.judged import cases_of  # noqa: PLC0415
    from tallystick.watch.detect.supervised.training import Fitting, fit  # noqa: PLC0415
    from tallystick.watch.detect.supervised.validation import (  # noqa: PLC0415
        figures_of,
        validate_forward,
    )

    fitting = Fitting(seed=seed)
    cases = cases_of(judged)
    with _progress("Training") as told:
        classifier = fit(
            cases.rows, cases.labels, cases.groups, cases.names, fitting, told=_part(told, 0, 0.4)
        )
        tested = validate_forward(cases, fitting, _part(told, 0.4, 0.95))
        figures = figures_of(tested, np.random.default_rng(seed)) if tested else None
    first, last = (rfc3339(round(float(at) * NS_PER_SECOND)) for at in cases.at_seconds[[0, -1]])
    bad = int(cases.labels.sum())
    facts = Facts("judged anomalies", first, last, len(judged), bad, len(np.unique(cases.groups)))
    card = judged_card(classifier, facts, fitting, figures)
    model, folder = _keep(classifier.encode(), card, data, out, base)
    return Trained(
        classifier.version,
        model,
        str(folder),
        len(judged),
        bad,
        None if figures is None else _told(figures.auc),
        None if figures is None else _told(figures.ap),
    )


def _train_payments(file: Path, out: Path, seed: int) -> Trained:
    import numpy as np  # noqa: PLC0415  help and completion start faster

    from tallystick.watch.detect.supervised.card import Facts, payments_card  # noqa: PLC0415
    from tallystick.watch.detect.supervised.fraud_bench import fit_latest, run  # noqa: PLC0415
    from tallystick.watch.detect.supervised.payments import read_payments  # noqa: PLC0415
    from tallystick.watch.detect.supervised.training import Fitting  # noqa: PLC0415

    fitting = Fitting(seed=seed)
    payments = read_payments(file)
    with _progress("Validating and training") as told:
        report = run(
            payments,
            weeks=TEST_WEEKS,
            fitting=fitting,
            chance=np.random.default_rng(seed),
            told=_part(told, 0, 0.8),
        )
        classifier = fit_latest(payments, fitting, _part(told, 0.8, 1))
    bad = int(payments.fraud.sum())
    facts = Facts(
        file.name,
        f"day {int(payments.day[0])}",
        f"day {int(payments.day[-1])}",
        len(payments),
        bad,
        1 + int(payments.card.max()),
    )
    _write(out, classifier.encode(), payments_card(classifier, facts, fitting, report))
    version = classifier.version
    return Trained(version, None, str(out), len(payments), bad, report.auc, report.ap)


def _keep(
    data: bytes, card: str, folder: Path | None, out: Path | None, base: str | None
) -> tuple[str | None, Path]:
    """A new version of detection, or two files where a folder was named."""
    from tallystick.watch.detect.models import Model, Registry, shipped  # noqa: PLC0415  fast help
    from tallystick.watch.detect.supervised.classifier import FILE_NAME  # noqa: PLC0415

    if out is not None:
        _write(out, data, card)
        return None, out
    place = _data_folder(folder) / MODELS
    registry = Registry(place)
    model = shipped() if base is None else registry.load(base)
    artefacts = dict(model.artefacts) | {FILE_NAME: data}
    version = registry.save(Model(model.config, artefacts), card)
    return version, place / version


def _write(folder: Path, data: bytes, card: str) -> None:
    from tallystick.durable import replace_file  # noqa: PLC0415  help starts faster
    from tallystick.watch.detect.supervised.classifier import FILE_NAME  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / FILE_NAME, data)
        replace_file(folder / CARD, card.encode())
    except OSError as error:
        raise Misconfigured(f"{folder} cannot be written: {error}.") from error


def _stored(data: Path | None) -> "list[Case]":
    """The judged anomalies of a data folder."""
    from tallystick.clock import SystemClock  # noqa: PLC0415  help starts faster
    from tallystick.watch.detect.found.store import Found  # noqa: PLC0415
    from tallystick.watch.detect.supervised.judged import case  # noqa: PLC0415

    file = _data_folder(data) / ANOMALIES
    if not file.is_file():
        raise Misconfigured(f"{file} is not there: no server has found anomalies on this folder.")
    with closing(Found(file, SystemClock())) as found:
        return [case(each.anomaly, each.verdict, each.at) for each in found.labelled()]


def _asked(url: str | None, token: str | None) -> "list[Case]":
    """The judged anomalies of a server."""
    with connected(url, token) as server:
        return [*_pages(server, "confirmed"), *_pages(server, "dismissed")]


def _pages(server: "ServerClient", verdict: str) -> "Iterator[Case]":
    from urllib.parse import quote  # noqa: PLC0415  help starts faster

    from tallystick.watch.detect.score import Anomaly  # noqa: PLC0415
    from tallystick.watch.detect.supervised.judged import case  # noqa: PLC0415

    query = {"verdict": verdict, "limit": str(PAGE_ITEMS)}
    while True:
        page = server.ask("GET", "/v1/anomalies", _Page, query=query)
        for item in page.anomalies:
            path = f"/v1/anomalies/{quote(item.id, safe='')}"
            raw = server.ask("GET", path, msgspec.Raw)
            judged = msgspec.json.decode(raw, type=_Judged)
            at = judged.verdicts[-1].at
            yield case(msgspec.json.decode(raw, type=Anomaly), judged.verdict, at)
        if page.next is None:
            return
        query["cursor"] = page.next


def _data_folder(data: Path | None) -> Path:
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415  help starts faster

    return read_settings(os.environ).folder if data is None else data


@contextmanager
def _progress(what: str) -> Iterator[Told]:
    from rich.console import Console  # noqa: PLC0415  help starts faster
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _part(told: Told, start: float, end: float) -> Told:
    return lambda share: told(start + share * (end - start))


def _told(figure: float) -> float | None:
    return figure if figure == figure else None  # noqa: PLR0124  not a number is not told
