"""Parts of kernels (`@compiled`): put into the machine code of the kernel that calls them.

A kernel's state is a handful of tuples of arrays. To hand them to another function costs more than
most of these functions do, so they become part of their caller's machine code.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from tallystick.watch.detect.compiled import HAS_COMPILER

F = TypeVar("F", bound=Callable[..., object])


def inlined(function: F) -> F:
    """The same function as machine code, put into its callers (decorator)."""
    if not HAS_COMPILER:
        return function
    from numba import njit  # noqa: PLC0415  where there is one

    decorate = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
    return cast("F", decorate(function))
