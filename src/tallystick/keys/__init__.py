"""The seals: signing keys behind one small port."""

from tallystick.keys.file import FileKeyring
from tallystick.keys.ring import KeyRing
from tallystick.keys.signer import Signer

__all__ = ["FileKeyring", "KeyRing", "Signer"]
