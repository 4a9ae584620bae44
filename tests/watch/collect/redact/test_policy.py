"""The policy file: read whole, refused with a sentence."""

from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.collect.redact import FINDERS, RedactionPolicy, read_policy
from tallystick.watch.collect.redact.policy import CustomPattern

WHOLE = """
off = ["EMAIL"]
sealed = ["PAN", "CLIENT_ID", "FIELD"]
fields = ["customer.name"]

[[patterns]]
kind = "CLIENT_ID"
pattern = 'CL-[0-9]{8}'
severity = "high"
"""


def read(tmp_path: Path, text: str) -> RedactionPolicy:
    """The policy that this text is."""
    path = tmp_path / "redaction.toml"
    path.write_text(text)
    return read_policy(path)


def test_a_whole_policy(tmp_path: Path) -> None:
    """All that can be said."""
    policy = read(tmp_path, WHOLE)

    assert policy == RedactionPolicy(
        off=("EMAIL",),
        sealed=("PAN", "CLIENT_ID", "FIELD"),
        fields=("customer.name",),
        patterns=(CustomPattern("CLIENT_ID", "CL-[0-9]{8}", "high"),),
    )
    kinds = [finder.kind for finder in policy.finders()]
    assert set(kinds) == (FINDERS.keys() - {"EMAIL"}) | {"CLIENT_ID"}
    assert kinds[-1] == "CLIENT_ID"
    assert policy.sealed_kinds() == {"PAN", "CLIENT_ID", "FIELD"}


def test_by_default(tmp_path: Path) -> None:
    """Everything is looked for; what opens no doors may be read again."""
    policy = read(tmp_path, "")

    assert policy == RedactionPolicy()
    assert [finder.kind for finder in policy.finders()] == list(FINDERS)
    assert policy.sealed_kinds() == {"PAN", "IBAN", "EMAIL", "US_SSN", "FIELD"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("off = [", "is no redaction policy"),
        ("of = []", "unknown field"),
        ('off = ["CARDS"]', "CARDS is no kind; known are AUTHORIZATION"),
        ('sealed = ["PASSWORD"]', "PASSWORD opens doors"),
        ('sealed = ["NOTHING"]', "NOTHING is no kind"),
        ('fields = ["a"]', "is no redaction policy"),
        ('[[patterns]]\nkind = "PAN"\npattern = "abc"', "there is a kind PAN already"),
        ('[[patterns]]\nkind = "small s"\npattern = "abc"', "is no redaction policy"),
        ('[[patterns]]\nkind = "OWN"\npattern = "(a+)+"', "The pattern of OWN"),
        ('[[patterns]]\nkind = "OWN"\npattern = "abc"\nseverity = "bad"', "redaction policy"),
        ("# " + "x" * 70_000, "longer than 65536 bytes"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    """At start, with the file's name and what is wrong."""
    with pytest.raises(Misconfigured, match=sentence):
        read(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    """A policy that is named must be there, and be text."""
    with pytest.raises(Misconfigured, match="No such file"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="is no redaction policy"):
        read_policy(tmp_path / "bytes")
