"""A portable proof of what was recorded of a subject: a receipt, and the blinds of some fields.

The subject may hand it to anybody. It shows the fields that are in it and says nothing of the
others; who checks it needs the ledger's verifier key and no server. Copies of it still prove what
they prove after an erasure: they are the subject's, as a letter is its receiver's.
"""

from collections.abc import Iterable

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.entry import Receipt
from tallystick.ledger.notices import SubjectRecorded
from tallystick.ledger.personal.commitment import Opened, opens
from tallystick.ledger.personal.folding import decode_subject
from tallystick.ledger.personal.subjects import Recording
from tallystick.ledger.verify import verify_receipt


class Disclosure(msgspec.Struct, frozen=True):
    """The receipt of a `subject_recorded` entry, and the fields that it is shown for."""

    receipt: Receipt
    fields: dict[str, Opened]
    v: int = 1


def disclose(recording: Recording, receipt: Receipt, names: Iterable[str]) -> Disclosure:
    """The disclosure of these fields; names that the recording lacks are left out."""
    shown = sorted(set(names) & recording.fields.keys())
    fields = {n: Opened(recording.fields[n].value, recording.fields[n].blind) for n in shown}
    return Disclosure(receipt, fields)


def verify_disclosure(data: bytes, key: VerifierKey, *, clock: Clock) -> SubjectRecorded:
    """The entry, once it is seen to stand in the ledger of `key` and to commit to every field.

    Raises:
        Corrupt: it does not; the sentence says what failed.
    """
    try:
        shown = msgspec.json.decode(data, type=Disclosure)
    except msgspec.DecodeError as error:
        raise Corrupt(f"This is no disclosure: {error}.") from error
    report = verify_receipt(msgspec.json.encode(shown.receipt), key, clock=clock)
    if report.verdict != "clean":
        raise Corrupt(f"The receipt does not hold: {report.reason}")
    entry = decode_subject(shown.receipt.entry)
    if not isinstance(entry, SubjectRecorded):
        raise Corrupt("The entry records no subject.")
    for name, opened in shown.fields.items():
        commitment = entry.fields.get(name)
        if commitment is None or not opens(commitment, name, opened):
            raise Corrupt(f"The entry commits to another value of {name}.")
    return entry
