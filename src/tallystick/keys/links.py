"""The key under which links in messages are signed: one line in a file of the operator's folder.

It is made at the first start. Whoever deletes the file and starts again makes every link that was
ever sent worthless.
"""

import base64
import secrets
from pathlib import Path

from tallystick.errors import Misconfigured
from tallystick.keys.file import make_private

LINK_KEY_BYTES = 32
_FILE = "links.key"
_PREFIX = "TALLYSTICK+LINKS+"


def open_link_key(folder: Path) -> bytes:
    """The key in `links.key`; where there is none, a new one, durable on return.

    Raises:
        Misconfigured: others can read it, or it holds no such key.
    """
    path = folder / _FILE
    if not path.exists():
        key = base64.b64encode(secrets.token_bytes(LINK_KEY_BYTES)).decode()
        make_private(path, f"{_PREFIX}{key}\n")
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        line = path.read_bytes().decode("ascii").strip()
        key_bytes = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise Misconfigured(f"{path} does not hold a key for links.") from error
    if not line.startswith(_PREFIX) or len(key_bytes) != LINK_KEY_BYTES:
        raise Misconfigured(f"{path} does not hold a key for links.")
    return key_bytes
