"""What may enter the ledger, and how a receipt travels."""

import msgspec
import pytest

from tallystick.ledger import Receipt, Sealable
from tallystick.limits import ENTRY_BYTES_MAX


def test_the_longest_entry_fits() -> None:
    """An entry may fill the uint16 length of a bundle, and not one byte more."""
    assert len(Sealable(bytes(ENTRY_BYTES_MAX)).entry) == 65_535
    with pytest.raises(AssertionError, match="too large for a bundle"):
        Sealable(bytes(ENTRY_BYTES_MAX + 1))


def test_a_receipt_in_json() -> None:
    """Bytes are standard base64, the leaf hash is hex as it stands, the note is text."""
    receipt = Receipt(3, b'{"v":1}', "00ff", [b"\xfb\xff", b"a"], "note\n")
    assert msgspec.json.encode(receipt) == (
        b'{"position":3,"entry":"eyJ2IjoxfQ==","leaf_hash":"00ff",'
        b'"inclusion":["+/8=","YQ=="],"checkpoint":"note\\n"}'
    )
    assert msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt) == receipt
