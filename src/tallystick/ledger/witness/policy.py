"""Whom to believe: logs, witnesses, and how many of them must have cosigned (C2SP tlog-policy).

A policy is a file of lines. Names in it are bytes that mean nothing elsewhere; a key speaks for
itself. Pure: text to value, note to verdict.
"""

import re
from collections.abc import Callable, Collection, Sequence

import msgspec

from tallystick.errors import Refused
from tallystick.ledger.checkpoint import Checkpoint, NoteError, parse_body, verify_signatures
from tallystick.ledger.vkey import SignatureType, VerifierKey

POLICY_BYTES_MAX = 262_144
LOGS_MAX = 64
WITNESSES_MAX = 64
"""Fewer than a note may have signatures, so that all of them find room."""
GROUPS_MAX = 64
NAME_BYTES_MAX = 255
URL_BYTES_MAX = 2_048
NO_QUORUM = "none"
"""The predefined name of the quorum that wants no cosignatures."""

_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_SPACE = re.compile(r"[ \t]+")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_MEMBERS_AT = 2
"""Where in a group's words its members begin, after its name and its threshold."""


class Log(msgspec.Struct, frozen=True):
    """A log whose checkpoints are accepted; its key's name is its origin."""

    key: VerifierKey
    url: str | None = None


class WitnessLine(msgspec.Struct, frozen=True):
    """A witness under the name that it has in this policy; `url` is where it is asked."""

    name: str
    key: VerifierKey
    url: str | None = None


class Group(msgspec.Struct, frozen=True):
    """Has witnessed a checkpoint when at least `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True):
    """How a checkpoint stands under a policy.

    `logs` are the names of the policy's log keys that signed it, `witnesses` those of its
    witnesses, in the policy's order, `missing` the others; `times` is when each signed, in Unix
    seconds. `quorum` is whether enough of them did.
    """

    checkpoint: Checkpoint
    logs: tuple[str, ...]
    witnesses: tuple[str, ...]
    missing: tuple[str, ...]
    times: tuple[int, ...]
    quorum: bool


class Policy(msgspec.Struct, frozen=True):
    """Logs, witnesses, groups in the order of their definition, and the name of the quorum."""

    logs: tuple[Log, ...] = ()
    witnesses: tuple[WitnessLine, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM

    def __str__(self) -> str:
        """The policy's file; reads back as this policy."""
        lines = [_line("log", str(log.key), log.url) for log in self.logs]
        lines += [_line("witness", w.name, str(w.key), w.url) for w in self.witnesses]
        lines += [_line("group", g.name, str(g.threshold), *g.members) for g in self.groups]
        return "".join(f"{line}\n" for line in [*lines, f"quorum {self.quorum}"])

    @classmethod
    def parse(cls, data: bytes | str) -> "Policy":
        """The policy in a file's content.

        Raises:
            Refused: `BAD_POLICY`, it is none; the sentence names the line.
        """
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        return _Reader().read(data)

    def quorum_met(self, names: Collection[str]) -> bool:
        """Whether cosignatures of the witnesses with these names are enough."""
        met = {witness.name: witness.name in names for witness in self.witnesses}
        for group in self.groups:  # their members are defined before them
            met[group.name] = sum(met[name] for name in group.members) >= group.threshold
        return self.quorum == NO_QUORUM or met[self.quorum]

    def satisfied(self, note: str | bytes) -> Standing:
        """Who of the policy signed this checkpoint, and whether that is enough.

        Where the policy names logs, one of them must have signed, as the log that the checkpoint
        is of. Signatures that the policy does not know are ignored.

        Raises:
            NoteError: it is no signed checkpoint, none of the logs signed it, or a signature of
                one of the policy's keys does not verify.
        """
        log_keys = [log.key for log in self.logs]
        checked = verify_signatures(note, [*log_keys, *(w.key for w in self.witnesses)])
        checkpoint = parse_body(checked.text)
        logs = tuple(key.name for key in checked.keys if key in log_keys)
        if self.logs and checkpoint.origin not in logs:
            raise NoteError(f"No log of the policy signed this checkpoint of {checkpoint.origin}.")
        times = {cosignature.key: cosignature.time for cosignature in checked.cosignatures}
        signed = [witness for witness in self.witnesses if witness.key in times]
        names = tuple(witness.name for witness in signed)
        return Standing(
            checkpoint=checkpoint,
            logs=logs,
            witnesses=names,
            missing=tuple(w.name for w in self.witnesses if w.key not in times),
            times=tuple(times[witness.key] for witness in signed),
            quorum=self.quorum_met(names),
        )

    def missing(self, note: str | bytes) -> tuple[str, ...]:
        """The witnesses that are wanted in vain; nothing when the quorum is met.

        Raises:
            NoteError: as `satisfied`.
        """
        standing = self.satisfied(note)
        return () if standing.quorum else standing.missing


class _Reader:
    """Reads one policy, line by line; every name must be defined before it is used."""

    def __init__(self) -> None:
        self._logs: list[Log] = []
        self._witnesses: list[WitnessLine] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._free: dict[str, bool] = {}
        """Every defined name, and whether no group has it as a member yet."""
        self._keywords: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._set_quorum,
        }

    def read(self, data: bytes) -> Policy:
        if len(data) > POLICY_BYTES_MAX:
            raise Refused("BAD_POLICY", f"A policy has at most {POLICY_BYTES_MAX} bytes.")
        for number, line in enumerate(data.split(b"\n"), start=1):
            try:
                self._line(line)
            except Refused as error:
                sentence = f"Line {number} of the policy cannot be used: {error}"
                raise Refused("BAD_POLICY", sentence) from error
        if self._quorum is None:
            raise Refused("BAD_POLICY", "The policy has no quorum line.")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _line(self, line: bytes) -> None:
        if _FORBIDDEN.search(line):
            raise _refused("It has a control character.")
        # Bytes that are no UTF-8 stay what they are: names are compared, never understood.
        text = line.decode("utf-8", "surrogateescape").strip(" \t")
        if not text or text.startswith("#"):
            return
        keyword, *words = _SPACE.split(text)
        if keyword not in self._keywords:
            raise _refused(f"{keyword!r} is none of {', '.join(self._keywords)}.")
        self._keywords[keyword](words)

    def _log(self, words: list[str]) -> None:
        (vkey,), url = _split(words, 1, "log <vkey> [<url>]")
        key = self._new_key(vkey, SignatureType.ED25519, [log.key for log in self._logs])
        _require_room(self._logs, LOGS_MAX, "logs")
        self._logs.append(Log(key, url))

    def _witness(self, words: list[str]) -> None:
        (name, vkey), url = _split(words, 2, "witness <name> <vkey> [<url>]")
        keys = [witness.key for witness in self._witnesses]
        key = self._new_key(vkey, SignatureType.COSIGNATURE, keys)
        _require_room(self._witnesses, WITNESSES_MAX, "witnesses")
        self._define(name)
        self._witnesses.append(WitnessLine(name, key, url))

    def _group(self, words: list[str]) -> None:
        if len(words) <= _MEMBERS_AT:
            raise _refused("It should read: group <name> <k>|all|any <name>...")
        name, count, *members = words
        _require_room(self._groups, GROUPS_MAX, "groups")
        for member in members:
            self._use(member)
        threshold = {"all": len(members), "any": 1}.get(count, 0)
        if _COUNT.fullmatch(count):
            threshold = int(count)
        if not 1 <= threshold <= len(members):
            raise _refused(f"Of {len(members)} members {count!r} cannot be wanted.")
        self._define(name)
        self._groups.append(Group(name, threshold, tuple(members)))

    def _set_quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise _refused("It should read: quorum <name>, or quorum none.")
        if self._quorum is not None:
            raise _refused("There is a quorum already.")
        if words[0] != NO_QUORUM and words[0] not in self._free:
            raise _refused(f"{words[0]!r} is not defined before it is used.")
        self._quorum = words[0]

    def _new_key(
        self, vkey: str, wanted: SignatureType, there: Sequence[VerifierKey]
    ) -> VerifierKey:
        key = VerifierKey.parse(vkey)
        if key.signature_type is not wanted:
            whose = "a witness" if wanted is SignatureType.ED25519 else "a log"
            raise _refused(f"This is the key of {whose}.")
        if any(key.public_key == other.public_key for other in there):
            raise _refused("The same public key stands on an earlier line.")
        known = [log.key for log in self._logs] + [w.key for w in self._witnesses]
        if any((key.name, key.key_id) == (other.name, other.key_id) for other in known):
            raise _refused("Another key with this name has the same id.")
        return key

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._free:
            raise _refused(f"The name {name!r} is taken.")
        if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
            raise _refused(f"A name has at most {NAME_BYTES_MAX} bytes.")
        self._free[name] = True

    def _use(self, member: str) -> None:
        if member not in self._free:
            raise _refused(f"{member!r} is not defined before it is used.")
        if not self._free[member]:
            raise _refused(f"{member!r} is a member of a group already.")
        self._free[member] = False


def _split(words: list[str], wanted: int, form: str) -> tuple[list[str], str | None]:
    """The wanted words, and the address that may follow them."""
    if not wanted <= len(words) <= wanted + 1:
        raise _refused(f"It should read: {form}")
    url = words[wanted] if len(words) > wanted else None
    if url is not None and len(url) > URL_BYTES_MAX:
        raise _refused(f"An address has at most {URL_BYTES_MAX} bytes.")
    return words[:wanted], url


def _require_room(there: Collection[object], most: int, what: str) -> None:
    if len(there) >= most:
        raise _refused(f"A policy has at most {most} {what}.")


def _line(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None)


def _refused(sentence: str) -> Refused:
    return Refused("BAD_POLICY", sentence)
