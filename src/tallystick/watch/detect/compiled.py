"""Kernels: the loops that Python would be too slow for, compiled when they are first called.

A kernel is a function of numbers and NumPy arrays, without objects, input or output. It is written
as plain Python (run it with NUMBA_DISABLE_JIT=1 to step through it) and compiled by Numba for the
types it is called with. Floating point stays strict IEEE 754: the same points give the same scores
on every machine of one kind. A kernel gives up the interpreter while it runs.

The machine code is kept beside this module, or for the user where that cannot be written, so a
process that starts again does not compile again. Numba looks at the file of a kernel, and not at
the files of those that it calls, when it asks whether that code is still good; and a constant that
it imports is a number in the machine code. So the folder is named by all kernels, and by what they
import, together: after any of it has changed, all are compiled anew.
"""

import os
import re
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])
HERE = Path(__file__).resolve().parent
MARK = b"@compiled"
DIGEST_CHARACTERS = 16
HAS_COMPILER = find_spec("numba") is not None
"""A function of Lambda has no room for Numba: there kernels run as they are written, hundreds of
times slower, which is enough for some tens of orders a second."""
_IMPORTED = re.compile(rb"^from tallystick\.watch\.detect\.([\w.]+) import", re.MULTILINE)


def digest_of(folder: Path) -> str:
    """What names the machine code of all kernels below `folder` (that of detection)."""
    texts = {path: path.read_bytes() for path in folder.rglob("*.py")}
    counting = {path for path, text in texts.items() if MARK in text}
    for path in list(counting):
        for name in _IMPORTED.findall(texts[path]):
            place = folder.joinpath(*name.decode().split("."))
            counting |= {place.with_suffix(".py"), place / "__init__.py"} & texts.keys()
    digest = sha256()
    for path in sorted(counting):
        text = texts[path]
        digest.update(b"%s\0%d\0" % (str(path.relative_to(folder)).encode(), len(text)) + text)
    return digest.hexdigest()[:DIGEST_CHARACTERS]


def _cache_folder() -> Path:
    """Where machine code is kept; the tree where it may be written, else the user's cache."""
    tree = HERE / "__pycache__"
    if os.access(tree if tree.exists() else HERE, os.W_OK):
        return tree / f"kernels-{digest_of(HERE)}"
    return Path.home() / ".cache" / "tallystick" / f"kernels-{digest_of(HERE)}"


def compiled(function: F) -> F:
    """The same function as machine code (decorator); as it is where there is no Numba."""
    if not HAS_COMPILER:
        return function
    from numba import njit  # noqa: PLC0415  where there is one

    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


def _keep_machine_code() -> None:
    from numba import config  # noqa: PLC0415  where there is one

    if not config.CACHE_DIR:  # type: ignore[attr-defined]  # NUMBA_CACHE_DIR says otherwise
        config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]


if HAS_COMPILER:
    _keep_machine_code()
