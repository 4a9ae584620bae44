"""Rules as an operator writes them: one TOML or JSON file each, read whole or not at all.

    description = "Tell the desk about large trades."
    pattern = '{"detail-type": ["Order Filled"]}'      # or a table, or `schedule` instead

    [[targets]]
    id = "desk"
    type = "webhook"
    url = "https://desk.example/hook"
    secret_file = "desk.secret"

    [targets.retry]
    attempts_max = 10

The rule's name is the file's. A target's `type` is one of `TARGETS`; what its kind asks for stands
beside it. A folder in which any rule is wrong is refused, with every complaint.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from tallystick.errors import Misconfigured, Refused
from tallystick.stream.rules.pattern import Pattern, compile_pattern, read_pattern
from tallystick.stream.rules.schedule import Schedule, parse_schedule
from tallystick.stream.rules.targets import TARGETS
from tallystick.stream.rules.transform import Input, Transformer

RULES_MAX = 10_000
"""Most rules."""
RULE_FILE_BYTES_MAX = 65_536
"""Largest rule file."""
TARGETS_MAX = 20
"""Most targets of one rule; EventBridge allows five."""
AGE_SECONDS_MAX = 86_400
"""How long a delivery is tried by default, and at most; EventBridge's own limit."""
ATTEMPTS_MAX = 185
"""How often a delivery is tried by default, and at most; EventBridge's own limit."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_SHIPPED = "shipped"
_COMMON = ("id", "type", "input", "input_path", "input_transformer", "retry")


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how often a delivery is tried before it is a dead letter."""

    max_age_seconds: Annotated[int, Meta(ge=1, le=AGE_SECONDS_MAX)] = AGE_SECONDS_MAX
    attempts_max: Annotated[int, Meta(ge=1, le=ATTEMPTS_MAX)] = ATTEMPTS_MAX


class TargetSpec(msgspec.Struct, frozen=True):
    """Where a matched event goes, and in which form; `options` are its kind's own."""

    id: str
    type: str
    input: Input
    retry: Retry
    options: dict[str, object]


class Rule(msgspec.Struct, frozen=True):
    """A pattern or a schedule, and where to say it."""

    name: str
    description: str
    enabled: bool
    pattern: Pattern | None
    schedule: Schedule | None
    schedule_text: str
    targets: tuple[TargetSpec, ...]
    folder: Path | None = None
    """Where the files that its targets name are looked for; None for a shipped rule."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    targets: list[dict[str, object]]
    description: str = ""
    state: Literal["enabled", "disabled"] = "enabled"
    pattern: str | dict[str, object] | None = None
    schedule: str | None = None
    time_zone: str = "UTC"


def shipped_rules() -> tuple[Rule, ...]:
    """The rules that come with the product."""
    return _read(resources.files(__package__).joinpath(_SHIPPED).iterdir(), None)


def read_rules(folder: Path | None) -> tuple[Rule, ...]:
    """The shipped rules and those of the operator's folder; one of the same name replaces ours.

    Raises:
        Misconfigured: with every complaint about every file.
    """
    rules = {rule.name: rule for rule in shipped_rules()}
    if folder is not None:
        if not folder.is_dir():
            raise Misconfigured(f"The folder of rules {folder} is not there.")
        rules |= {rule.name: rule for rule in _read(folder.iterdir(), folder)}
    if len(rules) > RULES_MAX:
        raise Misconfigured(f"There are {len(rules)} rules; at most {RULES_MAX} are possible.")
    return tuple(rules.values())


def _read(files: Iterable[Traversable], folder: Path | None) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    names: set[str] = set()
    complaints: list[str] = []
    for file in sorted(files, key=lambda each: each.name):
        name, dot, suffix = file.name.rpartition(".")
        if suffix not in {"toml", "json"} or not dot or name.startswith("."):
            continue
        if name in names:
            complaints.append(f"{file.name}: there is another rule called {name}.")
            continue
        names.add(name)
        try:
            rules[name] = read_rule(name, file.read_bytes(), suffix, folder)
        except (OSError, Misconfigured) as error:
            complaints.append(f"{file.name}: {error}")
    if complaints:
        raise Misconfigured("Rules cannot be used. " + " ".join(complaints))
    return tuple(rules.values())


def read_rule(name: str, data: bytes, suffix: str, folder: Path | None = None) -> Rule:
    """The rule in a file's bytes; `suffix` is toml or json.

    Raises:
        Misconfigured: with every complaint.
    """
    file = _decoded(name, data, suffix)
    complaints: list[str] = []
    pattern: Pattern | None = None
    schedule: Schedule | None = None
    if (file.pattern is None) is (file.schedule is None):
        complaints.append("a rule has either a pattern or a schedule.")
    try:
        if isinstance(file.pattern, str):
            pattern = read_pattern(file.pattern, decimals=True)
        elif file.pattern is not None:
            pattern = compile_pattern(file.pattern, decimals=True)
        if file.schedule is not None:
            schedule = parse_schedule(file.schedule, file.time_zone)
    except Refused as refusal:
        complaints.append(str(refusal))
    targets = _targets(file.targets, complaints)
    if complaints:
        raise Misconfigured(" ".join(complaints))
    return Rule(
        name, file.description, file.state == "enabled", pattern, schedule,
        file.schedule or "", targets, folder,
    )  # fmt: skip


def _decoded(name: str, data: bytes, suffix: str) -> _File:
    if _NAME.fullmatch(name) is None:
        raise Misconfigured("a rule's name has 1 to 64 letters, digits, dots, dashes, underscores.")
    if len(data) > RULE_FILE_BYTES_MAX:
        raise Misconfigured(f"a rule file has at most {RULE_FILE_BYTES_MAX} bytes.")
    try:
        if suffix == "json":
            return msgspec.json.decode(data, type=_File)
        return msgspec.convert(tomllib.loads(data.decode()), _File)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Misconfigured(f"it cannot be read: {error}.") from error


def _targets(specs: list[dict[str, object]], complaints: list[str]) -> tuple[TargetSpec, ...]:
    if not 1 <= len(specs) <= TARGETS_MAX:
        complaints.append(f"a rule has 1 to {TARGETS_MAX} targets.")
    found: dict[str, TargetSpec] = {}
    for number, spec in enumerate(specs[:TARGETS_MAX], 1):
        try:
            target = _target(spec, number)
        except (Misconfigured, Refused) as error:
            complaints.append(f"target {spec.get('id', number)}: {error}")
            continue
        if target.id in found:
            complaints.append(f"target {target.id}: there is another target of this id.")
        found[target.id] = target
    return tuple(found.values())


def _target(spec: Mapping[str, object], number: int) -> TargetSpec:
    kind, name = spec.get("type"), spec.get("id", f"{spec.get('type')}-{number}")
    if not isinstance(kind, str) or kind not in TARGETS:
        raise Misconfigured(f"its type {kind!r} is none of {', '.join(sorted(TARGETS))}.")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Misconfigured("an id has 1 to 64 letters, digits, dots, dashes, underscores.")
    try:
        retry = msgspec.convert(spec.get("retry", {}), Retry)
        transformer = (
            msgspec.convert(spec["input_transformer"], Transformer)
            if "input_transformer" in spec
            else None
        )
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{error}.") from error
    texts = [spec.get("input"), spec.get("input_path")]
    if not all(each is None or isinstance(each, str) for each in texts):
        raise Misconfigured("input (JSON) and input_path are texts.")
    constant, path = cast("list[str | None]", texts)
    options = {key: value for key, value in spec.items() if key not in _COMMON}
    return TargetSpec(name, kind, Input(transformer, constant, path), retry, options)
