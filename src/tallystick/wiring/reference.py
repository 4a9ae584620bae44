"""The reference pages, made from the product itself so that they cannot lie."""

import ast
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tallystick.api import OPERATIONS
from tallystick.api.codes import reject_codes
from tallystick.api.openapi import plain_path
from tallystick.api.problems import REFUSAL_STATUS, TITLES
from tallystick.execution import RejectionCode
from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.features import FEATURES
from tallystick.wiring.settings import PREFIX, Settings

_MADE = "<!-- made by `tallystick reference --write docs/reference`; edit the source instead -->\n"
REFUSAL_STATUS_DEFAULT = 422
HELP_COLUMNS = 90
"""Width of the help texts: the same on every terminal."""


def write_reference(folder: Path, root: click.Group) -> list[Path]:
    """Write the five pages, `root` being the command line; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "settings.md": settings_page(),
        "cli.md": cli_page(root),
        "api.md": api_page(),
        "features.md": features_page(FEATURES),
        "reject-codes.md": "# Reject codes\n\n" + _MADE + "\n" + reject_codes(),
    }
    written = []
    for name, text in pages.items():
        path = folder / name
        path.write_text(text)
        written.append(path)
    return written


def settings_page() -> str:
    """Every field of the settings with the words under it."""
    lines = ["# Settings\n", _MADE, "Set in the environment; read once, at start.\n"]
    for name, kind, default, words in _settings():
        lines.append(f"## `{PREFIX}{name.upper()}`\n")
        lines.append(f"{words}\n\nType `{kind}`, default `{default}`.\n")
    return "\n".join(lines)


def cli_page(root: click.Group) -> str:
    """Every command's own help."""
    lines = ["# Command line\n", _MADE]
    for path, command in _commands(root, ("tallystick",)):
        context = click.Context(
            command,
            info_name=" ".join(path),
            terminal_width=HELP_COLUMNS,
            help_option_names=root.context_settings["help_option_names"],
        )
        lines.append(f"## `{' '.join(path)}`\n")
        lines.append(f"```text\n{command.get_help(context)}\n```\n")
    return "\n".join(lines)


def api_page() -> str:
    """Every operation, and the codes of refusals and rejections."""
    lines = ["# API\n", _MADE, "The whole description is `/openapi.json`.\n"]
    lines += ["| method | path | what it does | scope |", "|---|---|---|---|"]
    lines += [
        f"| {each.method} | `{plain_path(each.path)}` | {each.summary} | {each.scope or 'none'} |"
        for each in OPERATIONS
    ]
    lines += ["| GET | `/v1/live` | Server-sent events behind the page. | read |"]
    lines += ["\n## Refusals\n", "A request that cannot become an order or a query is answered"]
    lines += ["with problem+json (RFC 9457) and one of these codes.\n"]
    lines += ["| code | status | meaning |", "|---|---|---|"]
    lines += [
        f"| `{code}` | {REFUSAL_STATUS.get(code, REFUSAL_STATUS_DEFAULT)} | {title}. |"
        for code, title in TITLES.items()
    ]
    lines += ["\n## Rejections\n", "An order that became one and was turned down is answered with"]
    lines += ["201 and an entry in the ledger, with one of these codes.\n"]
    lines += ["| code | meaning |", "|---|---|"]
    lines += [f"| `{code.name}` | {code.value} |" for code in RejectionCode]
    return "\n".join(lines) + "\n"


def features_page(features: Iterable[Feature]) -> str:
    """Every number that the detectors look at."""
    lines = ["# Features of the detectors\n", _MADE]
    lines += [
        "What each detector looks at. An anomaly names those that made it odd, with the usual"
    ]
    lines += ["range and what came; see [the guide](../guides/anomalies.md).\n"]
    lines += ["| feature | unit | what it is | from | detectors |", "|---|---|---|---|---|"]
    lines += [
        f"| `{each.name}` | {each.unit or '-'} | {each.meaning} | {each.source}"
        f" | {', '.join(f'`{name}`' for name in each.detectors)} |"
        for each in sorted(features, key=lambda each: each.name)
    ]
    return "\n".join(lines) + "\n"


def _settings() -> Iterator[tuple[str, str, str, str]]:
    """(name, type, default, documentation) of each field, from the class's source."""
    tree = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(tree, ast.ClassDef)  # noqa: S101  it is a class
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(below, ast.Expr)  # noqa: S101  a test demands the words
            words = inspect.cleandoc(str(ast.literal_eval(below.value)))
            default = "" if field.value is None else ast.unparse(field.value)
            yield field.target.id, ast.unparse(field.annotation), default, words


def _commands(
    group: click.Group, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command
