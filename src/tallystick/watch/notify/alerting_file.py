"""Reads the alerting file: one TOML file, read and checked once at the start.

Every error names its place in the file; every name in it is one of something that is there.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from tallystick.errors import Misconfigured, Refused
from tallystick.watch.notify.channels import channel_of
from tallystick.watch.notify.config import (
    EVERYBODY,
    OWN_TARGETS,
    ROUTES_MAX,
    TARGETS_MAX,
    Alerting,
    FlapText,
    HeartbeatText,
    InhibitText,
    MuteText,
    PersonText,
    PolicyText,
    RouteText,
    StepText,
    StormText,
    TargetText,
)
from tallystick.watch.notify.oncall.schedule import ScheduleText, read_schedule
from tallystick.watch.notify.routing import Mute, parse_matcher

ALERTING_BYTES_MAX = 1_048_576
"""Largest alerting file."""
_RECEIVERS = {"schedule": "schedules", "person": "people", "target": "targets"}
Kind = TypeVar("Kind")
_NAMED: dict[str, Any] = {
    "targets": TargetText,
    "people": PersonText,
    "schedules": ScheduleText,
    "policies": PolicyText,
    "mute_times": MuteText,
}
_WHOLE: dict[str, Any] = {
    "routes": tuple[RouteText, ...],
    "inhibit": tuple[InhibitText, ...],
    "storm": StormText,
    "flap": FlapText,
    "heartbeat": HeartbeatText,
}


def read_alerting(path: Path) -> Alerting:
    """The file, checked: everything that is named in it is there.

    Raises:
        Misconfigured: what is wrong, and where in the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > ALERTING_BYTES_MAX:
        raise Misconfigured(f"{path} has more than {ALERTING_BYTES_MAX} bytes.")
    try:
        alerting = _alerting(tomllib.loads(data.decode()))
        check_alerting(alerting)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is no TOML: {error}.") from error
    except Misconfigured as error:
        raise Misconfigured(f"{path}: {error}") from error
    return alerting


def check_alerting(alerting: Alerting) -> None:
    """All of it but the options of targets: their channels know those.

    Raises:
        Misconfigured: the place in the file, and a sentence.
    """
    for section in ("targets", "people", "schedules", "policies", "mute_times"):
        if len(getattr(alerting, section)) > TARGETS_MAX:
            raise Misconfigured(f"{section}: there may be {TARGETS_MAX} at most.")
    _check_targets(alerting)
    _check_people(alerting)
    for name, policy in alerting.policies.items():
        for place, step in enumerate(policy.steps):
            _check_step(alerting, f"policies.{name}.steps[{place}]", step)
    for name, mute in alerting.mute_times.items():
        Mute.of(f"mute_times.{name}", mute)
    for place, inhibition in enumerate(alerting.inhibit):
        _check_matchers(f"inhibit[{place}].source", inhibition.source)
        _check_matchers(f"inhibit[{place}].target", inhibition.target)
    _check_routes(alerting)


def check_options(alerting: Alerting) -> None:
    """Each target has a channel that takes its options; secrets are not read.

    Raises:
        Misconfigured: the target, and a sentence.
    """
    for name, target in alerting.targets.items():
        try:
            channel_of(target)
        except Misconfigured as error:
            raise Misconfigured(f"targets.{name}: {error}") from error


def _check_targets(alerting: Alerting) -> None:
    for name, target in alerting.targets.items():
        if name in OWN_TARGETS:
            raise Misconfigured(f"targets.{name}: this name is taken by a target of our own.")
        if not isinstance(target.get("type"), str):
            raise Misconfigured(
                f'targets.{name}: a target needs a type, such as type = "pagerduty".'
            )


def _check_people(alerting: Alerting) -> None:
    for name, person in alerting.people.items():
        _known(f"people.{name}.targets", person.targets, alerting.targets, "target")
        try:
            ZoneInfo(person.time_zone)
        except (KeyError, ValueError, OSError) as error:
            zone = f"{person.time_zone!r} is no time zone such as Europe/London."
            raise Misconfigured(f"people.{name}.time_zone: {zone}") from error
    for name, schedule in alerting.schedules.items():
        try:
            read_schedule(name, schedule, alerting.people)
        except Refused as refused:
            place = f"schedules.{name}" + (f".{refused.field}" if refused.field else "")
            raise Misconfigured(f"{place}: {refused}") from refused


def _check_step(alerting: Alerting, where: str, step: StepText) -> None:
    for field in ("tell", "fallback"):
        for place, receiver in enumerate(getattr(step, field)):
            kind, _, name = receiver.partition(":")
            section = _RECEIVERS.get(kind)
            at = f"{where}.{field}[{place}]"
            if section is None:
                ways = ", ".join(f"{known}:NAME" for known in _RECEIVERS)
                raise Misconfigured(f"{at}: {receiver!r} is none of {ways}.")
            _known(at, (name,), getattr(alerting, section), kind)


def _check_routes(alerting: Alerting) -> None:
    seen: set[str] = set()
    for where, route in _walk("routes", alerting.routes):
        if route.name in seen:
            raise Misconfigured(f"{where}.name: there are two routes {route.name!r}.")
        seen.add(route.name)
        _check_matchers(f"{where}.match", route.match)
        if route.policy is not None:
            policies = {EVERYBODY, *alerting.policies}
            _known(f"{where}.policy", (route.policy,), policies, "policy")
        _known(f"{where}.mute", route.mute or (), alerting.mute_times, "mute time")
    if len(seen) > ROUTES_MAX or len(alerting.inhibit) > ROUTES_MAX:
        raise Misconfigured(f"routes: there may be {ROUTES_MAX} at most, and as many inhibitions.")


def _walk(where: str, routes: tuple[RouteText, ...]) -> Iterator[tuple[str, RouteText]]:
    for place, route in enumerate(routes):
        at = f"{where}[{place}]"
        yield at, route
        yield from _walk(f"{at}.routes", route.routes)


def _check_matchers(where: str, matchers: tuple[str, ...]) -> None:
    for place, text in enumerate(matchers):
        try:
            parse_matcher(text)
        except Refused as refused:
            raise Misconfigured(f"{where}[{place}]: {refused}") from refused


def _known(where: str, names: tuple[str, ...], known: Collection[str], kind: str) -> None:
    for name in names:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Misconfigured(f"{where}: there is no {kind} {name!r}; there is: {there}.")


def _alerting(raw: Mapping[str, object]) -> Alerting:
    unknown = sorted(raw.keys() - _NAMED.keys() - _WHOLE.keys())
    if unknown:
        known = ", ".join(sorted([*_NAMED, *_WHOLE]))
        raise Misconfigured(f"{unknown[0]} is unknown; there may be: {known}.")
    found: dict[str, Any] = {}
    for section, value in raw.items():
        if section in _WHOLE:
            found[section] = _value(section, value, _WHOLE[section])
            continue
        members = _value(section, value, dict[str, object])
        found[section] = {
            name: _value(f"{section}.{name}", member, _NAMED[section])
            for name, member in members.items()
        }
    return Alerting(**found)


def _value(where: str, value: object, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # msgspec says the place as "... - at `$.steps[0].tell`".
        sentence, _, place = str(error).partition(" - at `$")
        raise Misconfigured(f"{where}{place.rstrip('`')}: {sentence}.") from error
