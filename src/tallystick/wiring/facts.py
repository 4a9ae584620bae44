"""`demo.json`: where the server of a data folder is, and the tokens that a beginner needs."""

from pathlib import Path

import msgspec

from tallystick.durable import replace_file
from tallystick.errors import Misconfigured

NAME = "demo.json"


class Facts(msgspec.Struct, frozen=True):
    """What a client needs to begin."""

    url: str
    account: str
    token: str
    hec_token: str
    vkey: str


def facts_of(folder: Path) -> Facts | None:
    """What the server that runs on this data folder, or ran on it last, said; None if none did.

    Raises:
        Misconfigured: the file cannot be read.
    """
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Facts)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Misconfigured(f"{path} cannot be read ({error}); remove it.") from error


def save_facts(folder: Path, facts: Facts) -> None:
    """Keep them for their owner only: they hold tokens."""
    data = msgspec.json.format(msgspec.json.encode(facts), indent=2)
    replace_file(folder / NAME, data + b"\n")
