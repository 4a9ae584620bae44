"""What may stand in an entry about a subject for ever: names, and sentences that tell nothing."""

import re
from collections.abc import Mapping

from tallystick.errors import Refused
from tallystick.limits import REASON_CHARACTERS_MAX, SUBJECT_FIELD_BYTES_MAX, SUBJECT_FIELDS_MAX

SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
FIELD = r"^[a-z][a-z0-9_]{0,63}$"
LEGAL_BASIS_CHARACTERS_MAX = 200
TELLING_CHARACTERS_MIN = 4
"""Shorter values, such as a country's code, are in too many words to give anybody away."""


def require_subject(subject: str) -> None:
    """A pseudonym: nothing that looks like a name or an address can be one.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    if re.fullmatch(SUBJECT, subject) is None:
        raise Refused(
            "VALUE_NOT_ALLOWED",
            "A subject is named by a pseudonym of 1 to 64 letters, digits, dots, hyphens and"
            " underscores, such as S-1042; it can never be erased.",
            field="subject",
        )


def require_fields(fields: Mapping[str, str]) -> None:
    """Values that can be kept under names that can stand for ever; no sentence repeats them.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    if not 0 < len(fields) <= SUBJECT_FIELDS_MAX:
        sentence = f"A subject is recorded with 1 to {SUBJECT_FIELDS_MAX} fields."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="fields")
    for name, value in fields.items():
        if re.fullmatch(FIELD, name) is None:
            raise Refused(
                "VALUE_NOT_ALLOWED",
                "A field is named by 1 to 64 lower-case letters, digits and underscores, such as"
                " national_id; its name can never be erased.",
                field="fields",
            )
        if _bytes_of(value) > SUBJECT_FIELD_BYTES_MAX:
            sentence = f"The field {name} is not text of at most {SUBJECT_FIELD_BYTES_MAX} bytes."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field="fields")


def require_reason(reason: str, legal_basis: str | None) -> None:
    """A reason that says something, in bounds.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    if not reason.strip() or _bytes_of(reason) > 4 * len(reason):
        raise Refused("VALUE_NOT_ALLOWED", "An erasure needs a reason.", field="reason")
    if len(reason) > REASON_CHARACTERS_MAX:
        sentence = f"A reason may have at most {REASON_CHARACTERS_MAX} characters."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="reason")
    basis = legal_basis or ""
    if len(basis) > LEGAL_BASIS_CHARACTERS_MAX or _bytes_of(basis) > 4 * len(basis):
        sentence = f"A legal basis may have at most {LEGAL_BASIS_CHARACTERS_MAX} characters."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="legal_basis")


def require_impersonal(text: str, values: Mapping[str, str], *, where: str) -> None:
    """No text that stays in the ledger repeats a value that must be erasable.

    Raises:
        Refused: `PERSONAL_DATA`.
    """
    said = text.casefold()
    for value in values.values():
        telling = value.strip().casefold()
        if len(telling) >= TELLING_CHARACTERS_MIN and telling in said:
            sentence = (
                f"{where} repeats a personal value; it could never be erased from the ledger."
            )
            raise Refused("PERSONAL_DATA", sentence)


def _bytes_of(text: str) -> int:
    """Length in UTF-8; beyond every limit for what is no Unicode text."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 2**31
