"""Silences as Alertmanager's clients (amtool, Karma, Grafana) list, make and end them.

Source: Alertmanager 0.27, `api/v2/openapi.yaml`. Ids are ours (`S-7`); a silence lasts 31 days at
most. Only those that have not ended are listed.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tallystick.api.alertmanager_alert import moment_of
from tallystick.api.incidents import Nothing
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.watch.notify.policy import Silence
from tallystick.watch.notify.routing import parse_matcher
from tallystick.watch.notify.routing.matcher import Matcher, Operator

_OPERATORS: dict[tuple[bool, bool], Operator] = {
    (True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~",
}  # fmt: skip
"""By `isEqual` and `isRegex`."""


class SilencesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which silences: those with a matcher that is exactly one of these."""

    filter: Annotated[str, Meta(max_length=4_000)] = ""


class SilenceMatcher(msgspec.Struct, frozen=True, rename="camel"):
    """One condition on a label."""

    name: Annotated[str, Meta(min_length=1)]
    value: str
    is_regex: bool
    is_equal: bool = True


class PostableSilence(msgspec.Struct, frozen=True, rename="camel"):
    """A silence to make; with an `id`, in the place of that one."""

    matchers: Annotated[tuple[SilenceMatcher, ...], Meta(min_length=1)]
    starts_at: str
    ends_at: str
    created_by: Annotated[str, Meta(max_length=200)]
    comment: Annotated[str, Meta(max_length=500)]
    id: Annotated[str, Meta(max_length=64)] = ""


class SilenceStatus(msgspec.Struct, frozen=True):
    """Whether it holds."""

    state: Literal["expired", "active", "pending"]


class GettableSilence(msgspec.Struct, frozen=True, rename="camel"):
    """A silence."""

    id: str
    status: SilenceStatus
    updated_at: str
    matchers: list[SilenceMatcher]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str


class MadeSilence(msgspec.Struct, frozen=True):
    """The id under which it is known from now on."""

    silence_id: str = msgspec.field(name="silenceID")


async def get_silences(services: Services, call: Call) -> list[GettableSilence]:
    """Silences in force or to come."""
    wanted = matchers_of(call.query.filter)
    found = await asyncio.to_thread(services.notifier.silences)
    now_ns = services.clock.now_ns()
    return [_silence(each, now_ns) for each in found if all(one in each.matchers for one in wanted)]


async def get_silence(services: Services, call: Call) -> GettableSilence:
    """One silence."""
    found = await asyncio.to_thread(services.notifier.silences)
    return _silence(_known(found, call.path["id"]), services.clock.now_ns())


async def post_silence(services: Services, call: Call) -> MadeSilence:
    """Make a silence, or put one in the place of another."""
    asked: PostableSilence = call.body
    by = call.principal.name
    author = by if asked.created_by in {"", by} else f"{asked.created_by} ({by})"
    made = await asyncio.to_thread(_make_silence, services, asked, author)
    return MadeSilence(made.id)


async def delete_silence(services: Services, call: Call) -> Nothing:
    """End a silence now."""
    await asyncio.to_thread(services.notifier.end_silence, call.path["id"])
    return Nothing()


def _make_silence(services: Services, asked: PostableSilence, author: str) -> Silence:
    notifier = services.notifier
    if asked.id:
        _known(notifier.silences(), asked.id)
    starts_ns, ends_ns = moment_of("startsAt", asked.starts_at), moment_of("endsAt", asked.ends_at)
    if ends_ns is None:
        raise Refused("SILENCE_PERIOD", "endsAt: a silence ends.", field="endsAt")
    matchers = tuple(
        Matcher(each.name, _OPERATORS[each.is_equal, each.is_regex], each.value)
        for each in asked.matchers
    )
    now_ns = services.clock.now_ns()
    starts_ns = now_ns if starts_ns is None else max(starts_ns, now_ns)
    made = notifier.add_silence(matchers, starts_ns, ends_ns, asked.comment, author)
    if asked.id:
        notifier.end_silence(asked.id)
    return made


def _silence(silence: Silence, now_ns: int) -> GettableSilence:
    starts_at = rfc3339(silence.starts_at_ns)
    matchers = [
        SilenceMatcher(
            each.label, each.value, each.operator in {"=~", "!~"}, each.operator in {"=", "=~"}
        )
        for each in silence.matchers
    ]
    state: Literal["active", "pending"] = "active" if silence.starts_at_ns <= now_ns else "pending"
    return GettableSilence(
        id=silence.id,
        status=SilenceStatus(state),
        updated_at=starts_at,
        matchers=matchers,
        starts_at=starts_at,
        ends_at=rfc3339(silence.ends_at_ns),
        created_by=silence.author,
        comment=silence.comment,
    )


def _known(silences: Sequence[Silence], silence_id: str) -> Silence:
    for each in silences:
        if each.id == silence_id:
            return each
    raise Refused("UNKNOWN_SILENCE", f"There is no silence {silence_id[:64]!r}.")


def matchers_of(text: str) -> tuple[Matcher, ...]:
    """Those of a filter: one, or several in braces with commas between them."""
    text = text.strip()
    if not text:
        return ()
    if not (text.startswith("{") and text.endswith("}")):
        return (parse_matcher(text),)
    # A comma between quotes is part of a value.
    parts = re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', text[1:-1])
    return tuple(parse_matcher(part) for part in parts if part.strip())


OPERATIONS = (
    Operation(
        "GET", "/api/v2/silences", "Silences, as Alertmanager tells them.",
        get_silences, list[GettableSilence], scope="operate", query=SilencesQuery,
        tag="alertmanager", refusals=("MATCHER_PATTERN",),
    ),
    Operation(
        "POST", "/api/v2/silences", "Make a silence as with Alertmanager's amtool.",
        post_silence, MadeSilence, scope="operate", body=PostableSilence, tag="alertmanager",
        refusals=("UNKNOWN_SILENCE", "SILENCE_PERIOD", "SILENCE_UNEXPLAINED", "SILENCE_EMPTY",
                  "SILENCES_TOO_MANY", "MATCHER_PATTERN", "ALERT_INVALID"),
    ),
    Operation(
        "GET", "/api/v2/silence/{id}", "One silence, as Alertmanager tells it.",
        get_silence, GettableSilence, scope="operate", tag="alertmanager",
        refusals=("UNKNOWN_SILENCE",),
    ),
    Operation(
        "DELETE", "/api/v2/silence/{id}", "End a silence, as Alertmanager does.",
        delete_silence, Nothing, scope="operate", tag="alertmanager",
        refusals=("UNKNOWN_SILENCE",),
    ),
)  # fmt: skip
