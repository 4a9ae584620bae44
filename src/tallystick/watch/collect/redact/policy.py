"""What is redacted: all that we know how to find, unless the operator says otherwise in a file.

off = ["EMAIL"]                     # kinds that are not looked for
sealed = ["PAN", "IBAN", "FIELD"]   # kinds whose originals may be read again
fields = ["customer.name"]          # members that are hidden whatever is in them

[[patterns]]                        # kinds of the operator's own
kind = "CLIENT_ID"
pattern = "CL-[0-9]{8}"
severity = "medium"
"""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from tallystick.errors import Misconfigured
from tallystick.watch.collect.redact.custom import custom_finder
from tallystick.watch.collect.redact.finder import Finder, Severity
from tallystick.watch.collect.redact.kinds import FINDERS

POLICY_BYTES_MAX = 65_536
PATTERNS_MAX = 32
FIELDS_MAX = 64
FIELD = "FIELD"
"""The kind of a member that the policy hides by its name."""
FIELD_MASK = "[FIELD]"
SECRET = "SECRET"  # noqa: S105  the kind of a finding
"""The kind of members that are named like secrets; they are taken out whole."""

_Kind = Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]{1,31}$")]
_Name = Annotated[str, msgspec.Meta(min_length=3, max_length=256)]


class CustomPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of the operator's own: see `custom` for the syntax of its pattern."""

    kind: _Kind
    pattern: str
    severity: Severity = "medium"


class RedactionPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which kinds are looked for, by default all, and which of them may be read again.

    By default those may that open no doors; the others never.
    """

    off: tuple[str, ...] = ()
    sealed: tuple[str, ...] | None = None
    fields: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=FIELDS_MAX)] = ()
    patterns: Annotated[tuple[CustomPattern, ...], msgspec.Meta(max_length=PATTERNS_MAX)] = ()

    def finders(self) -> tuple[Finder, ...]:
        """Who looks, in their order.

        Raises:
            Misconfigured: a pattern cannot be used.
        """
        own = (custom_finder(p.kind, p.severity, p.pattern) for p in self.patterns)
        return (*(finder for kind, finder in FINDERS.items() if kind not in self.off), *own)

    def sealed_kinds(self) -> frozenset[str]:
        """The kinds whose originals may be read again."""
        if self.sealed is not None:
            return frozenset(self.sealed)
        return frozenset({FIELD, *(f.kind for f in self.finders() if not f.credential)})


def read_policy(path: Path) -> RedactionPolicy:
    """The policy in a file (TOML).

    Raises:
        Misconfigured: it cannot be read, or names what there is not.
    """
    try:
        with path.open("rb") as file:
            data = file.read(POLICY_BYTES_MAX + 1)
        if len(data) > POLICY_BYTES_MAX:
            raise Misconfigured(f"{path} is longer than {POLICY_BYTES_MAX} bytes.")
        policy = msgspec.convert(tomllib.loads(data.decode()), RedactionPolicy)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{path} is no redaction policy: {error}.") from error
    _require_known(policy, path)
    return policy


def _require_known(policy: RedactionPolicy, path: Path) -> None:
    own = [pattern.kind for pattern in policy.patterns]
    taken = sorted({k for k in own if k in {*FINDERS, FIELD, SECRET} or own.count(k) > 1})
    if taken:
        raise Misconfigured(f"{path}: there is a kind {', '.join(taken)} already.")
    unknown = sorted({*policy.off, *(policy.sealed or ())} - {*FINDERS, FIELD, *own})
    if unknown:
        known = ", ".join(sorted({*FINDERS, FIELD, *own}))
        raise Misconfigured(f"{path}: {', '.join(unknown)} is no kind; known are {known}.")
    open_doors = sorted({k for k in policy.sealed or () if k in FINDERS and FINDERS[k].credential})
    if open_doors:
        sentence = f"{', '.join(open_doors)} opens doors and cannot be sealed."
        raise Misconfigured(f"{path}: {sentence}")
    policy.finders()
