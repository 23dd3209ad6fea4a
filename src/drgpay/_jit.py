"""The only place that imports numba: the decorator of kernels, and counting trailing zeros.

With NUMBA_DISABLE_JIT=1 the kernels run as plain Python on numpy scalars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

JIT_DISABLED: bool = bool(getattr(numba.config, "DISABLE_JIT", 0))


def kernel(function: F) -> F:
    """Compile a kernel: no Python objects inside, no global lock held, cached on disk."""
    compiled: Any = numba.njit(cache=True, nogil=True, boundscheck=False)(function)
    return cast(F, compiled)


if JIT_DISABLED:

    def trailing_zeros(word: Any) -> int:
        """Return the index of the lowest set bit of a word that is not 0."""
        number = int(word)
        return (number & -number).bit_length() - 1

    def popcount(word: Any) -> int:
        """Return how many bits of a word are set."""
        return int(word).bit_count()

else:

    @intrinsic
    def trailing_zeros(typing_context: Any, word: Any) -> Any:
        """Return the index of the lowest set bit of a word that is not 0."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            from llvmlite import ir

            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.uint64), generate

    @intrinsic
    def popcount(typing_context: Any, word: Any) -> Any:
        """Return how many bits of a word are set."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return types.int64(types.uint64), generate
