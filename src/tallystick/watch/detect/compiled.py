"""Kernels: the loops that Python would be too slow for, compiled when they are first called.

A kernel is a function of numbers and NumPy arrays, without objects, input or output. It is written
as plain Python (run it with NUMBA_DISABLE_JIT=1 to step through it) and compiled by Numba for the
types it is called with. The machine code is cached beside the module, so a process that starts
again does not compile again; it gives up the interpreter while it runs. Floating point stays
strict IEEE 754: the same points give the same scores on every machine of one kind.
"""

from collections.abc import Callable
from typing import TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The same function as machine code (decorator)."""
    kernel: F = njit(cache=True, nogil=True, error_model="numpy")(function)
    return kernel
