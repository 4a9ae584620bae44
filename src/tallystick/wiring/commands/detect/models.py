"""`tallystick detect models`, `promote`, `rollback`, `challenge`: which version alerts."""

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
import msgspec

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import (
    CONTEXT,
    JSON,
    REASON,
    connected,
    refusals_told,
    server_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.api.models import ChallengerAnswer, ChampionAnswer, ModelItem, ModelList
    from tallystick.watch.detect.config import DetectConfig
    from tallystick.watch.detect.detector import Detector
    from tallystick.watch.detect.models import Comparison

_NOBODY = "But no detection process runs now: it starts, or TALLYSTICK_DETECTION is off."
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@server_options()
@JSON
@click.pass_context
def models(context: click.Context, url: str | None, token: str | None, as_json: bool) -> None:
    """List the versions of detection: which alerts, which challenges, and who promoted them.

    A version is named by its content: configuration, trained artefacts, and the revision of the
    detectors. `tallystick detect train` makes them too.

    \b
    Examples:
      tallystick detect models
      tallystick detect models add config.json
      tallystick detect models show 0123456789ab
    """  # noqa: D301  the mark keeps click from wrapping
    if context.invoked_subcommand is not None:
        return
    from tallystick.api.models import ModelList  # noqa: PLC0415  other commands start faster

    with connected(url, token) as server:
        found = server.ask("GET", "/v1/detection/models", ModelList)
    click.echo(msgspec.json.encode(found) if as_json else _list_text(found))


@models.command()
@click.argument("config", type=_FILE)
@click.option(
    "--artefact", "artefacts", multiple=True, metavar="NAME=FILE", help="A trained artefact."
)
@click.option("--card", type=_FILE, help="What is to be said about it, in Markdown.")
@click.option("--models", "folder", type=_FOLDER, help="Where versions are kept.")
@JSON
def add(
    config: Path, artefacts: tuple[str, ...], card: Path | None, folder: Path | None, as_json: bool
) -> None:
    """Keep a version: the configuration in the file CONFIG, with artefacts; print its name.

    It alerts nobody before it is promoted. A version that asks a hosted Random Cut Forest has the
    artefact endpoint.json, and can only challenge.

    \b
    Examples:
      tallystick detect models add config.json
      tallystick detect models add config.json --artefact endpoint.json=rcf.json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.detect.config import DetectConfig  # noqa: PLC0415  fast help
    from tallystick.watch.detect.detectors import build  # noqa: PLC0415
    from tallystick.watch.detect.models import Model, Registry  # noqa: PLC0415
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    with refusals_told():
        place = folder or read_settings(os.environ).folder / "detect" / "models"
        try:
            read = msgspec.json.decode(config.read_bytes(), type=DetectConfig)
        except ValueError as error:
            raise Misconfigured(f"{config} is no configuration of detection: {error}.") from error
        model = Model(read, dict(_artefact(each) for each in artefacts))
        _check(model.config, build(model.config, model.artefacts))  # it works, or says why not
        version = Registry(place).save(model, "" if card is None else card.read_text())
    click.echo(msgspec.json.encode({"version": version}) if as_json else version)


def _check(config: "DetectConfig", detectors: "Sequence[Detector]") -> None:
    for name, value in (("alarm_p", config.alarm_p), ("likely_min", config.likely_min)):
        if not 0 < value < 1:
            raise Misconfigured(f"{name} is a probability between 0 and 1, not {value:g}.")
    known = {name for detector in detectors for name in detector.names}
    strange = set(config.disabled) - known
    if strange:
        sentence = f"There is no finding {min(strange)!r}: {', '.join(sorted(known))}."
        raise Misconfigured(sentence)


@models.command()
@click.argument("version")
@server_options()
@JSON
def show(version: str, url: str | None, token: str | None, as_json: bool) -> None:
    """Show what a version is made of, what became of it, and what is written about it.

    \b
    Example:
      tallystick detect models show 0123456789ab
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.api.models import ModelDetail  # noqa: PLC0415  other commands start faster

    with connected(url, token) as server:
        path = f"/v1/detection/models/{quote(version, safe='')}"
        found = server.ask("GET", path, ModelDetail)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(_item_text(found))
    click.echo(msgspec.json.format(msgspec.json.encode(found.config)))
    click.echo(found.card)


@click.command(context_settings=CONTEXT)
@click.argument("version")
@click.option(
    "--backtest", required=True, type=_FILE, help="The report that `detect backtest --out` wrote."
)
@REASON
@server_options()
@JSON
def promote(
    *,
    version: str,
    backtest: Path,
    reason: str,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Make VERSION the champion: from now on it alerts.

    It is an entry of the ledger, with the backtest's digest and summary. Without a backtest of that
    version on this ledger it is refused.

    \b
    Example:
      tallystick detect promote 0123456789ab --backtest report.json --reason "sees layering"
    """  # noqa: D301  the mark keeps click from wrapping
    report = backtest.read_bytes()
    body = {
        "version": version,
        "backtest": report.decode("utf-8", "replace"),
        "digest": sha256(report).hexdigest(),
        "reason": reason,
    }
    _change("/v1/detection/champion", body, (url, token), as_json=as_json)


@click.command(context_settings=CONTEXT)
@click.option(
    "--reason", default="rolled back", show_default=True, help="Why; it is written into the ledger."
)
@server_options()
@JSON
def rollback(*, reason: str, url: str | None, token: str | None, as_json: bool) -> None:
    """Go back to the champion before; an entry of the ledger too.

    \b
    Example:
      tallystick detect rollback --reason "too loud since Monday"
    """  # noqa: D301  the mark keeps click from wrapping
    _change("/v1/detection/rollback", {"reason": reason}, (url, token), as_json=as_json)


@click.command(context_settings=CONTEXT)
@click.argument("version", required=False)
@click.option("--none", "nobody", is_flag=True, help="Let nobody challenge any more.")
@server_options()
@JSON
def challenge(
    *, version: str | None, nobody: bool, url: str | None, token: str | None, as_json: bool
) -> None:
    """Let VERSION watch in the shadow: it alerts nobody, and is compared with the champion.

    `tallystick detect models` shows what both found, and what only one of them did.

    \b
    Examples:
      tallystick detect challenge 0123456789ab
      tallystick detect challenge --none
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.api.models import ChallengerAnswer  # noqa: PLC0415  fast help

    with refusals_told():
        if nobody == (version is not None):
            raise Misconfigured("Name the version that is to challenge, or --none.")
    with connected(url, token) as server:
        asked = {"version": version}
        found = server.ask("PUT", "/v1/detection/challenger", ChallengerAnswer, body=asked)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(_challenge_text(found))
    if not found.running:
        click.echo(_NOBODY)


def _change(
    path: str,
    body: dict[str, str],
    place: tuple[str | None, str | None],
    *,
    as_json: bool,
) -> None:
    """Ask for another champion and tell what came of it."""
    from tallystick.api.models import ChampionAnswer  # noqa: PLC0415  fast help

    with connected(*place) as server:
        found = server.ask("POST", path, ChampionAnswer, body=body)
    click.echo(msgspec.json.encode(found) if as_json else _champion_text(found))


def _champion_text(found: "ChampionAnswer") -> str:
    word = "back to" if found.rollback else "promoted:"
    return f"{word} {found.version}, before it {found.previous} (entry {found.position})"


def _challenge_text(found: "ChallengerAnswer") -> str:
    if found.challenger is None:
        return f"{found.champion} alerts; nobody challenges."
    return f"{found.champion} alerts; {found.challenger.version} watches in the shadow."


def _artefact(text: str) -> tuple[str, bytes]:
    name, mark, path = text.partition("=")
    if not mark:
        raise Misconfigured(f"--artefact is NAME=FILE: {text!r}.")
    try:
        return name, Path(path).read_bytes()
    except OSError as error:
        raise Misconfigured(f"The artefact {name} cannot be read: {error}.") from error


def _list_text(found: "ModelList") -> str:
    lines = [_item_text(item) for item in found.models]
    if not found.running:
        lines.append(_NOBODY)
    elif found.running != found.champion:
        lines.append(f"The detection process runs {found.running}.")
    if found.comparison is not None:
        lines.append(_comparison_text(found.comparison))
    return "\n".join(lines)


def _item_text(item: "ModelItem") -> str:
    marks = ("champion", "challenger", "shipped")
    words = [word for word in marks if getattr(item, word)]
    if not item.usable:
        gone = "its files were changed or lost"
        words.append(f"of revision {item.revision}" if item.revision else gone)
    text = f"{item.version}  {', '.join(words) or '-'}"
    promoted = item.promoted
    if promoted is None:
        return text
    verb = "rolled back to" if promoted.rollback else "promoted"
    text += f"\n  {verb} {promoted.at} by {promoted.by}: {promoted.reason}"
    summary = promoted.backtest
    if summary is None:
        return text
    found = f"{summary.found} anomalies in {summary.observed:,} observations"
    judged = f"{summary.confirmed} confirmed, {summary.dismissed} dismissed"
    return f"{text}\n  backtest {summary.digest[:12]}: {found}, {judged}, {summary.missed} missed"


def _comparison_text(comparison: "Comparison") -> str:
    tally = comparison.all
    counts = f"{tally.champion} and {tally.challenger} anomalies, {tally.both} cases of both"
    return (
        f"challenge: {comparison.observed:,} observations, {counts}, {comparison.missed} missed,"
        f" {comparison.extra} extra"
    )
