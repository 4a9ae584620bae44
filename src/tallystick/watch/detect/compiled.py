"""Kernels: the loops that Python would be too slow for, compiled when they are first called.

A kernel is a function of numbers and NumPy arrays, without objects, input or output. It is written
as plain Python (run it with NUMBA_DISABLE_JIT=1 to step through it) and compiled by Numba for the
types it is called with. Floating point stays strict IEEE 754: the same points give the same scores
on every machine of one kind. A kernel gives up the interpreter while it runs.

The machine code is kept beside this module, or for the user where that cannot be written, so a
process that starts again does not compile again. Numba looks at the file of a kernel, and not at
the files of those that it calls, when it asks whether that code is still good. So the folder is
named by all kernels together: after any of them has changed, all are compiled anew.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., object])
HERE = Path(__file__).resolve().parent
MARK = b"@compiled"
DIGEST_CHARACTERS = 16


def digest_of(folder: Path) -> str:
    """What names the machine code of all kernels below `folder`."""
    digest = sha256()
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        if MARK in text:
            digest.update(b"%s\0%d\0" % (str(path.relative_to(folder)).encode(), len(text)) + text)
    return digest.hexdigest()[:DIGEST_CHARACTERS]


def _cache_folder() -> Path:
    """Where machine code is kept; the tree where it may be written, else the user's cache."""
    tree = HERE / "__pycache__"
    if os.access(tree if tree.exists() else HERE, os.W_OK):
        return tree / f"kernels-{digest_of(HERE)}"
    return Path.home() / ".cache" / "tallystick" / f"kernels-{digest_of(HERE)}"


def compiled(function: F) -> F:
    """The same function as machine code (decorator)."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


if not config.CACHE_DIR:  # type: ignore[attr-defined]  # NUMBA_CACHE_DIR says otherwise
    config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]
