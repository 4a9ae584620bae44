"""Parts of kernels (`@compiled`): put into the machine code of the kernel that calls them.

A kernel's state is a handful of tuples of arrays. To hand them to another function costs more than
most of these functions do, so they become part of their caller's machine code.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def inlined(function: F) -> F:
    """The same function as machine code, put into its callers (decorator)."""
    decorate = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
    return cast("F", decorate(function))
